package paycore_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"tieout/internal/paycore"
	"tieout/internal/store"
)

// clock is moved by hand.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// merchant counts what he gets and answers as told.
type merchant struct {
	mu     sync.Mutex
	status int
	events map[string]int
	bodies []string
	bad    []string
	clock  *clock
}

func (m *merchant) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	if err != nil || r.Header.Get("Tieout-Signature") != "v1="+paycore.NoticeSignature([]byte("key-M01"), r.Header.Get("Tieout-Timestamp"), body) {
		m.bad = append(m.bad, r.Header.Get("Tieout-Event"))
	}
	m.events[r.Header.Get("Tieout-Event")]++
	m.bodies = append(m.bodies, string(body))
	if m.status/100 == 3 {
		w.Header().Set("Location", "/elsewhere")
	}
	w.WriteHeader(m.status)
}

func keys(name string) ([]byte, bool) { return []byte("key-" + name), name == "M01" }

func newOutbox(t *testing.T, status int) (*store.DB, *paycore.Core, *paycore.Sender, *merchant) {
	t.Helper()
	m := &merchant{status: status, events: map[string]int{}, clock: &clock{t: start}}
	server := httptest.NewServer(m)
	t.Cleanup(server.Close)
	db, err := store.Open(context.Background(), filepath.Join(t.TempDir(), "core.db"), m.clock.now, true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	core := paycore.New(db, nil, m.clock.now)
	_, err = core.Do(context.Background(),
		paycore.CreatePayment{Merchant: "M01", OrderNo: "O1", PayNo: "P1", Channel: "wechat", Account: "a", AmountMinor: 10000, Currency: "CNY", NotifyURL: server.URL + "/n?token=hunter2"},
		paycore.MarkPaid{PayNo: "P1", ChannelRef: "c1", AmountMinor: 10000, Currency: "CNY", By: paycore.ByNotice})
	if err != nil {
		t.Fatal(err)
	}
	return db, core, paycore.NewSender(db, nil, keys, m.clock.now), m
}

func TestNoticeIsSentOnceAndSigned(t *testing.T) {
	db, _, sender, m := newOutbox(t, http.StatusOK)
	for range 3 {
		if _, err := sender.SendDue(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	if len(m.bad) != 0 || len(m.bodies) != 1 || m.events["P1:2:payment.success"] != 1 {
		t.Fatalf("got %v, bad %v", m.events, m.bad)
	}
	var body struct {
		EventID     string `json:"event_id"`
		PayNo       string `json:"pay_no"`
		AmountMinor int64  `json:"amount_minor"`
		Currency    string `json:"currency"`
	}
	if err := json.Unmarshal([]byte(m.bodies[0]), &body); err != nil || body.PayNo != "P1" || body.AmountMinor != 10000 || body.Currency != "CNY" || body.EventID == "" {
		t.Errorf("got %s, %v", m.bodies[0], err)
	}
	if counts, err := db.OutboxCounts(context.Background()); err != nil || counts["SENT"] != 1 || counts["PENDING"] != 0 {
		t.Errorf("got %v, %v", counts, err)
	}
}

func TestFaultA3_MerchantDownForThreeDays(t *testing.T) {
	for _, status := range []int{http.StatusInternalServerError, http.StatusFound} {
		db, _, sender, m := newOutbox(t, status)
		tries, dead := 0, 0
		for m.clock.now().Before(start.Add(72 * time.Hour)) {
			sent, err := sender.SendDue(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			tries += sent.Again + sent.Dead
			dead += sent.Dead
			if sent.Dead == 1 && m.clock.now().After(start.Add(48*time.Hour)) {
				t.Errorf("the last try was at %v", m.clock.now())
			}
			m.clock.add(time.Minute)
		}
		if tries != 10 || dead != 1 || m.events["P1:2:payment.success"] != 10 {
			t.Errorf("%d tries, %d dead, the merchant saw %v", tries, dead, m.events)
		}
		counts, err := db.OutboxCounts(context.Background())
		if err != nil || counts["DEAD"] != 1 {
			t.Errorf("got %v, %v", counts, err)
		}
		m.status = http.StatusNoContent
		if found, err := db.Resend(context.Background(), "M01", "P1:2:payment.success"); !found || err != nil {
			t.Fatalf("resend: %v, %v", found, err)
		}
		if sent, err := sender.SendDue(context.Background()); err != nil || sent.Sent != 1 {
			t.Errorf("after resend: %+v, %v", sent, err)
		}
		counts, err = db.OutboxCounts(context.Background())
		if err != nil || counts["SENT"] != 1 || counts["DEAD"] != 0 || counts["PENDING"] != 0 || len(m.bad) != 0 {
			t.Errorf("at the end: %v, %v; badly signed %v", counts, err, m.bad)
		}
	}
}

func TestTwoSendersSendOnce(t *testing.T) {
	db, core, _, m := newOutbox(t, http.StatusOK)
	for i := range 40 {
		no := "Q" + string(rune('0'+i/10)) + string(rune('0'+i%10))
		notices, err := db.ClaimNotices(context.Background(), start.Add(-time.Hour), time.Minute, 10)
		if err != nil || len(notices) != 0 {
			t.Fatalf("claimed before they are due: %v, %v", notices, err)
		}
		url := "http://" + strings.TrimPrefix(serverOf(t, db), "http://")
		if _, err := core.Do(context.Background(),
			paycore.CreatePayment{Merchant: "M01", OrderNo: no, PayNo: no, Channel: "wechat", Account: "a", AmountMinor: 1, Currency: "CNY", NotifyURL: url},
			paycore.MarkPaid{PayNo: no, ChannelRef: no, AmountMinor: 1, Currency: "CNY", By: paycore.ByNotice}); err != nil {
			t.Fatal(err)
		}
	}
	var both sync.WaitGroup
	errs := make([]error, 4)
	for i := range errs {
		both.Go(func() { _, errs[i] = paycore.NewSender(db, nil, keys, m.clock.now).SendDue(context.Background()) })
	}
	both.Wait()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(m.events) != 41 {
		t.Errorf("%d events arrived, want 41", len(m.events))
	}
	for id, n := range m.events {
		if n != 1 {
			t.Errorf("%s was sent %d times", id, n)
		}
	}
}

// serverOf returns the address of the merchant of the first order.
func serverOf(t *testing.T, db *store.DB) string {
	t.Helper()
	o, err := db.Order(context.Background(), "M01", "O1")
	if err != nil {
		t.Fatal(err)
	}
	return o.NotifyURL
}

func TestNoticeErrorHidesTheAddress(t *testing.T) {
	db, core, _, m := newOutbox(t, http.StatusOK)
	if _, err := core.Do(context.Background(),
		paycore.CreatePayment{Merchant: "M01", OrderNo: "X", PayNo: "X", Channel: "wechat", Account: "a", AmountMinor: 1, Currency: "CNY", NotifyURL: "http://127.0.0.1:1/n?token=hunter2"},
		paycore.CreatePayment{Merchant: "M02", OrderNo: "Y", PayNo: "Y", Channel: "wechat", Account: "a", AmountMinor: 1, Currency: "CNY", NotifyURL: "http://127.0.0.1:1/n"},
		paycore.ClosePayment{PayNo: "X"}, paycore.ClosePayment{PayNo: "Y"}); err != nil {
		t.Fatal(err)
	}
	record := &recorder{DB: db, reasons: map[string]string{}}
	sender := paycore.NewSender(record, nil, keys, m.clock.now)
	if _, err := sender.SendDue(context.Background()); err != nil {
		t.Fatal(err)
	}
	if r := record.reasons["M01"]; r == "" || strings.Contains(r, "hunter2") {
		t.Errorf("got %q", r)
	}
	if r := record.reasons["M02"]; !strings.Contains(r, "no signing key") {
		t.Errorf("got %q", r)
	}
}

// recorder keeps the reasons that a sender records.
type recorder struct {
	*store.DB
	reasons map[string]string
}

func (r *recorder) NoticeTried(ctx context.Context, n paycore.Outgoing, sent bool, next time.Time, reason string) error {
	if !sent {
		r.reasons[n.Merchant] = reason
	}
	return r.DB.NoticeTried(ctx, n, sent, next, reason)
}
