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
	event, why := r.event(rule, func(col int) (int64, bool) { return r.times[col], r.valid[col] })
	if why != "" {
		bad.set(rule.clock+1, r.cell(rule.clock), why)
	}
	if bad.reason != "" {
		return
	}
	status := rule.status
	if rule.statusBy >= 0 {
		status = rule.statuses[r.words[rule.statusBy]]
	}
	var fee, sub int64
	if rule.fee >= 0 {
		fee, sub = r.t.fee(rule, r.amounts[rule.fee])
	}
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
	b.stats.recorded(rule, []int64{amount}, []int64{fee})
	for _, col := range r.p.unique {
		b.stats.unique.add(col, r.cell(col))
	}
	if col := r.p.dayCol; col >= 0 && !r.onDay(r.times[col], r.valid[col]) {
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
	if rule.sumEquals >= 0 && !rule.addsUp(func(col int) int64 { return r.amounts[col] }) {
		bad.set(rule.sumEquals+1, r.cell(rule.sumEquals), "not the sum of the amounts beside it")
	}
}

// addsUp tells whether the amounts of a row add up.
func (rule *rule) addsUp(amount func(col int) int64) bool {
	var sum money.Sum
	for _, col := range rule.sumPlus {
		sum.Add(amount(col))
	}
	for _, col := range rule.sumMinus {
		sum.Add(-amount(col))
	}
	v, err := sum.Int64()
	return err == nil && v == amount(rule.sumEquals)
}

// money returns the absolute amount of a column, whose sign the rule knows.
func (r *rowReader) money(col int, sign int8, bad *badCell) int64 {
	v := r.amounts[col]
	if wrongSign(v, sign) {
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

// fee returns a printed fee in minor units and the rest in millionths, positive
// when we pay it. Both parts carry the sign.
func (t *target) fee(rule *rule, v int64) (minor, sub int64) {
	if rule.feeNegate || rule.feeBySummary && t.feeSign < 0 {
		v = -v
	}
	scale := powers[rule.feeDecimals]
	return v / scale, v % scale * (1_000_000 / scale)
}

var powers = [...]int64{1, 10, 100, 1_000, 10_000, 100_000, 1_000_000}

// event returns when a row happened. time returns the value of a column of time,
// if the row has one.
func (r *rowReader) event(rule *rule, time func(col int) (t int64, ok bool)) (int64, string) {
	if rule.event < 0 {
		return schemas.NoTime, ""
	}
	t, ok := time(rule.event)
	if !ok {
		return schemas.NoTime, ""
	}
	if r.p.columns[rule.event].op == opTime {
		return t, ""
	}
	if rule.clock < 0 {
		return schemas.NoTime, ""
	}
	micros, ok := time(rule.clock)
	if !ok {
		return schemas.NoTime, ""
	}
	return r.zone.utc(bizday.Date(t), micros)
}

// onDay tells whether a row with this time, or date, belongs to the bill date.
func (r *rowReader) onDay(t int64, valid bool) bool {
	to, slack := r.t, r.p.slack
	switch {
	case to.date == bizday.None:
		return true
	case !valid:
		return false
	case r.p.columns[r.p.dayCol].op == opDate:
		d := t - int64(to.date)
		return max(d, -d) <= (slack+day-1)/day
	}
	return t >= to.day.From-slack && t < to.day.To+slack
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

func (r *rowReader) text(to *schemas.Text, col int) {
	if col < 0 {
		to.Ends = append(to.Ends, uint32(len(to.Bytes)))
		return
	}
	r.p.columns[col].appendText(to, r.cell(col))
}

// appendText appends what a person reads: unescaped, masked and bounded.
func (c *column) appendText(to *schemas.Text, cell []byte) {
	if c.op != opText || len(cell) == 0 {
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
		move32((*[32]byte)(to.Bytes[n:n+32]), (*[32]byte)(v[:32]))
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
