package alert

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tieout/internal/bizday"
	"tieout/internal/fault"
	"tieout/schemas"
)

var at = time.Date(2026, 11, 21, 2, 3, 4, 567e6, time.UTC)

const token = "t0ken-f7a1c2d3"

// kept is a journal in memory.
type kept struct {
	mu   sync.Mutex
	rows []row
}

type row struct {
	Place, Account, Date, Payload string
	Tries                         int
	Error                         string
	Ended                         bool
}

func (k *kept) AddAlert(_ context.Context, place, account, date, payload string) (int64, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.rows = append(k.rows, row{Place: place, Account: account, Date: date, Payload: payload})
	return int64(len(k.rows) - 1), nil
}

func (k *kept) EndAlert(_ context.Context, id int64, tries int, last string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	r := &k.rows[id]
	r.Tries, r.Error, r.Ended = tries, last, true
	return nil
}

// robot is a server that keeps what it is sent and answers from a list.
type robot struct {
	*httptest.Server
	answers []string // "code body"; the last one repeats
	got     []request
}

type request struct {
	query  url.Values
	header http.Header
	body   []byte
}

func newRobot(t *testing.T, answers ...string) *robot {
	t.Helper()
	r := &robot{answers: answers}
	r.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body)
		r.got = append(r.got, request{q.URL.Query(), q.Header, body})
		var code int
		var text string
		fmt.Sscanf(r.answers[min(len(r.got), len(r.answers))-1], "%d %s", &code, &text)
		if code == 302 {
			w.Header().Set("Location", "https://example.invalid/"+token)
		}
		w.WriteHeader(code)
		io.WriteString(w, text)
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *robot) sender(k *kept, kind, key string) (*Sender, *bytes.Buffer) {
	var log bytes.Buffer
	p := Place{Name: "ops", Kind: kind, URL: r.URL + "/robot/send?access_token=" + token, Key: key}
	s := New([]Place{p}, k, func() time.Time { return at }, slog.New(slog.NewTextHandler(&log, nil)))
	s.post.client.Transport.(*http.Transport).TLSClientConfig.RootCAs = r.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	s.wait = func(context.Context, time.Duration) error { return nil }
	return s, &log
}

func brokenNight() *schemas.RunReport {
	return &schemas.RunReport{Account: "wechat-main", Date: bizday.Make(2026, 11, 20), RunID: "wechat-main.20261120.a0001", Verdict: schemas.Incomplete}
}

const hostile = "Statement is incomplete: <at user_id=\"all\">x</at> <!channel> [x](https://evil.example) \u202e\x1b[31m & more\n  Do: look"

func TestShapes(t *testing.T) {
	const wantText = "[tieout] wechat-main 2026-11-20: INCOMPLETE (exit 21)\n" +
		"Statement is incomplete: <at user_id=\"all\">x</at> <!channel> [x](https://evil.example) \\u202e\\u001b[31m & more\nDo: look\n" +
		"Do: The input is incomplete and was held; settlement waits. See the failed proofs in the report.\n" +
		"处理：数据不完整，已搁置，结算须等待。请查看报告中未通过的校验。\nrun wechat-main.20261120.a0001"
	noTags := strings.NewReplacer("<", "＜", ">", "＞").Replace(wantText)
	escaped := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(wantText)
	for _, x := range []struct {
		kind, key, answer string
		want              map[string]any
	}{
		{DingTalk, "", `200 {"errcode":0,"errmsg":"ok"}`, map[string]any{"msgtype": "text", "text": map[string]any{"content": wantText}}},
		{DingTalk, "SEC1", `200 {"errcode":0,"errmsg":"ok"}`, map[string]any{"msgtype": "text", "text": map[string]any{"content": wantText}}},
		{WeCom, "", `200 {"errcode":0,"errmsg":"ok"}`, map[string]any{"msgtype": "text", "text": map[string]any{"content": wantText}}},
		{Feishu, "", `200 {"code":0,"msg":"success"}`, map[string]any{"msg_type": "text", "content": map[string]any{"text": noTags}}},
		{Feishu, "SEC2", `200 {"code":0}`, map[string]any{"msg_type": "text", "content": map[string]any{"text": noTags},
			"timestamp": "1795226584", "sign": base64.StdEncoding.EncodeToString(mac("1795226584\nSEC2", ""))}},
		{Slack, "", "200 ok", map[string]any{"text": escaped, "mrkdwn": false}},
		{JSON, "SEC3", "204 ", map[string]any{"account": "wechat-main", "date": "2026-11-20", "run_id": "wechat-main.20261120.a0001", "verdict": "INCOMPLETE",
			"exit_code": 21.0, "message": strings.Split(wantText, "\n")[1] + "\nDo: look", "do_en": advice[21][0], "do_zh": advice[21][1], "at": "2026-11-21T02:03:04Z"}},
	} {
		t.Run(x.kind+"/"+x.key, func(t *testing.T) {
			k := &kept{}
			r := newRobot(t, x.answer)
			s, log := r.sender(k, x.kind, x.key)
			s.Alert(context.Background(), brokenNight(), 21, hostile)
			if log.Len() > 0 {
				t.Fatal(log.String())
			}
			if len(r.got) != 1 {
				t.Fatalf("%d requests", len(r.got))
			}
			var got map[string]any
			if err := json.Unmarshal(r.got[0].body, &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(x.want, got); diff != "" {
				t.Error(diff)
			}
			if r.got[0].query.Get("access_token") != token {
				t.Error("the token is gone")
			}
			row := k.rows[0]
			if !row.Ended || row.Error != "" || row.Tries != 1 || row.Place != "ops" || row.Date != "2026-11-20" {
				t.Errorf("%+v", row)
			}
		})
	}
}

func TestSignatures(t *testing.T) {
	k := &kept{}
	r := newRobot(t, `200 {"errcode":0}`)
	s, _ := r.sender(k, DingTalk, "SEC1")
	if err := s.Send(context.Background(), Alert{Account: "a", Exit: 31}); err != nil {
		t.Fatal(err)
	}
	q := r.got[0].query
	if q.Get("timestamp") != "1795226584567" || q.Get("sign") != base64.StdEncoding.EncodeToString(mac("SEC1", "1795226584567\nSEC1")) {
		t.Errorf("%v", q)
	}

	r = newRobot(t, "200 ")
	s, _ = r.sender(k, JSON, "SEC3")
	if err := s.Send(context.Background(), Alert{Account: "a", Exit: 31}); err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("t=1795226584,v1=%x", mac("SEC3", "1795226584."+string(r.got[0].body)))
	if got := r.got[0].header.Get("Tieout-Signature"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// What fails for a while is tried again, a few times; what cannot succeed is
// not. Either way it is kept, and nothing secret is said.
func TestTries(t *testing.T) {
	for _, x := range []struct {
		name    string
		kind    string
		answers []string
		tries   int
		want    string // "" = delivered
	}{
		{"busy then fine", DingTalk, []string{"503 x", "429 x", `200 {"errcode":0}`}, 3, ""},
		{"too fast then fine", WeCom, []string{`200 {"errcode":45009}`, `200 {"errcode":0}`}, 2, ""},
		{"down", Slack, []string{"500 x"}, 3, "try again: HTTP 500"},
		{"bad token", DingTalk, []string{`200 {"errcode":310000,"errmsg":"` + token + `"}`}, 1, "errcode 310000: [redacted]"},
		{"gone", Slack, []string{"404 no_service"}, 1, "HTTP 404"},
		{"redirect", Slack, []string{"302 x"}, 1, "HTTP 302"},
		{"a page instead of JSON", Feishu, []string{"200 <html>"}, 1, "the answer is not JSON (6 bytes)"},
		{"no code", Feishu, []string{"200 {}"}, 1, "the answer has no code"},
	} {
		t.Run(x.name, func(t *testing.T) {
			k := &kept{}
			r := newRobot(t, x.answers...)
			s, _ := r.sender(k, x.kind, "SECRETKEY")
			err := s.Send(context.Background(), Alert{Account: "a", Exit: 31})
			if k.rows[0].Tries != x.tries || len(r.got) != x.tries || k.rows[0].Error != x.want || !k.rows[0].Ended {
				t.Errorf("%d requests, %+v", len(r.got), k.rows[0])
			}
			if x.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			var f *fault.Error
			if !errors.As(err, &f) || f.ID != "E-3170" {
				t.Fatal(err)
			}
			noSecret(t, err.Error()+f.Message(fault.Chinese)+k.rows[0].Error+k.rows[0].Payload, r.URL)
		})
	}
}

func noSecret(t *testing.T, text string, address string) {
	t.Helper()
	for _, secret := range []string{token, "SECRETKEY", address, "access_token"} {
		if strings.Contains(text, secret) {
			t.Errorf("%q is in %q", secret, text)
		}
	}
}

func TestNobodyListens(t *testing.T) {
	k := &kept{}
	r := newRobot(t, "200 x")
	s, log := r.sender(k, Slack, "SECRETKEY")
	r.Close()
	s.Alert(context.Background(), brokenNight(), 21, "x")
	if k.rows[0].Tries != 3 || !strings.Contains(k.rows[0].Error, "refused") {
		t.Errorf("%+v", k.rows[0])
	}
	noSecret(t, log.String()+k.rows[0].Error, r.URL)
	if !strings.Contains(log.String(), "E-3170") {
		t.Error(log.String())
	}
}

func TestWrongSetUp(t *testing.T) {
	for _, p := range []Place{
		{Name: "x", Kind: "pigeon"},
		{Name: "x", Kind: Slack, URL: "http://hooks.example/" + token},
		{Name: "x", Kind: Slack, URL: "https://[::1/" + token},
		{Name: "x", Kind: Slack},
		{Name: "x", Kind: Email, SMTP: "mail.example", From: "a@example.com", To: []string{"b@example.com"}},
		{Name: "x", Kind: Email, SMTP: "mail.example:587", From: "nobody\r\nBcc: c@example.com", To: []string{"b@example.com"}},
		{Name: "x", Kind: Email, SMTP: "mail.example:587", From: "a@example.com", To: []string{"nobody"}},
	} {
		k := &kept{}
		s := New([]Place{p}, k, func() time.Time { return at }, nil)
		err := s.Send(context.Background(), Alert{Account: "a", Exit: 31})
		var f *fault.Error
		if !errors.As(err, &f) || f.ID != "E-7870" || k.rows[0].Tries != 1 {
			t.Errorf("%+v: %v", p, err)
		}
		noSecret(t, fmt.Sprint(err), "hooks.example")
	}
}

func TestWhoIsTold(t *testing.T) {
	k := &kept{}
	r := newRobot(t, "200 ok")
	s, _ := r.sender(k, Slack, "")
	s.places = append(s.places, s.places[0], s.places[0])
	s.places[1].Name, s.places[1].Exits = "finance", []int{10, 11}
	s.places[2].Name, s.places[2].Kind = "lost", "pigeon"
	for _, exit := range []int{0, 10, 11, 21} {
		s.Alert(context.Background(), brokenNight(), exit, "x")
	}
	got := map[string]int{}
	for _, row := range k.rows {
		got[row.Place]++
	}
	// The place that is not set up does not keep the others from being told.
	if diff := cmp.Diff(map[string]int{"ops": 2, "finance": 2, "lost": 2}, got); diff != "" {
		t.Error(diff)
	}
	if len(r.got) != 4 {
		t.Errorf("%d requests", len(r.got))
	}
	if err := s.Test(context.Background()); err == nil || len(r.got) != 6 {
		t.Errorf("%v, %d requests", err, len(r.got))
	}
}

func TestLongMessageIsCut(t *testing.T) {
	k := &kept{}
	r := newRobot(t, `200 {"errcode":0}`)
	s, _ := r.sender(k, WeCom, "")
	s.Alert(context.Background(), brokenNight(), 21, strings.Repeat(strings.Repeat("差", 500)+"\n", 40))
	var got struct{ Text text }
	if err := json.Unmarshal(r.got[0].body, &got); err != nil {
		t.Fatal(err)
	}
	if n := len(got.Text.Content); n > 2048 || n < 2000 || strings.ContainsRune(got.Text.Content, '\ufffd') {
		t.Errorf("%d bytes: %q", n, got.Text.Content)
	}
}

func TestEveryPublishedExitCodeHasAdvice(t *testing.T) {
	for _, e := range fault.Table() {
		code := e.ID.Exit()
		if code == 64 || code == 130 || code == 143 { // the person who typed or stopped it knows
			continue
		}
		if en, zh := whatToDo(code); en == "See the message." || zh == "" {
			t.Errorf("exit code %d has no advice", code)
		}
	}
}
