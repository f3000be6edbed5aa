package settlement

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tieout/internal/bizday"
)

func day(s string) bizday.Date {
	d, err := bizday.Parse(s)
	if err != nil {
		panic(err)
	}
	return d
}

// The days around a long holiday with worked weekends, and the turn of a year.
func TestFaultB4_DueDates(t *testing.T) {
	var holidays []bizday.Date
	for d := day("2026-10-01"); d <= day("2026-10-07"); d++ {
		holidays = append(holidays, d)
	}
	c := NewCalendar(append(holidays, day("2026-01-01")), []bizday.Date{day("2026-09-20"), day("2026-10-10")})
	for _, x := range []struct {
		bill  string
		cycle Cycle
		want  string
	}{
		{"2026-11-19", Cycle{1, true}, "2026-11-20"},  // Thursday
		{"2026-11-20", Cycle{1, true}, "2026-11-23"},  // over a weekend
		{"2026-11-21", Cycle{1, true}, "2026-11-23"},  // trades of a Saturday
		{"2026-11-22", Cycle{1, true}, "2026-11-23"},  // and of a Sunday
		{"2026-09-30", Cycle{1, true}, "2026-10-08"},  // over the holiday
		{"2026-10-08", Cycle{2, true}, "2026-10-10"},  // a Saturday that is worked
		{"2026-09-19", Cycle{1, true}, "2026-09-20"},  // a Sunday that is worked
		{"2026-11-20", Cycle{1, false}, "2026-11-23"}, // calendar days end on a working one
		{"2026-11-19", Cycle{7, false}, "2026-11-26"},
		{"2026-09-30", Cycle{3, false}, "2026-10-08"},
	} {
		if got, err := x.cycle.Due(day(x.bill), c); err != nil || got.String() != x.want {
			t.Errorf("%s + %+v: got %s, %v; want %s", x.bill, x.cycle, got, err, x.want)
		}
	}
	var missing MissingYear
	if _, err := (Cycle{1, true}).Due(day("2026-12-31"), c); !errors.As(err, &missing) || missing.Year != 2027 {
		t.Errorf("over a turn of the year that nobody has entered: %v", err)
	}
	for d := day("2026-01-01"); d < day("2026-12-20"); d++ { // never before N days, never on a day off
		due, err := Cycle{1, true}.Due(d, c)
		if err != nil {
			t.Fatal(err)
		}
		if works, _ := c.Working(due); !works || due <= d {
			t.Errorf("%s is due on %s", d, due)
		}
	}
}

func TestBatchCarriesDebt(t *testing.T) {
	b := Batch{ID: "S"}
	for _, e := range []Entry{{GrossMinor: 1000, FeeMinor: 10, NetMinor: 990}, {GrossMinor: -300, FeeMinor: -3, NetMinor: -297}} {
		if err := b.Add(e, 1); err != nil {
			t.Fatal(err)
		}
	}
	for _, x := range []struct{ debt, pay, left int64 }{{0, 693, 0}, {-693, 0, 0}, {-692, 1, 0}, {-1000, 0, -307}} {
		if err := b.Carry(x.debt); err != nil || b.PayMinor != x.pay || b.DebtMinor != x.left {
			t.Errorf("debt %d: %+v, %v", x.debt, b, err)
		}
	}
}

// Every fact that people see changes the digest, and no fact can hide in
// another.
func TestDigestCoversWhatIsShown(t *testing.T) {
	base := Batch{ID: "S", Merchant: "M", Currency: "CNY", PayMinor: 1, Payee: Payee{"n", "a", "b"}, Bank: "icbc"}
	entry := Entry{Kind: Payment, Ref: "P", OrderNo: "O", GrossMinor: 5, FeeMinor: 1, NetMinor: 4, Terms: "t"}
	sum := func(change func(*Batch, *Entry)) string {
		b, e := base, entry
		change(&b, &e)
		d := NewDigester(&b)
		d.Entry(e)
		return d.Sum()
	}
	seen := map[string]int{sum(func(*Batch, *Entry) {}): -1}
	for i, change := range []func(*Batch, *Entry){
		func(b *Batch, _ *Entry) { b.PayMinor++ }, func(b *Batch, _ *Entry) { b.Payee.Account = "c" }, func(b *Batch, _ *Entry) { b.Payee.Name, b.Payee.Account = "na", "" },
		func(b *Batch, _ *Entry) { b.CarriedMinor-- }, func(b *Batch, _ *Entry) { b.DueOn++ }, func(b *Batch, _ *Entry) { b.Override = 1 },
		func(_ *Batch, e *Entry) { e.Ref = "Q" }, func(_ *Batch, e *Entry) { e.FeeMinor++ }, func(_ *Batch, e *Entry) { e.Terms = "u" }, func(_ *Batch, e *Entry) { e.At++ },
	} {
		s := sum(change)
		if first, ok := seen[s]; ok {
			t.Errorf("change %d gives the digest of %d", i, first)
		}
		seen[s] = i
	}
	if sum(func(b *Batch, _ *Entry) { b.State, b.Version, b.Maker = Checked, 7, "x" }) != sum(func(*Batch, *Entry) {}) {
		t.Error("state, version and people are in the digest")
	}
}

func payoutsOf(names ...string) []Payout {
	var list []Payout
	for _, name := range names {
		b := Batch{ID: "S20261120-" + name + "-CNY", Merchant: name, Currency: "CNY", PayMinor: 123456, Bank: "icbc", Payee: Payee{"收款 " + name + ", Ltd.", "6222000011112222", "102"}}
		list = append(list, NewPayout(&b, 1, "P20261123-icbc-CNY-1"))
	}
	return list
}

func TestPayoutFile(t *testing.T) {
	body, digest, err := Render(payoutsOf("M01", "M02"))
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("testdata/payout.csv")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.ReplaceAll(string(want), "\n", "\r\n"), string(body)); diff != "" {
		t.Error(diff)
	}
	if _, again, _ := Render(payoutsOf("M01", "M02")); again != digest || len(digest) != 64 {
		t.Errorf("digests %s and %s", digest, again)
	}
	for name, change := range map[string]func(*Payout){
		"formula": func(p *Payout) { p.Payee.Name = "=HYPERLINK(1)" }, "line end": func(p *Payout) { p.Payee.Name = "a\nTOTAL,1" }, "no account": func(p *Payout) { p.Payee.Account = "" },
		"quote": func(p *Payout) { p.Payee.Bank = `1"2` }, "currency": func(p *Payout) { p.Currency = "USD" },
	} {
		list := payoutsOf("M01", "M02")
		change(&list[1])
		if _, _, err := Render(list); err == nil {
			t.Errorf("%s: a file was made", name)
		}
	}
	if _, _, err := Render(nil); err == nil {
		t.Error("an empty file was made")
	}
}

func TestReadResults(t *testing.T) {
	const head = "number,result,amount,currency,bank_ref,reason\n"
	got, err := ReadResults(strings.NewReader("\ufeff" + head + "S1-1,PAID,1234.56,CNY,b1,\nS2-1,FAILED,1.00,CNY,,account closed\n"))
	want := []Answer{{Number: "S1-1", State: Paid, AmountMinor: 123456, Currency: "CNY", BankRef: "b1"}, {Number: "S2-1", State: Failed, AmountMinor: 100, Currency: "CNY", Reason: "account closed"}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(err, diff)
	}
	for name, body := range map[string]string{
		"nothing": "", "other header": strings.Replace(head, "bank_ref", "ref", 1), "result": head + "S,DONE,1.00,CNY,,\n", "amount": head + "S,PAID,1.001,CNY,,\n",
		"no amount": head + "S,PAID,,CNY,,\n", "negative": head + "S,PAID,-1.00,CNY,,\n", "currency": head + "S,PAID,1.00,XXX,,\n", "twice": head + "S,PAID,1.00,CNY,,\nS,FAILED,1.00,CNY,,\n",
		"short line": head + "S,PAID\n", "no number": head + ",PAID,1.00,CNY,,\n",
	} {
		var bad *BadLine
		if list, err := ReadResults(strings.NewReader(body)); !errors.As(err, &bad) || list != nil {
			t.Errorf("%s: %v, %v", name, list, err)
		}
	}
}

// Only the moves of the table are legal, and an answer never makes another one.
func TestPayoutMoves(t *testing.T) {
	states := []State{Paying, Unknown, Paid, Failed, Returned}
	for _, from := range states {
		for _, to := range []State{Unknown, Paid, Failed, Returned} {
			p := Payout{State: from, AmountMinor: 5, Currency: "CNY"}
			got := p.Hear(Answer{State: to})
			want := NotLegal
			switch {
			case from == to:
				want = Known
			case payoutMoves[move{from, to}]:
				want = Moved
			case from == Failed && to == Paid:
				want = Conflict
			}
			if got != want {
				t.Errorf("%s after %s: %s, want %s", to, from, got, want)
			}
		}
	}
	if (Failed).AllowsPayout(Paying) || (Returned).AllowsPayout(Paid) || (Unknown).AllowsPayout(Paying) {
		t.Error("a payout is sent a second time under its number")
	}
}
