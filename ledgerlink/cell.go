package ledgerlink

import (
	"bytes"
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
	r := &rowReader{at: at, names: names, kinds: vocabulary[schemas.Kind]{all: words(m.Kinds, DefaultKinds)}, statuses: vocabulary[schemas.Status]{all: words(m.Statuses, DefaultStatuses)},
		major: m.Major, zone: m.Zone, query: q, interval: bizday.Interval{From: 1, To: 0},
		date: [10]byte([]byte("1970-01-01")), suffix: [6]byte([]byte("+00:00"))}
	if at[colCurrency] < 0 {
		r.fixed, r.currency = true, []byte(m.Currency)
		r.exponent, _ = money.Currency(m.Currency).Exponent()
	}
	return r
}

// vocabulary maps words; most rows have the words of the row before.
type vocabulary[T any] struct {
	all   map[string]T
	last  []byte
	value T
}

func (v *vocabulary[T]) find(word []byte) (T, bool) {
	if len(word) > 0 && bytes.Equal(word, v.last) {
		return v.value, true
	}
	value, ok := v.all[string(word)]
	if ok {
		v.last, v.value = append(v.last[:0], word...), value
	}
	return value, ok
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

// read appends one row; why is "" on success, else the batch is unchanged.
func (r *rowReader) read(cells [][]byte, line, offset int64, b *schemas.Batch) cellError {
	kind, ok := r.kinds.find(cells[r.at[colKind]])
	if !ok {
		return r.bad(colKind, "is none of the kinds of the mapping")
	}
	statusRaw := cells[r.at[colStatus]]
	status, ok := r.statuses.find(statusRaw)
	if !ok {
		return r.bad(colStatus, "is none of the states of the mapping")
	}
	if e := r.readCurrency(cells); e.why != "" {
		return e
	}
	amount, e := r.amount(cells, colAmount)
	if e.why != "" {
		return e
	}
	if amount < 0 {
		return r.bad(colAmount, "is negative; the kind gives the direction")
	}
	fee, e := r.amount(cells, colFee)
	if e.why != "" {
		return e
	}
	order, refund, txn, payTxn := r.cell(cells, colOrderNo), r.cell(cells, colRefundNo), r.cell(cells, colChannelTxnID), r.cell(cells, colChannelPayTxnID)
	if e := r.ids(order, refund, txn, payTxn, kind); e.why != "" {
		return e
	}
	event, e := r.eventTime(cells)
	if e.why != "" {
		return e
	}
	for _, col := range [...]int{colTradeType, colBank, colProduct, colRemark} {
		if text := r.cell(cells, col); len(text) > 0 && (len(text) > maxText || !utf8.Valid(text)) {
			return r.bad(col, "is longer than 256 bytes, or not UTF-8")
		}
	}

	b.Kind = append(b.Kind, kind)
	b.MerchantRef.Append(order)
	b.RefundRef.Append(refund)
	if kind == schemas.Refund {
		b.ChannelRef.Append(payTxn)
		b.ChannelRefundRef.Append(txn)
	} else {
		b.ChannelRef.Append(txn)
		b.ChannelRefundRef.Append(nil)
	}
	b.Status = append(b.Status, status)
	b.StatusRaw.Append(statusRaw)
	b.AmountMinor = append(b.AmountMinor, amount)
	b.Currency.Append(r.currency)
	b.SettleMinor, b.SettleValid = append(b.SettleMinor, 0), append(b.SettleValid, false)
	b.FeeMinor, b.FeeValid = append(b.FeeMinor, fee), append(b.FeeValid, len(r.cell(cells, colFee)) > 0)
	b.FeeSub = append(b.FeeSub, 0)
	b.EventTime = append(b.EventTime, event)
	b.BillDate = append(b.BillDate, r.dateOf(event))
	b.Line, b.Offset = append(b.Line, line), append(b.Offset, offset)
	b.TradeType.Append(r.cell(cells, colTradeType))
	b.Bank.Append(r.cell(cells, colBank))
	b.Product.Append(r.cell(cells, colProduct))
	b.Remark.Append(r.cell(cells, colRemark))
	return cellError{}
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

func (r *rowReader) readCurrency(cells [][]byte) cellError {
	if r.fixed {
		return cellError{}
	}
	c := cells[r.at[colCurrency]]
	if bytes.Equal(c, r.currency) && len(c) > 0 {
		return cellError{}
	}
	exponent, known := money.Currency(c).Exponent()
	if !known {
		return r.bad(colCurrency, "is not a currency that the program knows")
	}
	r.currency, r.exponent = append(r.currency[:0], c...), exponent
	return cellError{}
}

// amount reads minor units: integers, or major units with the decimals of the
// currency. An empty fee is absent.
func (r *rowReader) amount(cells [][]byte, col int) (int64, cellError) {
	c := r.cell(cells, col)
	if len(c) == 0 && col == colFee {
		return 0, cellError{}
	}
	decimals := 0
	if r.major {
		decimals = r.exponent
	} else if v, ok := digits(c); ok {
		return v, cellError{}
	} else if bytes.IndexByte(c, '.') >= 0 {
		return 0, r.bad(col, "has a decimal point, and minor units are whole numbers")
	}
	v, why := money.ParseDigits(c, decimals)
	if why != "" {
		return 0, r.bad(col, why)
	}
	return v, cellError{}
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
func (r *rowReader) ids(order, refund, txn, payTxn []byte, kind schemas.Kind) cellError {
	for _, id := range [...]struct {
		col   int
		value []byte
	}{{colOrderNo, order}, {colRefundNo, refund}, {colChannelTxnID, txn}, {colChannelPayTxnID, payTxn}} {
		if why := badID(id.value); why != "" {
			return r.bad(id.col, why)
		}
	}
	switch {
	case kind == schemas.Payment && len(order) == 0:
		return r.bad(colOrderNo, "is empty on a payment")
	case kind == schemas.Payment && len(refund) != 0:
		return r.bad(colRefundNo, "is not empty on a payment")
	case kind == schemas.Refund && len(refund) == 0:
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

// eventTime is when it completed, else when it began, else NoTime.
func (r *rowReader) eventTime(cells [][]byte) (int64, cellError) {
	col := colCompletedAt
	completed := r.cell(cells, colCompletedAt)
	created := r.cell(cells, colCreatedAt)
	text := completed
	if len(completed) == 0 {
		col, text = colCreatedAt, created
	} else if len(created) > 0 {
		if _, ok := r.time(created); !ok {
			return 0, r.bad(colCreatedAt, timeWhy)
		}
	}
	if len(text) == 0 {
		return schemas.NoTime, cellError{}
	}
	t, ok := r.time(text)
	if !ok {
		return 0, r.bad(col, timeWhy)
	}
	return t, cellError{}
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

// time reads a time. Most have whole seconds and the date and offset of a row
// before: then only the clock is read.
func (r *rowReader) time(s []byte) (int64, bool) {
	if len(s) == 25 && (s[10] == 'T' || s[10] == ' ') && [10]byte(s) == r.date && [6]byte(s[19:]) == r.suffix {
		if seconds, ok := clock8(load8(s, 11)); ok {
			return r.midnight + seconds*1e6 - r.offset, true
		}
	}
	return r.anyTime(s)
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
