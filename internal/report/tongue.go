package report

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"tieout/internal/fault"
	"tieout/internal/money"
	"tieout/schemas"
)

// tongue says things in one language.
type tongue struct{ lang fault.Lang }

// say returns the word of a key. A key that the table does not hold is a
// defect of this package; it shows as itself.
func (t tongue) say(key string) string {
	if s, ok := t.find(words, key); ok {
		return s
	}
	return key
}

// word returns the word for one of the program's own words; one that is not in
// the table is shown as it is, escaped.
func (t tongue) word(area string, v any) string {
	name := fmt.Sprint(v)
	if name == "" {
		return ""
	}
	if s, ok := t.find(words, area+"."+name); ok {
		return s
	}
	return plain(name)
}

func (t tongue) find(table map[string]fault.Text, key string) (string, bool) {
	s, ok := table[key]
	if t.lang == fault.Chinese {
		return s.ZH, ok
	}
	return s.EN, ok
}

// proof names a proof in words; "" if the table has none.
func (t tongue) proof(name string) string {
	if s, ok := t.find(proofWords, name); ok {
		return s
	}
	family, _, _ := strings.Cut(name, ".")
	s, _ := t.find(proofWords, family)
	return s
}

// reason says why a difference is one. In English that is the sentence of the
// match; in Chinese the words of its rule, since the values stand beside it.
func (t tongue) reason(d *schemas.Difference) string {
	s, ok := t.find(ruleWords, d.Rule)
	if ok && (t.lang == fault.Chinese || d.Reason == "") {
		return s
	}
	return t.tell(d.Reason)
}

// tell shows a text that the program wrote into a result.
func (t tongue) tell(text string) string { return plain(fault.Translate(t.lang, text)) }

// verdict names a verdict; 0 is a run without one.
func (t tongue) verdict(v schemas.Verdict) string {
	if v == 0 {
		return t.say("verdict.none")
	}
	return t.word("verdict", v)
}

// money writes an amount for people: "-1,203,441.07". The amount of a currency
// that the program does not know is in minor units, and says so.
func (t tongue) money(minor int64, currency string) string {
	exp, ok := money.Currency(currency).Exponent()
	if !ok {
		return thousands(digits(minor)) + " " + t.say("minor")
	}
	return thousands(money.FormatScaled(minor, exp))
}

// signed is money with a plus before what is more than zero.
func (t tongue) signed(minor int64, currency string) string {
	if minor > 0 {
		return "+" + t.money(minor, currency)
	}
	return t.money(minor, currency)
}

// thousands puts commas between the digits in front of the point.
func thousands(s string) string {
	sign := ""
	if strings.HasPrefix(s, "-") {
		sign, s = "-", s[1:]
	}
	whole, rest, point := strings.Cut(s, ".")
	if len(whole) <= 3 && !point {
		return sign + whole
	}
	var b strings.Builder
	b.WriteString(sign)
	for i := range len(whole) {
		if i > 0 && (len(whole)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteByte(whole[i])
	}
	if point {
		b.WriteByte('.')
		b.WriteString(rest)
	}
	return b.String()
}

func count(n int64) string { return thousands(digits(n)) }

// weekday names the day of the week of a bill date.
func (t tongue) weekday(d time.Weekday) string {
	if t.lang == fault.Chinese {
		return "星期" + string([]rune("日一二三四五六")[d])
	}
	return d.String()
}

// zones keeps the zones that were used: loading one reads the zone database.
var zones sync.Map

// inZone turns UTC microseconds into the text of a zone; "" for NoTime. A zone
// that does not exist shows the time in UTC, and says so.
func inZone(micros int64, zone string) string {
	if micros == schemas.NoTime {
		return ""
	}
	return clockTime(time.UnixMicro(micros), zone)
}

func clockTime(t time.Time, zone string) string {
	if loc, ok := zones.Load(zone); ok {
		return t.In(loc.(*time.Location)).Format(time.DateTime)
	}
	loc, err := time.LoadLocation(zone)
	if err != nil || zone == "" || zone == "Local" {
		return t.UTC().Format(time.DateTime) + " UTC"
	}
	zones.Store(zone, loc)
	return t.In(loc).Format(time.DateTime)
}
