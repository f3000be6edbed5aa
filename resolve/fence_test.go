package resolve

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tieout/schemas"
)

func numbered(i int, minor int64) *schemas.Difference {
	d := diff(schemas.Payment, schemas.LocalBehind, U, S)
	no := fmt.Sprintf("P%04d", i)
	d.Key, d.LocalRow.MerchantRef, d.ChannelRow.MerchantRef = no, no, no
	d.LocalRow.AmountMinor, d.ChannelRow.AmountMinor = minor, minor
	d.ChannelRow.ChannelRef, d.LocalRow.ChannelRef = "wx"+no, ""
	return d
}

func confirmed(d *schemas.Difference) *schemas.QueryAnswer {
	a := answer(d, d.ChannelRow.Status)
	a.AmountMinor, a.Currency, a.ChannelRef = d.ChannelRow.AmountMinor, d.ChannelRow.Currency, d.ChannelRow.ChannelRef
	return a
}

func wide() Limits {
	return Limits{MaxCount: 1 << 40, MaxMinor: map[string]int64{"CNY": 1 << 60}, MaxSharePPM: 1_000_000}
}

func admit(t testing.TB, table *Table, f *Fence, d *schemas.Difference, a *schemas.QueryAnswer) schemas.Decision {
	t.Helper()
	dec := table.Decide(d, Context{Answer: a})
	f.Admit(&dec, d, a)
	return dec
}

// A missed notification is fixed by itself only if each single condition holds.
func TestFenceNeedsEverything(t *testing.T) {
	table := load(t)
	fence := func() *Fence { return &Fence{Limits: wide(), DayRows: 1000} }
	d, a := numbered(1, 10000), confirmed(numbered(1, 10000))
	if dec := admit(t, table, fence(), d, a); dec.Action != schemas.ActionAuto || dec.Why != "" || dec.Suspend != 0 {
		t.Fatalf("the good one: %+v", dec)
	}
	for _, x := range []struct {
		name   string
		change func(f *Fence, d *schemas.Difference, a *schemas.QueryAnswer)
		why    string
		held   int64
	}{
		{"incomplete", func(f *Fence, _ *schemas.Difference, _ *schemas.QueryAnswer) { f.Incomplete = true }, "the run is incomplete", 0},
		{"off", func(f *Fence, _ *schemas.Difference, _ *schemas.QueryAnswer) {
			f.AutoOff = "volume 50 % below the band"
		}, "volume 50 %", 1},
		{"not asked", func(_ *Fence, _ *schemas.Difference, a *schemas.QueryAnswer) { a.Asked = false }, "could not be asked", 0},
		{"query failed", func(_ *Fence, _ *schemas.Difference, a *schemas.QueryAnswer) { a.Error = "timeout" }, "could not be asked", 0},
		{"not found", func(_ *Fence, _ *schemas.Difference, a *schemas.QueryAnswer) { a.Found = false }, "does not know it", 0},
		{"still open", func(_ *Fence, _ *schemas.Difference, a *schemas.QueryAnswer) { a.Status = U }, "the channel says UNKNOWN", 0},
		{"closed there", func(_ *Fence, _ *schemas.Difference, a *schemas.QueryAnswer) { a.Status = C }, "the channel says CLOSED", 0},
		{"other amount", func(_ *Fence, _ *schemas.Difference, a *schemas.QueryAnswer) { a.AmountMinor-- }, "answer says 9999 CNY", 0},
		{"other currency", func(_ *Fence, _ *schemas.Difference, a *schemas.QueryAnswer) { a.Currency = "USD" }, "answer says 10000 USD", 0},
		{"other transaction", func(_ *Fence, _ *schemas.Difference, a *schemas.QueryAnswer) { a.ChannelRef = "wxB" }, "another transaction", 0},
		{"other movement", func(_ *Fence, _ *schemas.Difference, a *schemas.QueryAnswer) { a.Key = "P2" }, "another movement", 0},
		{"refund's answer", func(_ *Fence, _ *schemas.Difference, a *schemas.QueryAnswer) { a.Kind = schemas.Refund }, "another movement", 0},
		{"no local row", func(_ *Fence, d *schemas.Difference, _ *schemas.QueryAnswer) { d.LocalRow = nil }, "", 0},
		{"no number", func(_ *Fence, d *schemas.Difference, a *schemas.QueryAnswer) { d.Key, a.Key = "", "" }, "another movement", 0},
		{"nothing to pay", func(_ *Fence, d *schemas.Difference, a *schemas.QueryAnswer) {
			d.LocalRow.AmountMinor, d.ChannelRow.AmountMinor, a.AmountMinor = 0, 0, 0
		}, "not positive", 0},
		{"local closed", func(_ *Fence, d *schemas.Difference, _ *schemas.QueryAnswer) { d.LocalRow.Status = C }, "", 0},
		{"statement failed", func(_ *Fence, d *schemas.Difference, _ *schemas.QueryAnswer) { d.ChannelRow.Status = F }, "", 0},
		{"no limit of count", func(f *Fence, _ *schemas.Difference, _ *schemas.QueryAnswer) { f.Limits.MaxCount = 0 }, "limit of 0 automatic fixes", 1},
		{"no limit of money", func(f *Fence, _ *schemas.Difference, _ *schemas.QueryAnswer) { f.Limits.MaxMinor = nil }, "no limit on automatic fixes is set for CNY", 1},
		{"too much money", func(f *Fence, _ *schemas.Difference, _ *schemas.QueryAnswer) {
			f.Limits.MaxMinor = map[string]int64{"CNY": 9999}
		}, "limit of CNY 99.99", 1},
		{"too great a share", func(f *Fence, _ *schemas.Difference, _ *schemas.QueryAnswer) { f.Limits.MaxSharePPM = 999 }, "limit of 0.0999 % of the day's 1000 rows", 1},
		{"limits of the cell", func(f *Fence, _ *schemas.Difference, _ *schemas.QueryAnswer) { f.Cells = map[string]Limits{"P4": {}} }, "limit of 0", 1},
		{"spent before", func(f *Fence, _ *schemas.Difference, _ *schemas.QueryAnswer) {
			f.Limits.MaxCount, f.Prior = 3, []Spent{{Cell: "P4", Currency: "CNY", Count: 3, Minor: 1}}
		}, "limit of 3", 1},
	} {
		f, d, a := fence(), numbered(1, 10000), confirmed(numbered(1, 10000))
		x.change(f, d, a)
		dec := admit(t, table, f, d, a)
		if dec.Action == schemas.ActionAuto || !strings.Contains(dec.Why, x.why) || f.HeldCount() != x.held {
			t.Errorf("%s: %s %q, held %d", x.name, dec.Action, dec.Why, f.HeldCount())
		}
		if dec.Suspend != Exposure(d) {
			t.Errorf("%s: suspends %d, exposes %d", x.name, dec.Suspend, Exposure(d))
		}
	}
	if dec := admit(t, table, nil, d, a); dec.Action != schemas.ActionManual || dec.Why == "" {
		t.Errorf("no fence: %+v", dec)
	}
	if dec := admit(t, table, fence(), d, nil); dec.Action != schemas.ActionManual || dec.Why != "the channel was not asked" {
		t.Errorf("no answer: %+v", dec)
	}
}

// SET_CLOSED needs the channel to say that no money moved; a fee needs two
// rows that agree.
func TestFenceOfTheOtherFixes(t *testing.T) {
	table := load(t)
	fence := func() *Fence { return &Fence{Limits: wide(), DayRows: 1000} }
	open := diff(schemas.Payment, schemas.LocalOnly, U, none)
	for s, want := range map[schemas.Status]schemas.Action{none: schemas.ActionAuto, F: schemas.ActionAuto, C: schemas.ActionAuto,
		S: schemas.ActionManual, U: schemas.ActionManual, R: schemas.ActionManual} {
		if dec := admit(t, table, fence(), open, answer(open, s)); dec.Action != want {
			t.Errorf("answer %s: %+v", s, dec)
		}
	}
	if dec := admit(t, table, fence(), open, nil); dec.Action != schemas.ActionManual {
		t.Errorf("not asked: %+v", dec)
	}
	round := diff(schemas.Payment, schemas.FeeRounding, S, S)
	round.LocalRow.FeeMinor, round.ChannelRow.FeeMinor, round.FeeDelta = schemas.Int64(60), schemas.Int64(61), 1
	f := fence()
	f.Limits.MaxMinor = map[string]int64{"CNY": 1} // the cap is on the fee, not on the payment
	if dec := admit(t, table, f, round, nil); dec.Action != schemas.ActionAuto {
		t.Errorf("rounding: %+v", dec)
	}
	if dec := admit(t, table, f, round, nil); dec.Action != schemas.ActionManual {
		t.Errorf("a second cent: %+v", dec)
	}
	round.LocalRow.FeeMinor.Valid = false
	if dec := admit(t, table, fence(), round, nil); dec.Action != schemas.ActionManual || dec.Why != "a side does not say its fee" {
		t.Errorf("no fee: %+v", dec)
	}
}

// The statement's amount is not the order's: never fixed by itself, whatever
// the channel answers.
func TestFaultL05_AmountDiffers(t *testing.T) {
	table := load(t)
	rapid.Check(t, func(t *rapid.T) {
		d := numbered(1, rapid.Int64Range(1, 1<<40).Draw(t, "ours"))
		d.ChannelRow.AmountMinor = rapid.Int64Range(1, 1<<40).Filter(func(v int64) bool { return v != d.LocalRow.AmountMinor }).Draw(t, "theirs")
		d.Class = rapid.SampledFrom(schemas.Classes()).Draw(t, "class")
		d.LocalRow.Status = rapid.SampledFrom([]schemas.Status{S, U, F, C, R}).Draw(t, "local")
		a := confirmed(d)
		a.AmountMinor = rapid.SampledFrom([]int64{d.LocalRow.AmountMinor, d.ChannelRow.AmountMinor}).Draw(t, "answer")
		dec := table.Decide(d, Context{Answer: a})
		(&Fence{Limits: wide(), DayRows: 1}).Admit(&dec, d, a)
		if dec.Action == schemas.ActionAuto {
			t.Fatalf("fixed by itself: %+v", dec)
		}
	})
}

// Whatever the limits and the order of amounts: nothing beyond a limit is
// fixed, what is held is counted exactly, a cap that was hit stays shut, and
// the same input gives the same answer.
func TestFaultL06_NothingBeyondTheLimits(t *testing.T) {
	table := load(t)
	rapid.Check(t, func(t *rapid.T) {
		limits := Limits{
			MaxCount:    rapid.Int64Range(0, 12).Draw(t, "count"),
			MaxMinor:    map[string]int64{"CNY": rapid.Int64Range(0, 5000).Draw(t, "minor")},
			MaxSharePPM: rapid.Int64Range(0, 1_000_000).Draw(t, "share"),
			ShareFloor:  rapid.Int64Range(0, 5).Draw(t, "floor"),
		}
		rows := rapid.Int64Range(1, 50).Draw(t, "rows")
		amounts := rapid.SliceOfN(rapid.Int64Range(1, 1000), 0, 20).Draw(t, "amounts")
		run := func(applied int) (admitted []int, f *Fence) {
			f = &Fence{Limits: limits, DayRows: rows, Applied: map[string]bool{}}
			for i := range applied {
				d := numbered(i, amounts[i])
				f.Applied[FixKey(account, d, schemas.FixSetSuccess)] = true
				f.Prior = append(f.Prior, Spent{Cell: "P4", Currency: "CNY", Count: 1, Minor: amounts[i]})
			}
			for i, v := range amounts {
				d := numbered(i, v)
				dec := table.Decide(d, Context{Answer: confirmed(d)})
				if f.Admit(&dec, d, confirmed(d)); dec.Action == schemas.ActionAuto {
					admitted = append(admitted, i)
				}
			}
			return admitted, f
		}
		got, f := run(0)
		var sum, heldSum int64
		for i, at := range got {
			if at != i {
				t.Fatalf("a cap that was hit let %d through: %v", at, got)
			}
			sum += amounts[at]
		}
		for _, v := range amounts[len(got):] {
			heldSum += v
		}
		n := int64(len(got))
		if n > limits.MaxCount || sum > limits.MaxMinor["CNY"] || n > limits.ShareFloor && n*1_000_000 > rows*limits.MaxSharePPM {
			t.Fatalf("beyond the limits: %d fixes of %d", n, sum)
		}
		held := f.Held()
		if want := len(amounts) - len(got); f.HeldCount() != int64(want) || (want > 0) != (len(held) == 1) {
			t.Fatalf("held %d, want %d: %+v", f.HeldCount(), want, held)
		}
		if len(held) == 1 && (held[0].Minor != heldSum || held[0].Cell != "P4" || held[0].Why == "") {
			t.Fatalf("held %+v, want %d", held[0], heldSum)
		}
		again, _ := run(0)
		if !slices.Equal(got, again) {
			t.Fatalf("not the same twice: %v, %v", got, again)
		}
		// A second attempt, after the first had applied some: the same ones.
		if k := len(got); k > 0 {
			done := rapid.IntRange(0, k).Draw(t, "applied")
			if second, _ := run(done); !slices.Equal(second, got) {
				t.Fatalf("a second attempt after %d applied: %v, want %v", done, second, got)
			}
		}
	})
}

// Caps of one cell do not spend those of another.
func TestCapsAreByCell(t *testing.T) {
	table := load(t)
	l := wide()
	l.MaxCount = 1
	f := &Fence{Limits: l, DayRows: 10}
	behind, failed := numbered(1, 100), numbered(2, 100)
	failed.LocalRow.Status = F
	for _, d := range []*schemas.Difference{behind, failed} {
		if dec := admit(t, table, f, d, confirmed(d)); dec.Action != schemas.ActionAuto {
			t.Errorf("%+v", dec)
		}
	}
	third := numbered(3, 250)
	admit(t, table, f, third, confirmed(third))
	want := []Held{{Spent{Cell: "P4", Currency: "CNY", Count: 1, Minor: 250}, "the limit of 1 automatic fixes a day for P4 is reached"}}
	if diff := cmp.Diff(want, f.Held()); diff != "" {
		t.Error(diff)
	}
}

// The finding of an automatic fix carries exactly the fix, that of a held one
// what people may propose, and the money that it exposes.
func TestFind(t *testing.T) {
	table := load(t)
	d := numbered(1, 10000)
	d.ChannelRow.FeeMinor = schemas.Int64(60)
	a := confirmed(d)
	f := table.Find(d, Context{Answer: a}, &Fence{Limits: wide(), DayRows: 10}, "run1")
	want := []schemas.Fix{{Key: "wechat-main|PAYMENT|P0001||wxP0001|SET_SUCCESS", Kind: schemas.FixSetSuccess, RunID: "run1", CaseID: CaseOf(d), Cell: "P4",
		Channel: "wechat", Account: account, BillDate: day, RecordKind: schemas.Payment, MerchantRef: "P0001", ChannelRef: "wxP0001",
		AmountMinor: 10000, FeeMinor: 60, Currency: "CNY", EventTime: d.ChannelRow.EventTime, Expect: []schemas.Status{U}, Maker: "auto"}}
	if diff := cmp.Diff(want, f.Fixes); diff != "" {
		t.Error(diff)
	}
	if f.CaseID != CaseOf(d) || f.Evidence != Evidence(d) || f.Exposure != 10000 || f.Decision.Suspend != 0 {
		t.Errorf("%+v", f)
	}
	f = table.Find(d, Context{Answer: a}, &Fence{Limits: wide(), DayRows: 10, AutoOff: "off"}, "run1")
	want[0].Maker = ""
	if diff := cmp.Diff(want, f.Fixes); diff != "" || f.Decision.Suspend != 10000 {
		t.Errorf("suspends %d\n%s", f.Decision.Suspend, diff)
	}
	// Paid at the channel but not in its statement: the amount is the answer's.
	lost := diff(schemas.Payment, schemas.LocalOnly, U, none)
	lost.LocalRow.ChannelRef = ""
	b := answer(lost, S)
	b.ChannelRef = "wx9"
	f = table.Find(lost, Context{Answer: b}, nil, "run1")
	if len(f.Fixes) != 1 || f.Fixes[0].AmountMinor != 10000 || f.Fixes[0].ChannelRef != "wx9" || f.Fixes[0].EventTime != schemas.NoTime || f.Fixes[0].Maker != "" {
		t.Errorf("%+v", f.Fixes)
	}
	// Nothing of ours to fix.
	if f = table.Find(diff(schemas.Payment, schemas.ChannelOnly, none, S), Context{}, nil, "run1"); f.Fixes != nil || f.Decision.Suspend != 10000 {
		t.Errorf("%+v", f)
	}
}
