package normalize

import (
	"bytes"
	"math"
	"strings"

	"tieout/internal/bizday"
	"tieout/internal/fault"
	"tieout/internal/money"
	"tieout/schemas"
)

// cutter cuts one row into cells: one decoder's part of the work. Each worker
// has its own.
type cutter interface {
	// cut returns the cells of a row, in UTF-8, as many as the plan has columns;
	// they are valid until the next call. The row comes without its line end; a
	// tagged row holds several lines. What is wrong with the row goes into bad,
	// whose first entry wins. Cells are nil if the row cannot be cut; else they
	// are as good as they can be, so that a row that is rejected for one cell
	// still counts in the totals.
	cut(row []byte, bad *badCell) [][]byte
}

// hold says that a reject is not only a bad row but makes the file doubtful.
type hold uint8

const (
	holdNone     hold = iota
	holdIntact        // the file was edited, or its structure is broken
	holdCut           // the row is cut off
	holdMerchant      // a row of another merchant
	holdCurrency      // a row in another currency
	holds
)

// badCell is the first thing that is wrong with a row.
type badCell struct {
	col    int // 1-based; 0: the whole row
	at     int // byte offset within the row, for col 0
	value  []byte
	reason string // "": nothing is wrong
	hold   hold
}

// set keeps the first reason.
func (b *badCell) set(col int, value []byte, reason string) {
	if b.reason == "" {
		b.col, b.value, b.reason = col, value, reason
		if reason == whySpreadsheet || reason == whyOpenQuote {
			b.hold = holdIntact
		}
	}
}

// target is what all rows of a file must agree with.
type target struct {
	merchant []byte      // empty: not known
	date     bizday.Date // bizday.None: not known
	day      bizday.Interval
	source   string // sha256 of the raw file
	feeSign  int64  // +1: fees are printed positive; -1: negative; for formats that leave it to the summary
}

// rowReader reads the rows of one block after the other. Its slices are
// indexed by column.
type rowReader struct {
	p       *plan
	t       *target
	cut     cutter
	zone    zone
	cells   [][]byte
	amounts []int64
	times   []int64
	words   []uint8
	valid   []bool  // amounts and times
	bad     badCell // of the row in hand; here so that no row allocates one
}

func newRowReader(p *plan, t *target, c cutter) *rowReader {
	n := len(p.columns)
	return &rowReader{p: p, t: t, cut: c, zone: zone{loc: p.def.Day().Zone},
		amounts: make([]int64, n), times: make([]int64, n), words: make([]uint8, n), valid: make([]bool, n)}
}

// row reads one row into the block: a record, or a reject. line counts within
// the block, offset within the file; why is what is already known to be wrong.
func (r *rowReader) row(raw []byte, line, offset int64, b *block, why string) {
	bad := &r.bad
	*bad = badCell{reason: why}
	b.stats.rows++
	if r.cells = r.cut.cut(raw, bad); r.cells != nil {
		r.read(bad)
	}
	known := r.count(&b.stats)
	if bad.reason == "" {
		r.record(line, offset, b, bad)
	}
	if bad.reason != "" {
		b.stats.rejects++
		b.stats.held[bad.hold]++
		r.reject(raw, line, offset, bad, b)
	}
	if r.p.balanceCol >= 0 {
		r.balance(&b.stats, known)
	}
}

// read turns the cells into numbers, times and words.
func (r *rowReader) read(bad *badCell) {
	for i := range r.p.columns {
		c, cell := &r.p.columns[i], r.cells[i]
		switch c.op {
		case opID:
			r.cells[i] = c.id(cell, i, bad)
		case opAmount:
			r.valid[i] = r.amount(c, cell, i, bad)
		case opWord:
			r.words[i] = c.word(cell, i, bad)
		case opTime, opDate, opClock:
			r.valid[i] = r.time(c, cell, i, bad)
		case opMerchant:
			if len(r.t.merchant) > 0 && !bytes.Equal(cell, r.t.merchant) {
				bad.set(i+1, cell, "a row of another merchant")
				bad.hold = max(bad.hold, holdMerchant)
			}
		case opCurrency:
			if string(cell) != string(r.p.def.Currency) {
				bad.set(i+1, cell, "a row in another currency")
				bad.hold = max(bad.hold, holdCurrency)
			}
		case opCount:
			v, why := money.ParseDigits(cell, 0)
			if r.amounts[i], r.valid[i] = v, why == "" && v >= 0; !r.valid[i] {
				bad.set(i+1, cell, "not a count")
			}
		}
	}
}

func (c *column) id(cell []byte, i int, bad *badCell) []byte {
	for _, n := range c.none {
		if bytes.Equal(cell, n) {
			return nil
		}
	}
	if why := checkID(cell, c.digits, c.max); why != "" {
		bad.set(i+1, cell, why)
	}
	return cell
}

func (r *rowReader) amount(c *column, cell []byte, i int, bad *badCell) bool {
	var v int64
	var why string
	switch {
	case len(cell) == 0 && c.optional:
		r.amounts[i] = 0
		return true
	case c.cd:
		v, why = parseCD(cell, c.decimals)
	default:
		v, why = money.ParseDigits(cell, c.decimals)
	}
	if why != "" {
		r.amounts[i] = 0
		bad.set(i+1, cell, findAmountDamage(cell, why))
		return false
	}
	if c.absolute && v < 0 && v != math.MinInt64 {
		v = -v
	}
	r.amounts[i] = v
	if v < 0 && c.sign > 0 || v > 0 && c.sign < 0 {
		bad.set(i+1, cell, whySign)
	}
	return true
}

const whySign = "the sign that this column never has"

func (c *column) word(cell []byte, i int, bad *badCell) uint8 {
	for k, w := range c.words {
		if string(w) == string(cell) {
			return uint8(k)
		}
	}
	if c.open {
		return otherWord
	}
	bad.set(i+1, cell, "a word that the channel's documents do not have")
	return noWord
}

func (r *rowReader) time(c *column, cell []byte, i int, bad *badCell) bool {
	if len(cell) == 0 && c.optional {
		return false
	}
	w, why := c.layout.parse(cell)
	if why == "" && c.op != opClock && w.year == 0 {
		w, why = w.nearestYear(r.t.date)
	}
	if why == "" {
		switch c.op {
		case opTime:
			r.times[i], why = r.zone.utc(w.date(), w.micros())
		case opDate:
			r.times[i] = int64(w.date())
		case opClock:
			r.times[i] = w.micros()
		}
	}
	if why != "" {
		bad.set(i+1, cell, why)
		return false
	}
	return true
}

// selected tells whether the row fits all conditions.
func (r *rowReader) selected(s *selection) bool {
	for _, c := range s.words {
		if c.set&(1<<r.words[c.col]) == 0 {
			return false
		}
	}
	for _, col := range s.nonzero {
		if r.amounts[col] == 0 {
			return false
		}
	}
	return true
}

// count adds the row to the totals, whether or not it becomes a record. It is
// false if the row's share is not wholly known.
func (r *rowReader) count(s *stats) bool {
	known := true
	s.movement = 0
	for i := range r.p.totals {
		t := &r.p.totals[i]
		if r.cells == nil {
			if t.count && t.when.all() {
				s.counts[i]++
			}
			known = false
			continue
		}
		if !r.selected(&t.when) {
			continue
		}
		if t.count {
			s.counts[i]++
			continue
		}
		for _, col := range t.sum {
			if !r.valid[col] {
				known = false
				continue
			}
			s.sums[i].Add(r.amounts[col])
			s.movement += int64(r.p.balanceSign[i]) * r.amounts[col]
		}
	}
	if !known {
		s.unknown++
	}
	return known
}

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
	out.MerchantRef.Append(r.cell(rule.merchantRef))
	out.RefundRef.Append(r.cell(rule.refundRef))
	out.ChannelRef.Append(r.cell(rule.channelRef))
	out.ChannelRefundRef.Append(r.cell(rule.channelRefundRef))
	out.Status = append(out.Status, status)
	r.text(&out.StatusRaw, rule.statusRaw)
	out.AmountMinor = append(out.AmountMinor, amount)
	out.Currency.AppendString(string(r.p.def.Currency))
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
		b.stats.unique.add(col, r.cells[col])
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
		if len(r.cells[col]) == 0 {
			bad.set(col+1, nil, "a value is needed here")
		}
	}
	for _, col := range rule.zero {
		if r.amounts[col] != 0 {
			bad.set(col+1, r.cells[col], "an amount that is zero in such a row")
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
		bad.set(rule.sumEquals+1, r.cells[rule.sumEquals], "not the sum of the amounts beside it")
	}
}

// money returns the absolute amount of a column, whose sign the rule knows.
func (r *rowReader) money(col int, sign int8, bad *badCell) int64 {
	v := r.amounts[col]
	if v < 0 && sign > 0 || v > 0 && sign < 0 {
		bad.set(col+1, r.cells[col], whySign)
	}
	if v == math.MinInt64 {
		bad.set(col+1, r.cells[col], "does not fit in 64 bits")
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
		bad.set(rule.clock+1, r.cells[rule.clock], why)
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

func (r *rowReader) cell(col int) []byte {
	if col < 0 {
		return nil
	}
	return r.cells[col]
}

// text appends what a person reads: unescaped, masked and bounded.
func (r *rowReader) text(to *schemas.Text, col int) {
	if col < 0 {
		to.Append(nil)
		return
	}
	c := &r.p.columns[col]
	if c.op != opText {
		to.Append(cutText(r.cells[col], maxAttr))
		return
	}
	start := len(to.Bytes)
	to.Bytes = c.appendText(to.Bytes, r.cells[col])
	to.Bytes = to.Bytes[:start+len(cutText(to.Bytes[start:], maxAttr))]
	to.Ends = append(to.Ends, uint32(len(to.Bytes)))
}

func (c *column) appendText(dst, cell []byte) []byte {
	start := len(dst)
	for len(c.unescape) > 0 && bytes.IndexByte(cell, c.escape) >= 0 {
		at, found := len(cell), replacement{}
		for _, u := range c.unescape {
			if i := bytes.Index(cell[:at], u.from); i >= 0 {
				at, found = i, u
			}
		}
		dst = append(append(dst, cell[:at]...), found.to...)
		cell = cell[at+len(found.from):]
	}
	dst = append(dst, cell...)
	maskIn(dst[start:], c.masks)
	return dst
}

// reject writes the row down as it can be shown.
func (r *rowReader) reject(raw []byte, line, offset int64, bad *badCell, b *block) {
	rej := schemas.Reject{Source: r.t.source, Line: line, Offset: offset, Column: bad.col, Reason: bad.reason}
	value := bad.value
	if bad.col > 0 {
		rej.Field = r.p.names[bad.col-1]
	} else if value == nil {
		value = raw[:min(len(raw), 1024)]
	}
	rej.Value = showable(value)
	b.rejects = append(b.rejects, rej)
}

// showable escapes, masks and cuts a value of a file for people.
func showable(value []byte) string {
	v := bytes.Clone(value[:min(len(value), 1024)])
	maskIn(v, masks{phone: true, idNumber: true})
	return fault.Safe(strings.ReplaceAll(string(v), "\ufffd", `\ufffd`), 80)
}
