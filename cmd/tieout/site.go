package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"tieout/fetchers"
	"tieout/internal/alert"
	"tieout/internal/bizday"
	"tieout/internal/config"
	"tieout/internal/fault"
	"tieout/internal/lake"
	"tieout/internal/money"
	"tieout/internal/paycore"
	"tieout/internal/pipeline"
	"tieout/internal/sched"
	"tieout/internal/store"
	"tieout/ledgerlink"
	"tieout/match"
	"tieout/resolve"
	"tieout/schemas"
	"tieout/schemas/channels"
)

// site is an opened configuration: everything that a command works with.
type site struct {
	cfg      *config.Config
	defs     map[string]*channels.Definition
	db       *store.DB
	lake     *lake.Lake
	link     *ledgerlink.Link
	pipeline *pipeline.Pipeline
	accounts []pipeline.Account
	books    *ledgerlink.SQL // our own database, if it is one
	log      *slog.Logger
	closers  []func()
}

// close gives everything back.
func (s *site) close() {
	for i := len(s.closers) - 1; i >= 0; i-- {
		s.closers[i]()
	}
}

// open checks the configuration, then opens the store, the lake and the
// accounts.
func (a *app) open() (*site, error) {
	cfg, defs, err := a.loadConfig()
	if err != nil {
		return nil, err
	}
	s := &site{cfg: cfg, defs: defs}
	if err := s.openStores(a); err != nil {
		s.close()
		return nil, err
	}
	var wrong []error // of all accounts: who mends a key mends the next one too
	for _, conf := range cfg.Accounts {
		acct, err := s.account(a, conf)
		wrong = append(wrong, err)
		s.accounts = append(s.accounts, acct)
	}
	if err := errors.Join(wrong...); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *site) openStores(a *app) error {
	if err := a.ownDisk(s.databasePath()); err != nil {
		return err
	}
	for _, dir := range []string{"", "reports", "logs"} {
		if err := os.MkdirAll(filepath.Join(s.cfg.Data, dir), 0o700); err != nil {
			return fault.New("E-4101", fault.V{"path": s.cfg.Data, "reason": err.Error()}, err)
		}
	}
	logFile, err := os.OpenFile(filepath.Join(s.cfg.Data, "logs", "tieout.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fault.New("E-4101", fault.V{"path": s.cfg.Data, "reason": err.Error()}, err)
	}
	s.closers = append(s.closers, func() { logFile.Close() })
	s.log = slog.New(slog.NewJSONHandler(logFile, nil))
	fresh := !exists(s.databasePath())
	s.db, err = store.Open(a.ctx, s.databasePath(), a.now, fresh)
	if err != nil {
		return err
	}
	s.closers = append(s.closers, func() { s.db.Close() })
	key, err := s.sealKey()
	if err != nil {
		return err
	}
	s.db.SealWith(key)
	if s.lake, err = lake.Open(filepath.Join(s.cfg.Data, "lake"), lake.OS); err != nil {
		return err
	}
	table, err := resolve.Load()
	if err != nil {
		return err
	}
	places, err := s.alertPlaces()
	if err != nil {
		return err
	}
	s.link = ledgerlink.NewLink(s.db, nil)
	s.pipeline = &pipeline.Pipeline{
		Lake: s.lake, Store: s.db, Table: table, Books: s.link, Now: a.now, Log: s.log, Program: buildName(),
		Holder: holder(a.now()), Workers: runtime.GOMAXPROCS(0), Memory: a.cli.Memory.tables(), Report: reporter{},
		Alert: alert.New(places, s.db, a.now, s.log),
	}
	return nil
}

// ownDisk refuses a database in a folder that other machines may write (E-7899).
func (a *app) ownDisk(path string) error {
	if kind := a.networkOf(filepath.Dir(path)); kind != "" {
		return fault.New("E-7899", fault.V{"path": path, "kind": kind}, nil)
	}
	return nil
}

func (s *site) databasePath() string { return filepath.Join(s.cfg.Data, "tieout.db") }

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// holder names this process for people who find a day locked.
func holder(now time.Time) string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown host"
	}
	return fmt.Sprintf("%s pid %d (started %s)", host, os.Getpid(), now.UTC().Format(time.RFC3339))
}

// account turns one account of the configuration into one of the pipeline.
func (s *site) account(a *app, conf config.Account) (pipeline.Account, error) {
	def, ok := s.defs[conf.Channel]
	if !ok {
		return pipeline.Account{}, fault.New("E-7892", fault.V{"account": conf.Name, "option": "channel", "reason": "no channel " + conf.Channel}, nil)
	}
	acct := pipeline.Account{
		Name: conf.Name, Merchant: conf.Merchant, Definition: def, Rules: rules(def, conf),
		Breaker: breaker(conf.Fence), Context: resolve.Context{Settings: resolve.Settings{LateSuccess: resolve.LateSuccess(conf.LateSuccess)}},
		Lang: langs(a.lang), ReportDir: filepath.Join(s.cfg.Data, "reports"),
		Ladder: s.ladder(def, conf.Schedule),
	}
	for _, st := range conf.Statements {
		acct.Statements = append(acct.Statements, statementSpec(st))
	}
	if len(acct.Statements) == 0 {
		acct.Statements = []pipeline.StatementSpec{defaultStatement(def)}
	}
	if conf.FeeRate != "" {
		ppm, err := config.SharePPM(conf.FeeRate)
		if err != nil {
			return acct, fault.New("E-7892", fault.V{"account": conf.Name, "option": "fee_rate", "reason": err.Error()}, nil)
		}
		acct.FeePPM = ppm
	}
	var err error
	if acct.Fence, err = limits(conf.Fence); err != nil {
		return acct, fault.New("E-7892", fault.V{"account": conf.Name, "option": "fence", "reason": err.Error()}, nil)
	}
	if acct.Local, err = s.localSource(conf); err != nil {
		return acct, err
	}
	source, query, closer, err := s.remote(a, def, conf)
	if err != nil {
		return acct, err
	}
	if closer != nil {
		s.closers = append(s.closers, closer)
	}
	if query != nil && s.cfg.Local.Source == "core" {
		query = bookedTime{query, s.db}
	}
	acct.Source, acct.Query = fetchers.Retry(source, fetchers.Policy{}), query
	if conf.Virtual.Prefix != "" {
		acct.Receive = func() pipeline.Receiver {
			return &paycore.BankStatement{Core: s.newCore(a.now), Days: s.db, Channel: conf.Channel, Account: conf.Name}
		}
	}
	return acct, nil
}

// ladder computes the times of one bill date: the statement is due on the next
// day, or on the next bank day for statements of banks.
func (s *site) ladder(def *channels.Definition, conf config.Schedule) func(bizday.Date) (fetchers.Ladder, error) {
	return func(date bizday.Date) (fetchers.Ladder, error) {
		due := date.Add(1)
		for conf.BankDays && s.cfg.Calendar.Closed(due) {
			due = due.Add(1)
		}
		ready, err := sched.Clock(due, conf.ReadyAt, def.Day().Zone)
		if err != nil {
			return fetchers.Ladder{}, err
		}
		give, err := sched.Clock(due, conf.GiveUp, def.Day().Zone)
		return fetchers.Ladder{Spacing: conf.RetryEvery, ReadyAt: ready, GiveUp: give}, err
	}
}

func rules(def *channels.Definition, conf config.Account) match.Rules {
	r, m := match.RulesOf(def.Match), conf.Match
	if conf.RefundFee && !slices.Contains(r.CompareFee, schemas.Refund) {
		r.CompareFee = append(r.CompareFee, schemas.Refund)
	}
	if m.WindowBefore != 0 {
		r.WindowBefore = m.WindowBefore
	}
	if m.WindowAfter != 0 {
		r.WindowAfter = m.WindowAfter
	}
	if m.CarryDays != 0 {
		r.CarryDays[schemas.Payment] = m.CarryDays
	}
	if m.RefundDays != 0 {
		r.CarryDays[schemas.Refund] = m.RefundDays
	}
	return r
}

// limits are the caps of the fence. A cap that cannot be read is no cap: it is an
// error, although config has checked the texts.
func limits(f config.Fence) (resolve.Limits, error) {
	l := resolve.Limits{MaxCount: f.MaxCount, MaxMinor: map[string]int64{}, ShareFloor: 20}
	for cur, text := range f.MaxAmount {
		exp, known := money.Currency(cur).Exponent()
		v, err := money.Parse([]byte(text), exp)
		if !known || err != nil {
			return l, fmt.Errorf("%q is no amount of %s", text, cur)
		}
		l.MaxMinor[cur] = v
	}
	if len(l.MaxMinor) == 0 {
		l.MaxMinor["CNY"] = 50_000_000 // 500,000.00
	}
	var err error
	l.MaxSharePPM, err = config.SharePPM(f.MaxShare)
	return l, err
}

// breaker: from one-sided rows of a tenth of the day on, it is the data.
func breaker(config.Fence) resolve.BreakerRules {
	return resolve.BreakerRules{MaxSharePPM: 100_000, ShareFloor: 20}
}

func langs(first fault.Lang) []fault.Lang {
	if first == fault.Chinese {
		return []fault.Lang{fault.Chinese, fault.English}
	}
	return []fault.Lang{fault.English, fault.Chinese}
}

// schedStore answers the scheduler from the store.
type schedStore struct{ s *site }

// Final implements sched.Store.
func (st schedStore) Final(ctx context.Context, account string, date bizday.Date) (bool, error) {
	r, ok, err := st.s.db.Current(ctx, account, date)
	return ok && !r.Stale, err
}

// NextTry implements sched.Store.
func (st schedStore) NextTry(ctx context.Context, account string, date bizday.Date) (time.Time, bool, error) {
	r, ok, err := st.s.db.LastAttempt(ctx, account, date)
	if err != nil || !ok || r.State == store.RunDone {
		return time.Time{}, err == nil, err
	}
	switch r.ExitCode {
	case 21, 22, 23, 24, 30, 42, 43, 50:
		return time.Time{}, false, nil // a person must look first
	case 20, 31:
		if at, again, err := st.ladder(ctx, account, date); err != nil || !again || !at.IsZero() {
			return at, again, err
		}
	}
	if r.Finished.IsZero() { // cut off in the middle
		return time.Time{}, true, nil
	}
	// Not the channel's doing: our export, a lock, the disk.
	conf, _ := st.s.cfg.Account(account)
	return r.Finished.Add(conf.Schedule.RetryEvery), true, nil
}

// ladder is the next try of the statement that is not there; zero if all are.
func (st schedStore) ladder(ctx context.Context, account string, date bizday.Date) (time.Time, bool, error) {
	for _, acct := range st.s.accounts {
		if acct.Name != account {
			continue
		}
		for _, spec := range acct.Statements {
			at, tried, err := st.s.db.LastFetchAttempt(ctx, account, date, spec.String())
			if err != nil {
				return time.Time{}, false, err
			}
			if tried && at.State != schemas.FetchFetched && at.State != schemas.FetchEmptyConfirmed {
				return at.NextAt, !at.NextAt.IsZero(), nil
			}
		}
	}
	return time.Time{}, true, nil
}

// logNight notes a night of the foreground scheduler that did not end well; its
// code is in the store and was alerted.
func (a *app) logNight(job sched.Job, err error) {
	if err != nil && a.ctx.Err() == nil {
		fmt.Fprintf(a.err, "%s %s: %s\n", job.Date, job.Account, a.tell(err.Error(), 400))
	}
}

// statementSpec reads "TRADE" or "TRADE:ALL".
func statementSpec(s string) pipeline.StatementSpec {
	kind, variant, _ := strings.Cut(s, ":")
	return pipeline.StatementSpec{Kind: kind, Variant: variant}
}

// defaultStatement is the one that the channel's rows are matched by.
func defaultStatement(def *channels.Definition) pipeline.StatementSpec {
	for _, st := range def.Statements {
		if st.Matching {
			spec := pipeline.StatementSpec{Kind: st.Kind}
			if len(st.Variants) > 0 {
				spec.Variant = st.Variants[0]
			}
			return spec
		}
	}
	return pipeline.StatementSpec{Kind: def.Statements[0].Kind}
}
