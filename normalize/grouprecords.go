package normalize

import (
	"encoding/binary"
	"math"
	"math/bits"
	"slices"

	"tieout/schemas"
)

// checkGroup returns those of the rows with which the rule finds fault, and
// tells when the others happened.
func (r *rowReader) checkGroup(rule *rule, rows uint64) (odd uint64) {
	if rows == 0 {
		return 0
	}
	g := &r.group
	for _, col := range rule.need {
		odd |= g.empty(col)
	}
	for _, col := range rule.zero {
		odd |= g.nonzero(col)
	}
	odd |= g.unfit(rule.amount, rule.amountSign)
	if rule.settle >= 0 {
		odd |= g.unfit(rule.settle, rule.settleSign)
	}
	left := rows &^ odd
	if rule.sumEquals >= 0 {
		for rest := left; rest != 0; rest &= rest - 1 {
			i := bits.TrailingZeros64(rest)
			if !rule.addsUp(func(col int) int64 { return g.numbers[col][i] }) {
				odd |= 1 << uint(i)
			}
		}
	}
	return (odd | r.eventGroup(rule, left)) & rows
}

// eventGroup tells when the rows happened, and returns those of which it cannot.
// Mostly one cell says it.
func (r *rowReader) eventGroup(rule *rule, rows uint64) (odd uint64) {
	g := &r.group
	if at := rule.event; at >= 0 && r.p.columns[at].op == opTime && rows&^g.valid[at] == 0 {
		for ; rows != 0; rows &= rows - 1 {
			i := bits.TrailingZeros64(rows) & 63
			g.events[i] = g.numbers[at][i]
		}
		return 0
	}
	for ; rows != 0; rows &= rows - 1 {
		i := bits.TrailingZeros64(rows)
		t, why := r.event(rule, func(col int) (int64, bool) { return g.numbers[col][i], g.valid[col]>>uint(i)&1 != 0 })
		g.events[i] = t
		if why != "" {
			odd |= 1 << uint(i)
		}
	}
	return odd
}

// unfit has the bits of the rows whose amount has the wrong sign, or is too
// large to lose it.
func (g *group) unfit(col int, sign int8) (rows uint64) {
	for i, v := range g.numbers[col][:g.n] {
		if wrongSign(v, sign) || v == math.MinInt64 {
			rows |= 1 << uint(i)
		}
	}
	return rows
}

// ruleRun is rows next to each other, from first to end, with the same rule.
type ruleRun struct {
	rule       *rule
	first, end int
}

// findRuns finds the runs of the rows from first to end, which all have a rule.
func (g *group) findRuns(first, end int) {
	g.runs = g.runs[:0]
	for first < end {
		run := ruleRun{g.rules[first], first, first + 1}
		for run.end < end && g.rules[run.end] == run.rule {
			run.end++
		}
		g.runs = append(g.runs, run)
		first = run.end
	}
}

// eachColumn tells of which rows a column is needed. Payments and refunds take
// most of theirs from the same columns: those are copied for all rows at once.
func (g *group) eachColumn(of func(*rule) int, add func(col, first, end int)) {
	for i := 0; i < len(g.runs); {
		col, next := of(g.runs[i].rule), i+1
		for next < len(g.runs) && of(g.runs[next].rule) == col {
			next++
		}
		add(col, g.runs[i].first, g.runs[next-1].end)
		i = next
	}
}

// recordGroup appends the rows from first to end, which stand next to each other
// and all have a rule.
func (r *rowReader) recordGroup(first, end int, b *block) {
	g, out, n := &r.group, &b.batch, end-first
	g.findRuns(first, end)
	r.appendIDs(&out.MerchantRef, func(x *rule) int { return x.merchantRef })
	r.appendIDs(&out.RefundRef, func(x *rule) int { return x.refundRef })
	r.appendIDs(&out.ChannelRef, func(x *rule) int { return x.channelRef })
	r.appendIDs(&out.ChannelRefundRef, func(x *rule) int { return x.channelRefundRef })
	r.appendTexts(&out.StatusRaw, func(x *rule) int { return x.statusRaw })
	r.appendTexts(&out.TradeType, func(x *rule) int { return x.tradeType })
	r.appendTexts(&out.Bank, func(x *rule) int { return x.bank })
	r.appendTexts(&out.Product, func(x *rule) int { return x.product })
	r.appendTexts(&out.Remark, func(x *rule) int { return x.remark })
	appendCopies(&out.Currency, r.currency, n)
	out.EventTime = append(out.EventTime, g.events[first:end]...)
	out.BillDate = fill(out.BillDate, r.t.date, n)
	for i := range g.rows[first:end] {
		out.Line = append(out.Line, g.rows[first+i].line)
		out.Offset = append(out.Offset, g.rows[first+i].offset)
	}
	for _, run := range g.runs {
		r.recordRun(run, b)
	}
	for _, col := range r.p.unique {
		for i := first; i < end; i++ {
			b.stats.unique.add(col, g.cell(col, i))
		}
	}
	if col := r.p.dayCol; col >= 0 {
		for i := first; i < end; i++ {
			if !r.onDay(g.numbers[col][i], g.valid[col]>>uint(i)&1 != 0) {
				b.stats.otherDay++
			}
		}
	}
}

// recordRun appends what the rule decides.
func (r *rowReader) recordRun(run ruleRun, b *block) {
	g, out, rule, first, end, n := &r.group, &b.batch, run.rule, run.first, run.end, run.end-run.first
	out.Kind = fill(out.Kind, rule.kind, n)
	if rule.statusBy < 0 {
		out.Status = fill(out.Status, rule.status, n)
	} else {
		for _, w := range g.words[rule.statusBy][first:end] {
			out.Status = append(out.Status, rule.statuses[w])
		}
	}
	out.AmountMinor = g.appendAbsolute(out.AmountMinor, rule.amount, first, end)
	out.SettleMinor = g.appendAbsolute(out.SettleMinor, rule.settle, first, end)
	out.SettleValid = fill(out.SettleValid, rule.settle >= 0, n)
	r.appendFees(rule, first, end, b)
	out.FeeValid = fill(out.FeeValid, rule.fee >= 0, n)
	b.stats.recorded(rule, out.AmountMinor[len(out.AmountMinor)-n:], out.FeeMinor[len(out.FeeMinor)-n:])
}

// fill appends a value n times.
func fill[T any](to []T, v T, n int) []T {
	to = slices.Grow(to, n)
	at := len(to)
	to = to[:at+n]
	for i := range to[at:] {
		to[at+i] = v
	}
	return to
}

// appendCopies appends a short text n times; it has room behind it.
func appendCopies(to *schemas.Text, v []byte, n int) {
	at := len(to.Bytes)
	to.Bytes, to.Ends = slices.Grow(to.Bytes, n*len(v)+8), slices.Grow(to.Ends, n)
	if len(v) > 8 {
		for range n {
			to.Append(v)
		}
		return
	}
	w, out := word(v[:8]), to.Bytes[:at+n*len(v)+8]
	ends := to.Ends[len(to.Ends) : len(to.Ends)+n]
	for i := range ends {
		binary.LittleEndian.PutUint64(out[at:], w)
		at += len(v)
		ends[i] = uint32(at)
	}
	to.Bytes, to.Ends = out[:at], to.Ends[:len(to.Ends)+n]
}

// appendIDs appends the values of a column that need no more looking at.
func (r *rowReader) appendIDs(to *schemas.Text, of func(*rule) int) {
	g := &r.group
	g.eachColumn(of, func(col, first, end int) {
		if col < 0 {
			to.Ends = fill(to.Ends, uint32(len(to.Bytes)), end-first)
			return
		}
		appendCells(to, g.text, g.cells[col][first:end])
	})
}

// appendTexts appends what a person reads.
func (r *rowReader) appendTexts(to *schemas.Text, of func(*rule) int) {
	g := &r.group
	g.eachColumn(of, func(col, first, end int) {
		if col < 0 {
			to.Ends = fill(to.Ends, uint32(len(to.Bytes)), end-first)
			return
		}
		c, cells := &r.p.columns[col], g.cells[col][first:end]
		if most := longest(cells); most == 0 || c.op != opText && most <= maxAttr {
			appendCells(to, g.text, cells)
			return
		}
		for i := first; i < end; i++ {
			c.appendText(to, g.cell(col, i))
		}
	})
}

func longest(cells []span) (n int32) {
	for _, s := range cells {
		n = max(n, s.to-s.from)
	}
	return n
}

// appendCells is Text.Append for the cells of a column, with room behind their
// text. Nearly all have at most 32 bytes: so many are copied in one move,
// whatever the length.
func appendCells(to *schemas.Text, text []byte, cells []span) {
	n, total := len(to.Bytes), 0
	for _, s := range cells {
		total += int(s.to - s.from)
	}
	out := slices.Grow(to.Bytes, total+32)[:n+total+32]
	text = text[:len(text)+room]
	to.Ends = slices.Grow(to.Ends, len(cells))
	ends := to.Ends[len(to.Ends) : len(to.Ends)+len(cells)]
	for i, s := range cells {
		if length := int(s.to - s.from); length <= 32 {
			move32((*[32]byte)(out[n:]), (*[32]byte)(text[s.from:]))
			n += length
		} else {
			n += copy(out[n:], s.of(text))
		}
		ends[i] = uint32(n)
	}
	to.Bytes, to.Ends = out[:n], to.Ends[:len(to.Ends)+len(cells)]
}

// move32 copies 32 bytes. The compiler calls a function for an assignment of
// arrays that may overlap.
func move32(to, from *[32]byte) {
	a, b, c, d := word(from[0:]), word(from[8:]), word(from[16:]), word(from[24:])
	binary.LittleEndian.PutUint64(to[0:], a)
	binary.LittleEndian.PutUint64(to[8:], b)
	binary.LittleEndian.PutUint64(to[16:], c)
	binary.LittleEndian.PutUint64(to[24:], d)
}

// appendAbsolute appends amounts without their sign, which the rule knows.
func (g *group) appendAbsolute(to []int64, col, first, end int) []int64 {
	if col < 0 {
		return fill(to, 0, end-first)
	}
	for _, v := range g.numbers[col][first:end] {
		to = append(to, max(v, -v))
	}
	return to
}

func (r *rowReader) appendFees(rule *rule, first, end int, b *block) {
	out := &b.batch
	if rule.fee < 0 {
		out.FeeMinor = fill(out.FeeMinor, 0, end-first)
		out.FeeSub = fill(out.FeeSub, 0, end-first)
		return
	}
	for _, v := range r.group.numbers[rule.fee][first:end] {
		fee, sub := r.t.fee(rule, v)
		out.FeeMinor = append(out.FeeMinor, fee)
		out.FeeSub = append(out.FeeSub, sub)
	}
}
