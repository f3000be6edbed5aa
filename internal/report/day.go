package report

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"

	"tieout/internal/bizday"
	"tieout/internal/fault"
	"tieout/internal/money"
	"tieout/schemas"
)

// dayPage is what the page of a whole day shows, in no language yet.
type dayPage struct {
	Date     bizday.Date
	Verdict  schemas.Verdict
	Missing  []string
	Accounts []accountLine
	Tiles    tiles
	All      int64 // accounts
	Settled  int64 // of them, those where nothing waits for people
	Totals   []schemas.ClassTotal
	Bridge   []schemas.Bridge
	Classes  []classLine
	Bridges  []bridgeView
	Ages     []ageBar
	Chart    *trendChart
}

// titledDay is the page in one language.
type titledDay struct {
	*dayPage
	Title  string
	Others []fault.Lang
}

// accountLine is one account of the day.
type accountLine struct{ *page }

// Page is the account's own page.
func (a accountLine) Page() *page { return a.page }

// folder is where the account's own report stands, below the day's.
func (a accountLine) folder() string { return a.Account }

// Href links to the account's own page.
func (a accountLine) Href(lang string) string {
	return "./" + url.PathEscape(a.folder()) + "/" + fmt.Sprintf(pageFile, lang)
}

// newDayPage adds the accounts up.
func newDayPage(d *schemas.DayReport) (*dayPage, error) {
	day := &dayPage{Date: d.Date, Verdict: d.Verdict, Missing: d.Missing, All: int64(len(d.Runs) + len(d.Missing))}
	var whole schemas.RunReport
	var trends [][]schemas.DayTotal
	for _, r := range d.Runs {
		p, err := newPage(r, nil, nil, Verify(r, nil))
		if err != nil {
			return nil, fmt.Errorf("account %s: %w", r.Account, err)
		}
		day.Accounts = append(day.Accounts, accountLine{p})
		if r.Verdict == schemas.Reconciled || r.Verdict == schemas.Pending {
			day.Settled++
		}
		whole.Totals = append(whole.Totals, r.Totals...)
		whole.Carried = append(whole.Carried, r.Carried...)
		whole.Cases = append(whole.Cases, r.Cases...)
		whole.Fixes = append(whole.Fixes, r.Fixes...)
		whole.Ageing = append(whole.Ageing, r.Ageing...)
		whole.Bridge = append(whole.Bridge, r.Bridge...)
		trends = append(trends, r.Trend)
	}
	var err error
	if whole.Totals, err = mergeTotals(whole.Totals); err != nil {
		return nil, err
	}
	if whole.Bridge, err = mergeBridges(whole.Bridge); err != nil {
		return nil, err
	}
	if whole.Ageing, err = mergeAges(whole.Ageing); err != nil {
		return nil, err
	}
	if day.Tiles, err = tilesOf(&whole); err != nil {
		return nil, err
	}
	day.Totals, day.Bridge = whole.Totals, whole.Bridge
	for _, b := range whole.Bridge {
		day.Bridges = append(day.Bridges, bridgeOf(b))
	}
	day.Classes, day.Ages, day.Chart = classesOf(whole.Totals), agesOf(whole.Ageing), trendOf(mergeTrends(trends))
	return day, nil
}

// why is the sentence behind the verdict of the day.
func (d titledDay) why(t tongue) string {
	if len(d.Missing) > 0 {
		return fmt.Sprintf(t.say("why.missing"), len(d.Missing))
	}
	n := 0
	for _, a := range d.Accounts {
		if a.Verdict == d.Verdict {
			n++
		}
	}
	return fmt.Sprintf(t.say("why.day"), d.All, t.verdict(d.Verdict), n)
}

// adder adds amounts and keeps the first overflow.
type adder struct{ err error }

func (a *adder) add(to *int64, v int64) {
	sum, err := money.Add(*to, v)
	if err != nil && a.err == nil {
		a.err = fmt.Errorf("total of the day: %w", err)
	}
	*to = sum
}

func mergeTotals(totals []schemas.ClassTotal) ([]schemas.ClassTotal, error) {
	var sum adder
	byKey := map[listedKey]*schemas.ClassTotal{}
	for _, t := range totals {
		k := listedKey{t.Class, t.Kind, t.Currency}
		x := byKey[k]
		if x == nil {
			byKey[k] = &t
			continue
		}
		x.Outcomes += t.Outcomes
		x.LocalRows += t.LocalRows
		x.ChannelRows += t.ChannelRows
		sum.add(&x.LocalMinor, t.LocalMinor)
		sum.add(&x.ChannelMinor, t.ChannelMinor)
		sum.add(&x.DeltaMinor, t.DeltaMinor)
		sum.add(&x.LocalMoved, t.LocalMoved)
		sum.add(&x.ChannelMoved, t.ChannelMoved)
	}
	return sortedValues(byKey, compareTotals), sum.err
}

func mergeBridges(bridges []schemas.Bridge) ([]schemas.Bridge, error) {
	var sum adder
	byCurrency := map[string]*schemas.Bridge{}
	for _, b := range bridges {
		x := byCurrency[b.Currency]
		if x == nil {
			x = &schemas.Bridge{Currency: b.Currency}
			byCurrency[b.Currency] = x
		}
		sum.add(&x.Local, b.Local)
		sum.add(&x.Channel, b.Channel)
		sum.add(&x.Residual, b.Residual)
		for _, l := range b.Lines {
			i := slices.IndexFunc(x.Lines, func(y schemas.BridgeLine) bool { return y.Class == l.Class && y.Kind == l.Kind })
			if i < 0 {
				x.Lines = append(x.Lines, l)
				continue
			}
			x.Lines[i].Rows += l.Rows
			sum.add(&x.Lines[i].Minor, l.Minor)
		}
	}
	for _, b := range byCurrency {
		slices.SortFunc(b.Lines, func(a, b schemas.BridgeLine) int {
			return cmp.Or(cmp.Compare(a.Class, b.Class), cmp.Compare(a.Kind, b.Kind))
		})
	}
	return sortedValues(byCurrency, func(a, b schemas.Bridge) int { return cmp.Compare(a.Currency, b.Currency) }), sum.err
}

func mergeAges(buckets []schemas.AgeBucket) ([]schemas.AgeBucket, error) {
	type key struct{ bucket, currency string }
	var sum adder
	byKey := map[key]*schemas.AgeBucket{}
	for _, b := range buckets {
		x := byKey[key{b.Bucket, b.Currency}]
		if x == nil {
			byKey[key{b.Bucket, b.Currency}] = &b
			continue
		}
		x.Cases += b.Cases
		sum.add(&x.Minor, b.Minor)
	}
	return sortedValues(byKey, func(a, b schemas.AgeBucket) int {
		return cmp.Or(cmp.Compare(a.Currency, b.Currency), cmp.Compare(ageLevels[a.Bucket], ageLevels[b.Bucket]))
	}), sum.err
}

// daySummary is one account in day.json. What it leaves out stands in the
// account's own report.json.
type daySummary struct {
	Account string               `json:"account"`
	Channel string               `json:"channel"`
	RunID   string               `json:"run_id"`
	Attempt int                  `json:"attempt"`
	Verdict schemas.Verdict      `json:"verdict"`
	Why     string               `json:"why"`
	Folder  string               `json:"folder"`
	Failed  []schemas.Proof      `json:"failed_proofs"`
	Totals  []schemas.ClassTotal `json:"totals"`
	Bridge  []schemas.Bridge     `json:"bridge"`
	Ageing  []schemas.AgeBucket  `json:"ageing"`
	Matched int64                `json:"matched"`
	Breaks  int64                `json:"breaks"`
	Carried int64                `json:"carried"`
	Fixed   int64                `json:"auto_fixed"`
	Cases   int64                `json:"open_cases"`
}

func (d *dayPage) summaries() []daySummary {
	list := make([]daySummary, len(d.Accounts))
	for i, a := range d.Accounts {
		t := a.Tiles
		list[i] = daySummary{Account: a.Account, Channel: a.Channel, RunID: a.RunID, Attempt: a.Attempt, Verdict: a.RunReport.Verdict, Why: a.Why, Folder: a.folder(),
			Failed: a.Failed, Totals: a.Totals, Bridge: a.Bridge, Ageing: a.Ageing,
			Matched: t.Matched, Breaks: t.Breaks, Carried: t.Carried, Fixed: t.Fixed, Cases: t.Cases}
	}
	return list
}
