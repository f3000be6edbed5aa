package ledgerlink

import (
	"bytes"
	"math/bits"
	"slices"
	"unicode/utf8"

	"tieout/internal/money"
	"tieout/schemas"
)

// blockPad line ends stand behind the lines of a block, so that eight or more
// bytes can be read from any place in it.
const blockPad = 32

// noField is the field of a column that is not mapped.
const noField = len(fields)

// planOf lists the field of each column in the order of the file; nil if a
// column is mapped to two fields.
func planOf(at columns, width int) []int {
	plan := slices.Repeat([]int{noField}, width)
	for field, column := range at {
		if column < 0 {
			continue
		}
		if plan[column] != noField {
			return nil
		}
		plan[column] = field
	}
	return plan
}

// groupRows is how many rows are read together at most.
const groupRows = 64

// group is some rows one after another whose cells all have the usual shape:
// split and read are what knows the grammar and names mistakes. The cells are
// read column by column, all rows of the group in one loop, which takes two
// thirds of the time of row by row: what a loop needs stays in registers.
type group struct {
	n     int                // rows that were read
	most  int                // how many to try: few after a group that was cut short
	start [groupRows + 1]int // of each row and of what follows
	at    [groupRows]int     // as far as each row is read

	kind               [groupRows]schemas.Kind
	status             [groupRows]schemas.Status
	amount, fee        [groupRows]int64
	created, completed [groupRows]int64
	cells              [len(fields) + 1][groupRows]span // by field
}

// span is the place of a cell in its block; the zero value is an empty cell.
type span struct{ begin, end uint32 }

func (s span) size() int { return int(s.end - s.begin) }

func (s span) of(d []byte) []byte { return d[s.begin:s.end] }

// usual reads rows from d[at:end] on until one is not usual, and returns how
// many: they make up r.group. Behind end at least blockPad bytes can be read,
// the first of them a line end.
func (r *rowReader) usual(d []byte, at, end int) int {
	if r.plan == nil {
		return 0
	}
	g := &r.group
	tried := g.cut(d, at, end)
	g.n = tried
	for column, field := range r.plan {
		if column > 0 {
			g.n = g.commas(d)
		}
		g.n = r.usualColumn(field, d)
	}
	g.n = g.lineEnds(d)
	g.n = r.usualMeaning(d)
	// What is read behind a row that is not usual is read again.
	if g.most = min(2*g.most, groupRows); g.n < tried {
		g.most = max(g.n, 1)
	}
	return g.n
}

// cut finds the lines of a group.
func (g *group) cut(d []byte, at, end int) (n int) {
	for n < g.most && at < end {
		size := bytes.IndexByte(d[at:], '\n')
		if size > maxLine {
			break
		}
		g.start[n], g.at[n] = at, at
		at += size + 1
		n++
	}
	g.start[n] = at
	return n
}

// commas goes past the comma behind a column; like all that read a column, it
// returns how many rows had what it looked for.
func (g *group) commas(d []byte) int {
	at := g.at[:g.n]
	for i, p := range at {
		if d[p] != ',' {
			return i
		}
		at[i] = p + 1
	}
	return len(at)
}

// lineEnds checks that nothing is left of the rows.
func (g *group) lineEnds(d []byte) int {
	for i, p := range g.at[:g.n] {
		if d[p] == '\r' {
			p++
		}
		if p+1 != g.start[i+1] {
			return i
		}
	}
	return g.n
}

// usualColumn reads the cells of a column.
func (r *rowReader) usualColumn(field int, d []byte) int {
	g := &r.group
	at, cells := g.at[:g.n], g.cells[field][:g.n]
	switch field {
	case colKind:
		return usualWords(&r.kinds, d, at, cells, g.kind[:])
	case colStatus:
		return usualWords(&r.statuses, d, at, cells, g.status[:])
	case colCurrency:
		return r.usualCurrencies(d, at, cells)
	case colAmount:
		return r.usualAmounts(d, at, cells, g.amount[:], 1)
	case colFee:
		return r.usualAmounts(d, at, cells, g.fee[:], 0)
	case colOrderNo, colRefundNo, colChannelTxnID, colChannelPayTxnID:
		return usualIDs(d, at, cells)
	case colCreatedAt:
		return r.usualTimes(d, at, g.created[:])
	case colCompletedAt:
		return r.usualTimes(d, at, g.completed[:])
	case colTradeType, colBank, colProduct, colRemark:
		return usualTexts(d, at, cells)
	}
	return otherCells(d, at)
}

// usualWords reads words of the mapping; most are the one before.
func usualWords[T any](words *vocabulary[T], d []byte, at []int, cells []span, to []T) int {
	var last metWord[T]
	for i, p := range at {
		if i == 0 || last.size > 16 || !last.at(d, p) {
			end := cellEnd(d, p)
			word, ok := words.find(d[p:end])
			if !ok {
				return i
			}
			last = newMetWord(d[p:end], word)
		}
		end := p + last.size
		at[i], to[i], cells[i] = end, last.value, span{uint32(p), uint32(end)}
	}
	return len(at)
}

// usualIDs reads numbers of bytes '-' to '~'. Only one that holds a '-' can be
// one that a spreadsheet has rewritten; few do.
func usualIDs(d []byte, at []int, cells []span) int {
	for i, p := range at {
		end := idEnd(d, p, '.')
		if d[end] == '-' {
			if end = idEnd(d, end, '-'); spreadsheet(d[p:end]) {
				return i
			}
		}
		if end-p > maxID {
			return i
		}
		at[i], cells[i] = end, span{uint32(p), uint32(end)}
	}
	return len(at)
}

// idEnd returns the place of the first byte from p on that is not low to '~'.
func idEnd(d []byte, p int, low byte) int {
	for ; ; p += 8 {
		x := at8(d, p)
		if stop := (below8(x, low) | (x + ones)) & highs; stop != 0 {
			return p + bits.TrailingZeros64(stop)/8
		}
	}
}

// usualAmounts reads minor units without a sign; no digits are 0, if so many
// are enough. Major units wait until the currency is known.
func (r *rowReader) usualAmounts(d []byte, at []int, cells []span, to []int64, least int) int {
	for i, p := range at {
		end := p
		x := at8(d, p) ^ '0'*ones
		stop := (x | (x + (0x7f-9)*ones)) & highs
		switch {
		case r.major:
			end = cellEnd(d, p)
		case stop != 0:
			n := bits.TrailingZeros64(stop) / 8
			end += n
			to[i] = digitsOf(x << 8 << (56 - 8*n))
		default:
			end = cellEnd(d, p)
			v, why := money.ParseDigits(d[p:end], 0)
			if why != "" || v < 0 {
				return i
			}
			to[i] = v
		}
		if end-p < least {
			return i
		}
		at[i], cells[i] = end, span{uint32(p), uint32(end)}
	}
	return len(at)
}

// usualCurrencies reads currencies; most are the one before. Amounts in major
// units need one currency in all the group.
func (r *rowReader) usualCurrencies(d []byte, at []int, cells []span) int {
	last := newMetWord(r.currency, struct{}{})
	for i, p := range at {
		if last.size == 0 || !last.at(d, p) {
			end := cellEnd(d, p)
			if r.major && i > 0 || !r.setCurrency(d[p:end]) {
				return i
			}
			last = newMetWord(r.currency, struct{}{})
		}
		end := p + last.size
		at[i], cells[i] = end, span{uint32(p), uint32(end)}
	}
	return len(at)
}

// usualTimes reads times; most have the date and the offset of the one before.
func (r *rowReader) usualTimes(d []byte, at []int, to []int64) int {
	date, date2, suffix, midnight := load8(r.date[:], 0), load8(r.date[:], 8), load8(r.suffix[:], 0), r.midnight-r.offset
	for i, p := range at {
		end := p + len(longTime)
		x := at8(d, p+8) // two digits of the date, what stands behind it, some of the clock
		seconds, ok := clock8(at8(d, p+11))
		if ok && at8(d, p) == date && x&0xffff == date2 && at8(d, p+17)>>16 == suffix && (x>>16&0xff == 'T' || x>>16&0xff == ' ') {
			at[i], to[i] = end, midnight+seconds*1e6
			continue
		}
		end = cellEnd(d, p)
		t, ok := r.time(d[p:end])
		if !ok {
			return i
		}
		at[i], to[i] = end, t
		date, date2, suffix, midnight = load8(r.date[:], 0), load8(r.date[:], 8), load8(r.suffix[:], 0), r.midnight-r.offset
	}
	return len(at)
}

func usualTexts(d []byte, at []int, cells []span) int {
	for i, p := range at {
		end := cellEnd(d, p)
		if end-p > maxText || !utf8.Valid(d[p:end]) {
			return i
		}
		at[i], cells[i] = end, span{uint32(p), uint32(end)}
	}
	return len(at)
}

// otherCells goes past the cells of a column that is not mapped.
func otherCells(d []byte, at []int) int {
	for i, p := range at {
		end := cellEnd(d, p)
		if end-p > maxCell {
			return i
		}
		at[i] = end
	}
	return len(at)
}

// cellEnd returns the place of the first comma, quote or line end from p on.
func cellEnd(d []byte, p int) int {
	for begin := p; ; p += 8 {
		x := at8(d, p)
		stop := equal8(x, ',') | equal8(x, '"') | equal8(x, '\n')
		if stop == 0 {
			continue
		}
		p += bits.TrailingZeros64(stop) / 8
		if d[p] == '\n' && p > begin && d[p-1] == '\r' {
			p--
		}
		return p
	}
}

// usualMeaning checks what the cells of each row mean together.
func (r *rowReader) usualMeaning(d []byte) int {
	g := &r.group
	orders, refunds := &g.cells[colOrderNo], &g.cells[colRefundNo]
	for i, kind := range g.kind[:g.n] {
		if r.major && !r.usualMajor(d, i) {
			return i
		}
		if kind == schemas.Payment && (orders[i].size() == 0 || refunds[i].size() > 0) || kind == schemas.Refund && refunds[i].size() == 0 {
			return i
		}
	}
	return g.n
}

// usualMajor reads the amounts of row i in major units.
func (r *rowReader) usualMajor(d []byte, i int) bool {
	g, why := &r.group, ""
	if g.amount[i], why = r.amount(g.cells[colAmount][i].of(d)); why != "" || g.amount[i] < 0 {
		return false
	}
	if g.fee[i] = 0; g.cells[colFee][i].size() > 0 {
		g.fee[i], why = r.amount(g.cells[colFee][i].of(d))
	}
	return why == ""
}

// addGroup appends the rows of the group to a batch, column by column. The
// first of them is line, and d lies at offset.
func (r *rowReader) addGroup(d []byte, line, offset int64, b *schemas.Batch) {
	g, n := &r.group, r.group.n
	b.Kind, b.Status = append(b.Kind, g.kind[:n]...), append(b.Status, g.status[:n]...)
	b.AmountMinor, b.FeeMinor = append(b.AmountMinor, g.amount[:n]...), append(b.FeeMinor, g.fee[:n]...)
	feeValid, lines, offsets := more(&b.FeeValid, n), more(&b.Line, n), more(&b.Offset, n)
	events, dates := more(&b.EventTime, n), more(&b.BillDate, n)
	for i, fee := range g.cells[colFee][:n] {
		feeValid[i] = fee.size() > 0
	}
	for i, start := range g.start[:n] {
		lines[i], offsets[i] = line+int64(i), offset+int64(start)
	}
	for i, event := range g.completed[:n] {
		if event == schemas.NoTime {
			event = g.created[i]
		}
		events[i] = event
	}
	for i, event := range events {
		dates[i] = r.dateOf(event)
	}
	channel, channelRefund := g.channelNumbers()
	appendCells(&b.MerchantRef, d, g.cells[colOrderNo][:n])
	appendCells(&b.RefundRef, d, g.cells[colRefundNo][:n])
	appendCells(&b.ChannelRef, d, channel[:n])
	appendCells(&b.ChannelRefundRef, d, channelRefund[:n])
	appendCells(&b.StatusRaw, d, g.cells[colStatus][:n])
	if r.fixed {
		for range n {
			b.Currency.Append(r.currency)
		}
	} else {
		appendCells(&b.Currency, d, g.cells[colCurrency][:n])
	}
	if r.texts {
		appendCells(&b.TradeType, d, g.cells[colTradeType][:n])
		appendCells(&b.Bank, d, g.cells[colBank][:n])
		appendCells(&b.Product, d, g.cells[colProduct][:n])
		appendCells(&b.Remark, d, g.cells[colRemark][:n])
	}
}

// more lengthens a column by n values, which it returns.
func more[T any](column *[]T, n int) []T {
	have := len(*column)
	*column = slices.Grow(*column, n)[:have+n]
	return (*column)[have:]
}

// channelNumbers are the channel's numbers of the payments and of the refunds:
// on the row of a refund, the first number is the refund's.
func (g *group) channelNumbers() (channel, channelRefund [groupRows]span) {
	channel = g.cells[colChannelTxnID]
	for i, kind := range g.kind[:g.n] {
		if kind == schemas.Refund {
			channel[i], channelRefund[i] = g.cells[colChannelPayTxnID][i], channel[i]
		}
	}
	return channel, channelRefund
}

// appendCells appends cells of d to a column.
func appendCells(t *schemas.Text, d []byte, cells []span) {
	size := 0
	for _, c := range cells {
		size += c.size()
	}
	n, ends := len(t.Bytes), more(&t.Ends, len(cells))
	if size == 0 {
		for i := range ends {
			ends[i] = uint32(n)
		}
		return
	}
	t.Bytes = slices.Grow(t.Bytes, size+32)
	copyCells(t.Bytes[:n+size+32], n, ends, d, cells)
	t.Bytes = t.Bytes[:n+size]
}

// copyCells copies cells of d to out[n:], and their ends to ends. Thirty-two
// bytes, whatever the length of a cell, are a few moves of a register and no
// call; what is written too much is overwritten next.
func copyCells(out []byte, n int, ends []uint32, d []byte, cells []span) {
	for i := range ends {
		c := cells[i]
		begin := int(c.begin)
		if c.size() <= 32 {
			to, from := out[n:n+32:n+32], d[begin:begin+32:begin+32]
			copy(to[:16], from[:16])
			copy(to[16:], from[16:])
		} else {
			copy(out[n:], c.of(d))
		}
		n += c.size()
		ends[i] = uint32(n)
	}
}
