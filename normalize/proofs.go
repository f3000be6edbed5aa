package normalize

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"tieout/internal/bizday"
	"tieout/internal/fault"
	"tieout/internal/money"
	"tieout/schemas"
	"tieout/schemas/channels"
)

// Proof names of this stage. Incomplete knows them by their first word and, for
// rows, by the whole name.
const (
	proofTail     = "trailer.present" // the file ends as its layout says
	proofRows     = "rows.present"    // a file without any count of its own has rows
	proofWhole    = "rows.whole"      // no row is cut off
	proofLength   = "file.length"     // a fixed-width file is a whole number of rows
	proofUnique   = "rows.unique"     // advisory: no value comes twice that comes once by its nature
	proofIntact   = "rows.intact"     // no row looks edited or broken in structure
	proofReadable = "rows.readable"   // at least one row is a record
	proofMerchant = "rows.merchant"   // all rows are of the one merchant
	proofCurrency = "rows.currency"
	proofDay      = "rows.day"      // at least 99 % of the rows belong to the bill date
	proofRejected = "rows.rejected" // advisory: no row was rejected
	proofBalance  = "balance.running"
	proofFeeSign  = "summary.fee_sign"
)

// proveRows proves what a file of rows states about itself, and what its rows
// must have in common.
func (r *reading) proveRows(p *readPart, at *position, stated []captured, missing string) {
	before := len(r.st.Proofs)
	s, f := &p.stats, p.o.format
	if len(f.Tail) > 0 {
		r.prove(schemas.Proof{Name: proofTail, OK: missing == "", Want: "the lines that end a whole file",
			Got: orElse(missing, "all of them"), Note: lastRow(at)})
	}
	for _, c := range stated {
		if i := p.o.plan.totalAt(c.key); i >= 0 {
			r.prove(p.compare(&p.o.plan.totals[i], s.counts[i], s.sums[i], c, at))
		}
	}
	if s.rows == 0 && len(f.Tail) == 0 {
		switch {
		case !f.EmptyOK:
			r.prove(schemas.Proof{Name: proofRows, Want: "rows, or a line that says that there are none", Got: "0 rows"})
		case !r.optional(f): // a part that may be missing may be empty
			r.warn("the file %s has no rows, and nothing in it proves that the day was empty", fault.Quote(p.o.file.Name))
		}
	}
	if f.Shape == channels.Fixed {
		r.prove(p.o.proveLength(s.rows, at))
	}
	r.proveHeld(p)
	r.proveUnique(p)
	r.proveDay(p)
	r.proveBalance(p)
	for i := range p.o.plan.rules {
		if w := p.o.plan.rules[i].warn; w != nil && s.warned&(1<<i) != 0 {
			r.warn("%s", fault.Text(*w).Both())
		}
	}
	if f.Part != "" {
		for i := before; i < len(r.st.Proofs); i++ {
			r.st.Proofs[i].Note = strings.TrimSuffix(f.Part+": "+r.st.Proofs[i].Note, ": ")
		}
	}
}

// optional tells whether the statement is whole without this part.
func (r *reading) optional(f *channels.Format) bool {
	kind, _ := r.in.Definition.Statement(r.st.Kind)
	return slices.ContainsFunc(kind.Parts, func(p channels.Part) bool { return p.Name == f.Part && p.Optional })
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// dayOf writes the day of a statement for a message.
func dayOf(date bizday.Date) string { return orElse(date.String(), "day unknown") }

func lastRow(at *position) string {
	if at.lastRow < 0 {
		return ""
	}
	return fmt.Sprintf("last row: line %d, byte %d", at.lastLine, at.lastRow)
}

// compare proves one number that the file states. The file's number is text
// until here, and its damage is a failed proof.
func (p *readPart) compare(t *total, count int64, sum money.Sum, c captured, at *position) schemas.Proof {
	decimals, currency := t.decimals, string(p.o.plan.def.Currency)
	if t.count {
		decimals, currency = 0, ""
		sum = money.Sum{}
		sum.Add(count)
	}
	proof := schemas.Proof{Name: "trailer." + t.Name, Currency: currency, Advisory: t.Advisory}
	got, err := sum.Int64()
	if err != nil {
		proof.Want, proof.Got = showable([]byte(c.value)), "a sum that does not fit in 64 bits"
		return proof
	}
	show := func(v int64) string { return money.FormatScaled(v, decimals) }
	proof.Got = show(got)
	want, why := money.ParseDigits([]byte(c.value), decimals)
	if why != "" {
		proof.Want, proof.Note = showable([]byte(c.value)), fmt.Sprintf("line %d: %s", c.line, why)
		return proof
	}
	if t.Abs {
		want, got = max(want, -want), max(got, -got)
		proof.Got = show(got)
	}
	proof.Want, proof.OK = show(want), want == got
	if !proof.OK {
		proof.Note = p.explain(t, want, got, at)
	}
	return proof
}

// explain adds to a failed proof what is known about the difference.
func (p *readPart) explain(t *total, want, got int64, at *position) string {
	var notes []string
	if !t.count && got != 0 && want != 0 {
		if product, err := money.Mul(got, 100); err == nil && product == want {
			notes = append(notes, "exactly 100 times less: the unit is not the one that the channel documents (yuan, fen)")
		} else if product, err := money.Mul(want, 100); err == nil && product == got {
			notes = append(notes, "exactly 100 times more: the unit is not the one that the channel documents (yuan, fen)")
		}
	}
	if p.stats.unknown > 0 {
		notes = append(notes, fmt.Sprintf("%d rows cannot be added up", p.stats.unknown))
	}
	if last := lastRow(at); last != "" {
		notes = append(notes, last)
	}
	return strings.Join(notes, "; ")
}

// proveHeld proves that no row makes the whole file doubtful.
func (r *reading) proveHeld(p *readPart) {
	s := &p.stats
	none := func(name, want, what string, n int64) {
		r.prove(schemas.Proof{Name: name, OK: n == 0, Want: want, Got: strconv.FormatInt(n, 10) + " " + what})
	}
	if p.o.plan.merchantCol >= 0 && s.rows > 0 {
		none(proofMerchant, "0 rows of another merchant than "+fault.Safe(r.st.Merchant, 40), "rows", s.held[holdMerchant])
	}
	if p.o.plan.currencyCol >= 0 && s.rows > 0 {
		none(proofCurrency, "0 rows in another currency than "+string(r.in.Definition.Currency), "rows", s.held[holdCurrency])
	}
	if s.held[holdIntact] > 0 {
		none(proofIntact, "0 rows that look edited or broken", "rows", s.held[holdIntact])
	}
	if s.held[holdCut] > 0 {
		none(proofWhole, "0 rows that are cut off", "rows", s.held[holdCut])
	}
	if s.rows > 0 && s.rejects == s.rows {
		r.prove(schemas.Proof{Name: proofReadable, Want: "rows that can be read", Got: fmt.Sprintf("all %d rows were rejected", s.rows)})
	}
	r.prove(schemas.Proof{Name: proofRejected, OK: s.rejects == 0, Want: "0 rejected rows", Got: fmt.Sprintf("%d rejected rows", s.rejects), Advisory: true})
}

// proveUnique says whether a value comes twice that is unique by its nature.
// Nothing is held up: matching places the second row by itself.
func (r *reading) proveUnique(p *readPart) {
	if len(p.o.plan.unique) == 0 {
		return
	}
	repeated := p.stats.unique.repeated()
	r.prove(schemas.Proof{Name: proofUnique, OK: repeated == 0, Advisory: true,
		Want: "0 values that repeat an earlier row's", Got: fmt.Sprintf("%d values", repeated)})
	if repeated > 0 {
		r.warn("%d rows repeat a number that the channel gives only once", repeated)
	}
}

// proveDay holds a file of another day under the right name. Single rows of a
// neighbouring day do happen at the border and are said, not held.
func (r *reading) proveDay(p *readPart) {
	if p.o.plan.dayCol < 0 || r.st.BillDate == bizday.None || p.stats.rows == 0 {
		return
	}
	s := &p.stats
	records := s.rows - s.rejects
	r.prove(schemas.Proof{Name: proofDay, OK: s.otherDay*100 <= records, Want: fmt.Sprintf("at least 99 %% of %d rows on %s", records, r.st.BillDate),
		Got: fmt.Sprintf("%d rows", records-s.otherDay)})
	if s.otherDay > 0 {
		r.warn("%d rows do not belong to %s by their time", s.otherDay, r.st.BillDate)
	}
}

// proveBalance proves that opening balance + movements = closing balance, row
// by row.
func (r *reading) proveBalance(p *readPart) {
	b := p.o.format.Balance
	if b == nil || p.stats.rows == 0 {
		return
	}
	run := &p.stats.run
	currency := p.o.plan.currency()
	opening, closing, ok := run.closes()
	proof := schemas.Proof{Name: proofBalance, OK: ok, Advisory: b.Advisory, Currency: string(currency), Want: "each balance = the one before + the row's movement"}
	if ok {
		r.st.Opening, r.st.Closing = schemas.Int64(opening), schemas.Int64(closing)
		proof.Got = "opening " + money.Format(opening, currency) + ", closing " + money.Format(closing, currency)
	} else {
		proof.Got = fmt.Sprintf("%d gaps oldest first, %d gaps newest first, %d rows cannot be read", run.breaksUp, run.breaksDn, run.broken)
	}
	r.prove(proof)
}

// finish adds up the parts and proves them against each other.
func (r *reading) finish() error {
	for _, s := range r.summary {
		r.proveSummary(s)
	}
	var all stats
	for _, p := range r.parts {
		for k := range p.stats.kinds {
			all.kinds[k].rows += p.stats.kinds[k].rows
			all.kinds[k].minor.Merge(p.stats.kinds[k].minor)
			all.kinds[k].fee.Merge(p.stats.kinds[k].fee)
		}
	}
	totals, err := all.totals(r.in.Definition.Currency)
	r.st.Totals = totals
	if err != nil {
		return fault.New("E-2438", fault.V{"channel": r.st.Channel, "account": r.st.Account, "date": dayOf(r.st.BillDate)}, err)
	}
	return nil
}

// Incomplete returns the fault of the proofs that failed, or nil if all hold:
// the first of them decides which fault it is, and those of the same fault are
// shown with it, both numbers each. Advisory proofs never hold a statement up.
func Incomplete(st schemas.Statement) *fault.Error {
	var id fault.ID
	var names, want, got []string
	note := "-"
	for _, p := range st.Proofs {
		if p.OK || p.Advisory || (id != "" && faultOf(p.Name) != id) || len(names) == maxShown {
			continue
		}
		if id == "" {
			id, note = faultOf(p.Name), orElse(p.Note, note)
		}
		names = append(names, p.Name)
		want = append(want, amount(p.Want, p.Currency))
		got = append(got, amount(p.Got, p.Currency))
	}
	if id == "" {
		return nil
	}
	return fault.New(id, fault.V{"channel": st.Channel, "account": st.Account, "date": dayOf(st.BillDate), "proof": strings.Join(names, ", "),
		"want": strings.Join(want, ", "), "got": strings.Join(got, ", "), "note": note}, nil)
}

// maxShown is how many failed proofs one message shows.
const maxShown = 3

// amount writes a proof's number for a message: with its currency, and an
// amount of whole minor units in both forms.
func amount(text, currency string) string {
	exp, ok := money.Currency(currency).Exponent()
	if v, err := money.Parse([]byte(text), exp); ok && err == nil {
		return money.Both(v, money.Currency(currency))
	}
	return strings.TrimSpace(currency + " " + text)
}

func faultOf(proof string) fault.ID {
	switch proof {
	case proofDay:
		return "E-2334"
	case proofMerchant:
		return "E-2335"
	case proofCurrency:
		return "E-2332"
	case proofIntact, proofReadable:
		return "E-2435"
	}
	return "E-2130"
}
