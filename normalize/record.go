package normalize

import (
	"bytes"
	"math"

	"tieout/internal/bizday"
	"tieout/internal/money"
	"tieout/internal/personal"
	"tieout/schemas"
)

// record appends the row to the batch, unless something is wrong with it.
func (r *rowReader) record(line, offset int64, b *block, bad *badCell) {
	rule := r.rule()
	if rule == nil {
		bad.set(0, nil, "no rule of the channel fits this row")
		return
	}
	r.check(rule, bad)
	amount := r.money(rule.amount, rule.amountSign, bad)
	var settle int64
	if rule.settle >= 0 {
		settle = r.money(rule.settle, rule.settleSign, bad)
	}
	event := r.event(rule, bad)
	if bad.reason != "" {
		return
	}
	status := rule.status
	if rule.statusBy >= 0 {
		status = rule.statuses[r.words[rule.statusBy]]
	}
	fee, sub := r.fee(rule)
	out := &b.batch
	out.Kind = append(out.Kind, rule.kind)
	r.id(&out.MerchantRef, rule.merchantRef)
	r.id(&out.RefundRef, rule.refundRef)
	r.id(&out.ChannelRef, rule.channelRef)
	r.id(&out.ChannelRefundRef, rule.channelRefundRef)
	out.Status = append(out.Status, status)
	r.text(&out.StatusRaw, rule.statusRaw)
	out.AmountMinor = append(out.AmountMinor, amount)
	appendShort(&out.Currency, r.currency)
	out.SettleMinor = append(out.SettleMinor, settle)
	out.SettleValid = append(out.SettleValid, rule.settle >= 0)
	out.FeeMinor = append(out.FeeMinor, fee)
	out.FeeValid = append(out.FeeValid, rule.fee >= 0)
	out.FeeSub = append(out.FeeSub, sub)
	out.EventTime = append(out.EventTime, event)
	out.BillDate = append(out.BillDate, r.t.date)
	out.Line = append(out.Line, line)
	out.Offset = append(out.Offset, offset)
	r.text(&out.TradeType, rule.tradeType)
	r.text(&out.Bank, rule.bank)
	r.text(&out.Product, rule.product)
	r.text(&out.Remark, rule.remark)
	b.stats.recorded(rule, amount, fee)
	for _, col := range r.p.unique {
		b.stats.unique.add(col, r.cell(col))
	}
	if r.p.dayCol >= 0 && !r.onDay() {
		b.stats.otherDay++
	}
}

func (r *rowReader) rule() *rule {
	for i := range r.p.rules {
		if r.selected(&r.p.rules[i].when) {
			return &r.p.rules[i]
		}
	}
	return nil
}

// check looks at what the rule asks of the row.
func (r *rowReader) check(rule *rule, bad *badCell) {
	for _, col := range rule.need {
		if len(r.cell(col)) == 0 {
			bad.set(col+1, nil, "a value is needed here")
		}
	}
	for _, col := range rule.zero {
		if r.amounts[col] != 0 {
			bad.set(col+1, r.cell(col), "an amount that is zero in such a row")
		}
	}
	if rule.sumEquals < 0 {
		return
	}
	var sum money.Sum
	for _, col := range rule.sumPlus {
		sum.Add(r.amounts[col])
	}
	for _, col := range rule.sumMinus {
		sum.Add(-r.amounts[col])
	}
	if v, err := sum.Int64(); err != nil || v != r.amounts[rule.sumEquals] {
		bad.set(rule.sumEquals+1, r.cell(rule.sumEquals), "not the sum of the amounts beside it")
	}
}

// money returns the absolute amount of a column, whose sign the rule knows.
func (r *rowReader) money(col int, sign int8, bad *badCell) int64 {
	v := r.amounts[col]
	if v < 0 && sign > 0 || v > 0 && sign < 0 {
		bad.set(col+1, r.cell(col), whySign)
	}
	if v == math.MinInt64 {
		bad.set(col+1, r.cell(col), "does not fit in 64 bits")
	}
	if v < 0 {
		return -v
	}
	return v
}

// fee returns the fee in minor units and the rest in millionths, positive when
// we pay it. Both parts carry the sign.
func (r *rowReader) fee(rule *rule) (minor, sub int64) {
	if rule.fee < 0 {
		return 0, 0
	}
	v := r.amounts[rule.fee]
	if rule.feeNegate || rule.feeBySummary && r.t.feeSign < 0 {
		v = -v
	}
	scale := powers[rule.feeDecimals]
	return v / scale, v % scale * (1_000_000 / scale)
}

var powers = [...]int64{1, 10, 100, 1_000, 10_000, 100_000, 1_000_000}

func (r *rowReader) event(rule *rule, bad *badCell) int64 {
	if rule.event < 0 || !r.valid[rule.event] {
		return schemas.NoTime
	}
	if r.p.columns[rule.event].op == opTime {
		return r.times[rule.event]
	}
	if rule.clock < 0 || !r.valid[rule.clock] {
		return schemas.NoTime
	}
	t, why := r.zone.utc(bizday.Date(r.times[rule.event]), r.times[rule.clock])
	if why != "" {
		bad.set(rule.clock+1, r.cell(rule.clock), why)
	}
	return t
}

// onDay tells whether the row belongs to the bill date.
func (r *rowReader) onDay() bool {
	col, t := r.p.dayCol, r.t
	switch {
	case t.date == bizday.None:
		return true
	case !r.valid[col]:
		return false
	case r.p.columns[col].op == opDate:
		d := r.times[col] - int64(t.date)
		return max(d, -d) <= (r.p.slack+day-1)/day
	}
	return r.times[col] >= t.day.From-r.p.slack && r.times[col] < t.day.To+r.p.slack
}

func (r *rowReader) cell(col int) []byte { return r.cells[col].of(r.line) }

// id appends the value of a column that needs no more looking at.
func (r *rowReader) id(to *schemas.Text, col int) {
	if col < 0 {
		to.Ends = append(to.Ends, uint32(len(to.Bytes)))
		return
	}
	appendShort(to, r.cell(col))
}

// text appends what a person reads: unescaped, masked and bounded.
func (r *rowReader) text(to *schemas.Text, col int) {
	if col < 0 || len(r.cell(col)) == 0 {
		to.Ends = append(to.Ends, uint32(len(to.Bytes)))
		return
	}
	c, cell := &r.p.columns[col], r.cell(col)
	if c.op != opText {
		appendShort(to, cutText(cell, maxAttr))
		return
	}
	start := len(to.Bytes)
	if len(c.unescape) > 0 && bytes.IndexByte(cell, c.escape) >= 0 {
		to.Bytes = c.appendUnescaped(to.Bytes, cell)
		to.Ends = append(to.Ends, uint32(len(to.Bytes)))
	} else {
		appendShort(to, cell)
	}
	personal.Hide(to.Bytes[start:], c.masks)
	if len(to.Bytes)-start > maxAttr {
		to.Bytes = to.Bytes[:start+len(cutText(to.Bytes[start:], maxAttr))]
		to.Ends[len(to.Ends)-1] = uint32(len(to.Bytes))
	}
}

// appendShort is Text.Append for the values of a row, of which nearly all have
// at most 32 bytes: so many are copied in one move, whatever the length, if
// there is room behind both.
func appendShort(to *schemas.Text, v []byte) {
	if n := len(to.Bytes); len(v) <= 32 && cap(v) >= 32 && cap(to.Bytes)-n >= 32 {
		*(*[32]byte)(to.Bytes[n : n+32]) = *(*[32]byte)(v[:32])
		to.Bytes = to.Bytes[:n+len(v)]
	} else {
		to.Bytes = append(to.Bytes, v...)
	}
	to.Ends = append(to.Ends, uint32(len(to.Bytes)))
}

func (c *column) appendUnescaped(dst, cell []byte) []byte {
	for bytes.IndexByte(cell, c.escape) >= 0 {
		at, found := len(cell), replacement{}
		for _, u := range c.unescape {
			if i := bytes.Index(cell[:at], u.from); i >= 0 {
				at, found = i, u
			}
		}
		dst = append(append(dst, cell[:at]...), found.to...)
		cell = cell[at+len(found.from):]
	}
	return append(dst, cell...)
}
