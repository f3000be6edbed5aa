package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"runtime/debug"
	"time"

	"golang.org/x/sync/errgroup"

	"tieout/internal/fault"
)

// serveCmd runs the payment core and the nights in one process.
type serveCmd struct {
	Only string `help:"Run one part only: core (merchants, channels, notices), web (reports for reading) or scheduler (the nights)." enum:",core,web,scheduler" default:""`
	Days int    `help:"How many days back the nights catch up after downtime." default:"7"`
}

// serverGC is how much garbage a server may let lie, in percent of what it
// holds: it holds little, and collects all the time otherwise. --memory bounds
// both together.
const serverGC = 400

// part is what runs until its context ends. Its own trouble ends the program.
type part struct {
	name string
	run  func(ctx context.Context) error
}

// Run is called by kong. It serves until it is interrupted: then no new request
// is taken, those under way have ten seconds, and what is left undone is carried
// on by the next start.
func (c *serveCmd) Run(a *app) error {
	site, err := a.open()
	if err != nil {
		return err
	}
	defer site.close()
	defer debug.SetGCPercent(debug.SetGCPercent(serverGC))
	var parts []part
	if c.Only == "" || c.Only == "core" {
		core, err := site.corePart(a)
		if err != nil {
			return err
		}
		parts = append(parts, core...)
	}
	if c.Only == "web" || c.Only == "" && site.cfg.Web.Listen != "" {
		web, err := site.webPart(a)
		if err != nil {
			return err
		}
		parts = append(parts, web...)
	}
	if c.Only == "" || c.Only == "scheduler" {
		parts = append(parts, part{"scheduler", func(ctx context.Context) error { return site.nights(a, c.Days).Run(ctx) }},
			part{"sweeps", func(ctx context.Context) error { return site.sweeps(ctx, a.now) }}, part{"controls", func(ctx context.Context) error { return site.controls(ctx, a.now) }})
		if len(site.cfg.Settlement.Merchants) > 0 {
			parts = append(parts, part{"settlement", site.settleJob(a.now, c.Days).Run})
		}
	}
	parts = append(parts, part{"certificates", func(ctx context.Context) error { return site.certificates(ctx, a.now) }})
	group, ctx := errgroup.WithContext(a.ctx)
	for _, p := range parts {
		group.Go(func() error {
			err := p.run(ctx)
			if a.ctx.Err() != nil && errors.Is(err, context.Canceled) {
				return nil // it was told to
			}
			if err != nil {
				site.log.Error("a part of the server ended", "part", p.name, "error", err)
			}
			return err
		})
	}
	return group.Wait()
}

// corePart makes what merchants and channels talk to.
func (s *site) corePart(a *app) ([]part, error) {
	if s.cfg.API.Listen == "" {
		return nil, fault.New("E-7892", fault.V{"account": "-", "option": "api.listen", "reason": "the configuration has no api.listen"}, nil)
	}
	core := s.newCore(a.now)
	desk, err := s.newDesk(a, core, s.db)
	if err != nil {
		return nil, err
	}
	merchants, err := s.newMerchantAPI(a.now, core, desk)
	if err != nil {
		return nil, err
	}
	notices, err := s.newSender(a.now)
	if err != nil {
		return nil, err
	}
	agreed, err := s.newInterop(a.now, core)
	if err != nil {
		return nil, err
	}
	handler, err := s.handler(core, merchants, agreed)
	if err != nil {
		return nil, err
	}
	l, err := (&net.ListenConfig{}).Listen(a.ctx, "tcp", s.cfg.API.Listen)
	if err != nil {
		return nil, fault.New("E-7898", fault.V{"address": s.cfg.API.Listen, "reason": err.Error()}, nil)
	}
	a.say(fmt.Sprintf("serving on %s; stop with Ctrl-C", l.Addr()), fmt.Sprintf("服务地址 %s；按 Ctrl-C 停止", l.Addr()))
	parts := []part{
		{"http", func(ctx context.Context) error { return s.serve(ctx, l, handler) }},
		{"desk", desk.Run},
		{"orders", func(ctx context.Context) error {
			return every(ctx, endPause, func() {
				if _, err := core.CloseEnded(ctx, s.db); err != nil && ctx.Err() == nil {
					s.log.Error("orders not closed", "error", err)
				}
			})
		}},
		{"resume", func(ctx context.Context) error { _, err := merchants.Resume(ctx); return err }},
		{"splits", s.splits},
		{"notices", func(ctx context.Context) error {
			return every(ctx, noticePause, func() {
				if _, err := notices.SendDue(ctx); err != nil && ctx.Err() == nil {
					s.log.Error("notices not sent", "error", err)
				}
			})
		}},
	}
	for _, with := range agreed {
		parts = append(parts, part{"tokens", func(ctx context.Context) error {
			return every(ctx, tokenPause, func() {
				if err := with.tokens.Work(ctx); err != nil && ctx.Err() == nil {
					s.log.Error("tokens not answered", "organisation", with.Organisation, "error", err)
				}
			})
		}})
	}
	return parts, nil
}

// tokenPause is between two questions about tokens that have no answer.
const tokenPause = 30 * time.Second

// splits carries out splits, returns and the ends of holds until ctx ends.
func (s *site) splits(ctx context.Context) error {
	agreed, err := contracts(s.cfg.Settlement)
	if err != nil {
		return err
	}
	return every(ctx, splitPause, func() {
		if _, err := s.db.WorkSplits(ctx, agreed); err != nil && ctx.Err() == nil {
			s.log.Error("splits not carried out", "error", err)
		}
	})
}

// splitPause is between two looks for splits that are due.
const splitPause = time.Second

// endPause is between two looks for orders whose time is over.
const endPause = 10 * time.Second

// noticePause is between two looks into the outbox.
const noticePause = time.Second

// every does something, again after each pause, until ctx ends.
func every(ctx context.Context, pause time.Duration, do func()) error {
	for {
		do()
		if err := sleepContext(ctx, pause); err != nil {
			return err
		}
	}
}

// Bounds of a connection, so that nobody holds one for nothing.
const (
	headerTimeout  = 5 * time.Second
	requestTimeout = 15 * time.Second
	answerTimeout  = 60 * time.Second
	idleTimeout    = 2 * time.Minute
	maxHeader      = 16 << 10
	stopTimeout    = 8 * time.Second
)

// serve answers until ctx ends, then lets the requests under way finish.
func (s *site) serve(ctx context.Context, l net.Listener, h http.Handler) error {
	server := &http.Server{Handler: h, ReadHeaderTimeout: headerTimeout, ReadTimeout: requestTimeout, WriteTimeout: answerTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: maxHeader, ErrorLog: log.New(logWriter{s}, "", 0)}
	var group errgroup.Group
	ended := make(chan struct{})
	group.Go(func() error {
		defer close(ended)
		var err error
		if conf := s.cfg.API; conf.CertFile != "" {
			err = server.ServeTLS(l, conf.CertFile, conf.KeyFile)
		} else {
			err = server.Serve(l)
		}
		if errors.Is(err, http.ErrServerClosed) {
			return nil
		}
		return err
	})
	select {
	case <-ended: // by itself
	case <-ctx.Done():
		late, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer cancel()
		if err := server.Shutdown(late); err != nil {
			server.Close()
		}
	}
	return group.Wait()
}

// logWriter puts the lines of net/http into the log.
type logWriter struct{ s *site }

func (w logWriter) Write(p []byte) (int, error) {
	w.s.log.Warn("http", "line", fault.Safe(string(p), 200))
	return len(p), nil
}
