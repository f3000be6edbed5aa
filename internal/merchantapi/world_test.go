package merchantapi_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emmansun/gmsm/sm2"

	"tieout/internal/bizday"
	"tieout/internal/merchantapi"
	"tieout/internal/payclient"
	"tieout/internal/paycore"
	"tieout/internal/settlement"
	"tieout/internal/signing"
	"tieout/internal/store"
)

// world is a server over real books, with channels that live in the process.
type world struct {
	t      *testing.T
	db     *store.DB
	core   *paycore.Core
	desk   *fakeDesk
	bills  *fakeBills
	server *merchantapi.Server
	http   *httptest.Server
	clock  *clock
	log    *logged
	rsa    *rsa.PrivateKey
	sm2    *sm2.PrivateKey
}

type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.at }
func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}
func (l *logged) String() string { l.mu.Lock(); defer l.mu.Unlock(); return l.text.String() }

var secrets = map[string]signing.HMACKey{"M01": signing.HMACKey("a secret of the first merchant!!"), "M02": signing.HMACKey("a secret of the second merchant!")}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, clock: &clock{at: time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)}, log: &logged{}}
	var err error
	if w.db, err = store.Open(context.Background(), filepath.Join(t.TempDir(), "core.db"), w.clock.now, true); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.db.Close() })
	if w.rsa, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		t.Fatal(err)
	}
	if w.sm2, err = sm2.GenerateKey(rand.Reader); err != nil {
		t.Fatal(err)
	}
	w.core = paycore.New(w.db, nil, w.clock.now)
	w.desk = &fakeDesk{w: w, prepaid: map[string]int{}, refunds: map[string]int{}}
	w.bills = &fakeBills{proven: "2026-11-19", body: "kind,order_no\r\n"}
	all := merchantapi.Permissions()
	wechat := []merchantapi.Account{{Channel: "wechat", Name: "wechat-main"}}
	w.server = merchantapi.New(w.db, w.core, w.desk, w.bills, []merchantapi.Merchant{
		{ID: "M01", Allow: all, Rate: 1e6, Burst: 1e6, Accounts: wechat, Contract: &settlement.Contract{Merchant: "M01", Bank: "icbc", Payee: settlement.Payee{Name: "Shop", Account: "6222000011112222", Bank: "102"}, Split: settlement.DefaultSplitTerms()}, Keys: map[string]merchantapi.Key{
			"k1": {Verify: secrets["M01"], Answer: secrets["M01"]},
			"r1": {Verify: signing.RSAPublic{Key: &w.rsa.PublicKey}, Answer: signing.RSAPrivate{Key: w.rsa}},
			"s1": {Verify: signing.SM2Public{Key: &w.sm2.PublicKey}, Answer: signing.SM2Private{Key: w.sm2}},
		}},
		{ID: "M02", Allow: all, Rate: 1e6, Burst: 1e6, Accounts: wechat, Keys: map[string]merchantapi.Key{"k1": {Verify: secrets["M02"], Answer: secrets["M02"]}}},
		{ID: "M03", Rate: 1e6, Burst: 1e6, Keys: map[string]merchantapi.Key{"k1": {Verify: secrets["M01"], Answer: secrets["M01"]}}},
		{ID: "M04", Allow: all, Rate: 0, Burst: 3, Keys: map[string]merchantapi.Key{"k1": {Verify: secrets["M01"], Answer: secrets["M01"]}}},
		{ID: "M05", Allow: all, Rate: 1e6, Burst: 1e6, Accounts: append(wechat[:1:1], merchantapi.Account{Channel: "alipay", Name: "alipay-main"}),
			Keys: map[string]merchantapi.Key{"k1": {Verify: secrets["M01"], Answer: secrets["M01"]}}},
	}, w.clock.now, slog.New(slog.NewTextHandler(w.log, nil)))
	w.http = httptest.NewServer(w.server.Handler())
	t.Cleanup(w.http.Close)
	return w
}

// client makes a client that does not wait between tries.
func (w *world) client(merchant string, change ...func(*payclient.Options)) *payclient.Client {
	w.t.Helper()
	secret, ok := secrets[merchant]
	if !ok {
		secret = secrets["M01"]
	}
	opt := payclient.Options{BaseURL: w.http.URL, Merchant: merchant, Key: "k1", Sign: secret, Verify: secret, Now: w.clock.now,
		Pause: func(ctx context.Context, _ int) error { return ctx.Err() }}
	for _, f := range change {
		f(&opt)
	}
	c, err := payclient.New(opt)
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// paidOrder is an order of 100.00 that is paid.
func (w *world) paidOrder(merchant, orderNo string) (payNo string) {
	w.t.Helper()
	c := w.client(merchant)
	if _, err := c.CreateOrder(w.t.Context(), "create-"+orderNo, newOrder(orderNo)); err != nil {
		w.t.Fatal(err)
	}
	p, err := c.Pay(w.t.Context(), "paid-by-"+orderNo, orderNo, merchantapi.NewPayment{Channel: "wechat"})
	if err != nil {
		w.t.Fatal(err)
	}
	w.paid(p.PayNo)
	return p.PayNo
}

func (w *world) paid(payNo string) {
	w.t.Helper()
	r, err := w.core.Do(context.Background(), paycore.MarkPaid{PayNo: payNo, ChannelRef: "wx" + payNo, AmountMinor: 10000, Currency: "CNY", By: paycore.ByNotice})
	if err != nil || r[0].Effect != paycore.Done {
		w.t.Fatal(r, err)
	}
}

func newOrder(no string) merchantapi.NewOrder {
	return merchantapi.NewOrder{OrderNo: no, AmountMinor: 10000, Currency: "CNY", NotifyURL: "https://merchant.example/notify"}
}

// fakeBills has the statements of one day.
type fakeBills struct {
	proven, body string
	open         atomic.Int64
}

func (b *fakeBills) Statement(_ context.Context, merchant string, _ []merchantapi.Account, date bizday.Date) (*merchantapi.Statement, error) {
	if date.String() != b.proven {
		return nil, merchantapi.ErrNotProven
	}
	body := b.body + merchant
	sum := sha256.Sum256([]byte(body))
	b.open.Add(1)
	return &merchantapi.Statement{ReadCloser: closing{strings.NewReader(body), b}, Size: int64(len(body)), SHA256: hex.EncodeToString(sum[:])}, nil
}

type closing struct {
	io.Reader
	bills *fakeBills
}

func (c closing) Close() error { c.bills.open.Add(-1); return nil }

// fakeDesk is the channels. Its effects go into the books as the real one's do.
type fakeDesk struct {
	w       *world
	mu      sync.Mutex
	prepaid map[string]int // calls by payment
	refunds map[string]int
	fail    error // of the next calls, after their effect
	refuse  bool  // the channel says no
	sick    bool  // no account takes anything
	risk    error // what risk says of each payment, once it is asked
	judges  bool
}

func (d *fakeDesk) Judges() bool { d.mu.Lock(); defer d.mu.Unlock(); return d.judges }

// judge has risk say it.
func (d *fakeDesk) judge(says error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.judges, d.risk = true, says
}

func (d *fakeDesk) Pay(ctx context.Context, payNo string, _ merchantapi.Payer) (merchantapi.Prepaid, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.risk != nil {
		var err error
		if d.risk != merchantapi.ErrReview {
			_, err = d.w.core.Do(ctx, paycore.FailPayment{PayNo: payNo, By: paycore.ByAnswer})
		}
		return merchantapi.Prepaid{}, errors.Join(d.risk, err)
	}
	if p, err := d.w.db.Payment(ctx, payNo); err != nil || p.Wallet != "" {
		_, perr := d.w.core.Do(ctx, paycore.PayOwn{PayNo: payNo})
		return merchantapi.Prepaid{}, errors.Join(err, perr)
	}
	d.prepaid[payNo]++
	if d.refuse {
		_, err := d.w.core.Do(ctx, paycore.FailPayment{PayNo: payNo, By: paycore.ByAnswer})
		return merchantapi.Prepaid{}, errors.Join(errors.New("refused"), err)
	}
	return merchantapi.Prepaid{CodeURL: "weixin://" + payNo}, d.fail
}

func (d *fakeDesk) Refund(_ context.Context, refundNo string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.refunds[refundNo]++
	return d.fail
}

func (d *fakeDesk) Close(ctx context.Context, payNo string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fail != nil {
		return d.fail
	}
	_, err := d.w.core.Do(ctx, paycore.ClosePayment{PayNo: payNo})
	return err
}

// Route takes the last account of the merchant for what it can do, and says so.
func (d *fakeDesk) Route(w merchantapi.Wish) (merchantapi.Account, string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.sick || w.Method != "NATIVE" {
		return merchantapi.Account{}, "", &merchantapi.NoRoute{Reasons: []string{"wechat-main takes no calls now"}}
	}
	a := w.Accounts[len(w.Accounts)-1]
	return a, `[{"account":"` + a.Name + `","fee_ppm":3800,"why":"chosen"}]`, nil
}

func (d *fakeDesk) set(err error) { d.mu.Lock(); defer d.mu.Unlock(); d.fail = err }

// code is the code of a problem.
func code(err error) string {
	var p *merchantapi.Problem
	if errors.As(err, &p) {
		return p.Code
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

// rows counts rows of the books.
func (w *world) orders() int {
	w.t.Helper()
	n := 0
	for _, no := range []string{"O1", "O2", "O3"} {
		for _, m := range []string{"M01", "M02", "M03", "M04"} {
			o, err := w.db.Order(context.Background(), m, no)
			if err != nil {
				w.t.Fatal(err)
			}
			if o != nil {
				n++
			}
		}
	}
	return n
}

// send signs and sends a raw request.
func (w *world) send(method, target string, header http.Header, body string) *http.Response {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.http.URL+target, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header = header
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { resp.Body.Close() })
	return resp
}
