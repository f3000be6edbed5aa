package report

import (
	"io"
	"time"

	"tieout/internal/money"
	"tieout/schemas"
)

// runBook is the workbook of one run. The sheet of differences is filled while
// the differences pass by; the summary, which stands first, at the end.
type runBook struct {
	tongue
	book        *workbook
	summary     *sheet
	differences *sheet
	report      *schemas.RunReport
}

// newRunBook starts the workbook. The caller closes it.
func newRunBook(t tongue, r *schemas.RunReport) (*runBook, error) {
	book, err := newWorkbook()
	if err != nil {
		return nil, err
	}
	b := &runBook{tongue: t, book: book, report: r}
	if b.summary, err = b.sheet("s.summary", "", 26, "", 60, "", 20); err != nil {
		return nil, err
	}
	if err := b.proofs("s.proofs", r.Proofs); err != nil {
		return nil, err
	}
	if err := b.bridge(r.Bridge); err != nil {
		return nil, err
	}
	if err := b.classes(r.Totals); err != nil {
		return nil, err
	}
	b.differences, err = b.sheet("s.differences", "c.class", 24, "c.label", 10, "c.kind", 10, "c.number", 30, "currency", 9,
		"c.local_sum", 16, "c.chan_sum", 16, "c.delta", 16, "c.fee_delta", 12, "c.local", 12, "c.chan", 12, "c.why", 60,
		"c.decision", 12, "c.cell", 8, "c.priority", 9, "c.case", 26, "c.merchant", 30, "c.refund", 30, "c.chan_ref", 34,
		"c.time", 20, "c.first_seen", 12, "c.break_on", 14, "c.nearest", 30, "c.but", 16)
	return b, err
}

// sheet starts a list; keysAndWidths are words and widths in turn.
func (b *runBook) sheet(name string, keysAndWidths ...any) (*sheet, error) {
	return b.book.titled(b.tongue, name, keysAndWidths...)
}

// titled starts a list with headers from the table of words.
func (w *workbook) titled(t tongue, name string, keysAndWidths ...any) (*sheet, error) {
	columns := make([]column, 0, len(keysAndWidths)/2)
	for i := 0; i+1 < len(keysAndWidths); i += 2 {
		c := column{Width: keysAndWidths[i+1].(int)}
		if key := keysAndWidths[i].(string); key != "" {
			c.Name = t.say(key)
		}
		columns = append(columns, c)
	}
	return w.sheet(t.say(name), columns)
}

// difference adds one difference to its sheet. A pair in two currencies shows
// the channel's amount as text with its currency: it is in no sum.
func (b *runBook) difference(d *schemas.Difference) error {
	var local, channel, fee any
	var localState, channelState string
	shown := d.ChannelRow
	if r := d.LocalRow; r != nil {
		local, localState, shown = amount{r.AmountMinor, r.Currency, true}, b.word("status", r.Status), r
	}
	delta := any(amount{d.DeltaMinor, d.Currency, true})
	if r := d.ChannelRow; r != nil {
		channel, channelState = amount{r.AmountMinor, r.Currency, true}, b.word("status", r.Status)
		if r.Currency != d.Currency {
			channel, delta = r.Currency+" "+money.Format(r.AmountMinor, money.Currency(r.Currency)), nil
		}
	}
	if d.FeeDelta != 0 {
		fee = amount{d.FeeDelta, d.Currency, true}
	}
	var action, cell string
	var priority any
	if d.Decision != nil {
		action, cell = b.word("action", d.Decision.Action), d.Decision.Cell
		if d.Decision.Priority > 0 {
			priority = d.Decision.Priority
		}
	}
	var nearest, failed string
	if d.Nearest != nil {
		nearest, failed = numberOf(&d.Nearest.Record), b.word("field", d.Nearest.Failed)
	}
	var merchant, refund, at string
	if shown != nil {
		merchant, refund, at = shown.MerchantRef, shown.RefundRef, inZone(shown.EventTime, b.report.Zone)
	}
	return b.differences.add(b.word("class", d.Class), b.word("label", labelOf(d)), b.word("kind", d.Kind), d.Key, d.Currency,
		local, channel, delta, fee, localState, channelState, b.reason(d), action, cell, priority, d.CaseID,
		merchant, refund, channelNumber(d), at, d.FirstSeen.String(), d.BreakOn.String(), nearest, failed)
}

// finish writes the rest of the workbook.
func (b *runBook) finish(out io.Writer, p *page) error {
	r := b.report
	if err := b.differences.totals(b.say("total"), 4); err != nil {
		return err
	}
	if err := b.differences.close(); err != nil {
		return err
	}
	for _, write := range []func() error{
		func() error { return b.carried(r.Carried) }, func() error { return b.fixes(r.Fixes) }, func() error { return b.cases(r.Cases) },
		func() error { return b.rejects(r) }, func() error { return b.proofs("s.checks", p.Checks) }, func() error { return b.summarize(p) },
	} {
		if err := write(); err != nil {
			return err
		}
	}
	return b.book.write(out, r.Account+" "+r.Date.String(), r.Finished)
}

func (b *runBook) summarize(p *page) error {
	s, r := b.summary, b.report
	verdict := b.verdict(r.Verdict)
	if len(p.BadCheck) > 0 {
		verdict = b.say("contradiction")
	}
	rows := [][]any{
		{b.say("account"), r.Account}, {b.say("channel"), r.Channel}, {b.say("merchant"), r.Merchant}, {b.say("bill_date"), r.Date.String()},
		{b.say("c.verdict"), verdict}, {b.say("c.why"), p.why(b.tongue)}, {b.say("run"), r.RunID}, {b.say("finished"), clockTime(r.Finished, r.Zone)}, {b.say("zone"), r.Zone}, nil,
	}
	number := func(key string, n int64, sums []sum) {
		rows = append(rows, []any{b.say(key), n})
		for _, x := range sums {
			rows = append(rows, []any{"", amount{x.Minor, x.Currency, false}, x.Currency})
		}
	}
	t := p.Tiles
	number("k.matched", t.Matched, t.MatchedSums)
	number("k.breaks", t.Breaks, t.BreakSums)
	number("k.carried", t.Carried, t.CarriedSums)
	number("k.fixed", t.Fixed, nil)
	number("k.cases", t.Cases, t.Suspense)
	rows = append(rows, nil)
	for _, f := range r.Files {
		rows = append(rows, []any{b.say("c.file"), f.Name, f.SHA256})
	}
	for _, v := range p.Versions {
		rows = append(rows, []any{b.say("c.version") + " " + v.Name, v.Value})
	}
	for _, row := range rows {
		if err := s.add(row...); err != nil {
			return err
		}
	}
	return s.close()
}

func (b *runBook) proofs(name string, proofs []schemas.Proof) error {
	return b.list(name, len(proofs), func(s *sheet) error {
		for _, p := range proofs {
			result := "failed"
			if p.OK {
				result = "ok"
			} else if p.Advisory {
				result = "advisory"
			}
			if err := s.add(p.Name, b.proof(p.Name), b.tell(p.Want), b.tell(p.Got), p.Currency, b.say(result), b.tell(p.Note)); err != nil {
				return err
			}
		}
		return nil
	}, "c.proof", 24, "c.reason", 40, "c.want", 24, "c.got", 24, "currency", 9, "c.result", 10, "c.note", 60)
}

func (b *runBook) bridge(bridges []schemas.Bridge) error {
	return b.book.bridge(b.tongue, bridges)
}

// bridge writes the bridges of all currencies below one another.
func (w *workbook) bridge(t tongue, bridges []schemas.Bridge) error {
	s, err := w.titled(t, "s.bridge", "currency", 9, "c.line_item", 34, "c.kind", 12, "count", 10, "amount", 20)
	if err != nil {
		return err
	}
	for _, b := range bridges {
		rows := [][]any{{b.Currency, t.say("b.local"), "", nil, amount{b.Local, b.Currency, false}}}
		for _, l := range b.Lines {
			rows = append(rows, []any{b.Currency, t.word("class", l.Class), t.word("kind", l.Kind), l.Rows, amount{l.Minor, b.Currency, false}})
		}
		rows = append(rows, []any{b.Currency, t.say("b.channel"), "", nil, amount{b.Channel, b.Currency, false}},
			[]any{b.Currency, t.say("b.residual"), "", nil, amount{b.Residual, b.Currency, false}})
		for _, row := range rows {
			if err := s.add(row...); err != nil {
				return err
			}
		}
	}
	return s.close()
}

func (b *runBook) classes(totals []schemas.ClassTotal) error {
	return b.book.classes(b.tongue, totals)
}

func (w *workbook) classes(t tongue, totals []schemas.ClassTotal) error {
	s, err := w.titled(t, "s.classes", "c.class", 26, "c.kind", 12, "c.label", 12, "currency", 9, "count", 10, "c.local_rows", 10, "c.local_sum", 18,
		"c.chan_rows", 10, "c.chan_sum", 18, "c.delta", 18)
	if err != nil {
		return err
	}
	for _, x := range totals {
		err := s.add(t.word("class", x.Class), t.word("kind", x.Kind), t.word("label", labelFor(x.Class, x.Kind, x.LocalMoved, x.ChannelMoved)), x.Currency, x.Outcomes,
			x.LocalRows, amount{x.LocalMinor, x.Currency, true}, x.ChannelRows, amount{x.ChannelMinor, x.Currency, true}, amount{x.DeltaMinor, x.Currency, true})
		if err != nil {
			return err
		}
	}
	if err := s.totals(t.say("total"), 3); err != nil {
		return err
	}
	return s.close()
}

func (b *runBook) carried(rows []schemas.Carried) error {
	s, err := b.sheet("s.carried", "c.side", 10, "c.kind", 10, "c.merchant", 30, "c.refund", 30, "c.chan_ref", 34, "currency", 9, "amount", 18,
		"c.status", 12, "c.time", 20, "c.first_seen", 12, "c.break_on", 14)
	if err != nil {
		return err
	}
	for i := range rows {
		c := &rows[i]
		r := &c.Record
		err := s.add(b.word("side", c.Side), b.word("kind", r.Kind), r.MerchantRef, r.RefundRef, r.ChannelRef, r.Currency, amount{r.AmountMinor, r.Currency, true},
			b.word("status", r.Status), inZone(r.EventTime, b.report.Zone), c.FirstSeen.String(), c.BreakOn.String())
		if err != nil {
			return err
		}
	}
	if err := s.totals(b.say("total"), 5); err != nil {
		return err
	}
	return s.close()
}

func (b *runBook) fixes(fixes []schemas.FixDone) error {
	return b.list("s.fixes", len(fixes), func(s *sheet) error {
		for _, f := range fixes {
			err := s.add(b.word("fix", f.Fix.Kind), b.word("kind", f.Fix.RecordKind), f.Fix.MerchantRef, f.Fix.RefundRef, f.Fix.ChannelRef, f.Fix.Currency,
				amount{f.Fix.AmountMinor, f.Fix.Currency, false}, b.word("result", f.Result.State), b.tell(f.Result.Reason), f.Fix.Maker, f.Fix.Checker, f.Fix.Cell,
				f.Result.TxnID, f.Fix.CaseID, f.Fix.Key)
			if err != nil {
				return err
			}
		}
		return nil
	}, "c.fix", 18, "c.kind", 10, "c.merchant", 30, "c.refund", 30, "c.chan_ref", 34, "currency", 9, "amount", 18, "c.result", 12, "c.reason", 40,
		"c.maker", 12, "c.checker", 12, "c.cell", 8, "c.txn", 20, "c.case", 26, "c.fix", 40)
}

func (b *runBook) cases(cases []schemas.Case) error {
	s, err := b.sheet("s.cases", "c.case", 26, "c.number", 30, "c.kind", 10, "c.class", 26, "c.flag", 16, "c.cell", 8, "c.priority", 9, "currency", 9,
		"c.local_sum", 18, "c.chan_sum", 18, "c.suspense", 18, "c.state", 12, "c.owner", 14, "c.first_seen", 12, "c.due", 12, "c.reason", 60)
	if err != nil {
		return err
	}
	for _, c := range cases {
		err := s.add(c.ID, c.Key, b.word("kind", c.Kind), b.word("class", c.Class), b.word("flag", c.Flag), c.Cell, c.Priority, c.Currency,
			amount{c.LocalMinor, c.Currency, true}, amount{c.ChannelMinor, c.Currency, true}, amount{c.SuspendMinor, c.Currency, true},
			b.word("case", c.State), c.Owner, c.FirstSeen.String(), c.DueOn.String(), b.tell(c.Reason))
		if err != nil {
			return err
		}
	}
	if err := s.totals(b.say("total"), 7); err != nil {
		return err
	}
	return s.close()
}

// rejects writes the first ones, and says where the rest stands.
func (b *runBook) rejects(r *schemas.RunReport) error {
	return b.list("s.rejects", len(r.Rejects), func(s *sheet) error {
		for _, r := range r.Rejects {
			if err := s.add(r.File, r.Line, r.Column, r.Field, r.Value, b.tell(r.Reason), r.Source); err != nil {
				return err
			}
		}
		if more := r.RejectRows - int64(len(r.Rejects)); more > 0 {
			return s.add(count(more) + " " + b.say("more") + " " + rejectsFile)
		}
		return nil
	}, "c.file", 34, "c.line", 10, "c.column", 8, "c.field", 20, "c.value", 40, "c.reason", 50, "c.digest", 40)
}

// list writes a sheet without totals; one without rows is left out.
func (b *runBook) list(name string, rows int, fill func(*sheet) error, keysAndWidths ...any) error {
	if rows == 0 {
		return nil
	}
	s, err := b.sheet(name, keysAndWidths...)
	if err != nil {
		return err
	}
	if err := fill(s); err != nil {
		return err
	}
	return s.close()
}

// writeDayBook writes day.xlsx.
func writeDayBook(out io.Writer, t tongue, d *schemas.DayReport, p *dayPage) error {
	book, err := newWorkbook()
	if err != nil {
		return err
	}
	defer book.close()
	s, err := book.titled(t, "s.accounts", "account", 24, "channel", 14, "c.verdict", 16, "c.why", 60, "k.matched", 12, "k.breaks", 12,
		"k.carried", 12, "k.fixed", 12, "k.cases", 12, "k.proofs", 12, "run", 34)
	if err != nil {
		return err
	}
	y, m, day := d.Date.YMD()
	finished := time.Date(y, m, day, 0, 0, 0, 0, time.UTC)
	for _, a := range p.Accounts {
		x := a.Tiles
		err := s.add(a.Account, a.Channel, t.verdict(a.RunReport.Verdict), a.why(t), x.Matched, x.Breaks, x.Carried, x.Fixed, x.Cases, digits(int64(x.ProofsOK))+" / "+digits(int64(x.ProofsAll)), a.RunID)
		if err != nil {
			return err
		}
		if a.Finished.After(finished) {
			finished = a.Finished
		}
	}
	for _, name := range p.Missing {
		if err := s.add(name, "", t.say("verdict.none")); err != nil {
			return err
		}
	}
	if err := s.close(); err != nil {
		return err
	}
	if err := book.classes(t, p.Totals); err != nil {
		return err
	}
	if err := book.bridge(t, p.Bridge); err != nil {
		return err
	}
	return book.write(out, t.say("day.title")+" "+d.Date.String(), finished)
}

func (b *runBook) close() error { return b.book.close() }
