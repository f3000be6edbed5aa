package main

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"tieout/internal/bizday"
	"tieout/internal/fault"
	"tieout/internal/report"
	"tieout/schemas"
)

// shownDifferences is how many differences stand on the terminal; all of them
// are in the files.
const shownDifferences = 20

// tr picks the text of the user's language.
func (a *app) tr(en, zh string) string {
	if a.lang == fault.Chinese {
		return zh
	}
	return en
}

// tell is a text of a result in the user's language, cut after max characters.
func (a *app) tell(text string, max int) string {
	return fault.Safe(fault.Translate(a.lang, text), max)
}

// say prints one line of text in the user's language; --json and --quiet
// silence it.
func (a *app) say(en, zh string) {
	if a.cli.JSON || a.cli.Quiet {
		return
	}
	fmt.Fprintln(a.out, a.tr(en, zh))
}

// counted is "1 account" and "2 accounts".
func counted[N int | int64](n N, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// printJSON prints one object or list.
func (a *app) printJSON(v any) error {
	body, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the result: %w", err)
	}
	if string(body) == "null" { // nothing to list is a list, too
		body = []byte("[]")
	}
	_, err = fmt.Fprintln(a.out, string(body))
	return err
}

// verdict is the identifier, and in Chinese its word beside it.
func (a *app) verdict(v schemas.Verdict) string {
	if a.lang == fault.Chinese {
		return v.String() + " " + report.Word(a.lang, "verdict", v)
	}
	return v.String()
}

// amount writes money with its currency.
func (a *app) amount(minor int64, currency string) string {
	return currency + " " + report.Amount(a.lang, minor, currency)
}

// signed is amount with a plus before what is more than zero.
func (a *app) signed(minor int64, currency string) string {
	return currency + " " + report.SignedAmount(a.lang, minor, currency)
}

// printTotals writes one line a class.
func printTotals(a *app, totals []schemas.ClassTotal) error {
	t := newTable(3, 4)
	t.add(a.tr("class", "分类"), "", a.tr("kind", "类型"), a.tr("count", "笔数"), a.tr("channel − ours", "渠道 − 我方"))
	for _, c := range totals {
		t.add(c.Class.String(), report.Word(a.lang, "class", c.Class), report.Word(a.lang, "kind", c.Kind), strconv.FormatInt(c.Outcomes, 10), a.signed(c.DeltaMinor, c.Currency))
	}
	return t.print(a.out, "  ")
}

// printProofs writes one line a proof, with both numbers.
func printProofs(a *app, proofs []schemas.Proof) error {
	t := newTable()
	for _, p := range proofs {
		mark := a.tr("ok", "通过")
		if !p.OK {
			mark = a.tr("FAIL", "未通过")
			if p.Advisory {
				mark = a.tr("note", "提示")
			}
		}
		note := a.tell(p.Note, 120)
		if words := report.Proof(a.lang, p.Name); a.lang == fault.Chinese && words != "" {
			note = strings.TrimSuffix(words+"；"+note, "；")
		}
		t.add(mark, p.Name, a.tell(p.Want, 60)+" = "+a.tell(p.Got, 60)+" "+p.Currency, note)
	}
	return t.print(a.out, "  ")
}

// printProofSum writes one line if all proofs hold, else those that do not.
func printProofSum(a *app, proofs []schemas.Proof) error {
	var failed []schemas.Proof
	for _, p := range proofs {
		if !p.OK {
			failed = append(failed, p)
		}
	}
	fmt.Fprintf(a.out, "%s %d / %d\n", a.tr("proofs that hold:", "通过的完整性校验："), len(proofs)-len(failed), len(proofs))
	return printProofs(a, failed)
}

// printDifferences writes a line for each of the first differences, and says
// where the others are.
func printDifferences(a *app, all func(yield func(*schemas.Difference, error) bool), rows int64, file string) error {
	t := newTable(3)
	n := int64(0)
	for d, err := range all {
		if err != nil {
			return err
		}
		if n++; n > shownDifferences {
			break
		}
		what := report.Reason(a.lang, d)
		if d.BreakOn != bizday.None {
			what += fmt.Sprintf(a.tr(" Becomes a difference on %s.", "；转差错日 %s"), d.BreakOn)
		}
		t.add(d.Class.String(), report.Word(a.lang, "kind", d.Kind), fault.Safe(d.Key, 40), a.signed(d.DeltaMinor, d.Currency), fault.Safe(what, 200))
	}
	if n == 0 {
		return nil
	}
	fmt.Fprintln(a.out, a.tr("differences", "差异明细"))
	if err := t.print(a.out, "  "); err != nil {
		return err
	}
	if n > shownDifferences {
		fmt.Fprintf(a.out, a.tr("  … and %d more: %s\n", "  …… 另有 %d 笔，见 %s\n"), rows-shownDifferences, file)
	}
	return nil
}
