package ledgerlink

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"unicode/utf8"

	"tieout/internal/money"
)

// blockPad line ends stand behind the lines of a block, so that eight or more
// bytes can be read from any place in it.
const blockPad = 32

const noField = -1

// planOf lists the field of each column in the order of the file, noField for
// one that is not mapped; nil if a column is mapped to two fields.
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

// usual reads the row that d begins with in one pass, if all its cells have the
// usual shape, and returns its length with the line end; else 0, and nothing is
// said about the row: split and read are what knows the grammar and names
// mistakes. Each cell is tested while its end is searched, which is why this
// takes half of their time. Behind the row at least blockPad bytes can be read,
// the first of them a line end.
func (r *rowReader) usual(d []byte) int {
	if r.plan == nil {
		return 0
	}
	x, p, ok := &r.row, 0, false
	for i, field := range r.plan {
		if i > 0 {
			if d[p] != ',' {
				return 0
			}
			p++
		}
		begin := p
		switch field {
		case colKind:
			x.kind, p, ok = r.kinds.usual(d, p)
		case colStatus:
			x.status, p, ok = r.statuses.usual(d, p)
			x.statusRaw = d[begin:p]
		case colCurrency:
			p, ok = r.usualCurrency(d, p)
		case colAmount:
			x.amount, p, ok = r.usualAmount(d, p)
			x.amountCell = d[begin:p]
			ok = ok && p > begin
		case colFee:
			x.fee, p, ok = r.usualAmount(d, p)
			x.feeCell, x.feeGiven = d[begin:p], p > begin
		case colOrderNo:
			p, ok = usualID(d, p)
			x.order = d[begin:p]
		case colRefundNo:
			p, ok = usualID(d, p)
			x.refund = d[begin:p]
		case colChannelTxnID:
			p, ok = usualID(d, p)
			x.txn = d[begin:p]
		case colChannelPayTxnID:
			p, ok = usualID(d, p)
			x.payTxn = d[begin:p]
		case colCreatedAt:
			x.created, p, ok = r.timeAt(d, p)
		case colCompletedAt:
			x.completed, p, ok = r.timeAt(d, p)
		case colTradeType:
			p, ok = usualText(d, p)
			x.tradeType = d[begin:p]
		case colBank:
			p, ok = usualText(d, p)
			x.bank = d[begin:p]
		case colProduct:
			p, ok = usualText(d, p)
			x.product = d[begin:p]
		case colRemark:
			p, ok = usualText(d, p)
			x.remark = d[begin:p]
		default:
			p = cellEnd(d, p)
			ok = p-begin <= maxCell
		}
		if !ok {
			return 0
		}
	}
	if d[p] == '\r' {
		p++
	}
	if d[p] != '\n' || p > maxLine || !r.usualRow() {
		return 0
	}
	return p + 1
}

// usualRow checks what the cells of a row mean together.
func (r *rowReader) usualRow() bool {
	x := &r.row
	if r.major {
		var why string
		if x.amount, why = r.amount(x.amountCell); why != "" || x.amount < 0 {
			return false
		}
		if x.feeGiven {
			x.fee, why = r.amount(x.feeCell)
		}
		if why != "" {
			return false
		}
	}
	return r.idsOfKind(x).why == ""
}

// cellEnd returns the place of the first comma, quote or line end from p on.
func cellEnd(d []byte, p int) int {
	for begin := p; ; p += 8 {
		x := binary.LittleEndian.Uint64(d[p:])
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

// usualID reads a number of bytes '-' to '~' and returns its end.
func usualID(d []byte, p int) (end int, ok bool) {
	begin, minus := p, uint64(0)
	for {
		x := binary.LittleEndian.Uint64(d[p:])
		stop := (below8(x, '-') | (x + ones)) & highs
		minus |= below8(x, '.') & (stop&-stop - 1)
		if stop != 0 {
			p += bits.TrailingZeros64(stop) / 8
			break
		}
		p += 8
	}
	if p-begin > maxID || minus&highs != 0 && spreadsheet(d[begin:p]) {
		return p, false
	}
	return p, true
}

// usualAmount reads minor units without a sign; none is 0. Major units wait
// until the currency of the row is known.
func (r *rowReader) usualAmount(d []byte, p int) (v int64, end int, ok bool) {
	if r.major {
		return 0, cellEnd(d, p), true
	}
	x := binary.LittleEndian.Uint64(d[p:]) ^ '0'*ones
	if stop := (x | (x + (0x7f-9)*ones)) & highs; stop != 0 {
		n := bits.TrailingZeros64(stop) / 8
		return digitsOf(x << (64 - 8*n)), p + n, true
	}
	end = cellEnd(d, p)
	v, why := money.ParseDigits(d[p:end], 0)
	return v, end, why == "" && v >= 0
}

func (r *rowReader) usualCurrency(d []byte, p int) (end int, ok bool) {
	if end = p + len(r.currency); end > p && d[end] <= ',' && string(d[p:end]) == string(r.currency) {
		return end, true
	}
	end = cellEnd(d, p)
	return end, r.setCurrency(d[p:end])
}

func (r *rowReader) timeAt(d []byte, p int) (t int64, end int, ok bool) {
	if t, ok = r.usualTime(d[p:]); ok {
		return t, p + len(longTime), true
	}
	end = cellEnd(d, p)
	t, ok = r.time(d[p:end])
	return t, end, ok
}

func usualText(d []byte, p int) (end int, ok bool) {
	end = cellEnd(d, p)
	return end, end-p <= maxText && utf8.Valid(d[p:end])
}
