package http_test

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"io"
	"net/url"
	"testing"
	"time"

	"tieout/fetchers"
	"tieout/fetchers/http"
	"tieout/internal/bizday"
	"tieout/internal/channelsim"
	"tieout/internal/signing"
	"tieout/schemas"
)

// source is what a client offers: statements and queries.
type source interface {
	fetchers.Source
	Query(ctx context.Context, kind schemas.Kind, merchantRef, refundRef string, at time.Time) (schemas.QueryAnswer, error)
	Close()
}

// TestAgainstChannelsim fetches and asks at the independently written other side.
func TestAgainstChannelsim(t *testing.T) {
	zone := time.FixedZone("UTC+8", 8*60*60)
	paid := time.Date(2026, 11, 20, 15, 4, 5, 0, zone)
	now := time.Date(2026, 11, 21, 9, 0, 0, 0, zone)
	sim, err := channelsim.Start(t.Context(), channelsim.Options{Now: func() time.Time { return now }, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sim.Close() })
	for _, channel := range []string{"wechat", "alipay", "unionpay"} {
		if _, err := sim.Pay(t.Context(), channelsim.PayRequest{Channel: channel, MerchantRef: "ORDER-1", AmountMinor: 115, At: paid}); err != nil {
			t.Fatal(err)
		}
		if _, err := sim.Refund(t.Context(), channelsim.RefundRequest{Channel: channel, MerchantRef: "ORDER-1", RefundRef: "REFUND-1", AmountMinor: 29, At: paid.Add(time.Hour)}); err != nil {
			t.Fatal(err)
		}
	}
	for channel, src := range clients(t, sim.Config(), func() time.Time { return now }) {
		t.Run(channel, func(t *testing.T) {
			defer src.Close()
			req := schemas.StatementRequest{Channel: channel, Account: "test", Date: bizday.Make(2026, 11, 20), Statement: "TRADE"}

			now = time.Date(2026, 11, 21, 9, 0, 0, 0, zone) // before the channels publish
			if got, err := src.Fetch(t.Context(), req, digest); err != nil || got.State != schemas.FetchNotReady {
				t.Fatalf("early: %+v, %v", got, err)
			}
			now = time.Date(2026, 11, 21, 10, 30, 0, 0, zone)
			got, err := src.Fetch(t.Context(), req, digest)
			if err != nil || got.State != schemas.FetchFetched || len(got.Files) != 1 || got.Files[0].Size == 0 {
				t.Fatalf("fetched: %+v, %v", got, err)
			}
			for _, p := range got.Proofs {
				if !p.OK {
					t.Errorf("proof %+v", p)
				}
			}
			if req.Statement = "FUND"; channel != "unionpay" {
				if got, err := src.Fetch(t.Context(), req, digest); err != nil || got.State != schemas.FetchFetched {
					t.Errorf("fund: %+v, %v", got, err)
				}
			}

			a, err := src.Query(t.Context(), schemas.Payment, "ORDER-1", "", paid)
			if err != nil || !a.Found || a.Status != schemas.Success || a.AmountMinor != 115 || a.Currency != "CNY" || a.ChannelRef == "" {
				t.Errorf("payment: %+v, %v", a, err)
			}
			a, err = src.Query(t.Context(), schemas.Refund, "ORDER-1", "REFUND-1", paid.Add(time.Hour))
			if err != nil || !a.Found || a.Status != schemas.Success || a.AmountMinor != 29 || a.Currency != "CNY" {
				t.Errorf("refund: %+v, %v", a, err)
			}
			a, err = src.Query(t.Context(), schemas.Payment, "ORDER-2", "", paid)
			if err != nil || !a.Asked || a.Found {
				t.Errorf("unknown: %+v, %v", a, err)
			}
		})
	}
}

// clients builds the three clients as cmd does, from what a merchant is told.
func clients(t *testing.T, c channelsim.Config, now func() time.Time) map[string]source {
	t.Helper()
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(c.CAPEM)) {
		t.Fatal("no root certificate")
	}
	base, err := url.Parse(c.WeChat.BaseURL)
	if err != nil {
		t.Fatal(err)
	}
	opt := func(channel string) http.Options {
		return http.Options{Channel: channel, Account: "test", PrivateHosts: []string{base.Host}, RootCAs: pool, Now: now, Retry: http.Retry{First: time.Millisecond}}
	}
	wechat, err := http.NewWeChat(http.WeChatConfig{Options: opt("wechat"), BaseURL: c.WeChat.BaseURL, MchID: c.WeChat.MchID, Serial: c.WeChat.MerchantSerial,
		Key: private(t, c.WeChat.MerchantKey), PlatformKeys: signing.PublicKeys{c.WeChat.PlatformSerial: public(t, c.WeChat.PlatformKey)}})
	if err != nil {
		t.Fatal(err)
	}
	alipay, err := http.NewAlipay(http.AlipayConfig{Options: opt("alipay"), Gateway: c.Alipay.GatewayURL, AppID: c.Alipay.AppID, PID: c.Alipay.PID,
		Key: private(t, c.Alipay.AppKey), PublicKey: public(t, c.Alipay.AlipayKey)})
	if err != nil {
		t.Fatal(err)
	}
	roots, middle := x509.NewCertPool(), x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(c.UnionPay.RootCert)) || !middle.AppendCertsFromPEM([]byte(c.UnionPay.MiddleCert)) {
		t.Fatal("no UnionPay certificates")
	}
	unionpay, err := http.NewUnionPay(http.UnionPayConfig{Options: opt("unionpay"), FileURL: c.UnionPay.FileURL, QueryURL: c.UnionPay.QueryURL,
		MerID: c.UnionPay.MerID, CertID: c.UnionPay.CertID, Key: private(t, c.UnionPay.MerchantKey), Trust: signing.UnionPayTrust{Roots: roots, Intermediates: middle}})
	if err != nil {
		t.Fatal(err)
	}
	return map[string]source{"wechat": wechat, "alipay": alipay, "unionpay": unionpay}
}

var private, public = parsed(signing.ParsePrivateKey), parsed(signing.ParsePublicKey)

func parsed[K any](parse func([]byte) (K, error)) func(*testing.T, string) K {
	return func(t *testing.T, text string) K {
		t.Helper()
		key, err := parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
}

func digest(_ context.Context, name string, r io.Reader) (schemas.FileUsed, error) {
	h := sha256.New()
	n, err := io.Copy(h, r)
	return schemas.FileUsed{Name: name, SHA256: hex.EncodeToString(h.Sum(nil)), Size: n}, err
}
