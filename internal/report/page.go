package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"tieout/internal/fault"
	"tieout/internal/money"
	"tieout/schemas"
)

// maxShown bounds the rows of one list of a page; the CSV files hold all.
const maxShown = 500

// page is what one page of one run shows, in no language yet.
type page struct {
	*schemas.RunReport
	Compare  bool // two files, no run behind them
	Langs    []fault.Lang
	Tiles    tiles
	Classes  []classLine
	Bridges  []bridgeView
	Groups   []group // differences, one group a class; nil if the run has none
	Listed   bool    // there is a list of differences, perhaps an empty one
	Ages     []ageBar
	Chart    *trendChart
	Checks   []schemas.Proof
	BadCheck []schemas.Proof
	Failed   []schemas.Proof // proofs that stop the run
	Versions []version
	Rows     rowCap
}

// rowCap tells the templates how much to show.
type rowCap struct{ Max int }

type version struct{ Name, Value string }

// tiles are the numbers at the top.
type tiles struct {
	Matched     int64
	MatchedSums []sum
	Breaks      int64
	BreakSums   []sum // delta
	Carried     int64
	CarriedSums []sum
	Fixed       int64
	Refused     int64
	Cases       int64
	Suspense    []sum
	LocalRows   int64
	ChannelRows int64
	HasExport   bool
	ProofsOK    int
	ProofsAll   int
}

// sum is an amount of one currency.
type sum struct {
	Currency string
	Minor    int64
}

// sums adds amounts up by currency, in 128 bits.
type sums map[string]*money.Sum

func (s sums) add(currency string, v int64) {
	if s[currency] == nil {
		s[currency] = &money.Sum{}
	}
	s[currency].Add(v)
}

// list gives the sums by currency. A sum that does not fit is an error: a
// report shows no amount that it did not compute.
func (s sums) list() ([]sum, error) {
	list := make([]sum, 0, len(s))
	for _, c := range sortedKeys(s) {
		v, err := s[c].Int64()
		if err != nil {
			return nil, fmt.Errorf("sum in %s: %w", plain(c), err)
		}
		list = append(list, sum{c, v})
	}
	return list, nil
}

// classLine is one line of the table of classes.
type classLine struct {
	schemas.ClassTotal
	Label label
	Bar   bar
	Break bool
	Drawn bool // it has a bar
}

// bridgeView is a bridge with its bars.
type bridgeView struct {
	schemas.Bridge
	Lines []bridgeLine
}

type bridgeLine struct {
	schemas.BridgeLine
	Bar bar
}

// newPage prepares what does not depend on the language.
func newPage(r *schemas.RunReport, langs []fault.Lang, groups []group, checks []schemas.Proof) (*page, error) {
	p := &page{RunReport: r, Compare: r.RunID == compareRun, Langs: langs, Groups: groups, Listed: r.Differences != nil, Ages: agesOf(r.Ageing), Chart: trendOf(r.Trend),
		Checks: checks, BadCheck: failing(checks), Classes: classesOf(r.Totals), Rows: rowCap{maxShown}}
	var err error
	if p.Tiles, err = tilesOf(r); err != nil {
		return nil, err
	}
	for _, b := range r.Bridge {
		p.Bridges = append(p.Bridges, bridgeOf(b))
	}
	for _, f := range r.Proofs {
		if !f.OK && !f.Advisory {
			p.Failed = append(p.Failed, f)
		}
	}
	for _, k := range sortedKeys(r.Versions) {
		p.Versions = append(p.Versions, version{k, r.Versions[k]})
	}
	return p, nil
}

// Tone is the colour of the band: the verdict, unless the report contradicts
// itself.
func (p *page) Tone() string {
	if len(p.BadCheck) > 0 {
		return "INCOMPLETE"
	}
	return toneOf(p.Verdict)
}

func toneOf(v schemas.Verdict) string {
	if v == 0 {
		return "INCOMPLETE"
	}
	return v.String()
}

func tilesOf(r *schemas.RunReport) (tiles, error) {
	t := tiles{Carried: int64(len(r.Carried)), Cases: int64(len(r.Cases)), ProofsAll: len(r.Proofs)}
	matched, breaks, carried, suspense := sums{}, sums{}, sums{}, sums{}
	for _, x := range r.Totals {
		switch {
		case x.Class == schemas.Matched:
			t.Matched += x.Outcomes
			matched.add(x.Currency, x.ChannelMinor)
		case x.Class.Break():
			t.Breaks += x.Outcomes
			breaks.add(x.Currency, x.DeltaMinor)
		}
	}
	for _, c := range r.Carried {
		carried.add(c.Record.Currency, c.Record.AmountMinor)
	}
	for _, c := range r.Cases {
		suspense.add(c.Currency, c.SuspendMinor)
	}
	for _, f := range r.Fixes {
		switch {
		case f.Result.State == "REFUSED":
			t.Refused++
		case byMachine(f):
			t.Fixed++
		}
	}
	for _, p := range r.Proofs {
		if p.OK {
			t.ProofsOK++
		}
	}
	if r.Statement != nil {
		t.ChannelRows = r.Statement.Rows
	}
	if r.Export != nil {
		t.LocalRows, t.HasExport = r.Export.Rows, true
	}
	for _, x := range []struct {
		from sums
		to   *[]sum
	}{{matched, &t.MatchedSums}, {breaks, &t.BreakSums}, {carried, &t.CarriedSums}, {suspense, &t.Suspense}} {
		list, err := x.from.list()
		if err != nil {
			return t, err
		}
		*x.to = list
	}
	return t, nil
}

// byMachine tells fixes that settled a difference without people. Money put
// in suspense, or taken out of it, settles nothing.
func byMachine(f schemas.FixDone) bool {
	return f.Fix.Maker == "auto" && f.Result.State != "REFUSED" && f.Fix.Kind != schemas.FixSuspend && f.Fix.Kind != schemas.FixReleaseSuspense
}

// classesOf draws the bars of each currency to the same measure. Classes that
// agree have no bar.
func classesOf(totals []schemas.ClassTotal) []classLine {
	longest := map[string]uint64{}
	for _, t := range totals {
		if hasDifference(t.Class) {
			longest[t.Currency] = max(longest[t.Currency], size(t.DeltaMinor))
		}
	}
	lines := make([]classLine, len(totals))
	for i, t := range totals {
		lines[i] = classLine{ClassTotal: t, Break: t.Class.Break(), Label: labelFor(t.Class, t.Kind, t.LocalMoved, t.ChannelMoved)}
		if hasDifference(t.Class) {
			lines[i].Bar, lines[i].Drawn = barOf(t.DeltaMinor, longest[t.Currency]), true
		}
	}
	return lines
}

func bridgeOf(b schemas.Bridge) bridgeView {
	v := bridgeView{Bridge: b}
	longest := uint64(0)
	for _, l := range b.Lines {
		longest = max(longest, size(l.Minor))
	}
	for _, l := range b.Lines {
		v.Lines = append(v.Lines, bridgeLine{l, barOf(l.Minor, longest)})
	}
	return v
}

// group is the differences of one class that a page shows.
type group struct {
	Class schemas.Class
	Shown []*schemas.Difference
	Rows  int64 // all of them
}

// More is how many rows stand only in the CSV file.
func (g group) More() int64 { return g.Rows - int64(len(g.Shown)) }

// grouper collects the first differences of each class.
type grouper map[schemas.Class]*group

func (g grouper) add(d *schemas.Difference) {
	x := g[d.Class]
	if x == nil {
		x = &group{Class: d.Class}
		g[d.Class] = x
	}
	x.Rows++
	if len(x.Shown) < maxShown {
		x.Shown = append(x.Shown, d)
	}
}

// groups gives what waits for somebody first, each part in the order of the
// classes.
func (g grouper) groups() []group {
	list := make([]group, 0, len(g))
	for _, breaks := range []bool{true, false} {
		for _, c := range schemas.Classes() {
			if x := g[c]; x != nil && c.Break() == breaks {
				list = append(list, *x)
			}
		}
	}
	return list
}

// sortedKeys returns the keys of a map in order.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// sortedValues returns the values of a map in order.
func sortedValues[K comparable, V any](m map[K]*V, compare func(a, b V) int) []V {
	list := make([]V, 0, len(m))
	for _, v := range m {
		list = append(list, *v)
	}
	slices.SortFunc(list, compare)
	return list
}

// why is the sentence behind the verdict. The run's own sentence is English;
// in Chinese it is made again from what the report holds.
func (p *page) why(t tongue) string {
	switch {
	case t.lang == fault.English && p.Why != "" && !strings.HasPrefix(p.Why, "E-"):
		return plain(p.Why)
	case p.Verdict == schemas.Incomplete && len(p.Failed) > 0:
		name := t.proof(p.Failed[0].Name)
		if name == "" {
			name = plain(p.Failed[0].Name)
		}
		return fmt.Sprintf(t.say("why.proof"), len(p.Failed), name)
	case p.Verdict == schemas.Breaks:
		n := p.Tiles.Cases
		if n == 0 {
			n = p.Tiles.Breaks
		}
		return fmt.Sprintf(t.say("why.BREAKS"), n)
	case p.Verdict == schemas.Pending:
		return fmt.Sprintf(t.say("why.PENDING"), p.Tiles.Carried)
	case p.Verdict == 0:
		return t.say("why.none")
	}
	return t.word("why", p.Verdict)
}

// Details is the run's own sentence where why says something else.
func (p *page) details(t tongue) string {
	if p.Why == "" || p.why(t) == plain(p.Why) {
		return ""
	}
	if t.lang == fault.Chinese && p.Verdict != schemas.Incomplete && !strings.Contains(p.Why, ". ") {
		return "" // the plain sentence of the verdict
	}
	lines := strings.Split(fault.Retell(t.lang, p.Why), "\n")
	for i, l := range lines {
		lines[i] = plain(strings.TrimSpace(l))
	}
	return strings.Join(lines, "\n")
}
