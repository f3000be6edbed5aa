package main

import (
	"context"
	"crypto/subtle"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"tieout/internal/fault"
	"tieout/internal/merchantapi"
)

// webPart makes what people look at in a browser: the published reports, the
// pages about the merchant API, and the notices to merchants. All that can be
// done by it is to send a notice again.
func (s *site) webPart(a *app) ([]part, error) {
	if s.cfg.Web.Listen == "" {
		return nil, fault.New("E-7892", fault.V{"account": "-", "option": "web.listen", "reason": "the configuration has no web.listen"}, nil)
	}
	k := &keys{account: "web"}
	token := ""
	if s.cfg.Web.TokenFile != "" {
		token = k.secret("token_file", s.cfg.Web.TokenFile)
	}
	if err := k.err(); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(filepath.Join(s.cfg.Data, "reports"))
	if err != nil {
		return nil, fault.New("E-4101", fault.V{"path": s.cfg.Data, "reason": err.Error()}, nil)
	}
	s.closers = append(s.closers, func() { root.Close() })
	api := merchantapi.New(s.db, nil, nil, nil, nil, a.now, s.log).Handler()
	l, err := (&net.ListenConfig{}).Listen(a.ctx, "tcp", s.cfg.Web.Listen)
	if err != nil {
		return nil, fault.New("E-7898", fault.V{"address": s.cfg.Web.Listen, "reason": err.Error()}, nil)
	}
	a.say(fmt.Sprintf("reports on %s; stop with Ctrl-C", l.Addr()), fmt.Sprintf("报告地址 %s；按 Ctrl-C 停止", l.Addr()))
	who, err := person{}.name()
	if err != nil {
		return nil, err
	}
	notices := &noticeDesk{s.db, a.tr, a.lang, who, s.log}
	handler := webHandler(root.FS(), api, notices, token)
	return []part{{"web", func(ctx context.Context) error { return s.serve(ctx, l, handler) }}}, nil
}

// webHandler serves reports and the API's pages for reading, and the notices,
// behind the token if there is one, and /healthz to all. Another site's page may
// not press a button here; without a token, it may not even call this machine by
// a name of its own to read what is shown.
func webHandler(reports fs.FS, api http.Handler, notices *noticeDesk, token string) http.Handler {
	inner := http.NewServeMux()
	inner.Handle("GET /reports/", http.StripPrefix("/reports/", http.FileServerFS(visible{reports})))
	inner.Handle("GET /openapi.json", api)
	inner.Handle("GET /docs", api)
	inner.Handle("GET /{$}", http.RedirectHandler("/reports/", http.StatusFound))
	notices.register(inner)
	guarded := http.NewCrossOriginProtection().Handler(inner)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "frame-ancestors 'none'; base-uri 'none'; form-action 'none'") // a report brings its own, stricter, beside it
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "private, no-cache")
		if _, given, _ := r.BasicAuth(); token != "" && subtle.ConstantTimeCompare([]byte(given), []byte(token)) != 1 {
			h.Set("WWW-Authenticate", `Basic realm="tieout"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if token == "" && !ofThisMachine(r.Host) {
			w.WriteHeader(http.StatusMisdirectedRequest)
			return
		}
		guarded.ServeHTTP(w, r)
	})
	return mux
}

// ofThisMachine tells whether a request names this machine as only it can.
func ofThisMachine(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return host == "localhost" || net.ParseIP(strings.Trim(host, "[]")).IsLoopback()
}

// visible is a folder without what begins with a dot.
type visible struct{ fs.FS }

// Open implements fs.FS.
func (v visible) Open(name string) (fs.File, error) {
	if name != "." && slices.ContainsFunc(strings.Split(name, "/"), hidden) {
		return nil, fs.ErrNotExist
	}
	f, err := v.FS.Open(name)
	if dir, ok := f.(fs.ReadDirFile); ok {
		return shown{dir}, err
	}
	return f, err
}

func hidden(name string) bool { return strings.HasPrefix(name, ".") }

// shown lists a folder without hidden names.
type shown struct{ fs.ReadDirFile }

// ReadDir implements fs.ReadDirFile.
func (d shown) ReadDir(n int) ([]fs.DirEntry, error) {
	list, err := d.ReadDirFile.ReadDir(n)
	return slices.DeleteFunc(list, func(e fs.DirEntry) bool { return hidden(e.Name()) }), err
}
