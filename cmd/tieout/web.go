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

// webPart makes what people look at in a browser: the published reports and the
// pages about the merchant API. Nothing can be changed by it.
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
	handler := webHandler(root.FS(), api, token)
	return []part{{"web", func(ctx context.Context) error { return s.serve(ctx, l, handler) }}}, nil
}

// webHandler serves reports and the API's pages for reading, behind the token
// if there is one, and /healthz to all.
func webHandler(reports fs.FS, api http.Handler, token string) http.Handler {
	inner := http.NewServeMux()
	inner.Handle("GET /reports/", http.StripPrefix("/reports/", http.FileServerFS(visible{reports})))
	inner.Handle("GET /openapi.json", api)
	inner.Handle("GET /docs", api)
	inner.Handle("GET /{$}", http.RedirectHandler("/reports/", http.StatusFound))
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
		inner.ServeHTTP(w, r)
	})
	return mux
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
