package report

import (
	"cmp"
	"math/bits"

	"tieout/internal/bizday"
	"tieout/schemas"
)

// share returns v/whole of size, for the length of a bar: 0 ≤ v ≤ whole. What
// is not zero is at least one unit long.
func share(v, whole uint64, size int) int {
	if v == 0 || whole == 0 {
		return 0
	}
	hi, lo := bits.Mul64(min(v, whole), uint64(size))
	n, _ := bits.Div64(hi, lo, whole) // hi < whole, since v ≤ whole and size fits in an int
	return max(1, int(n))
}

// size of a number without its sign; the smallest int64 has one too.
func size(v int64) uint64 {
	if v < 0 {
		return -uint64(v)
	}
	return uint64(v)
}

// bar is one bar of a table that has its zero in the middle.
type bar struct{ X, Width int }

// barHalf is the length of the longest bar to either side, in units of the
// drawing.
const barHalf = 50

func barOf(v int64, longest uint64) bar {
	w := share(size(v), longest, barHalf)
	if v < 0 {
		return bar{barHalf - w, w}
	}
	return bar{barHalf, w}
}

// Measures of the chart of the last days, in units of the drawing.
const (
	trendWidth  = 900
	trendTop    = 12
	trendHeight = 130
	trendLeft   = 44
	trendDays   = 30
	trendFoot   = 34 // strip of verdicts and dates
)

// trendChart is the drawing of the last days.
type trendChart struct {
	Width, Height int
	Days          []trendDay
	Lines         []trendLine
	StripY        int
	LabelY        int
	Left          int
}

type trendDay struct {
	X, Width, MidX int
	Date           bizday.Date
	Verdict        schemas.Verdict
	Label          string // "03-01", on some days only
	Parts          []trendPart
	Total          schemas.DayTotal
}

type trendPart struct {
	Kind      string // "breaks", "carried", "auto"
	Y, Height int
	Count     int64
}

type trendLine struct {
	Y     int
	Label string
}

// trendOf draws the last thirty days of a trend; nil if there are fewer than
// two, which is no trend.
func trendOf(days []schemas.DayTotal) *trendChart {
	if len(days) > trendDays {
		days = days[len(days)-trendDays:]
	}
	if len(days) < 2 {
		return nil
	}
	top := uint64(0)
	for _, d := range days {
		top = max(top, size(d.Breaks)+size(d.Carried)+size(d.AutoFixed))
	}
	top = roundUp(top)
	c := &trendChart{Width: trendWidth, Height: trendTop + trendHeight + trendFoot, StripY: trendTop + trendHeight + 3,
		LabelY: trendTop + trendHeight + 28, Left: trendLeft}
	for i := uint64(0); i <= 2; i++ {
		c.Lines = append(c.Lines, trendLine{Y: trendTop + trendHeight - trendHeight*int(i)/2, Label: count(int64(top * i / 2))})
	}
	step := (trendWidth - trendLeft) / max(len(days), 10)
	for i, d := range days {
		day := trendDay{X: trendLeft + i*step + step/8, Width: step - step/4, MidX: trendLeft + i*step + step/2, Date: d.Date, Verdict: d.Verdict, Total: d}
		if (len(days)-1-i)%5 == 0 {
			day.Label = d.Date.Format("01-02")
		}
		y := trendTop + trendHeight
		for _, p := range []trendPart{{Kind: "breaks", Count: d.Breaks}, {Kind: "carried", Count: d.Carried}, {Kind: "auto", Count: d.AutoFixed}} {
			if p.Height = share(size(p.Count), top, trendHeight); p.Height > 0 {
				y -= p.Height
				p.Y = y
				day.Parts = append(day.Parts, p)
			}
		}
		c.Days = append(c.Days, day)
	}
	return c
}

// roundUp finds an even number with one digit and zeros that is not below v.
func roundUp(v uint64) uint64 {
	unit := uint64(1)
	for v/unit >= 10 {
		unit *= 10
	}
	n := (v + unit - 1) / unit * unit
	if n%2 == 1 {
		n++
	}
	return max(n, 2)
}

// ageBar is one age of the open cases of a currency.
type ageBar struct {
	schemas.AgeBucket
	Width int // of 100
	Level int // 0 young … 3 old
}

var ageLevels = map[string]int{"0-1": 0, "2-7": 1, "8-30": 2, ">30": 3}

// agesOf draws the ages; the longest bar of a currency is 100 units long.
func agesOf(buckets []schemas.AgeBucket) []ageBar {
	longest := map[string]uint64{}
	for _, b := range buckets {
		longest[b.Currency] = max(longest[b.Currency], size(b.Minor))
	}
	bars := make([]ageBar, len(buckets))
	for i, b := range buckets {
		bars[i] = ageBar{AgeBucket: b, Width: share(size(b.Minor), longest[b.Currency], 100), Level: ageLevels[b.Bucket]}
	}
	return bars
}

// mergeTrends adds the days of several accounts up.
func mergeTrends(trends [][]schemas.DayTotal) []schemas.DayTotal {
	byDate := map[bizday.Date]*schemas.DayTotal{}
	for _, days := range trends {
		for _, d := range days {
			t := byDate[d.Date]
			if t == nil {
				t = &schemas.DayTotal{Date: d.Date, Verdict: d.Verdict}
				byDate[d.Date] = t
			}
			t.Matched += d.Matched
			t.Breaks += d.Breaks
			t.Carried += d.Carried
			t.AutoFixed += d.AutoFixed
			if d.Verdict != 0 && (t.Verdict == 0 || d.Verdict < t.Verdict) {
				t.Verdict = d.Verdict
			}
		}
	}
	return sortedValues(byDate, func(a, b schemas.DayTotal) int { return cmp.Compare(a.Date, b.Date) })
}
