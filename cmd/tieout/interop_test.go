package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"

	"tieout/internal/channelsim"
	"tieout/internal/interop"
	"tieout/internal/paycore"
	"tieout/internal/signing"
	"tieout/internal/store"
)

// sm2Pair writes a pair of keys into a folder, as name.pem and name.pub.
func sm2Pair(t *testing.T, dir, name string) *sm2.PrivateKey {
	t.Helper()
	key, err := sm2.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	private, err1 := smx509.MarshalPKCS8PrivateKey(key)
	public, err2 := smx509.MarshalPKIXPublicKey(&key.PublicKey)
	err = errors.Join(err1, err2,
		os.WriteFile(filepath.Join(dir, name+".pem"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600),
		os.WriteFile(filepath.Join(dir, name+".pub"), pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// fundWallet gives a user a wallet with money, in a database that nobody serves.
func fundWallet(t *testing.T, dir, user string, minor int64) {
	t.Helper()
	db, err := store.Open(t.Context(), filepath.Join(dir, "data", "tieout.db"), serveClock, true)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	results, err := paycore.New(db, nil, serveClock).Do(t.Context(),
		paycore.OpenEntity{ID: user, Kind: "USER", Name: user},
		paycore.OpenAccount{Entity: user, Currency: "CNY", Controls: paycore.Controls{Pay: true, TransferIn: true, Active: true}},
		paycore.CreatePayment{Merchant: "M01", OrderNo: "O-TOP", PayNo: "TOP", Channel: "wechat", Account: "wechat-main", AmountMinor: minor, Currency: "CNY"},
		paycore.MarkPaid{PayNo: "TOP", ChannelRef: "wx-TOP", AmountMinor: minor, Currency: "CNY", By: paycore.ByNotice},
		paycore.Deposit{Number: "D-TOP", PayNo: "TOP", Account: paycore.Wallet(user)})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range results {
		if r.Effect != paycore.Done {
			t.Fatal(r)
		}
	}
}

// interopSite writes a site with an agreement, and plays the organisation, which
// may be deaf; ask is how it asks us.
func interopSite(t *testing.T) (dir string, deaf *atomic.Bool, ask *interop.Client) {
	t.Helper()
	sim, err := channelsim.Start(t.Context(), channelsim.Options{Now: serveClock, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sim.Close() })
	address := freePort(t)
	dir, _ = newServeSite(t, sim, address)
	secrets := filepath.Join(dir, "secrets")
	ourSign, ourOpen := sm2Pair(t, secrets, "our-sign"), sm2Pair(t, secrets, "our-open")
	theirSign, theirOpen := sm2Pair(t, secrets, "their-sign"), sm2Pair(t, secrets, "their-open")
	link := &interop.Link{Own: "nucc", Other: "tieout-0001", Suite: signing.SuiteSM, Key: "o1", Sign: signing.SM2Private{Key: theirSign}, Unwrap: signing.SM2Private{Key: theirOpen},
		Verify: map[string]signing.Verifier{"k1": signing.SM2Public{Key: &ourSign.PublicKey}}, Wrap: signing.SM2Public{Key: &ourOpen.PublicKey}, Now: serveClock}
	deaf = new(atomic.Bool)
	organisation := httptest.NewTLSServer(link.Handler(tokenGiver(deaf), nil))
	t.Cleanup(organisation.Close)
	cert, key := selfSigned(t)
	for name, body := range map[string][]byte{"server.pem": cert, "server-key.pem": key,
		"organisation.pem": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: organisation.Certificate().Raw})} {
		if err := os.WriteFile(filepath.Join(secrets, name), body, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, "tieout.yaml")
	yaml, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(string(yaml), "\napi:\n", "\napi:\n  cert_file: secrets/server.pem\n  key_file: secrets/server-key.pem\n", 1) + "risk: {rules_file: risk.yaml}\ninterop:\n" + agreementYAML("nucc", organisation.URL, "secrets/their-sign.pub", "secrets/their-open.pub") +
		agreementYAML("other", organisation.URL, "secrets/our-sign.pub", "secrets/our-open.pub")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	rules := "version: 1\nrules:\n  - {id: gambling, decide: REVIEW, field: merchant, match: \"nucc/.*Casino.*\"}\n"
	if err := os.WriteFile(filepath.Join(dir, "risk.yaml"), []byte(rules), 0o600); err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: certPool(string(cert)), MinVersion: tls.VersionTLS12}}
	t.Cleanup(transport.CloseIdleConnections)
	return dir, deaf, interop.NewClient(link, "https://"+address+"/interop/nucc", transport)
}

// agreementYAML is one agreement of the configuration.
func agreementYAML(organisation, url, verify, wrap string) string {
	return `
  - own: tieout-0001
    organisation: ` + organisation + `
    suite: SM2_SM4_GCM
    key: k1
    sign_key_file: secrets/our-sign.pem
    open_key_file: secrets/our-open.pem
    verify_keys: {o1: ` + verify + `}
    wrap_key_file: ` + wrap + `
    ca_file: secrets/organisation.pem
    allow_loopback: true
    limits: [{currency: CNY, debit_minor: 8800, day_minor: 9000}]
    bank: boc
    payee: {name: Clearing Ltd, account: "6222000011114444", bank: "102100000021"}
    url: ` + url + "\n"
}

// tokenGiver gives and ends every token that it is asked for.
func tokenGiver(deaf *atomic.Bool) func(context.Context, interop.Heard) ([]byte, error) {
	var mu sync.Mutex
	state := map[string]interop.TokenAnswer{}
	return func(_ context.Context, h interop.Heard) ([]byte, error) {
		mu.Lock()
		defer mu.Unlock()
		var wish interop.TokenWish
		if err := json.Unmarshal(h.Part, &wish); err != nil || deaf.Load() {
			return nil, errors.Join(err, errors.New("not now"))
		}
		switch h.Kind {
		case interop.KindTokenApply:
			state[wish.Number] = interop.TokenAnswer{Result: "ACTIVE", Token: "tok-" + wish.Number}
		case interop.KindTokenUnbind:
			state[wish.Number] = interop.TokenAnswer{Result: "UNBOUND"}
		}
		return json.Marshal(state[wish.Number])
	}
}

// A wallet gets a token, pays by it through the served address, is refunded and
// loses the token; what the organisation does not answer ends with its number.
func TestServe_Interop(t *testing.T) {
	dir, deaf, ask := interopSite(t)
	interopCommand(t, dir, 0, "config", "check")
	interopCommand(t, dir, 0, "interop", "list") // makes the database
	fundWallet(t, dir, "alice", 10_000)
	defer startServer(t, dir)()

	if said := interopCommand(t, dir, 0, "interop", "apply", "alice", "--number", "A1", "--organisation", "nucc", "--by", "chen"); !strings.Contains(said, "A1 ACTIVE") {
		t.Errorf("got %s", said)
	}
	interopCommand(t, dir, 64, "interop", "apply", "nobody", "--organisation", "nucc", "--by", "chen")
	interopCommand(t, dir, 78, "interop", "apply", "alice", "--by", "chen") // at which one?
	interopCommand(t, dir, 78, "interop", "apply", "alice", "--organisation", "none", "--by", "chen")
	asks := func(kind string, part any) (a interop.Answer) {
		t.Helper()
		if err := ask.Ask(t.Context(), kind, part, &a); err != nil {
			t.Fatal(err)
		}
		return a
	}
	debit := interop.Debit{Number: "T1", Token: "tok-A1", AmountMinor: 8800, Currency: "CNY", Payee: "Noodles"}
	for range 2 {
		if got := asks(interop.KindDebit, debit); got.Result != interop.Success {
			t.Errorf("got %+v", got)
		}
	}
	over := debit
	for over.Number, over.AmountMinor = range map[string]int64{"T3": 8801, "T4": 201} {
		if got := asks(interop.KindDebit, over); got.Result != interop.Failed || got.Reason != "LIMIT" {
			t.Errorf("a debit of %d: %+v", over.AmountMinor, got)
		}
	}
	risky := interop.Debit{Number: "T5", Token: "tok-A1", AmountMinor: 1, Currency: "CNY", Payee: "Grand Casino"}
	for range 2 {
		if got := asks(interop.KindDebit, risky); got.Result != interop.Failed || got.Reason != "RISK" {
			t.Errorf("got %+v", got)
		}
	}
	if said := interopCommand(t, dir, 0, "risk", "show", "nucc/T5"); !strings.Contains(said, "gambling v1") || !strings.Contains(said, "nucc/Grand Casino") || !strings.Contains(said, "REVIEW") || !strings.Contains(said, "REJECT") {
		t.Errorf("got %s", said)
	}
	interopCommand(t, dir, 0, "risk", "list") // nobody waits for a person
	interopCommand(t, dir, 64, "risk", "decide", "nucc/T5", "--release", "--reason", "known", "--by", "chen")
	if got := asks(interop.KindRefund, interop.Refund{Number: "R1", Debit: "T1", AmountMinor: 800, Currency: "CNY"}); got.Result != interop.Success {
		t.Errorf("got %+v", got)
	}
	if said := interopCommand(t, dir, 0, "interop", "debits", "alice"); !strings.Contains(said, "88.00") || !strings.Contains(said, "8.00") || !strings.Contains(said, "Noodles") {
		t.Errorf("got %s", said)
	}
	deaf.Store(true)
	interopCommand(t, dir, 64, "interop", "unbind", "A1", "--by", "chen")
	debit.Number = "T2"
	if got := asks(interop.KindDebit, debit); got.Reason != "TOKEN" {
		t.Errorf("a debit while the token is unbound: %+v", got)
	}
	deaf.Store(false)
	interopCommand(t, dir, 0, "interop", "unbind", "A1", "--by", "chen")
	if said := interopCommand(t, dir, 0, "interop", "list"); !strings.Contains(said, "UNBOUND") {
		t.Errorf("got %s", said)
	}
	interopCommand(t, dir, 0, "verify")
	clearOrganisation(t, dir)
	interopCommand(t, dir, 0, "control", "run", "--whole")
}

// clearOrganisation pays what the day of the debits left us owing: two people,
// one file, the bank's word.
func clearOrganisation(t *testing.T, dir string) {
	t.Helper()
	date := serveClock().In(time.FixedZone("CST", 8*60*60)).Format(time.DateOnly)
	interopCommand(t, dir, 64, "interop", "settle", "-d", date, "--organisation", "nucc", "--by", "chen") // it is not over
	next := serveClock().AddDate(0, 0, 1)
	interopCommandAt(t, dir, next, 10, "interop", "settle", "-d", date, "--organisation", "nucc", "--by", "chen")
	interopCommandAt(t, dir, next, 64, "interop", "settle", "-d", date, "--organisation", "nucc", "--by", "chen")
	said := interopCommandAt(t, dir, next, 0, "interop", "settle", "-d", date, "--organisation", "nucc", "--by", "wang")
	number := "I" + strings.ReplaceAll(date, "-", "") + "-nucc-CNY-1"
	if !strings.Contains(said, number+" APPROVED") || !strings.Contains(said, "80.00") || strings.Contains(said, "6222000011114444") {
		t.Errorf("got %s", said)
	}
	if said := interopCommandAt(t, dir, next, 0, "settle", "payout", "--by", "chen"); !strings.Contains(said, "boc") || !strings.Contains(said, "80.00") {
		t.Errorf("got %s", said)
	}
	result := filepath.Join(dir, "result.csv")
	if err := os.WriteFile(result, []byte("number,result,amount,currency,bank_ref,reason\r\n"+number+",PAID,80.00,CNY,77,\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	interopCommandAt(t, dir, next, 0, "settle", "result", "--file", result, "--by", "chen")
	said = interopCommandAt(t, dir, next, 0, "interop", "day", "-d", date)
	for _, want := range []string{"1 debit", "88.00", "1 refund", "8.00", "80.00", "0.00", number, "PAID"} {
		if !strings.Contains(said, want) {
			t.Errorf("%s is not in %s", want, said)
		}
	}
	interopCommandAt(t, dir, next, 0, "verify")
}

// interopCommand runs the program on a site and demands its exit code.
func interopCommand(t *testing.T, dir string, want int, args ...string) string {
	t.Helper()
	return interopCommandAt(t, dir, serveClock(), want, args...)
}

func interopCommandAt(t *testing.T, dir string, at time.Time, want int, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "tieout", append([]string{"--config", filepath.Join(dir, "tieout.yaml")}, args...)...) //nolint:gosec // the program itself
	cmd.Env = append(os.Environ(), clockVariable+"="+at.Format("2006-01-02T15:04:05Z07:00"))
	said, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != want {
		t.Fatalf("%v ended with %v: %s", args, err, said)
	}
	return string(said)
}
