package normalize

import (
	"fmt"
	"time"

	"tieout/internal/bizday"
)

const (
	second = int64(1_000_000) // microseconds
	day    = 86400 * second
)

// layout is a compiled time layout: fixed places of digits and literal bytes.
type layout struct {
	text   string
	length int
	// Offset of each part in the cell; -1 if the layout has none.
	year4, year2, month, dayOf, hour, minute, sec int
	literals                                      []literal
	clockAt                                       int  // where the time of day begins if it stands last, else 0
	colons                                        bool // the time of day is HH:mm:ss
}

type literal struct {
	at  int
	chr byte
}

// newLayout compiles a layout made of yyyy, yy, MM, dd, HH, mm, ss and literal
// characters between them, such as "yyyy-MM-dd HH:mm:ss" or "MMddHHmmss".
func newLayout(text string) (*layout, error) {
	l := &layout{text: text, length: len(text), year4: -1, year2: -1, month: -1, dayOf: -1, hour: -1, minute: -1, sec: -1}
	places := map[string]*int{"yyyy": &l.year4, "yy": &l.year2, "MM": &l.month, "dd": &l.dayOf, "HH": &l.hour, "mm": &l.minute, "ss": &l.sec}
	for i := 0; i < len(text); {
		run := 1
		for i+run < len(text) && text[i+run] == text[i] {
			run++
		}
		if place, ok := places[text[i:i+run]]; ok && *place < 0 {
			*place = i
			i += run
			continue
		}
		if c := text[i]; c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' && c != 'T' && c != 'Z' {
			return nil, fmt.Errorf("time layout %q: %q is no part of a time", text, text[i:i+run])
		}
		l.literals = append(l.literals, literal{i, text[i]})
		i++
	}
	if l.hour >= 0 && l.minute > l.hour && l.sec > l.minute && max(l.year4, l.year2, l.month, l.dayOf) < l.hour {
		l.clockAt = l.hour
		l.colons = text[l.hour:] == "HH:mm:ss"
	}
	return l, nil
}

// wall is a wall-clock time as it stands in a cell; year 0 means that the
// layout has none.
type wall struct{ year, month, day, hour, minute, sec int }

// parse reads a cell strictly: the exact length, digits in their places, a day
// that the calendar has. The reason is "" on success. A missing part is 0,
// except that month and day are then 1.
func (l *layout) parse(b []byte) (w wall, why string) {
	if len(b) != l.length {
		return w, notTime(b)
	}
	for _, lit := range l.literals {
		if b[lit.at] != lit.chr {
			return w, notTime(b)
		}
	}
	bad := 0 // turns non-zero with the first character that is no digit
	w.month, w.day = 1, 1
	if l.year4 >= 0 {
		w.year = digits2(b, l.year4, &bad)*100 + digits2(b, l.year4+2, &bad)
	} else if l.year2 >= 0 {
		w.year = 2000 + digits2(b, l.year2, &bad)
	}
	if l.month >= 0 {
		w.month = digits2(b, l.month, &bad)
	}
	if l.dayOf >= 0 {
		w.day = digits2(b, l.dayOf, &bad)
	}
	if l.hour >= 0 {
		w.hour = digits2(b, l.hour, &bad)
	}
	if l.minute >= 0 {
		w.minute = digits2(b, l.minute, &bad)
	}
	if l.sec >= 0 {
		w.sec = digits2(b, l.sec, &bad)
	}
	if bad != 0 {
		return w, notTime(b)
	}
	year := w.year
	if year == 0 {
		year = 2000 // a leap year: 29 February waits for its year
	}
	if l.year4 >= 0 && w.year == 0 || w.month < 1 || w.month > 12 || w.day < 1 || w.day > daysIn(year, w.month) || w.hour > 23 || w.minute > 59 || w.sec > 59 {
		return w, "not a time that the calendar has"
	}
	return w, ""
}

// clock reads only the time of day. It is false if anything is wrong with it.
func (l *layout) clock(b []byte) (micros int64, ok bool) {
	if l.colons {
		return colonClock(word(b[l.clockAt : l.clockAt+8]))
	}
	bad := 0
	for _, lit := range l.literals {
		if lit.at > l.clockAt && b[lit.at] != lit.chr {
			bad = 1
		}
	}
	h, m, s := digits2(b, l.hour, &bad), digits2(b, l.minute, &bad), digits2(b, l.sec, &bad)
	return int64(h*3600+m*60+s) * second, bad == 0 && h < 24 && m < 60 && s < 60
}

// colonClock reads the eight bytes of HH:mm:ss: its digits become zeros and more,
// and each pair of them one number.
func colonClock(w uint64) (micros int64, ok bool) {
	w ^= 0x30303A30_303A3030 // what is left of a digit is the digit
	const colons = 0x0000FF00_00FF0000
	bad := w&(0xF0*ones|colons) | (w+0x06*ones)&(0xF0*ones&^colons)
	w = w*10 + w>>8 // two digits in the byte of the first
	h, m, s := w&0xFF, w>>24&0xFF, w>>48&0xFF
	return int64(h*3600+m*60+s) * second, bad == 0 && h < 24 && m < 60 && s < 60
}

func digits2(b []byte, at int, bad *int) int {
	hi, lo := b[at]-'0', b[at+1]-'0'
	if hi > 9 || lo > 9 {
		*bad = 1
	}
	return int(hi)*10 + int(lo)
}

// notTime tells what a spreadsheet makes of a time ("2021/1/28 17:07",
// "44224.7") from any other damage.
func notTime(b []byte) string {
	slashes, digits, points := 0, 0, 0
	for _, c := range b {
		switch {
		case c == '/':
			slashes++
		case c >= '0' && c <= '9':
			digits++
		case c == '.':
			points++
		}
	}
	if slashes == 2 || len(b) > 0 && points == 1 && digits+points == len(b) {
		return whySpreadsheet
	}
	return "not a time of the channel's form"
}

func daysIn(year, month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// date returns the calendar day.
func (w wall) date() bizday.Date { return bizday.Date(civilDays(w.year, w.month, w.day)) }

// micros returns the time of day.
func (w wall) micros() int64 {
	return int64(w.hour*3600+w.minute*60+w.sec) * second
}

// dayCell remembers the date in a cell of time: those of a file are of a few
// days, and a calendar is dearer than a comparison.
type dayCell struct {
	text []byte // of the cell, up to its time of day
	date bizday.Date
}

func (d *dayCell) keep(text []byte, date bizday.Date) {
	d.text, d.date = append(d.text[:0], text...), date
}

// civilDays counts days from 1970-01-01 in the Gregorian calendar, by eras of
// 400 years that begin on 1 March.
func civilDays(y, m, d int) int {
	if m <= 2 {
		y--
	}
	era := y / 400
	yoe := y - era*400
	mp := (m + 9) % 12
	doy := (153*mp+2)/5 + d - 1
	return era*146097 + yoe*365 + yoe/4 - yoe/100 + doy - 719468
}

// nearestYear gives a time without a year the year that puts it nearest to the
// bill date: 31 December in a file of 1 January belongs to the year before.
func (w wall) nearestYear(bill bizday.Date) (wall, string) {
	if bill == bizday.None {
		return w, "a time without a year, and the bill date is not known"
	}
	year, _, _ := bill.YMD()
	best, distance := 0, 1<<30
	for y := year - 1; y <= year+1; y++ {
		if w.day > daysIn(y, w.month) {
			continue
		}
		d := civilDays(y, w.month, w.day) - int(bill)
		if d < 0 {
			d = -d
		}
		if d < distance {
			best, distance = y, d
		}
	}
	if best == 0 {
		return w, "not a time that the calendar has"
	}
	w.year = best
	return w, ""
}

// zone turns wall-clock times of one zone into UTC. It remembers the last day,
// since the rows of a file share a few days. Not safe for concurrent use.
type zone struct {
	loc     *time.Location
	day     bizday.Date
	start   int64 // UTC microseconds of the day's wall-clock midnight, if plain
	plain   bool  // the day has one offset from start to end
	started bool
}

// utc returns the instant of a wall-clock time in UTC microseconds. A time that
// a clock change skips is refused; of one that comes twice, the first is taken.
func (z *zone) utc(d bizday.Date, micros int64) (int64, string) {
	if !z.started || d != z.day {
		z.enter(d)
	}
	if z.plain {
		return z.start + micros, ""
	}
	y, m, dd := d.YMD()
	s := int(micros / second)
	t := time.Date(y, m, dd, s/3600, s/60%60, s%60, 0, z.loc)
	if t.Hour() != s/3600 || t.Minute() != s/60%60 {
		return 0, "a wall-clock time that the zone skips"
	}
	if earlier := t.Add(-time.Hour); earlier.Hour() == t.Hour() && earlier.Minute() == t.Minute() {
		t = earlier
	}
	return t.UnixMicro(), ""
}

func (z *zone) enter(d bizday.Date) {
	y, m, dd := d.YMD()
	from := time.Date(y, m, dd, 0, 0, 0, 0, z.loc)
	to := time.Date(y, m, dd+1, 0, 0, 0, 0, z.loc)
	z.day, z.started = d, true
	z.start = from.UnixMicro()
	z.plain = to.UnixMicro()-z.start == day && from.Hour() == 0
}
