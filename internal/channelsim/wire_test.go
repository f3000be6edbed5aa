package channelsim_test

import (
	"bytes"
	"context"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"io"
	"net/url"
	"os"
	"sync"
	"testing"
	"time"

	"tieout/fetchers"
	"tieout/fetchers/ftp"
	"tieout/fetchers/http"
	"tieout/fetchers/sftp"
	"tieout/internal/bizday"
	"tieout/internal/channelsim"
	"tieout/internal/signing"
	"tieout/internal/unpack"
	"tieout/normalize"
	"tieout/schemas"
	"tieout/schemas/channels"
)

// The tests of this file put the program's own clients and decoders at the
// other end of the wire: two readings of the channels' documents must agree.

type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.t }
func (c *clock) set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = t
}

type asker interface {
	Query(ctx context.Context, kind schemas.Kind, merchantRef, refundRef string, at time.Time) (schemas.QueryAnswer, error)
}

// clients are the program's side.
type clients struct {
	sources map[string]fetchers.Source // by channel; UnionPay also as "unionpay-sftp"
	askers  map[string]asker
}

func ok[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func connect(t *testing.T, s *channelsim.Sim, now func() time.Time) *clients {
	t.Helper()
	c := s.Config()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(c.CAPEM))
	base := ok(url.Parse(c.WeChat.BaseURL))(t)
	opt := func(channel, account string) http.Options {
		return http.Options{Channel: channel, Account: account, PrivateHosts: []string{base.Host}, RootCAs: roots, Now: now,
			Retry: http.Retry{First: time.Millisecond, Last: 10 * time.Millisecond}}
	}
	key := func(text string) *rsa.PrivateKey { return ok(signing.ParsePrivateKey([]byte(text)))(t) }
	wechat := ok(http.NewWeChat(http.WeChatConfig{Options: opt("wechat", c.WeChat.MchID), BaseURL: c.WeChat.BaseURL, MchID: c.WeChat.MchID,
		Serial: c.WeChat.MerchantSerial, Key: key(c.WeChat.MerchantKey),
		PlatformKeys: signing.PublicKeys{c.WeChat.PlatformSerial: ok(signing.ParsePublicKey([]byte(c.WeChat.PlatformKey)))(t)}}))(t)
	alipay := ok(http.NewAlipay(http.AlipayConfig{Options: opt("alipay", c.Alipay.PID), Gateway: c.Alipay.GatewayURL, AppID: c.Alipay.AppID,
		PID: c.Alipay.PID, Key: key(c.Alipay.AppKey), PublicKey: ok(signing.ParsePublicKey([]byte(c.Alipay.AlipayKey)))(t)}))(t)
	trust := signing.UnionPayTrust{Version: signing.UnionPay510, Roots: x509.NewCertPool(), Intermediates: x509.NewCertPool()}
	trust.Roots.AppendCertsFromPEM([]byte(c.UnionPay.RootCert))
	trust.Intermediates.AppendCertsFromPEM([]byte(c.UnionPay.MiddleCert))
	union := ok(http.NewUnionPay(http.UnionPayConfig{Options: opt("unionpay", c.UnionPay.MerID), FileURL: c.UnionPay.FileURL, QueryURL: c.UnionPay.QueryURL,
		MerID: c.UnionPay.MerID, CertID: c.UnionPay.CertID, Key: key(c.UnionPay.MerchantKey), Trust: trust}))(t)
	login := c.UnionPay.SFTP
	unionSFTP := ok(sftp.New(sftp.Config{Addr: login.Addr, User: login.User, Password: login.Password, Now: now,
		HostKeys: sftp.HostKeys{Fingerprints: []string{login.Fingerprint}},
		Spec:     fetchers.FileSpec{Dir: login.Dir, Name: "{merchant}_{yyyymmdd}.zip", Marker: fetchers.Marker{Kind: fetchers.MarkerMD5}}}))(t)
	bank := ok(ftp.New(ftp.Config{Addr: c.Bank.FTP.Addr, User: c.Bank.FTP.User, Password: c.Bank.FTP.Password, RootCAs: roots, Now: now,
		Spec: fetchers.FileSpec{Dir: c.Bank.FTP.Dir, Name: "{merchant}_{yyyymmdd}.txt", Marker: fetchers.Marker{Kind: fetchers.MarkerMD5}}}))(t)
	t.Cleanup(func() { wechat.Close(); alipay.Close(); union.Close() })
	return &clients{
		sources: map[string]fetchers.Source{"wechat": wechat, "alipay": alipay, "unionpay": union, "unionpay-sftp": unionSFTP, "bankdemo": bank},
		askers:  map[string]asker{"wechat": wechat, "alipay": alipay, "unionpay": union},
	}
}

// fetched is one raw file in memory.
type fetched struct {
	name string
	raw  []byte
	sha  string
}

func fetch(t *testing.T, src fetchers.Source, req schemas.StatementRequest) (schemas.Fetched, []fetched, error) {
	t.Helper()
	var files []fetched
	keep := func(_ context.Context, name string, r io.Reader) (schemas.FileUsed, error) {
		raw, err := io.ReadAll(r)
		if err != nil {
			return schemas.FileUsed{}, err
		}
		sum := sha256.Sum256(raw)
		files = append(files, fetched{name, raw, hex.EncodeToString(sum[:])})
		return schemas.FileUsed{Name: name, SHA256: hex.EncodeToString(sum[:]), Size: int64(len(raw))}, nil
	}
	got, err := src.Fetch(t.Context(), req, keep)
	return got, files, err
}

type collect struct {
	records []schemas.Record
	rejects []schemas.Reject
}

func (c *collect) Batch(b *schemas.Batch) error {
	for i := range b.Len() {
		c.records = append(c.records, b.Row(i))
	}
	return nil
}
func (c *collect) Reject(r schemas.Reject) error { c.rejects = append(c.rejects, r); return nil }

// input unpacks.
func input(t *testing.T, channel string, req schemas.StatementRequest, files []fetched) normalize.Input {
	t.Helper()
	var def *channels.Definition
	for _, d := range ok(channels.All())(t) {
		if d.Name == channel {
			def = d
		}
	}
	in := normalize.Input{Definition: def, Account: "main", Merchant: req.Account, Date: req.Date, Statement: req.Statement, Variant: req.Variant, Workers: 2}
	for _, f := range files {
		r := bytes.NewReader(f.raw)
		how := ok(unpack.Sniff(r, r.Size()))(t)
		entries := ok(unpack.Open(t.Context(), f.name, r, r.Size(), how, unpack.Limits{}, func() (*os.File, error) { return os.CreateTemp(t.TempDir(), "") }))(t)
		t.Cleanup(func() { unpack.Close(entries) })
		for i := range entries {
			in.Files = append(in.Files, normalize.File{Name: entries[i].Title(), SHA256: f.sha, Size: entries[i].Size, Reader: entries[i].Reader})
		}
	}
	return in
}

// read unpacks and normalizes.
func read(t *testing.T, channel string, req schemas.StatementRequest, files []fetched) (schemas.Statement, *collect) {
	t.Helper()
	in := input(t, channel, req, files)
	var got collect
	st, err := normalize.Statement(t.Context(), in, &got)
	if err != nil {
		t.Fatalf("%s: %v", channel, err)
	}
	if fault := normalize.Incomplete(st); fault != nil {
		t.Fatalf("%s: %v", channel, fault)
	}
	if len(got.rejects) > 0 {
		t.Fatalf("%s: %d rejects, first %+v", channel, len(got.rejects), got.rejects[0])
	}
	return st, &got
}

func TestWire_StatementsThroughTheProgramsOwnClients(t *testing.T) {
	now := &clock{}
	plan := channelsim.DefaultPlan(5, bizday.Make(2026, 10, 11), 4, 600)
	plan.Files = nil
	sim := ok(channelsim.Start(t.Context(), channelsim.Options{Now: now.now, Seed: 5}))(t)
	t.Cleanup(func() { sim.Close() })
	c := connect(t, sim, now.now)

	traffic := ok(channelsim.NewTraffic(plan))(t)
	type row struct {
		kind   schemas.Kind
		amount int64
		fee    int64
		at     time.Time
	}
	want := map[string]map[string]row{} // channel and bill date -> our number and the channel's
	book := func(channel, key string, r row) {
		day := channel + " " + sim.BillDate(channel, r.at).String()
		if want[day] == nil {
			want[day] = map[string]row{}
		}
		want[day][key] = r
	}
	repeated := map[string]int{}
	for day, more := traffic.Next(); more; day, more = traffic.Next() {
		for _, op := range day.Ops {
			if op.Pay != nil {
				r := ok(sim.Pay(t.Context(), *op.Pay))(t)
				book(op.Channel, op.Pay.MerchantRef+" "+r.ChannelRef, row{schemas.Payment, op.Pay.AmountMinor, r.FeeMinor, r.At})
				if op.Pay.RepeatRow {
					repeated[op.Channel+" "+sim.BillDate(op.Channel, r.At).String()]++
				}
			}
			if op.Refund != nil {
				r := ok(sim.Refund(t.Context(), *op.Refund))(t)
				book(op.Channel, op.Refund.RefundRef+" "+r.ChannelRefundRef, row{schemas.Refund, op.Refund.AmountMinor, -r.FeeMinor, r.At})
			}
		}
	}

	for offset := range 3 { // the last day's UnionPay file would not be whole
		date := plan.From.Add(offset)
		y, m, d := date.Add(1).YMD()
		now.set(time.Date(y, m, d, 10, 30, 0, 0, time.FixedZone("", 8*3600)))
		for source, request := range map[string]schemas.StatementRequest{
			"wechat": {Statement: "TRADE", Variant: "ALL"}, "alipay": {Statement: "TRADE", Variant: "trade"},
			"unionpay": {Statement: "TRADE", Variant: "ZM"}, "unionpay-sftp": {Statement: "TRADE", Variant: "ZM"}, "bankdemo": {Statement: "TRADE"},
		} {
			channel := source
			if source == "unionpay-sftp" {
				channel = "unionpay"
			}
			request.Channel, request.Date = channel, date
			request.Account = merchantOf(sim, channel)
			state, files, err := fetch(t, c.sources[source], request)
			if err != nil || state.State != schemas.FetchFetched {
				t.Fatalf("%s %s: %s, %v", source, date, state.State, err)
			}
			st, got := read(t, channel, request, files)
			for _, p := range st.Proofs {
				if !p.OK {
					t.Errorf("%s %s: proof %+v", source, date, p)
				}
			}
			day := channel + " " + date.String()
			if len(got.records) != len(want[day])+repeated[day] || len(got.records) < 20 {
				t.Errorf("%s %s: %d records, booked %d", source, date, len(got.records), len(want[day]))
			}
			for _, r := range got.records {
				key := r.MerchantRef + " " + r.ChannelRef
				if r.Kind == schemas.Refund {
					key = r.RefundRef + " " + r.ChannelRefundRef
				}
				w, found := want[day][key]
				if !found || w.kind != r.Kind || w.amount != r.AmountMinor || w.at.UnixMicro() != r.EventTime || r.Status != schemas.Success || r.Currency != "CNY" || r.BillDate != date {
					t.Fatalf("%s %s: %s is %+v, booked %+v (%v)", source, date, key, r, w, found)
				}
				if r.FeeMinor.Valid && r.FeeMinor.V != w.fee || r.FeeSub != 0 {
					t.Fatalf("%s %s: fee of %s is %v, booked %d", source, date, key, r.FeeMinor, w.fee)
				}
			}
		}
		for source, request := range map[string]schemas.StatementRequest{
			"wechat": {Statement: "FUND", Variant: "BASIC"}, "alipay": {Statement: "FUND", Variant: "signcustomer"},
		} {
			request.Channel, request.Date, request.Account = source, date, merchantOf(sim, source)
			_, files, err := fetch(t, c.sources[source], request)
			if err != nil {
				t.Fatalf("%s %s: %v", source, date, err)
			}
			st, got := read(t, source, request, files)
			for _, p := range st.Proofs {
				if !p.OK {
					t.Errorf("%s %s FUND: proof %+v", source, date, p)
				}
			}
			if !st.Opening.Valid || !st.Closing.Valid || len(got.records) == 0 {
				t.Errorf("%s %s FUND: opening %v, closing %v, %d records", source, date, st.Opening, st.Closing, len(got.records))
			}
		}
	}
}

func merchantOf(s *channelsim.Sim, channel string) string {
	c := s.Config()
	return map[string]string{"wechat": c.WeChat.MchID, "alipay": c.Alipay.PID, "unionpay": c.UnionPay.MerID, "bankdemo": c.Bank.MerID}[channel]
}

func TestWire_QueriesThroughTheProgramsOwnClients(t *testing.T) {
	at := time.Date(2026, 10, 12, 15, 0, 0, 0, time.UTC)
	now := &clock{t: at}
	sim := ok(channelsim.Start(t.Context(), channelsim.Options{Now: now.now}))(t)
	t.Cleanup(func() { sim.Close() })
	c := connect(t, sim, now.now)
	for channel, ask := range c.askers {
		paid := ok(sim.Pay(t.Context(), channelsim.PayRequest{Channel: channel, MerchantRef: "PAY0001", AmountMinor: 12345, At: at, Delivery: channelsim.Lost}))(t)
		ok(sim.Refund(t.Context(), channelsim.RefundRequest{Channel: channel, MerchantRef: "PAY0001", RefundRef: "REF00001", AmountMinor: 45, At: at}))(t)
		q := func(kind schemas.Kind, ref, refund string) string {
			a, err := ask.Query(t.Context(), kind, ref, refund, at)
			return fmt.Sprintf("%s %v asked=%v found=%v %s %d %s %s", channel, err, a.Asked, a.Found, a.Status, a.AmountMinor, a.Currency, a.Error)
		}
		for got, want := range map[string]string{
			q(schemas.Payment, "PAY0001", ""):        channel + " <nil> asked=true found=true SUCCESS 12345 CNY ",
			q(schemas.Refund, "PAY0001", "REF00001"): channel + " <nil> asked=true found=true SUCCESS 45 CNY ",
			q(schemas.Payment, "PAY0002", ""):        channel + " <nil> asked=true found=false  0  ",
			q(schemas.Refund, "PAY0001", "REF00002"): channel + " <nil> asked=true found=false  0  ",
		} {
			if got != want {
				t.Errorf("got  %q\nwant %q", got, want)
			}
		}
		if a, _ := ask.Query(t.Context(), schemas.Payment, "PAY0001", "", at); a.ChannelRef != paid.ChannelRef {
			t.Errorf("%s: channel number %s, want %s", channel, a.ChannelRef, paid.ChannelRef)
		}
	}
}
