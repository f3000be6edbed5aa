package main

import (
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"html/template"
	"log/slog"
	"net/http"

	"tieout/internal/fault"
	"tieout/internal/paycore"
)

var (
	//go:embed notices.html
	noticesPage string
	//go:embed notices.css
	noticesStyle []byte

	noticesTemplate = template.Must(template.New("notices").Parse(noticesPage))
)

// noticeBooks is the outbox as people work on it. The store implements it.
type noticeBooks interface {
	Notices(ctx context.Context, merchant string, state paycore.NoticeState, limit int) ([]paycore.NoticeStanding, error)
	Resend(ctx context.Context, merchant, id string) (found bool, err error)
}

// noticeDesk shows the notices to merchants in a browser, those given up first,
// with a button to send each again.
type noticeDesk struct {
	books noticeBooks
	tr    func(en, zh string) string
	lang  fault.Lang
	who   string // who acts where no password, and so no name, is asked for
	log   *slog.Logger
}

// maxNotices is how many a page shows.
const maxNotices = 200

// shownNotice is a notice as a page shows it.
type shownNotice struct {
	noticeLine
	EventID string // as it is, for the button
}

type noticeState struct {
	Name  paycore.NoticeState
	Label string
	Shown bool
}

func (d *noticeDesk) register(mux *http.ServeMux) {
	mux.HandleFunc("GET /notices", d.list)
	mux.HandleFunc("GET /notices.css", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/css; charset=utf-8")
		w.Write(noticesStyle)
	})
	mux.HandleFunc("POST /notices/resend", d.resend)
}

func (d *noticeDesk) list(w http.ResponseWriter, r *http.Request) {
	states := []noticeState{{paycore.NoticeDead, d.tr("given up", "已放弃"), false}, {paycore.NoticePending, d.tr("waiting", "待发送"), false},
		{paycore.NoticeSent, d.tr("sent", "已送达"), false}}
	state := paycore.NoticeState(cmp.Or(r.URL.Query().Get("state"), string(paycore.NoticeDead)))
	known := false
	for i := range states {
		states[i].Shown = states[i].Name == state
		known = known || states[i].Shown
	}
	if !known {
		http.NotFound(w, r)
		return
	}
	list, err := d.books.Notices(r.Context(), "", state, maxNotices)
	if err != nil {
		d.failed(w, err)
		return
	}
	lines := make([]shownNotice, len(list))
	for i, n := range list {
		l := lineOf(n)
		l.ID, l.Merchant, l.Error = fault.Safe(l.ID, 120), fault.Safe(l.Merchant, 64), fault.Translate(d.lang, fault.Safe(l.Error, 240))
		lines[i] = shownNotice{l, n.ID}
	}
	var page bytes.Buffer
	err = noticesTemplate.Execute(&page, map[string]any{"Lang": d.lang, "Title": d.tr("Notices to merchants", "商户通知"), "States": states, "Lines": lines,
		"Columns": []string{d.tr("event", "通知编号"), d.tr("merchant", "商户"), d.tr("tries", "次数"), d.tr("changed", "更新时间"), d.tr("next try", "下次发送"), d.tr("error", "错误")},
		"Resend":  d.tr("Send again", "重新发送"), "None": d.tr("none", "无")})
	if err != nil {
		d.failed(w, err)
		return
	}
	// Forms go to this server alone, and no script runs.
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Write(page.Bytes())
}

// resend makes a notice due now, with all its tries. Who asks is the name that
// the browser sent with the password.
func (d *noticeDesk) resend(w http.ResponseWriter, r *http.Request) {
	who, _, asked := r.BasicAuth()
	if !asked {
		who = d.who
	}
	if who == "" {
		w.Header().Set("WWW-Authenticate", `Basic realm="tieout"`)
		http.Error(w, d.tr("a name is needed with the password: who sends it again?", "请在密码旁填写姓名：由谁重发？"), http.StatusUnauthorized)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, 4<<10)
	id := r.PostFormValue("event_id")
	found, err := d.books.Resend(r.Context(), "", id)
	switch {
	case err != nil:
		d.failed(w, err)
	case !found:
		http.NotFound(w, r)
	default:
		d.log.Info("resend", "event", id, "by", fault.Safe(who, 64))
		http.Redirect(w, r, "/notices?state="+string(paycore.NoticePending), http.StatusSeeOther)
	}
}

func (d *noticeDesk) failed(w http.ResponseWriter, err error) {
	d.log.Error("notices", "error", err)
	http.Error(w, d.tr("it did not work; the log of the server says why", "操作失败，原因见服务日志"), http.StatusInternalServerError)
}
