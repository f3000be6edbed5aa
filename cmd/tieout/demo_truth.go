package main

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"tieout/internal/bizday"
	"tieout/internal/channelsim"
	"tieout/internal/fault"
	"tieout/internal/money"
	"tieout/internal/store"
	"tieout/schemas"
)

type (
	runRef  = store.Run
	demoDay struct {
		channel string
		date    bizday.Date
	}
	demoKey struct {
		kind schemas.Kind
		key  string
	}
	demoFix struct {
		day                    demoDay
		kind                   schemas.Kind
		merchantRef, refundRef string
		fix                    schemas.FixKind
	}
)

// demoFound is what the nights found, as the reports say it.
type demoFound struct {
	codes    map[demoDay][]int                              // exit codes, in order
	states   map[demoDay]schemas.FetchState                 // where fetching ended
	attempts map[demoDay][]map[demoKey][]schemas.Difference // differences of each finished attempt
	fixes    map[demoFix]bool
	matched  int64
}

func newDemoFound() *demoFound {
	return &demoFound{codes: map[demoDay][]int{}, states: map[demoDay]schemas.FetchState{}, attempts: map[demoDay][]map[demoKey][]schemas.Difference{}, fixes: map[demoFix]bool{}}
}

// demoLine is one kind of fault: how often planted, how often found as it must.
type demoLine struct {
	fault           channelsim.Fault
	expected, found int
	misses          []string
}

// judge looks up every planted fault in what was found, and every difference
// in what was planted.
func (w *demoWorld) judge() (lines []demoLine, unexpected []string) {
	byFault := map[channelsim.Fault]*demoLine{}
	planted := map[demoDay]map[demoKey]bool{}
	for _, t := range w.truth {
		l := byFault[t.Fault]
		if l == nil {
			l = &demoLine{fault: t.Fault}
			byFault[t.Fault] = l
		}
		l.expected++
		miss := ""
		for _, e := range t.Expect {
			k := demoDay{t.Channel, e.Date}
			if planted[k] == nil {
				planted[k] = map[demoKey]bool{}
			}
			planted[k][keyOf(t)] = true
			if m := w.miss(t, e); m != "" && miss == "" {
				miss = m
			}
		}
		if miss == "" {
			l.found++
		} else {
			l.misses = append(l.misses, fmt.Sprintf("%s %s %s: %s", t.Date, t.Channel, t.MerchantRef+t.RefundRef, miss))
		}
	}
	for k, attempts := range w.found.attempts {
		for id, diffs := range attempts[len(attempts)-1] {
			if !planted[k][id] {
				unexpected = append(unexpected, fmt.Sprintf("%s %s %s %s: %s %s", k.date, k.channel, id.kind, id.key, diffs[0].Class, diffs[0].Reason))
			}
		}
	}
	slices.Sort(unexpected)
	for _, f := range slices.Sorted(maps.Keys(byFault)) {
		lines = append(lines, *byFault[f])
	}
	return lines, unexpected
}

func keyOf(t channelsim.Truth) demoKey {
	if t.RefundRef != "" {
		return demoKey{t.Kind, t.RefundRef}
	}
	return demoKey{t.Kind, t.MerchantRef}
}

// miss says what is not as expected; "" if all is.
func (w *demoWorld) miss(t channelsim.Truth, e channelsim.Expectation) string {
	k := demoDay{t.Channel, e.Date}
	if t.Kind == 0 {
		return w.missFile(k, e)
	}
	attempts := w.found.attempts[k]
	if len(attempts) == 0 {
		return "the day has no result"
	}
	diffs := attempts[0]
	if e.After == channelsim.AfterRepublish {
		diffs = attempts[len(attempts)-1]
	}
	found := diffs[keyOf(t)]
	if e.Class == schemas.Matched {
		if len(found) > 0 {
			return "expected no difference, found " + found[0].Class.String()
		}
		return ""
	}
	i := slices.IndexFunc(found, func(d schemas.Difference) bool { return d.Class == e.Class })
	if i < 0 {
		return fmt.Sprintf("expected %s, found %v", e.Class, classesOf(found))
	}
	return w.missDifference(t, e, k, &found[i])
}

func classesOf(diffs []schemas.Difference) []schemas.Class {
	var out []schemas.Class
	for _, d := range diffs {
		out = append(out, d.Class)
	}
	return out
}

func (w *demoWorld) missDifference(t channelsim.Truth, e channelsim.Expectation, k demoDay, d *schemas.Difference) string {
	switch {
	case e.Rule != "" && d.Rule != e.Rule:
		return fmt.Sprintf("expected rule %s, found %s", e.Rule, d.Rule)
	case e.Delta != 0 && d.DeltaMinor != e.Delta:
		return fmt.Sprintf("expected a difference of %d fen, found %d", e.Delta, d.DeltaMinor)
	case d.Decision == nil:
		return "no decision"
	case e.Cell != "" && d.Decision.Cell != e.Cell:
		return fmt.Sprintf("expected cell %s, found %s", e.Cell, d.Decision.Cell)
	case e.Action != "" && d.Decision.Action != e.Action:
		return fmt.Sprintf("expected %s, found %s %s", e.Action, d.Decision.Action, d.Decision.Why)
	case e.Fix != "" && !w.found.fixes[demoFix{k, t.Kind, t.MerchantRef, t.RefundRef, e.Fix}]:
		return fmt.Sprintf("fix %s was not applied", e.Fix)
	}
	return ""
}

// missFile checks a fault of a whole file: the codes that the day went through.
func (w *demoWorld) missFile(k demoDay, e channelsim.Expectation) string {
	codes := w.found.codes[k]
	for _, want := range e.Exit {
		if !slices.Contains(codes, want) {
			return fmt.Sprintf("expected exit code %d, found %v", want, codes)
		}
	}
	if n := count(codes, 20); n < e.Tries {
		return fmt.Sprintf("expected %d tries before the statement was there, found %d", e.Tries, n)
	}
	if !e.Broken && e.State != "" && w.found.states[k] != e.State {
		return fmt.Sprintf("expected %s, found %s", e.State, w.found.states[k])
	}
	if len(w.found.attempts[k]) == 0 {
		return "the day has no result"
	}
	return ""
}

func count(codes []int, code int) (n int) {
	for _, c := range codes {
		if c == code {
			n++
		}
	}
	return n
}

// summary prints expected against found, the payouts, the verdicts and where
// the reports are; it fails when anything is not as planned.
func (w *demoWorld) summary(a *app) error {
	var payouts []channelsim.PayoutTruth
	if w.settles {
		var err error
		if payouts, err = w.payouts.Truth(); err != nil {
			return err
		}
	}
	for i := range w.truth { // as the API numbered them
		t := &w.truth[i]
		t.MerchantRef, t.RefundRef = w.numbers.of(t.MerchantRef), w.numbers.of(t.RefundRef)
	}
	if err := w.writeTruth(payouts); err != nil {
		return err
	}
	wrong := w.printFaults(a)
	batches, err := w.batches(a.ctx)
	if err != nil {
		return err
	}
	shops, odd := judgePayouts(payouts, batches, w.bank.paid)
	printPayouts(a, shops, odd)
	findings, err := w.watch(a.ctx, payouts)
	if err != nil {
		return err
	}
	printUnplanted(a, "findings not planted", findings)
	wrong = wrong || len(odd)+len(findings) > 0
	proofs, err := w.site.link.VerifyBooks(a.ctx)
	if err != nil {
		return err
	}
	if err := printProofs(a, proofs); err != nil {
		return err
	}
	for _, p := range proofs {
		wrong = wrong || !p.OK
	}
	verdicts, err := w.verdicts(a)
	if err != nil {
		return err
	}
	fmt.Fprintf(a.out, "\n%d payments and refunds matched; verdicts of %d nights: %s\n", w.found.matched, len(w.found.attempts), verdicts)
	fmt.Fprintf(a.out, "played in %.1f s\n\nreports   %s\nstatus    tieout -c %s status\ncases     tieout -c %s case list\n", a.now().Sub(w.started).Seconds(),
		filepath.Join(w.dir, "data", "reports"), filepath.Join(w.dir, "tieout.yaml"), filepath.Join(w.dir, "tieout.yaml"))
	a.result = resultLine{Changed: "results", Date: w.plan.From.Add(w.plan.Days - 1).String()}
	if wrong {
		return fault.New("E-5082", fault.V{"dir": w.dir}, nil)
	}
	return nil
}

func (w *demoWorld) writeTruth(payouts []channelsim.PayoutTruth) error {
	f, err := os.Create(filepath.Join(w.dir, "truth.jsonl"))
	if err != nil {
		return fault.New("E-4101", fault.V{"path": w.dir, "reason": err.Error()}, err)
	}
	return cmp.Or(channelsim.WriteTruth(f, w.truth), channelsim.WritePayouts(f, payouts), f.Close())
}

// printFaults tells whether a planted fault was not found as it must be, or
// anything else was.
func (w *demoWorld) printFaults(a *app) (wrong bool) {
	lines, unexpected := w.judge()
	wrong = len(unexpected) > 0
	fmt.Fprintf(a.out, "%-28s %9s %9s\n", "planted fault", "expected", "found")
	for _, l := range lines {
		mark := ""
		if l.expected != l.found {
			mark, wrong = "  <-- "+l.misses[0], true
		}
		fmt.Fprintf(a.out, "%-28s %9d %9d%s\n", l.fault, l.expected, l.found, mark)
	}
	printUnplanted(a, "differences not planted", unexpected)
	return wrong
}

// printUnplanted prints how much there is of what should not be, and the first
// of it.
func printUnplanted(a *app, what string, list []string) {
	fmt.Fprintf(a.out, "%-28s %9d %9d\n", what, 0, len(list))
	for _, line := range list[:min(len(list), 20)] {
		fmt.Fprintln(a.out, "  <-- "+line)
	}
}

func printPayouts(a *app, shops []shopPaid, wrong []string) {
	fmt.Fprintf(a.out, "\n%-28s %15s %15s %9s %9s\n", "paid out to (CNY)", "expected", "found", "batches", "held")
	for _, s := range shops {
		fmt.Fprintf(a.out, "%-28s %15s %15s %9d %9d\n", s.merchant, money.Format(s.plannedMinor, "CNY"), money.Format(s.gotten, "CNY"), s.batches, s.held)
	}
	for _, w := range wrong[:min(len(wrong), 20)] {
		fmt.Fprintln(a.out, "  <-- "+w)
	}
	fmt.Fprintln(a.out)
}

// verdicts counts them over all nights.
func (w *demoWorld) verdicts(a *app) (string, error) {
	runs, err := w.site.db.Runs(a.ctx, "", w.plan.From, w.plan.From.Add(w.plan.Days))
	if err != nil {
		return "", err
	}
	n := map[schemas.Verdict]int{}
	for _, r := range runs {
		if r.Current {
			n[r.Verdict]++
		}
	}
	text := ""
	for v := schemas.Incomplete; v <= schemas.Reconciled; v++ {
		if n[v] > 0 {
			text += fmt.Sprintf("%s %d  ", v, n[v])
		}
	}
	return text, nil
}
