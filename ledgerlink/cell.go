package ledgerlink

import (
	"bytes"
	"slices"
	"time"
	"unicode/utf8"

	"tieout/internal/bizday"
	"tieout/internal/money"
	"tieout/schemas"
)

// rowReader turns the cells of one row into a row of a batch. Not safe for
// concurrent use: it remembers the last words, date, offset and day.
type rowReader struct {
	at       columns
	names    []string // the column names, for rejects
	kinds    vocabulary[schemas.Kind]
	statuses vocabulary[schemas.Status]
	major    bool
	zone     *time.Location
	query    schemas.LocalQuery

	plan     []int  // the field of each column, for usual; nil: it cannot be used
	group    group  // the rows that usual has read
	row      row    // the one that read reads
	texts    bool   // the source has columns of texts
	fixed    bool   // the mapping names the currency
	currency []byte // last one seen, or the mapping's
	exponent int

	date     [10]byte // last calendar date read
	midnight int64    // its start in UTC, microseconds
	suffix   [6]byte  // last offset read, "+08:00"
	offset   int64    // the same in microseconds
	interval bizday.Interval
	billDate bizday.Date
}

func newRowReader(m Mapping, at columns, names []string, q schemas.LocalQuery) *rowReader {
	r := &rowReader{at: at, names: names, plan: planOf(at, len(names)), major: m.Major, zone: m.Zone, query: q,
		kinds:    vocabulary[schemas.Kind]{all: words(m.Kinds, DefaultKinds)},
		statuses: vocabulary[schemas.Status]{all: words(m.Statuses, DefaultStatuses)},
		date:     [10]byte([]byte("1970-01-01")), suffix: [6]byte([]byte("+00:00")),
		interval: bizday.Interval{From: 1, To: 0}, currency: make([]byte, 0, 32)}
	r.texts = at[colTradeType] >= 0 || at[colBank] >= 0 || at[colProduct] >= 0 || at[colRemark] >= 0
	r.group.most = groupRows
	for i := range groupRows { // for sources without these columns
		r.group.created[i], r.group.completed[i] = schemas.NoTime, schemas.NoTime
	}
	if at[colCurrency] < 0 {
		r.fixed, r.currency = true, append(r.currency, m.Currency...)
		r.exponent, _ = money.Currency(m.Currency).Exponent()
	}
	return r
}

// cellError says which field of a row is wrong.
type cellError struct {
	column int // 0-based; -1: the whole row
	why    string
}

const (
	maxID   = 128
	maxText = 256
)

// row is what the cells of one row say. Its texts point into the cells.
type row struct {
	kind                             schemas.Kind
	status                           schemas.Status
	statusRaw                        []byte
	amount, fee                      int64
	feeGiven                         bool
	order, refund, txn, payTxn       []byte
	created, completed               int64
	tradeType, bank, product, remark []byte
}

// read appends one row; why is "" on success, else the batch is unchanged.
func (r *rowReader) read(cells [][]byte, line, offset int64, b *schemas.Batch) cellError {
	x := &r.row
	var ok bool
	if x.kind, ok = r.kinds.find(r.cell(cells, colKind)); !ok {
		return r.bad(colKind, "is none of the kinds of the mapping")
	}
	x.statusRaw = r.cell(cells, colStatus)
	if x.status, ok = r.statuses.find(x.statusRaw); !ok {
		return r.bad(colStatus, "is none of the states of the mapping")
	}
	if !r.fixed && !r.setCurrency(r.cell(cells, colCurrency)) {
		return r.bad(colCurrency, "is not a currency that the program knows")
	}
	var why string
	if x.amount, why = r.amount(r.cell(cells, colAmount)); why != "" {
		return r.bad(colAmount, why)
	}
	if x.amount < 0 {
		return r.bad(colAmount, "is negative; the kind gives the direction")
	}
	fee := r.cell(cells, colFee)
	x.fee, x.feeGiven = 0, len(fee) > 0
	if x.feeGiven {
		if x.fee, why = r.amount(fee); why != "" {
			return r.bad(colFee, why)
		}
	}
	x.order, x.refund, x.txn, x.payTxn = r.cell(cells, colOrderNo), r.cell(cells, colRefundNo), r.cell(cells, colChannelTxnID), r.cell(cells, colChannelPayTxnID)
	if e := r.ids(x); e.why != "" {
		return e
	}
	for _, t := range [...]struct {
		col int
		at  *int64
	}{{colCreatedAt, &x.created}, {colCompletedAt, &x.completed}} {
		if *t.at, ok = r.time(r.cell(cells, t.col)); !ok {
			return r.bad(t.col, timeWhy)
		}
	}
	x.tradeType, x.bank, x.product, x.remark = r.cell(cells, colTradeType), r.cell(cells, colBank), r.cell(cells, colProduct), r.cell(cells, colRemark)
	for i, text := range [...][]byte{x.tradeType, x.bank, x.product, x.remark} {
		if len(text) > maxText || !utf8.Valid(text) {
			return r.bad(colTradeType+i, "is longer than 256 bytes, or not UTF-8")
		}
	}
	r.add(line, offset, b)
	return cellError{}
}

// add appends the row that was read.
func (r *rowReader) add(line, offset int64, b *schemas.Batch) {
	x := &r.row
	b.Kind = append(b.Kind, x.kind)
	put(&b.MerchantRef, x.order)
	put(&b.RefundRef, x.refund)
	channel, channelRefund := x.txn, []byte(nil)
	if x.kind == schemas.Refund {
		channel, channelRefund = x.payTxn, x.txn
	}
	put(&b.ChannelRef, channel)
	put(&b.ChannelRefundRef, channelRefund)
	b.Status = append(b.Status, x.status)
	put(&b.StatusRaw, x.statusRaw)
	b.AmountMinor = append(b.AmountMinor, x.amount)
	put(&b.Currency, r.currency)
	b.FeeMinor, b.FeeValid = append(b.FeeMinor, x.fee), append(b.FeeValid, x.feeGiven)
	event := x.completed
	if event == schemas.NoTime {
		event = x.created
	}
	b.EventTime = append(b.EventTime, event)
	b.BillDate = append(b.BillDate, r.dateOf(event))
	b.Line, b.Offset = append(b.Line, line), append(b.Offset, offset)
	if r.texts {
		put(&b.TradeType, x.tradeType)
		put(&b.Bank, x.bank)
		put(&b.Product, x.product)
		put(&b.Remark, x.remark)
	}
}

// put appends a text. Thirty-two bytes, whatever its length, are two moves of
// a register and no call; what is written too much is overwritten next.
func put(t *schemas.Text, v []byte) {
	n := len(t.Bytes)
	if len(v) <= 32 && cap(v) >= 32 && cap(t.Bytes)-n >= 32 {
		*(*[32]byte)(t.Bytes[n : n+32]) = [32]byte(v[:32])
		t.Bytes = t.Bytes[:n+len(v)]
	} else if len(v) > 0 {
		t.Bytes = append(t.Bytes, v...)
	}
	t.Ends = append(t.Ends, uint32(n+len(v)))
}

// finish fills the columns that no row of the source has, all rows at once; a
// batch is whole after it.
func (r *rowReader) finish(b *schemas.Batch) {
	n := b.Len()
	b.SettleMinor, b.SettleValid, b.FeeSub = zeros(b.SettleMinor, n), zeros(b.SettleValid, n), zeros(b.FeeSub, n)
	if !r.texts {
		for _, t := range [...]*schemas.Text{&b.TradeType, &b.Bank, &b.Product, &b.Remark} {
			t.Ends = zeros(t.Ends, n)
		}
	}
}

// zeros lengthens a column to n values.
func zeros[T any](s []T, n int) []T {
	have := len(s)
	s = slices.Grow(s, n-have)[:n]
	clear(s[have:])
	return s
}

// bad names the column of a field.
func (r *rowReader) bad(col int, why string) cellError { return cellError{r.at[col], why} }

// cell returns the bytes of a field; nil if the source has no such column.
func (r *rowReader) cell(cells [][]byte, col int) []byte {
	if i := r.at[col]; i >= 0 {
		return cells[i]
	}
	return nil
}

// setCurrency makes a code the row's, or says that the program does not know it.
func (r *rowReader) setCurrency(code []byte) bool {
	if len(code) > 0 && bytes.Equal(code, r.currency) {
		return true
	}
	exponent, known := money.Currency(code).Exponent()
	if known {
		r.currency, r.exponent = append(r.currency[:0], code...), exponent
	}
	return known
}

// amount reads minor units: integers, or major units with the decimals of the
// currency.
func (r *rowReader) amount(cell []byte) (v int64, why string) {
	if r.major {
		return money.ParseDigits(cell, r.exponent)
	}
	if v, ok := digits(cell); ok {
		return v, ""
	}
	if bytes.IndexByte(cell, '.') >= 0 {
		return 0, "has a decimal point, and minor units are whole numbers"
	}
	return money.ParseDigits(cell, 0)
}

// digits reads a short number without a sign, as nearly all are.
func digits(c []byte) (int64, bool) {
	if len(c) == 0 || len(c) > 8 {
		return 0, false
	}
	return digits8(load8(c, 0), len(c))
}

// ids checks the numbers: printable ASCII without blanks, the ones that the
// kind needs, and none that a spreadsheet has rewritten.
func (r *rowReader) ids(x *row) cellError {
	for _, id := range [...]struct {
		col   int
		value []byte
	}{{colOrderNo, x.order}, {colRefundNo, x.refund}, {colChannelTxnID, x.txn}, {colChannelPayTxnID, x.payTxn}} {
		if why := badID(id.value); why != "" {
			return r.bad(id.col, why)
		}
	}
	return r.idsOfKind(x)
}

// idsOfKind checks that a row has the numbers that its kind needs.
func (r *rowReader) idsOfKind(x *row) cellError {
	switch {
	case x.kind == schemas.Payment && len(x.order) == 0:
		return r.bad(colOrderNo, "is empty on a payment")
	case x.kind == schemas.Payment && len(x.refund) != 0:
		return r.bad(colRefundNo, "is not empty on a payment")
	case x.kind == schemas.Refund && len(x.refund) == 0:
		if r.at[colRefundNo] < 0 {
			return cellError{-1, "a refund, and the source has no column for refund numbers"}
		}
		return r.bad(colRefundNo, "is empty on a refund")
	}
	return cellError{}
}

func badID(id []byte) string {
	if len(id) > maxID {
		return "is longer than 128 bytes"
	}
	var odd, low uint64
	for i := 0; i < len(id); i += 8 {
		x := load8(id, i)
		if left := len(id) - i; left < 8 {
			x |= '0' * ones << (8 * left)
		}
		odd |= below8(x, '!') | (x + ones) // '~' is the last one
		low |= below8(x, '.')
	}
	if odd&highs != 0 {
		return "has a character that is not printable ASCII"
	}
	if low&highs != 0 && spreadsheet(id) {
		return "looks edited in a spreadsheet"
	}
	return ""
}

// spreadsheet tells a number that a spreadsheet has rewritten: 4.2E+18.
func spreadsheet(id []byte) bool {
	e := bytes.IndexAny(id, "Ee")
	if e < 1 || e+2 >= len(id) || (id[e+1] != '+' && id[e+1] != '-') {
		return false
	}
	for i, c := range id {
		if i != e && i != e+1 && c != '.' && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

const timeWhy = "is not a time of the form 2006-01-02T15:04:05+08:00"

// dateOf gives the bill date; rows without a time belong to the day asked for.
func (r *rowReader) dateOf(t int64) bizday.Date {
	if t == schemas.NoTime || r.query.Day.Zone == nil {
		return r.query.Date
	}
	if !r.interval.Contains(t) {
		r.billDate = r.query.Day.DateOf(t)
		r.interval = r.query.Day.Of(r.billDate)
	}
	return r.billDate
}

// time reads a time; an empty one is NoTime. Most have whole seconds and the
// date and offset of a row before: then only the clock is read.
func (r *rowReader) time(s []byte) (int64, bool) {
	if len(s) == 0 {
		return schemas.NoTime, true
	}
	if len(s) == len(longTime) {
		if t, ok := r.usualTime(s); ok {
			return t, true
		}
	}
	return r.anyTime(s)
}

const longTime = "2006-01-02T15:04:05+08:00"

// usualTime reads the first bytes of s, if they are the date and offset of a
// row before with another clock.
func (r *rowReader) usualTime(s []byte) (int64, bool) {
	if [10]byte(s) != r.date || [6]byte(s[19:]) != r.suffix || (s[10] != 'T' && s[10] != ' ') {
		return 0, false
	}
	seconds, ok := clock8(load8(s, 11))
	return r.midnight + seconds*1e6 - r.offset, ok
}

// anyTime reads RFC 3339 with 'T' or a blank between date and time, at most nine
// decimals (microseconds are kept), 'Z' or an offset; without an offset only if
// the mapping has a zone. No leap seconds.
func (r *rowReader) anyTime(s []byte) (int64, bool) {
	if len(s) < 19 || s[4] != '-' || s[7] != '-' || (s[10] != 'T' && s[10] != ' ') || s[13] != ':' || s[16] != ':' {
		return 0, false
	}
	hour, ok1 := two(s[11:])
	minute, ok2 := two(s[14:])
	second, ok3 := two(s[17:])
	if !ok1 || !ok2 || !ok3 || hour > 23 || minute > 59 || second > 59 {
		return 0, false
	}
	if [10]byte(s) != r.date {
		y1, ok1 := two(s)
		y2, ok2 := two(s[2:])
		month, ok3 := two(s[5:])
		day, ok4 := two(s[8:])
		if !ok1 || !ok2 || !ok3 || !ok4 || month < 1 || month > 12 || day < 1 {
			return 0, false
		}
		t := time.Date(y1*100+y2, time.Month(month), day, 0, 0, 0, 0, time.UTC)
		if t.Day() != day {
			return 0, false // 31 April
		}
		r.date, r.midnight = [10]byte(s), t.UnixMicro()
	}
	micro, rest, ok := fraction(s[19:])
	if !ok {
		return 0, false
	}
	local := r.midnight + int64(hour*3600+minute*60+second)*1e6 + micro
	switch {
	case len(rest) == 1 && rest[0] == 'Z':
		return local, true
	case len(rest) == 6 && rest[3] == ':' && (rest[0] == '+' || rest[0] == '-'):
		h, ok1 := two(rest[1:])
		m, ok2 := two(rest[4:])
		if !ok1 || !ok2 || h > 23 || m > 59 {
			return 0, false
		}
		offset := int64(h*3600+m*60) * 1e6
		if rest[0] == '-' {
			offset = -offset
		}
		r.suffix, r.offset = [6]byte(rest), offset
		return local - offset, true
	case len(rest) == 0 && r.zone != nil:
		return inZone(local, r.zone), true
	}
	return 0, false
}

// inZone reads wall-clock microseconds in a zone.
func inZone(local int64, zone *time.Location) int64 {
	u := time.UnixMicro(local).UTC()
	y, m, d := u.Date()
	return time.Date(y, m, d, u.Hour(), u.Minute(), u.Second(), u.Nanosecond(), zone).UnixMicro()
}

// fraction reads ".123456" in microseconds; none is 0.
func fraction(s []byte) (micro int64, rest []byte, ok bool) {
	if len(s) == 0 || s[0] != '.' {
		return 0, s, true
	}
	i := 1
	for ; i < len(s) && s[i]-'0' <= 9; i++ {
		if i <= 6 {
			micro = micro*10 + int64(s[i]-'0')
		}
	}
	if i == 1 || i > 10 {
		return 0, nil, false
	}
	for n := i - 1; n < 6; n++ {
		micro *= 10
	}
	return micro, s[i:], true
}

// two reads two digits.
func two(s []byte) (int, bool) {
	a, b := s[0]-'0', s[1]-'0'
	return int(a)*10 + int(b), a <= 9 && b <= 9
}
