package report

import (
	"fmt"
	"slices"

	"tieout/internal/money"
	"tieout/schemas"
)

// The names of the checks of a report.
const (
	checkListed  = "report.differences" // the list holds what the totals count
	checkDelta   = "report.delta"       // delta = channel - local
	checkBridge  = "report.bridge"      // our books + the lines = the statement
	checkVerdict = "report.verdict"     // the verdict follows from the proofs
	checkCarried = "report.carried"     // the carried rows are those that the totals count
	checkRows    = "report.rows"        // rows = records + rejects
	checkRejects = "report.rejects"     // rejects.csv holds them all
	checkAmounts = "report.amounts"     // both forms of each amount agree
	checkFiles   = "report.files"       // each file has its digest
)

// Verify looks at a report from the outside: whether what it shows adds up.
// differences is what the list of differences holds, counted from the list
// itself, and nil if the run has none. Every failing check is a defect of the
// run or of the report.
func Verify(r *schemas.RunReport, differences []schemas.ClassTotal) []schemas.Proof {
	checks := []schemas.Proof{checkDeltas(r.Totals), checkBridges(r), checkTheVerdict(r), checkTheCarried(r)}
	if r.Statement != nil {
		checks = append(checks, checkTheRows(r.Statement))
	}
	if differences != nil {
		checks = append(checks, checkList(r.Totals, differences))
	}
	return checks
}

// failing keeps the checks that do not hold.
func failing(checks []schemas.Proof) []schemas.Proof {
	var bad []schemas.Proof
	for _, c := range checks {
		if !c.OK {
			bad = append(bad, c)
		}
	}
	return bad
}

// checkList compares the totals of the classes that have differences with the
// list. The first pair that differs is shown.
func checkList(totals, list []schemas.ClassTotal) schemas.Proof {
	var want []schemas.ClassTotal
	for _, t := range totals {
		if hasDifference(t.Class) {
			t.LocalMoved, t.ChannelMoved = 0, 0
			want = append(want, t)
		}
	}
	slices.SortFunc(want, compareTotals)
	for i := range max(len(want), len(list)) {
		w, g := at(want, i), at(list, i)
		if w != g {
			return schemas.Proof{Name: checkListed, Want: totalText(w), Got: totalText(g), Currency: w.Currency, Note: "totals of the run = list of differences"}
		}
	}
	n := countOf(list)
	return schemas.Proof{Name: checkListed, OK: true, Want: digits(n), Got: digits(n), Note: "totals of the run = list of differences"}
}

func at(list []schemas.ClassTotal, i int) schemas.ClassTotal {
	if i < len(list) {
		return list[i]
	}
	return schemas.ClassTotal{}
}

func countOf(totals []schemas.ClassTotal) int64 {
	var n int64
	for _, t := range totals {
		n += t.Outcomes
	}
	return n
}

func totalText(t schemas.ClassTotal) string {
	if t.Class == 0 {
		return "nothing"
	}
	return fmt.Sprintf("%s %s: %d outcomes, %d rows of %s against %d rows of %s", t.Class, t.Kind, t.Outcomes,
		t.LocalRows, money.Format(t.LocalMinor, money.Currency(t.Currency)), t.ChannelRows, money.Format(t.ChannelMinor, money.Currency(t.Currency)))
}

func checkDeltas(totals []schemas.ClassTotal) schemas.Proof {
	for _, t := range totals {
		if d, err := money.Sub(t.ChannelMinor, t.LocalMinor); err != nil || d != t.DeltaMinor {
			return schemas.Proof{Name: checkDelta, Want: money.Format(d, money.Currency(t.Currency)), Got: money.Format(t.DeltaMinor, money.Currency(t.Currency)),
				Currency: t.Currency, Note: fmt.Sprintf("%s %s: delta = channel - local", t.Class, t.Kind)}
		}
	}
	n := digits(int64(len(totals)))
	return schemas.Proof{Name: checkDelta, OK: true, Want: n, Got: n, Note: "delta = channel - local, in every total"}
}

// checkBridges adds up each bridge, and compares its ends with the totals.
func checkBridges(r *schemas.RunReport) schemas.Proof {
	note := "our books + the lines = the statement"
	for _, b := range r.Bridge {
		if b.Residual != 0 {
			return schemas.Proof{Name: checkBridge, Want: money.Format(0, money.Currency(b.Currency)), Got: money.Format(b.Residual, money.Currency(b.Currency)),
				Currency: b.Currency, Note: "residual"}
		}
		var local, channel, end money.Sum
		for _, t := range r.Totals {
			if t.Currency == b.Currency && t.Class != schemas.OtherDay && t.Class != schemas.Claimed {
				addSigned(&local, t.Kind, t.LocalMoved)
				addSigned(&channel, t.Kind, t.ChannelMoved)
			}
		}
		end.Add(b.Local)
		for _, l := range b.Lines {
			end.Add(l.Minor)
		}
		for _, x := range []struct {
			want int64
			got  money.Sum
			note string
		}{{b.Channel, end, note}, {b.Local, local, "bridge = totals, our books"}, {b.Channel, channel, "bridge = totals, the statement"}} {
			if got, err := x.got.Int64(); err != nil || got != x.want {
				return schemas.Proof{Name: checkBridge, Want: money.Format(x.want, money.Currency(b.Currency)), Got: money.Format(got, money.Currency(b.Currency)),
					Currency: b.Currency, Note: x.note}
			}
		}
	}
	n := digits(int64(len(r.Bridge)))
	return schemas.Proof{Name: checkBridge, OK: true, Want: n, Got: n, Note: note}
}

func addSigned(sum *money.Sum, k schemas.Kind, v int64) {
	if leaves(k) {
		v = -v
	}
	sum.Add(v)
}

// checkTheVerdict finds verdicts that are quieter than what stands below them.
func checkTheVerdict(r *schemas.RunReport) schemas.Proof {
	loudest, why := schemas.Reconciled, "nothing is open"
	for _, p := range r.Proofs {
		switch {
		case !p.OK && !p.Advisory:
			loudest, why = schemas.Incomplete, "the proof "+p.Name+" failed"
		case !p.OK && loudest > schemas.Warnings:
			loudest, why = schemas.Warnings, "the check "+p.Name+" wants a look"
		}
	}
	if n := len(r.Cases); n > 0 && loudest > schemas.Breaks {
		loudest, why = schemas.Breaks, fmt.Sprintf("%d cases are open", n)
	}
	if n := len(r.Carried); n > 0 && loudest > schemas.Pending {
		loudest, why = schemas.Pending, fmt.Sprintf("%d rows are carried", n)
	}
	ok := r.Verdict >= schemas.Incomplete && r.Verdict <= loudest
	return schemas.Proof{Name: checkVerdict, OK: ok, Want: loudest.String() + " or louder", Got: r.Verdict.String(), Note: why}
}

// checkTheCarried compares the rows that wait with the totals of their class.
func checkTheCarried(r *schemas.RunReport) schemas.Proof {
	waiting := listed{}
	for _, c := range r.Carried {
		row := listedRow{class: schemas.ChannelInTransit, channelKind: c.Record.Kind, channelCurrency: c.Record.Currency, channelAmount: c.Record.AmountMinor}
		if c.Side == schemas.Local {
			row = listedRow{class: schemas.LocalInTransit, localKind: c.Record.Kind, localCurrency: c.Record.Currency, localAmount: c.Record.AmountMinor}
		}
		waiting.add(row)
	}
	var want []schemas.ClassTotal
	for _, t := range r.Totals {
		if t.Class == schemas.LocalInTransit || t.Class == schemas.ChannelInTransit {
			want = append(want, t)
		}
	}
	got, err := waiting.totals()
	p := checkList(want, got)
	p.Name, p.Note = checkCarried, "rows in transit = rows carried to the next run"
	p.OK = p.OK && err == nil
	return p
}

func checkTheRows(s *schemas.Statement) schemas.Proof {
	return schemas.Proof{Name: checkRows, OK: s.Rows == s.Records+s.Rejects, Want: digits(s.Rows), Got: digits(s.Records + s.Rejects),
		Note: "rows of the statement = records + rejected rows"}
}

func checkTheRejects(counted, listed int64) schemas.Proof {
	return schemas.Proof{Name: checkRejects, OK: counted == listed, Want: digits(counted), Got: digits(listed), Note: "rejected rows = rows of rejects.csv"}
}
