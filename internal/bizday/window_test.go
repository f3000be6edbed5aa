package bizday

import (
	"testing"
	"time"
)

// The intervals of consecutive bill dates touch: no gap, no overlap, whatever
// the zone does with its clocks.
func TestFaultT02_WindowsTile(t *testing.T) {
	zones := []string{"Asia/Shanghai", "UTC", "Europe/Berlin", "America/New_York", "America/Sao_Paulo", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia",
		"Africa/Casablanca", "America/St_Johns", "Asia/Tehran", "Pacific/Chatham"}
	cuts := []string{"00:00", "23:00", "-23:00", "-22:30", "01:30", "02:30", "12:00"}
	for _, z := range zones {
		zone, err := time.LoadLocation(z)
		if err != nil {
			t.Fatal(err)
		}
		for _, cut := range cuts {
			day, err := ParseCutOff(cut, zone)
			if err != nil {
				t.Fatal(err)
			}
			end := day.Of(Make(2019, 12, 31)).To
			for d := Make(2020, 1, 1); d <= Make(2035, 12, 31); d++ {
				w := day.Of(d)
				if w.From != end || w.To <= w.From {
					t.Fatalf("%s %s %s: [%d, %d) does not follow %d", z, cut, d, w.From, w.To, end)
				}
				for _, at := range []int64{w.From, w.To - 1, (w.From + w.To) / 2} {
					if got := day.DateOf(at); got != d {
						t.Fatalf("%s %s: %s belongs to %s, not to %s", z, cut, time.UnixMicro(at).In(zone), d, got)
					}
				}
				end = w.To
			}
		}
	}
}

// A channel whose day begins at 23:00 the evening before.
func TestFaultM02_CutOffBeforeMidnight(t *testing.T) {
	zone, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		t.Fatal(err)
	}
	day, err := ParseCutOff("-23:00", zone)
	if err != nil {
		t.Fatal(err)
	}
	d := Make(2026, 11, 20)
	for at, want := range map[string]Date{"2026-11-19 22:59:59": d - 1, "2026-11-19 23:00:00": d, "2026-11-20 22:59:59": d, "2026-11-20 23:00:00": d + 1} {
		when, err := time.ParseInLocation("2006-01-02 15:04:05", at, zone)
		if err != nil {
			t.Fatal(err)
		}
		if got := day.DateOf(when.UnixMicro()); got != want {
			t.Errorf("%s belongs to %s, want %s", at, got, want)
		}
	}
}

func TestParse(t *testing.T) {
	for _, s := range []string{"2026-02-30", "2026-2-3", "20260203", "", "2026-02-03 ", "2026-13-01"} {
		if d, err := Parse(s); err == nil {
			t.Errorf("Parse(%q) = %s, want an error", s, d)
		}
	}
	d, err := Parse("2024-02-29")
	if err != nil || d.Add(1).String() != "2024-03-01" || d.Compact() != "20240229" {
		t.Errorf("the leap day is %s, %v", d, err)
	}
}
