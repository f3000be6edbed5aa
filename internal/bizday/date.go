// Package bizday is the business day: a calendar date in a channel's zone.
//
// In: text dates, zone names, cut-off times. Out: dates, and half-open
// intervals of UTC microseconds. Called by every stage. A day is never a
// time.Time at midnight, and a day after is never "+24 h": zones have days of
// 23 and 25 hours. The zone database is compiled in.
package bizday

import (
	"fmt"
	"time"
	_ "time/tzdata" // the zones do not depend on the machine
)

// Date counts days since 1970-01-01. The zero value is that day; None is no date.
type Date int32

// None is the absent date.
const None Date = -1 << 31

// Of returns the date of t in zone loc.
func Of(t time.Time, loc *time.Location) Date {
	y, m, d := t.In(loc).Date()
	return Make(y, int(m), d)
}

// Make returns the date of a calendar day; it does not check the parts.
func Make(year, month, day int) Date {
	return Date(time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC).Unix() / 86400)
}

// Parse reads "2006-01-02", strictly.
func Parse(s string) (Date, error) {
	t, err := time.Parse("2006-01-02", s)
	if err != nil || len(s) != 10 {
		return None, fmt.Errorf("date %.40q is not a calendar day of the form 2006-01-02", s)
	}
	return Date(t.Unix() / 86400), nil
}

func (d Date) utc() time.Time { return time.Unix(int64(d)*86400, 0).UTC() }

// String gives "2006-01-02", and "" for None.
func (d Date) String() string {
	if d == None {
		return ""
	}
	return d.utc().Format("2006-01-02")
}

// Compact gives "20060102".
func (d Date) Compact() string { return d.utc().Format("20060102") }

// Format uses a time layout on the date.
func (d Date) Format(layout string) string { return d.utc().Format(layout) }

// YMD returns the calendar parts.
func (d Date) YMD() (year int, month time.Month, day int) { return d.utc().Date() }

// Weekday of the date.
func (d Date) Weekday() time.Weekday { return d.utc().Weekday() }

// Add moves by calendar days.
func (d Date) Add(days int) Date { return d + Date(days) }

// MarshalText writes "2006-01-02" ("" for None).
func (d Date) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (d *Date) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*d = None
		return nil
	}
	v, err := Parse(string(b))
	if err == nil {
		*d = v
	}
	return err
}
