package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tieout/internal/gateway"
	"tieout/internal/merchantapi"
	"tieout/internal/paycore"
	"tieout/internal/store"
)

const transferSite = `version: 1
data: ./data
lang: en
local: {source: core}
accounts:
  - name: bank-va
    channel: bankdemo
    merchant: "900000000001"
    statements: ["TRADE"]
    virtual_accounts: {prefix: "955880", bank: "Demo Bank, Head Office", holder: "Example Ltd", pay_within: 48h}
    fetch: {via: localdir, dir: in, file: "{merchant}_{yyyymmdd}.txt", marker: ok}
api: {listen: "127.0.0.1:0", allow_loopback: true}
merchants:
  - id: M01
    keys: [{id: k1, algorithm: hmac-sha256, secret_file: m01.key}]
    allow: [create_order, pay, query, close, refund]
    accounts: [bank-va]
`

// transferWorld is a site whose bank puts statements into a folder.
type transferWorld struct {
	t   *testing.T
	dir string
	at  time.Time
}

func newTransferWorld(t *testing.T) *transferWorld {
	w := &transferWorld{t: t, dir: t.TempDir(), at: time.Date(2025, 11, 20, 1, 0, 0, 0, time.UTC)} // 09:00 in Shanghai
	for name, body := range map[string]string{"tieout.yaml": transferSite, "m01.key": strings.Repeat("k", 40)} {
		if err := os.WriteFile(filepath.Join(w.dir, name), []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(w.dir, "in"), 0o700); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *transferWorld) now() time.Time { return w.at }

// statement writes the bank's file of a day: number of the virtual account or of
// the refund, and fen; "-" before the number of a refund, "+" before that of one
// that came back.
func (w *transferWorld) statement(date string, lines ...string) {
	w.t.Helper()
	var b strings.Builder
	var count, sum [2]int
	row := func(cells ...string) { b.WriteString(strings.Join(cells, "|!") + "\r\n") }
	row("H", "900000000001", date, "CNY")
	for i, line := range lines {
		var number string
		var fen int
		if _, err := fmt.Sscan(line, &number, &fen); err != nil {
			w.t.Fatal(err)
		}
		ref, side, original := fmt.Sprintf("%s%04d", date, i), "C", ""
		refund, state := "", "00"
		kind := 0
		if back, ok := strings.CutPrefix(number, "-"); ok {
			side, refund, number, original, kind = "D", back, "X", "1", 1
		}
		if back, ok := strings.CutPrefix(number, "+"); ok {
			state, refund, number = "03", back, "X"
		}
		count[kind]++
		sum[kind] += fen
		row(fmt.Sprint(i+1), "900000000001", date, fmt.Sprintf("10%02d00", i), ref, number, refund, original, side, yuanText(fen), "0.00", state, "Bank", "transfer")
	}
	row("T", fmt.Sprint(len(lines)), fmt.Sprint(count[0]), yuanText(sum[0]), fmt.Sprint(count[1]), yuanText(sum[1]), "0.00")
	name := filepath.Join(w.dir, "in", "900000000001_"+date+".txt")
	for path, body := range map[string]string{name: b.String(), name + ".ok": ""} {
		if err := os.WriteFile(path, []byte(body), 0o600); err != nil {
			w.t.Fatal(err)
		}
	}
}

func yuanText(fen int) string { return fmt.Sprintf("%d.%02d", fen/100, fen%100) }

// tieout runs a command line and returns what it printed as JSON.
func (w *transferWorld) tieout(want int, into any, args ...string) {
	w.t.Helper()
	var out, errs bytes.Buffer
	args = append([]string{"-c", filepath.Join(w.dir, "tieout.yaml"), "--json"}, args...)
	if got := run(args, strings.NewReader(""), &out, &errs, w.now, store.NetworkOf); got != want {
		w.t.Fatalf("%v: exit code %d, want %d: %s", args, got, want, errs.String())
	}
	if into != nil {
		if err := json.Unmarshal(out.Bytes(), into); err != nil {
			w.t.Fatalf("%v: %v in %s", args, err, out.String())
		}
	}
}

// open opens the site with its desk.
func (w *transferWorld) open(do func(*site, *paycore.Core, desk)) {
	w.t.Helper()
	a := &app{cli: &CLI{Config: filepath.Join(w.dir, "tieout.yaml"), Memory: memory(512 << 20)}, ctx: w.t.Context(), now: w.now, networkOf: store.NetworkOf, in: strings.NewReader(""), out: &bytes.Buffer{}, err: &bytes.Buffer{}}
	s, err := a.open()
	if err != nil {
		w.t.Fatal(err)
	}
	defer s.close()
	core := s.newCore(w.now)
	d, err := s.newDesk(a, core, s.db)
	if err != nil {
		w.t.Fatal(err)
	}
	do(s, core, d)
}

// asked opens a payment and returns the number that its payer is told.
func (w *transferWorld) asked(payNo, payer string, minor int64) (number string) {
	w.t.Helper()
	w.open(func(_ *site, core *paycore.Core, d desk) {
		result, err := core.Do(w.t.Context(), paycore.CreatePayment{Merchant: "M01", OrderNo: "O-" + payNo, PayNo: payNo, Channel: "bankdemo", Account: "bank-va", AmountMinor: minor, Currency: "CNY"})
		if err != nil || result[0].Effect != paycore.Done {
			w.t.Fatal(result, err)
		}
		for range 2 { // the same thing again
			p, err := d.Pay(w.t.Context(), payNo, merchantapi.Payer{ID: payer})
			if err != nil || p.Transfer == nil || p.Transfer.AmountMinor != minor || p.Transfer.Bank == "" || number != "" && number != p.Transfer.Number {
				w.t.Fatalf("%+v %v", p.Transfer, err)
			}
			number = p.Transfer.Number
		}
	})
	return number
}

func (w *transferWorld) states(want map[string]paycore.State) {
	w.t.Helper()
	w.open(func(s *site, _ *paycore.Core, _ desk) {
		for no, state := range want {
			if p, err := s.db.Payment(w.t.Context(), no); err != nil || p.State != state {
				w.t.Errorf("payment %s: %+v %v, want %s", no, p, err, state)
			}
		}
	})
}

// A payer transfers what he was told, in one transfer and in two, too much, and
// a stranger transfers to a number that nobody has: the night pays the payments,
// ties out but for the stranger, and the rest goes back with two people's word.
func TestBankTransfer_FromPayToPayback(t *testing.T) {
	w := newTransferWorld(t)
	alice := w.asked("P100001", "alice", 10_000)
	bob := w.asked("P100002", "bob", 5_000)
	w.asked("P100003", "carol", 7_000)
	w.statement("20251120", alice+" 6000", bob+" 5000", alice+" 5500", "955880999999999999 42")
	w.at = time.Date(2025, 11, 21, 4, 0, 0, 0, time.UTC)
	var night struct {
		Runs []runLine `json:"runs"`
	}
	w.tieout(10, &night, "run", "--date", "2025-11-20")
	if r := night.Runs[0]; r.Matched != 3 || r.Breaks != 1 || r.Open != 1 {
		t.Errorf("the night: %+v", r)
	}
	w.states(map[string]paycore.State{"P100001": paycore.Success, "P100002": paycore.Success, "P100003": paycore.Paying})
	w.tieout(10, nil, "rerun", "--date", "2025-11-20", "--from", "normalize")
	w.tieout(0, nil, "verify")

	var list struct {
		In   []remittanceLine `json:"in"`
		Back []paybackLine    `json:"back"`
	}
	w.tieout(0, &list, "transfer", "list")
	if len(list.In) != 1 || list.In[0].LeftMinor != 1500 || list.In[0].Outcome != "OVERPAID" {
		t.Fatalf("left: %+v", list.In)
	}
	to := []string{"--payee-name", "Alice", "--payee-account", "6222000011112222", "--payee-bank", "102100000021"}
	var back paybackLine
	w.tieout(0, &back, append([]string{"transfer", "return", "bank-va", list.In[0].BankRef, "--by", "chen"}, to...)...)
	w.tieout(64, nil, "transfer", "approve", back.Number, "--by", "chen")
	w.tieout(0, &back, "transfer", "approve", back.Number, "--by", "wang")
	w.tieout(0, nil, "transfer", "file", "bank-va")
	files, err := filepath.Glob(filepath.Join(w.dir, "data", "settlement", "payouts", "*.csv"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	body, err := os.ReadFile(files[0])
	if err != nil || !strings.Contains(string(body), back.Number+",Alice,6222000011112222,102100000021,15.00,CNY,return "+back.Number) {
		t.Errorf("the file: %s %v", body, err)
	}
	w.statement("20251121", "-"+back.Number+" 1500")
	w.at = time.Date(2025, 11, 22, 4, 0, 0, 0, time.UTC)
	w.tieout(10, &night, "run", "--date", "2025-11-21") // the stranger's case is still open
	if r := night.Runs[0]; r.Matched != 1 || r.Breaks != 0 {
		t.Errorf("the second night: %+v", r)
	}
	w.tieout(0, nil, "verify")
	w.tieout(0, &list, "transfer", "list")
	if len(list.In)+len(list.Back) != 0 {
		t.Errorf("still to do: %+v", list)
	}
}

// A refund and a return go out and come back days later: the nights tie out
// whichever of them runs again, the refund is owed again and the return is left
// again, and both go out once more.
func TestBankTransfer_ComesBackDaysLater(t *testing.T) {
	w := newTransferWorld(t)
	alice := w.asked("P100001", "alice", 10_000)
	night := func(date, day string) runLine {
		t.Helper()
		var runs struct {
			Runs []runLine `json:"runs"`
		}
		var err error
		if w.at, err = time.Parse("2006-01-02 15:04", date+" 04:00"); err != nil {
			t.Fatal(err)
		}
		w.tieout(0, &runs, "run", "--date", day)
		return runs.Runs[0]
	}
	w.statement("20251120", alice+" 12500")
	night("2025-11-21", "2025-11-20")
	w.open(func(_ *site, core *paycore.Core, d desk) {
		result, err := core.Do(t.Context(), paycore.CreateRefund{RefundNo: "R100001", PayNo: "P100001", AmountMinor: 4_000, Currency: "CNY"})
		if err != nil || result[0].Effect != paycore.Done {
			t.Fatal(result, err)
		}
		if err := d.Refund(t.Context(), "R100001"); err != nil {
			t.Fatal(err)
		}
	})
	var list struct {
		In   []remittanceLine `json:"in"`
		Back []paybackLine    `json:"back"`
	}
	w.tieout(0, &list, "transfer", "list")
	if len(list.In) != 1 || len(list.Back) != 1 {
		t.Fatalf("%+v", list)
	}
	to := []string{"--payee-name", "Alice", "--payee-account", "6222000011112222", "--payee-bank", "102100000021", "--by", "chen"}
	send := func(what ...string) string {
		t.Helper()
		var back paybackLine
		w.tieout(0, &back, append(append([]string{"transfer"}, what...), to...)...)
		w.tieout(0, nil, "transfer", "approve", back.Number, "--by", "wang")
		return back.Number
	}
	refund, rest := send("refund", "R100001"), send("return", "bank-va", list.In[0].BankRef)
	w.tieout(0, nil, "transfer", "file", "bank-va")
	w.statement("20251121", "-"+refund+" 4000", "-"+rest+" 2500")
	if r := night("2025-11-22", "2025-11-21"); r.Matched != 2 || r.Breaks != 0 {
		t.Errorf("they went out: %+v", r)
	}
	w.tieout(64, nil, "transfer", "refund", "R100001", to[0], to[1], to[2], to[3], to[4], to[5], "--by", "chen")
	w.statement("20251122")
	w.tieout(0, nil, "run", "--date", "2025-11-22", "--accept-empty")
	w.statement("20251123", "+"+refund+" 4000", "+"+rest+" 2500")
	if r := night("2025-11-24", "2025-11-23"); r.Matched != 2 || r.Breaks != 0 {
		t.Errorf("they came back: %+v", r)
	}
	w.work()
	w.tieout(0, nil, "rerun", "--date", "2025-11-21", "--from", "normalize")
	w.tieout(0, nil, "verify")
	w.tieout(0, &list, "transfer", "list")
	if len(list.In) != 1 || list.In[0].LeftMinor != 2_500 || len(list.Back) != 1 || list.Back[0].Number != refund || list.Back[0].State != "RETURNED" {
		t.Errorf("owed again: %+v", list)
	}
	again := send("refund", "R100001")
	other := send("return", "bank-va", list.In[0].BankRef)
	if again != refund || other == rest {
		t.Errorf("sent again as %s and %s, first as %s and %s", again, other, refund, rest)
	}
	w.tieout(0, nil, "transfer", "file", "bank-va")
	w.statement("20251124", "-"+refund+" 4000", "-"+other+" 2500")
	if r := night("2025-11-25", "2025-11-24"); r.Matched != 2 || r.Breaks != 0 {
		t.Errorf("they went out again: %+v", r)
	}
	w.work()
	w.tieout(0, nil, "control", "run", "--whole")
	w.tieout(10, nil, "transfer", "returned", other, "--ref", "77", "--reason", "the bank called", "--by", "chen")
	w.tieout(64, nil, "transfer", "returned", other, "--ref", "77", "--by", "chen")
	var said paybackLine
	if w.tieout(0, &said, "transfer", "returned", other, "--ref", "77", "--by", "wang"); said.State != "RETURNED" {
		t.Errorf("said by two people: %+v", said)
	}
	w.tieout(0, nil, "verify")
}

// A payment is given up only when the statement of its last day shows no money;
// what came later waits for people.
func TestBankTransfer_ClosesAfterItsLastStatement(t *testing.T) {
	w := newTransferWorld(t)
	number := w.asked("P100001", "alice", 10_000)
	w.asked("P100002", "bob", 10_000)
	w.at = w.at.Add(50 * time.Hour)
	w.work()
	w.states(map[string]paycore.State{"P100001": paycore.Paying, "P100002": paycore.Paying})
	w.at = time.Date(2025, 11, 24, 4, 0, 0, 0, time.UTC)
	w.statement("20251120")
	w.statement("20251121")
	w.statement("20251122", number+" 10000") // after 48 hours
	w.tieout(0, nil, "run", "--date", "2025-11-20..2025-11-21", "--accept-empty")
	w.work()
	w.states(map[string]paycore.State{"P100001": paycore.Paying, "P100002": paycore.Paying})
	w.tieout(0, nil, "run", "--date", "2025-11-22")
	w.at = w.at.Add(2 * time.Hour)
	w.work()
	w.states(map[string]paycore.State{"P100001": paycore.Closed, "P100002": paycore.Closed})
	w.open(func(s *site, _ *paycore.Core, _ desk) {
		list, err := s.db.Remittances(t.Context(), false, 10)
		if err != nil || len(list) != 1 || list[0].Outcome != paycore.Unexpected {
			t.Errorf("left %+v %v", list, err)
		}
		if stuck, err := s.db.ListTasks(t.Context(), 10, gateway.Stuck); err != nil || len(stuck) > 0 {
			t.Errorf("stuck: %+v %v", stuck, err)
		}
	})
}

// work lets the desk do what is due.
func (w *transferWorld) work() {
	w.t.Helper()
	w.open(func(_ *site, _ *paycore.Core, d desk) {
		if _, err := d.Work(w.t.Context()); err != nil {
			w.t.Fatal(err)
		}
	})
}

// A refund goes to the payee whom two people name, and is done when the
// statement shows it.
func TestBankTransfer_Refund(t *testing.T) {
	w := newTransferWorld(t)
	w.statement("20251120", w.asked("P100001", "alice", 10_000)+" 10000")
	w.at = time.Date(2025, 11, 21, 4, 0, 0, 0, time.UTC)
	w.tieout(0, nil, "run", "--date", "2025-11-20")
	w.open(func(_ *site, core *paycore.Core, d desk) {
		if _, err := core.Do(t.Context(), paycore.CreateRefund{RefundNo: "R100001", PayNo: "P100001", AmountMinor: 4_000, Currency: "CNY"}); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := d.Refund(t.Context(), "R100001"); err != nil {
				t.Fatal(err)
			}
		}
	})
	w.tieout(0, nil, "transfer", "refund", "R100001", "--by", "chen", "--payee-name", "Alice", "--payee-account", "6222000011112222", "--payee-bank", "102100000021")
	w.tieout(0, nil, "transfer", "approve", "R100001", "--by", "wang")
	w.tieout(0, nil, "transfer", "file", "bank-va")
	w.statement("20251121", "-R100001 4000")
	w.at = time.Date(2025, 11, 22, 4, 0, 0, 0, time.UTC)
	var night struct {
		Runs []runLine `json:"runs"`
	}
	w.tieout(0, &night, "run", "--date", "2025-11-21")
	if r := night.Runs[0]; r.Matched != 1 || r.Breaks != 0 {
		t.Errorf("the night: %+v", r)
	}
	w.work()
	w.open(func(s *site, _ *paycore.Core, _ desk) {
		if r, err := s.db.Refund(t.Context(), "R100001"); err != nil || r.State != paycore.Success {
			t.Errorf("refund %+v %v", r, err)
		}
	})
	w.tieout(0, nil, "verify")
}
