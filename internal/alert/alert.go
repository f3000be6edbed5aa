// Package alert tells people about a night that did not end well.
//
// In: the report of a run (or its error), its exit code. Out: a short message
// to chat robots (DingTalk, WeCom, Feishu, Slack), to any HTTPS endpoint as
// JSON, and by e-mail. Called by the pipeline through its Alerter interface and
// by cmd.
//
// Every alert is kept before the first try and marked after the last, so that
// one that did not arrive is seen by `tieout status`. An alert never fails a
// run. Messages are plain text: nothing in them can become markup, a link or a
// mention. Addresses of robots hold their token, so that no address stands in
// any error, log or row.
package alert

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"tieout/internal/bizday"
	"tieout/internal/fault"
	"tieout/schemas"
)

// The kinds of places.
const (
	DingTalk = "dingtalk" // 钉钉 custom robot
	WeCom    = "wecom"    // 企业微信 group robot
	Feishu   = "feishu"   // 飞书 custom bot
	Slack    = "slack"    // incoming webhook
	JSON     = "json"     // POST of an Alert to any HTTPS endpoint
	Email    = "email"
)

// Place is one place to which alerts go.
type Place struct {
	Name string
	Kind string
	URL  string // of the robot or endpoint; it holds a token
	Key  string // signing secret of DingTalk, Feishu or JSON (may be empty), or the mail password
	SMTP string // host:port; port 465 is TLS from the start, any other must offer STARTTLS
	User string // "" sends mail without logging in
	From string
	To   []string
	// Exits are the exit codes that are told; nil: all but 0 (nothing open) and
	// 10 (cases wait, which the daily report says).
	Exits []int
}

func (p *Place) wants(exit int) bool {
	if len(p.Exits) == 0 {
		return exit != 0 && exit != 10
	}
	return slices.Contains(p.Exits, exit)
}

// Alert is one thing to tell. Its JSON is what the JSON kind posts.
type Alert struct {
	Account string      `json:"account"`
	Date    bizday.Date `json:"date"`
	RunID   string      `json:"run_id,omitempty"`
	Verdict string      `json:"verdict"` // of the run, or "FAILED"
	Exit    int         `json:"exit_code"`
	Message string      `json:"message"` // what happened, one or more lines
	DoEN    string      `json:"do_en"`   // what to do now
	DoZH    string      `json:"do_zh"`
	At      time.Time   `json:"at"`
}

// Journal keeps alerts; the store does.
type Journal interface {
	AddAlert(ctx context.Context, place, account, billDate, payload string) (int64, error)
	// EndAlert notes the number of tries and the last error, "" if it arrived.
	EndAlert(ctx context.Context, id int64, tries int, lastError string) error
}

// Sender sends alerts. Safe for concurrent use.
type Sender struct {
	places  []Place
	journal Journal
	now     func() time.Time
	log     *slog.Logger
	post    poster
	mail    mailer
	wait    func(context.Context, time.Duration) error // between tries
}

// maxTime bounds all of one alert: a robot that hangs must not hold up a night.
const maxTime = 45 * time.Second

// New makes a sender. A nil log keeps quiet.
func New(places []Place, journal Journal, now func() time.Time, log *slog.Logger) *Sender {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Sender{places: places, journal: journal, now: now, log: log, post: newPoster(), mail: smtpMailer{tlsPort: 465}, wait: sleep}
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// Alert tells about a run; message is the sentence behind the verdict, or the
// four parts of a fault. What cannot be sent is logged and kept.
func (s *Sender) Alert(ctx context.Context, r *schemas.RunReport, exit int, message string) {
	a := Alert{Account: r.Account, Date: r.Date, RunID: r.RunID, Exit: exit, Message: message, Verdict: "FAILED"}
	if r.Verdict != 0 {
		a.Verdict = r.Verdict.String()
	}
	if err := s.Send(ctx, a); err != nil {
		s.log.ErrorContext(ctx, "alert not delivered", "account", a.Account, "day", a.Date.String(), "error", err.Error())
	}
}

// Send sends an alert to every place that wants its exit code. It fills in
// what to do and the time. The error joins those of the places, E-3170 or
// E-7870 each; the other places are told nevertheless.
func (s *Sender) Send(ctx context.Context, a Alert) error {
	a.clean()
	a.At = s.now().UTC().Truncate(time.Second)
	if a.DoEN == "" {
		a.DoEN, a.DoZH = whatToDo(a.Exit)
	}
	ctx, cancel := context.WithTimeout(ctx, maxTime)
	defer cancel()
	var errs []error
	for i := range s.places {
		if p := &s.places[i]; p.wants(a.Exit) {
			errs = append(errs, s.tell(ctx, p, &a))
		}
	}
	return errors.Join(errs...)
}

// Test sends to every place, whatever codes it wants, to try the set-up.
func (s *Sender) Test(ctx context.Context) error {
	a := Alert{Account: "test", Date: bizday.None, Verdict: "TEST", At: s.now().UTC().Truncate(time.Second),
		Message: "This is a test of the alert.", DoEN: "Nothing; it arrived.", DoZH: "测试告警，无需处理。"}
	ctx, cancel := context.WithTimeout(ctx, maxTime)
	defer cancel()
	var errs []error
	for i := range s.places {
		errs = append(errs, s.tell(ctx, &s.places[i], &a))
	}
	return errors.Join(errs...)
}

// clean makes foreign text fit for people and machines.
func (a *Alert) clean() {
	a.Account, a.RunID, a.Verdict = fault.Safe(a.Account, 64), fault.Safe(a.RunID, 80), fault.Safe(a.Verdict, 20)
	lines := strings.Split(strings.TrimSpace(a.Message), "\n")
	if len(lines) > 12 {
		lines = append(lines[:12], "…")
	}
	for i, l := range lines {
		lines[i] = fault.Safe(strings.TrimSpace(l), 400)
	}
	a.Message = strings.Join(lines, "\n")
}

// Text is the message for people, in plain lines, in both languages where it
// is ours to say.
func (a *Alert) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "[tieout] %s\n%s\n", a.Title(), a.Message)
	fmt.Fprintf(&b, "Do: %s\n处理：%s", a.DoEN, a.DoZH)
	if a.RunID != "" {
		fmt.Fprintf(&b, "\nrun %s", a.RunID)
	}
	return b.String()
}

// Title is the first line.
func (a *Alert) Title() string {
	if a.Date == bizday.None {
		return fmt.Sprintf("%s: %s (exit %d)", a.Account, a.Verdict, a.Exit)
	}
	return fmt.Sprintf("%s %s: %s (exit %d)", a.Account, a.Date, a.Verdict, a.Exit)
}

// tell keeps the alert, tries to send it, and notes what became of it.
func (s *Sender) tell(ctx context.Context, p *Place, a *Alert) error {
	payload, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("alert to %s: %w", p.Name, err)
	}
	id, keepErr := s.journal.AddAlert(ctx, p.Name, a.Account, a.Date.String(), string(payload))
	tries, err := s.try(ctx, p, a)
	reason := ""
	if err != nil {
		reason = scrub(p, err)
		values := fault.V{"sink": p.Name, "tries": tries, "reason": reason}
		if errors.Is(err, errSetUp) {
			err = fault.New("E-7870", values, nil)
		} else {
			err = fault.New("E-3170", values, nil)
		}
	}
	if keepErr != nil {
		return errors.Join(err, keepErr)
	}
	// The end is noted also when the run is being stopped.
	return errors.Join(err, s.journal.EndAlert(context.WithoutCancel(ctx), id, tries, reason))
}

// pauses between the tries.
var pauses = []time.Duration{time.Second, 5 * time.Second}

func (s *Sender) try(ctx context.Context, p *Place, a *Alert) (tries int, err error) {
	for {
		tries++
		err = s.once(ctx, p, a)
		if err == nil || !errors.Is(err, errAgain) || tries > len(pauses) {
			return tries, err
		}
		if waitErr := s.wait(ctx, pauses[tries-1]); waitErr != nil {
			return tries, err
		}
	}
}

func (s *Sender) once(ctx context.Context, p *Place, a *Alert) error {
	if p.Kind == Email {
		return s.mail.send(ctx, p, a)
	}
	shape, ok := shapes[p.Kind]
	if !ok {
		return fmt.Errorf("%w: no kind of alert is called %q", errSetUp, p.Kind)
	}
	return s.post.send(ctx, shape, p, a, s.now())
}

var (
	errAgain = errors.New("try again") // the other side may take it later
	errSetUp = errors.New("set-up")    // no try can succeed
)

// scrub takes out of an error what must not be shown: the address, its parts
// that hold the token, and the key.
func scrub(p *Place, err error) string {
	text := err.Error()
	secrets := []string{p.URL, p.Key}
	for _, part := range strings.FieldsFunc(p.URL, func(r rune) bool { return strings.ContainsRune("/?&=", r) }) {
		if len(part) >= 8 && part != "https:" && !strings.Contains(part, ".") {
			secrets = append(secrets, part)
		}
	}
	for _, secret := range secrets {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "[redacted]")
		}
	}
	return fault.Safe(text, 240)
}
