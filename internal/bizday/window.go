package bizday

import (
	"fmt"
	"time"
)

// Day says how a channel cuts time into bill dates. CutOff is the wall-clock
// time, on the calendar day BEFORE when Previous is true, at which a bill date
// begins in Zone. Midnight is {0, false}; a bill date that runs from 23:00 of
// the day before to 23:00 is {23h, true}.
type Day struct {
	Zone     *time.Location
	CutOff   time.Duration // wall-clock offset from midnight, 0 <= CutOff < 24h
	Previous bool
}

// Interval is half-open, [From, To), in UTC microseconds.
type Interval struct{ From, To int64 }

// Contains tells whether t (UTC microseconds) lies in [From, To).
func (i Interval) Contains(t int64) bool { return t >= i.From && t < i.To }

// start returns the first microsecond of bill date d.
func (c Day) start(d Date) int64 {
	if c.Previous {
		d--
	}
	y, m, day := d.YMD()
	s := int(c.CutOff / time.Second)
	// time.Date resolves a wall clock that a DST jump skips to the instant of
	// the jump's far side; the same rule for each day keeps the tiling exact.
	return time.Date(y, m, day, s/3600, s/60%60, s%60, 0, c.Zone).UnixMicro()
}

// Of returns the interval of bill date d. Intervals of consecutive dates touch
// without gap or overlap: the end of one is the start of the next.
func (c Day) Of(d Date) Interval { return Interval{From: c.start(d), To: c.start(d + 1)} }

// DateOf returns the bill date that holds t (UTC microseconds).
func (c Day) DateOf(t int64) Date {
	d := Of(time.UnixMicro(t), c.Zone)
	for t >= c.start(d+1) {
		d++
	}
	for t < c.start(d) {
		d--
	}
	return d
}

// ParseCutOff reads "HH:MM" or "HH:MM:SS", with a leading "-" for the day
// before ("-23:00" begins the bill date at 23:00 of the day before).
func ParseCutOff(s string, zone *time.Location) (Day, error) {
	day := Day{Zone: zone}
	text := s
	if len(text) > 0 && text[0] == '-' {
		day.Previous, text = true, text[1:]
	}
	layout := "15:04"
	if len(text) == 8 {
		layout = "15:04:05"
	}
	t, err := time.Parse(layout, text)
	if err != nil {
		return Day{}, fmt.Errorf("cut-off %.20q is not of the form 15:04", s)
	}
	day.CutOff = time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute + time.Duration(t.Second())*time.Second
	return day, nil
}
