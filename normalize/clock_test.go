package normalize

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"tieout/internal/bizday"
)

func mustLayout(t testing.TB, text string) *layout {
	t.Helper()
	l, err := newLayout(text)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestLayout(t *testing.T) {
	for _, c := range []struct {
		layout, text string
		want         wall
		why          string
	}{
		{"yyyy-MM-dd HH:mm:ss", "2025-11-20 23:59:58", wall{2025, 11, 20, 23, 59, 58}, ""},
		{"yyyyMMddHHmmss", "20240229000000", wall{2024, 2, 29, 0, 0, 0}, ""},
		{"yyMMdd", "251120", wall{2025, 11, 20, 0, 0, 0}, ""},
		{"MMddHHmmss", "0229120000", wall{0, 2, 29, 12, 0, 0}, ""},
		{"HHmmss", "235959", wall{0, 1, 1, 23, 59, 59}, ""},
		{"yyyy年MM月dd日", "2025年11月20日", wall{2025, 11, 20, 0, 0, 0}, ""},
		{"yyyy-MM-dd", "2025-02-29", wall{}, "calendar"},
		{"yyyy-MM-dd", "0000-01-01", wall{}, "calendar"},
		{"yyyy-MM-dd", "2025-13-01", wall{}, "calendar"},
		{"yyyy-MM-dd", "2025-00-01", wall{}, "calendar"},
		{"yyyy-MM-dd HH:mm:ss", "2025-11-20 24:00:00", wall{}, "calendar"},
		{"yyyy-MM-dd HH:mm:ss", "2025-11-20 23:59:60", wall{}, "calendar"},
		{"yyyy-MM-dd", "2025-11-2", wall{}, "form"},
		{"yyyy-MM-dd", "2025-11-2 ", wall{}, "form"},
		{"yyyy-MM-dd", "2025-1１-2", wall{}, "form"},
		{"yyyy-MM-dd", "2025/11/20", wall{}, "spreadsheet"},
		{"yyyy-MM-dd", "45981.5", wall{}, "spreadsheet"},
		{"yyyy-MM-dd", "", wall{}, "form"},
	} {
		got, why := mustLayout(t, c.layout).parse([]byte(c.text))
		if c.why == "" && (why != "" || got != c.want) {
			t.Errorf("%s %q: %+v %q, want %+v", c.layout, c.text, got, why, c.want)
		}
		if c.why != "" && !contains(why, c.why) {
			t.Errorf("%s %q: %q, want a reason with %q", c.layout, c.text, why, c.why)
		}
	}
	for _, bad := range []string{"yyy-MM-dd", "yyyy-MM-DD", "hh:mm", "yyyy-MM-dd yyyy"} {
		if _, err := newLayout(bad); err == nil {
			t.Errorf("the layout %q is taken", bad)
		}
	}
}

// A reader that remembers the date of the cell before reads what one reads that
// has seen nothing.
func TestSameDay_AgainstNewReader(t *testing.T) {
	def, f := letters(t)
	p, err := compile(def, f, f.Headers[0])
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(8, 8))
	remembered := 0
	for _, c := range []column{{op: opTime, layout: mustLayout(t, "yyyy-MM-dd HH:mm:ss")}, {op: opTime, layout: mustLayout(t, "MMddHHmmss")},
		{op: opTime, layout: mustLayout(t, "yyyyMMddTHHmmssZ")}, {op: opDate, layout: mustLayout(t, "yyyyMMdd")}, {op: opClock, layout: mustLayout(t, "HHmmss")}} {
		if c.dated = c.layout.clockAt; c.op == opDate {
			c.dated = c.layout.length
		}
		fresh := func() *rowReader { return newRowReader(p, &target{date: bizday.Make(2026, 1, 2)}, nil) }
		r := fresh()
		for range 20_000 {
			at := time.Date(2026, 1, 1+rng.IntN(2)*rng.IntN(2)*rng.IntN(40), rng.IntN(24), rng.IntN(60), rng.IntN(60), 0, time.UTC)
			cell := []byte(at.Format(strings.NewReplacer("yyyy", "2006", "MM", "01", "dd", "02", "HH", "15", "mm", "04", "ss", "05").Replace(c.layout.text)))
			if rng.IntN(3) == 0 {
				cell[rng.IntN(len(cell))] = "0123456789-: TZ/"[rng.IntN(16)]
			}
			if _, ok := r.sameDay(&c, cell, 0); ok {
				remembered++
			}
			one, other := fresh(), badCell{}
			var bad badCell
			got, want := r.time(&c, cell, 0, &bad), one.time(&c, cell, 0, &other)
			if got != want || bad.reason != other.reason || got && r.times[0] != one.times[0] {
				t.Fatalf("%s %q: %v %q %d, want %v %q %d", c.layout.text, cell, got, bad.reason, r.times[0], want, other.reason, one.times[0])
			}
		}
	}
	if remembered < 10_000 {
		t.Errorf("only %d cells were of the same day", remembered)
	}
}

func contains(s, part string) bool {
	for i := range len(s) - len(part) + 1 {
		if s[i:i+len(part)] == part {
			return true
		}
	}
	return false
}

func TestZone_AgainstTimePackage(t *testing.T) {
	for _, name := range []string{"Asia/Shanghai", "UTC", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "America/Sao_Paulo"} {
		loc, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		z := &zone{loc: loc}
		for d := bizday.Make(2017, 1, 1); d < bizday.Make(2026, 1, 1); d++ {
			for _, s := range []int64{0, 1800, 5400, 9000, 12 * 3600, 86399} {
				y, m, dd := d.YMD()
				want := time.Date(y, m, dd, int(s/3600), int(s/60%60), int(s%60), 0, loc)
				skipped := want.Hour() != int(s/3600) || want.Minute() != int(s/60%60)
				got, why := z.utc(d, s*second)
				if (why != "") != skipped {
					t.Fatalf("%s %s +%ds: %q, but the zone skips it: %v", name, d, s, why, skipped)
				}
				if skipped {
					continue
				}
				back := time.UnixMicro(got).In(loc)
				if back.Format("2006-01-02 15:04:05") != want.Format("2006-01-02 15:04:05") || got > want.UnixMicro() {
					t.Fatalf("%s %s +%ds: %s, want %s or the earlier of two", name, d, s, back, want)
				}
			}
		}
	}
}

func TestNearestYear(t *testing.T) {
	for _, c := range []struct {
		bill       bizday.Date
		month, day int
		want       string
	}{
		{bizday.Make(2026, 1, 1), 12, 31, "2025-12-31"},
		{bizday.Make(2025, 12, 31), 1, 1, "2026-01-01"},
		{bizday.Make(2025, 7, 18), 7, 17, "2025-07-17"},
		{bizday.Make(2024, 3, 1), 2, 29, "2024-02-29"},
		{bizday.Make(2023, 3, 1), 2, 29, "2024-02-29"},
		{bizday.Make(2022, 3, 1), 2, 29, ""},
		{bizday.None, 1, 1, ""},
	} {
		w, why := wall{month: c.month, day: c.day}.nearestYear(c.bill)
		if (why == "") != (c.want != "") || why == "" && w.date().String() != c.want {
			t.Errorf("%d-%d in a file of %s: %s %q, want %q", c.month, c.day, c.bill, w.date(), why, c.want)
		}
	}
}

func FuzzLayout(f *testing.F) {
	for _, s := range []string{"2025-11-20 23:59:59", "2025-02-29 00:00:00", "2025/11/20 9:07", ""} {
		f.Add(s)
	}
	l := mustLayout(f, "yyyy-MM-dd HH:mm:ss")
	f.Fuzz(func(t *testing.T, s string) {
		w, why := l.parse([]byte(s))
		want, err := time.Parse("2006-01-02 15:04:05", s)
		if why == "" && (err != nil || int64(w.date())*day+w.micros() != want.UnixMicro()) {
			t.Fatalf("%q is %+v, the time package says %v %v", s, w, want, err)
		}
		// The time package also takes fractions and single digits.
		if why != "" && err == nil && want.Year() > 0 && want.Format("2006-01-02 15:04:05") == s {
			t.Fatalf("%q is refused: %q", s, why)
		}
	})
}

// The eight bytes of a time of day are read as their parts are, whatever they
// hold.
func TestColonClock(t *testing.T) {
	colons := mustLayout(t, "yyyyMMdd HH:mm:ss")
	parts := *colons
	if parts.colons = false; !colons.colons {
		t.Fatal("not read as eight bytes")
	}
	rng, right := rand.New(rand.NewPCG(8, 8)), 0
	for range 200_000 {
		cell := fmt.Appendf(nil, "20261120 %02d:%02d:%02d", rng.IntN(26), rng.IntN(62), rng.IntN(62))
		if rng.IntN(3) == 0 {
			cell[9+rng.IntN(8)] = byte(rng.IntN(256))
		}
		got, ok := colons.clock(cell)
		want, wanted := parts.clock(cell)
		if ok != wanted || ok && got != want {
			t.Fatalf("%q: %d %v, not %d %v", cell, got, ok, want, wanted)
		}
		if ok {
			right++
		}
	}
	if right < 50_000 {
		t.Errorf("only %d were right", right)
	}
}
