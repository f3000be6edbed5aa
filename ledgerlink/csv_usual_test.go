package ledgerlink

import (
	"bytes"
	"encoding/binary"
	"encoding/csv"
	"math/rand/v2"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tieout/internal/bizday"
	"tieout/internal/money"
	"tieout/schemas"
)

// parseLines parses data lines as one block; careful leaves out the short cut
// for usual rows.
func parseLines(t testing.TB, header, lines string, m Mapping, careful bool) *block {
	t.Helper()
	names := strings.Split(strings.TrimSpace(header), ",")
	at, err := m.locate(names)
	if err != nil {
		t.Fatal(err)
	}
	p := csvParser{reader: newRowReader(m, at, names, testRequest.query())}
	if careful {
		p.reader.plan = nil
	}
	memory := append([]byte(lines), lineEnds...)
	b := &block{data: memory[:len(lines)], line: 2, offset: int64(len(header))}
	p.parse(b)
	return b
}

// rowsOf are the rows of a block.
func rowsOf(b *block) []schemas.Record {
	var rows []schemas.Record
	for i := range b.batch.Len() {
		rows = append(rows, b.batch.Row(i))
	}
	return rows
}

// layouts are files of the documented layout, of mapped columns in another
// order, with texts, with major units, and with one column for two fields.
var layouts = []struct {
	name, header string
	mapping      Mapping
	cells        []string // the field of each column
}{
	{"documented", csvHeader, Mapping{}, []string{"kind", "order_no", "refund_no", "channel_txn_id", "status", "amount_minor", "currency", "fee_minor", "created_at", "completed_at"}},
	{"mapped", "when,note,fee,sum,cur,our,theirs,back,what,state,paid,bank\n", Mapping{
		Columns: map[string]string{"created_at": "when", "fee_minor": "fee", "amount_minor": "sum", "currency": "cur", "order_no": "our", "refund_no": "back",
			"channel_txn_id": "theirs", "channel_payment_txn_id": "paid", "kind": "what", "status": "state", "remark": "note"},
		Zone: shanghai, Major: true}, []string{"created_at", "remark", "fee_minor", "amount_minor", "currency", "order_no", "channel_txn_id", "refund_no", "kind", "status",
		"channel_payment_txn_id", "bank"}},
	{"words", "x,类型,no,状态,金额,y\n", Mapping{
		Columns: map[string]string{"kind": "类型", "order_no": "no", "status": "状态", "amount_minor": "金额"}, Currency: "JPY",
		Kinds:    map[string]schemas.Kind{"支付": schemas.Payment, "支付成功的交易": schemas.Payment, "PAY": schemas.Payment, "PAYMENT OF A CUSTOMER": schemas.Payment},
		Statuses: map[string]schemas.Status{"成功": schemas.Success, "": schemas.Unknown, "PAYING": schemas.Unknown, "PAY": schemas.Success}},
		[]string{"other", "own kind", "order_no", "own status", "amount_minor", "other"}},
	{"one for two", "kind,no,status,amount_minor,currency\n", Mapping{Columns: map[string]string{"order_no": "no", "channel_txn_id": "no"}},
		[]string{"kind", "order_no", "status", "amount_minor", "currency"}},
	{"unmapped", "a,kind,b,order_no,status,amount_minor,currency,completed_at,c\n", Mapping{}, []string{"other", "kind", "other", "order_no", "status", "amount_minor", "currency", "completed_at", "other"}},
}

// pools are the cells of each field: first the usual ones, then the ones that
// have broken a parser somewhere.
var pools = map[string][]string{
	"kind":         {"payment", "payment", "refund", "payments", "pay", ""},
	"status":       {"PAID", "SUCCESS", "processing", "PROCESSING", "paid ", "PAID\x00", ""},
	"own kind":     {"支付", "PAY", "支付成功的交易", "PAYMENT OF A CUSTOMER", "PAYM", "payment", ""},
	"own status":   {"成功", "PAY", "PAYING", "", "PA", "PAID"},
	"currency":     {"CNY", "CNY", "CNY", "JPY", "KWD", "RMB", "cny", "CN", "CNYX", ""},
	"amount_minor": {"1", "100", "99999999", "123456789", "9223372036854775807", "9223372036854775808", "0", "007", "+5", "-5", "-0", "1.00", "12.3", "1e3", "１", "1 ", " 1", "--1", "-", ""},
	"fee_minor":    {"", "6", "0", "12345678", "-7", "1.5", ".5", "5.", "x"},
	"id":           {"4200001234", "A1", "P20261120000000000001", "a-b-c", "4.2E+18", "4.2E-18", "E-5", "1E+5", "x*y", "a+b", "a b", "é", "\x7f", "a\x01", "~", "!", strings.Repeat("7", 128), strings.Repeat("7", 129), ""},
	"time": {"2026-11-20T09:00:00+08:00", "2026-11-20T23:59:59+08:00", "2026-11-20 23:59:59+08:00", "2026-11-20T09:00:00Z", "2026-11-20T09:00:00.123456789Z", "2026-11-20T09:00:00.1234567890Z",
		"2024-02-29T00:00:00-05:30", "2026-02-29T00:00:00+08:00", "2026-11-20T24:00:00+08:00", "2026-11-20T09:60:00+08:00", "2026-11-20T09:00:60+08:00", "2026-11-20T09:00:00+24:00",
		"2026-11-20T09:00:00+08:60", "2026-11-20X09:00:00+08:00", "2026-11-20T0/:00:00+08:00", "2026-11-20T09:0::00+08:00", "2026-11-20T09;00:00+08:00", "2026-11-20T09:00:00", "2026-11-20T09:00:00.5",
		"0000-00-00T00:00:00+08:00", strings.Repeat("\x00", 10) + "T09:00:00" + strings.Repeat("\x00", 6), "2026-11-20", ""},
	"text":  {"", "", "商品", "CMB_DEBIT", strings.Repeat("长", 86), "\xff", "a b", "x\ry"},
	"other": {"", "x", "`1", "备注", "\x00\xff", strings.Repeat("z", 40), "x\r"},
}

func poolOf(field string) []string {
	switch field {
	case "order_no", "refund_no", "channel_txn_id", "channel_payment_txn_id":
		return pools["id"]
	case "created_at", "completed_at":
		return pools["time"]
	case "remark", "bank":
		return pools["text"]
	}
	return pools[field]
}

// randomLines makes lines of which most are usual, some hold one odd cell and
// some are damaged.
func randomLines(r *rand.Rand, fields []string, n int) string {
	var b strings.Builder
	for range n {
		odd := r.IntN(3 * len(fields))
		for i, field := range fields {
			pool := poolOf(field)
			cell := pool[r.IntN(min(2, len(pool)))]
			if i == odd || r.IntN(12) == 0 {
				cell = pool[r.IntN(len(pool))]
			}
			if field == "refund_no" && r.IntN(3) > 0 {
				cell = ""
			}
			switch r.IntN(80) {
			case 0:
				cell = `"` + strings.ReplaceAll(cell, `"`, `""`) + `"`
			case 1:
				cell = `"` + cell
			case 2:
				cell += `,`
			}
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(cell)
		}
		b.WriteString([]string{"\n", "\n", "\n", "\r\n", "\r\r\n", "\n\n", "\n\r\n"}[r.IntN(7)])
	}
	return strings.TrimSuffix(b.String(), strings.Repeat("\n", r.IntN(2)))
}

// usualLines makes lines that are usual, all of them.
func usualLines(r *rand.Rand, fields []string, n int) string {
	var b strings.Builder
	for range n {
		for i, field := range fields {
			cell := poolOf(field)[r.IntN(2)%len(poolOf(field))]
			if field == "refund_no" || field == "refund" {
				cell = ""
			}
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(cell)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// Rows are read in groups; a row that is not usual ends a group anywhere.
func TestCSVGroupsOfUsualRowsEndAnywhere(t *testing.T) {
	for _, layout := range layouts {
		t.Run(layout.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(9, 5))
			rows, rejects := 0, 0
			for range 60 {
				var b strings.Builder
				for range 4 {
					b.WriteString(usualLines(r, layout.cells, r.IntN(3*groupRows)))
					b.WriteString(strings.TrimSuffix(randomLines(r, layout.cells, 1+r.IntN(3)), "\n") + "\n")
				}
				fast, slow := parseLines(t, layout.header, b.String(), layout.mapping, false), parseLines(t, layout.header, b.String(), layout.mapping, true)
				if !reflect.DeepEqual(slow.batch, fast.batch) {
					t.Fatal(cmp.Diff(slow.batch, fast.batch))
				}
				if diff := cmp.Diff(slow.rejects, fast.rejects); diff != "" || slow.rows != fast.rows {
					t.Fatalf("%d and %d rows, %s", slow.rows, fast.rows, diff)
				}
				rows, rejects = rows+fast.batch.Len(), rejects+len(fast.rejects)
			}
			if rows < 60*4*groupRows || rejects < 60 {
				t.Errorf("%d rows and %d rejects test too little", rows, rejects)
			}
		})
	}
}

// A whole group is read together.
func TestCSVReadsAGroupTogether(t *testing.T) {
	layout := layouts[0]
	lines := usualLines(rand.New(rand.NewPCG(9, 6)), layout.cells, 2*groupRows)
	names := strings.Split(strings.TrimSpace(layout.header), ",")
	at, err := layout.mapping.locate(names)
	if err != nil {
		t.Fatal(err)
	}
	r := newRowReader(layout.mapping, at, names, testRequest.query())
	if n := r.usual(append([]byte(lines), lineEnds...), 0, len(lines)); n != groupRows {
		t.Errorf("%d rows were read together", n)
	}
}

func TestCSVUsualRowsAreReadAsAllRows(t *testing.T) {
	for _, layout := range layouts {
		t.Run(layout.name, func(t *testing.T) {
			rows, rejects := 0, 0
			for seed := range uint64(80) {
				lines := randomLines(rand.New(rand.NewPCG(seed, 5)), layout.cells, 40)
				fast, slow := parseLines(t, layout.header, lines, layout.mapping, false), parseLines(t, layout.header, lines, layout.mapping, true)
				if diff := cmp.Diff(slow.batch, fast.batch); diff != "" {
					t.Fatalf("seed %d: %s", seed, diff)
				}
				if diff := cmp.Diff(slow.rejects, fast.rejects); diff != "" || slow.rows != fast.rows {
					t.Fatalf("seed %d: %d and %d rows, %s", seed, slow.rows, fast.rows, diff)
				}
				rows, rejects = rows+fast.batch.Len(), rejects+len(fast.rejects)
			}
			if rows < 500 || rejects < 500 {
				t.Errorf("%d rows and %d rejects test too little", rows, rejects)
			}
		})
	}
}

func TestCSVAgreesWithAPlainReader(t *testing.T) {
	for _, layout := range layouts {
		t.Run(layout.name, func(t *testing.T) {
			for seed := range uint64(80) {
				lines := randomLines(rand.New(rand.NewPCG(seed, 6)), layout.cells, 40)
				want, rejected := plainRead(layout.header, lines, layout.mapping)
				got := parseLines(t, layout.header, lines, layout.mapping, false)
				if diff := cmp.Diff(want, rowsOf(got)); diff != "" {
					t.Fatalf("seed %d: %s", seed, diff)
				}
				for i := range max(len(rejected), len(got.rejects)) {
					if i >= len(rejected) || i >= len(got.rejects) || got.rejects[i].Line != rejected[i] {
						t.Fatalf("seed %d: rejected lines %v, got %+v", seed, rejected, got.rejects)
					}
				}
			}
		})
	}
}

// plainRead reads lines with the standard library alone, one at a time.
func plainRead(header, lines string, m Mapping) (rows []schemas.Record, rejected []int64) {
	names := strings.Split(strings.TrimSpace(header), ",")
	offset, line := int64(len(header)), int64(1)
	for raw := range strings.Lines(lines) {
		line++
		if strings.TrimSuffix(strings.TrimSuffix(raw, "\n"), "\r") != "" {
			cells, err := csv.NewReader(strings.NewReader(raw)).Read()
			x, ok := plainRow(names, cells, m)
			if x.Line, x.Offset = line, offset; err == nil && ok {
				rows = append(rows, x)
			} else {
				rejected = append(rejected, line)
			}
		}
		offset += int64(len(raw))
	}
	return rows, rejected
}

var (
	wholeNumber = regexp.MustCompile(`^[-+]?[0-9]+$`)
	majorNumber = regexp.MustCompile(`^([-+]?[0-9]+)(?:\.([0-9]+))?$`)
	idText      = regexp.MustCompile(`^[!-~]{0,128}$`)
	edited      = regexp.MustCompile(`^[0-9.]+[Ee][-+][0-9.]+$`)
	timeText    = regexp.MustCompile(`^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(\.\d{1,9})?(Z|[-+]([01]\d|2[0-3]):[0-5]\d)?$`)
)

func plainRow(names, cells []string, m Mapping) (x schemas.Record, ok bool) {
	if len(cells) != len(names) {
		return x, false
	}
	cell := func(field string) string {
		for i, name := range names {
			if name == m.column(field) {
				return cells[i]
			}
		}
		return ""
	}
	kinds, statuses := words(m.Kinds, DefaultKinds), words(m.Statuses, DefaultStatuses)
	kind, known := kinds[cell("kind")]
	status, knownStatus := statuses[cell("status")]
	currency := m.Currency
	if currency == "" {
		currency = cell("currency")
	}
	exponent, knownCurrency := money.Currency(currency).Exponent()
	amount, okAmount := plainAmount(cell("amount_minor"), m.Major, exponent)
	fee, okFee := plainAmount(cell("fee_minor"), m.Major, exponent)
	okFee = okFee || cell("fee_minor") == ""
	created, okCreated := plainTime(cell("created_at"), m.Zone)
	completed, okCompleted := plainTime(cell("completed_at"), m.Zone)
	order, refund, txn, paid := cell("order_no"), cell("refund_no"), cell("channel_txn_id"), cell("channel_payment_txn_id")
	ok = known && knownStatus && knownCurrency && okAmount && amount >= 0 && okFee && okCreated && okCompleted
	for _, id := range []string{order, refund, txn, paid} {
		ok = ok && idText.MatchString(id) && !edited.MatchString(id)
	}
	for _, text := range []string{cell("bank"), cell("remark")} {
		ok = ok && len(text) <= 256 && strings.ToValidUTF8(text, "?") == text
	}
	switch kind {
	case schemas.Payment:
		ok = ok && order != "" && refund == ""
	case schemas.Refund:
		ok = ok && refund != ""
		txn, paid = paid, txn
	}
	if kind != schemas.Refund {
		paid = ""
	}
	if completed == schemas.NoTime {
		completed = created
	}
	date := testRequest.Date
	if completed != schemas.NoTime {
		date = bizday.Of(time.UnixMicro(completed), shanghai)
	}
	return schemas.Record{Kind: kind, MerchantRef: order, RefundRef: refund, ChannelRef: txn, ChannelRefundRef: paid, Status: status, StatusRaw: cell("status"),
		AmountMinor: amount, Currency: currency, FeeMinor: schemas.NullInt64{V: fee, Valid: cell("fee_minor") != ""}, EventTime: completed, BillDate: date,
		Bank: cell("bank"), Remark: cell("remark")}, ok
}

func plainAmount(s string, major bool, exponent int) (int64, bool) {
	if !major {
		v, err := strconv.ParseInt(s, 10, 64)
		return v, err == nil && wholeNumber.MatchString(s)
	}
	parts := majorNumber.FindStringSubmatch(s)
	if parts == nil {
		return 0, false
	}
	decimals := strings.TrimRight(parts[2], "0")
	if len(decimals) > exponent {
		return 0, false
	}
	v, err := strconv.ParseInt(parts[1]+decimals+strings.Repeat("0", exponent-len(decimals)), 10, 64)
	return v, err == nil
}

func plainTime(s string, zone *time.Location) (int64, bool) {
	parts := timeText.FindStringSubmatch(s)
	if s == "" || parts == nil {
		return schemas.NoTime, s == ""
	}
	layout := "2006-01-02 15:04:05.999999999"
	if parts[4] != "" {
		layout, zone = layout+"Z07:00", time.UTC
	}
	if zone == nil {
		return 0, false
	}
	at, err := time.ParseInLocation(layout, parts[1]+" "+parts[2]+parts[3]+parts[4], zone)
	return at.UnixMicro(), err == nil
}

// Eight bytes at once say the same as one at a time.
func TestSWAR(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	alphabet := []byte("0123456789019:::,\"\n-+.!~\x7f\x80\xff\x00 Az")
	for range 50_000 {
		n := r.IntN(12)
		s := make([]byte, n, n+r.IntN(10))
		for i := range s {
			s[i] = alphabet[r.IntN(len(alphabet))]
		}
		for i := range s {
			want := append(bytes.Clone(s[i:min(i+8, n)]), make([]byte, 8)...)
			if got := load8(s, i); got != binary.LittleEndian.Uint64(want) {
				t.Fatalf("load8(%q, %d): got %016x", s, i, got)
			}
			marks := equal8(load8(s, i), ',')
			for k := range 8 {
				if marked := marks>>(8*k)&0xff == 0x80; marked != (want[k] == ',') {
					t.Fatalf("equal8(%q): got %016x", want[:8], marks)
				}
			}
		}
		v, err := strconv.ParseUint(string(s), 10, 63)
		if got, ok := digits(s); n <= 8 && (ok != (err == nil) || ok && got != int64(v)) {
			t.Fatalf("digits(%q): got %d, %v", s, got, ok)
		}
		if want := idText.Match(s) && !edited.Match(s); want != (badID(s) == "") {
			t.Fatalf("badID(%q): got %q", s, badID(s))
		}
		if n == 8 {
			at, err := time.Parse("15:04:05", string(s))
			if got, ok := clock8(load8(s, 0)); ok != (err == nil) || ok && got != int64(at.Hour()*3600+at.Minute()*60+at.Second()) {
				t.Fatalf("clock8(%q): got %d, %v", s, got, ok)
			}
		}
	}
	for second := range int64(86400) {
		text := []byte(time.Unix(second, 0).UTC().Format("15:04:05"))
		if got, ok := clock8(load8(text, 0)); !ok || got != second {
			t.Fatalf("clock8(%q): got %d, %v", text, got, ok)
		}
	}
}
