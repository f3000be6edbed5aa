package normalize_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"math"
	"math/big"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"tieout/internal/money"
	"tieout/normalize"
)

func TestFaultZ01_UnitConfusion(t *testing.T) {
	for name, c := range map[string]struct {
		scale func(v int64) string // how the rows print an amount
		note  string
	}{
		"fen where yuan is documented":      {func(v int64) string { return fmt.Sprintf("%d.00", v) }, "exactly 100 times more"},
		"ten thousands where yuan is meant": {func(v int64) string { return money.FormatScaled(v/100, 2) }, "exactly 100 times less"},
	} {
		t.Run(name, func(t *testing.T) {
			rows := wechatRows(40, 20)
			for i := range rows {
				r := &rows[i]
				r.refundNo, r.amount, r.fee = "", r.amount*100, 0 // whole yuan, so that both scales can be printed
				cells := r.text()
				cells[12], cells[24] = c.scale(r.amount), c.scale(r.amount)
				r.cells = cells
			}
			st, _, err := readWechat(t, wechatBill(rows))
			want(t, st, err, "E-2130")
			if p := proof(t, st, "trailer.amount"); !strings.Contains(p.Note, c.note) {
				t.Errorf("note %q does not name the unit", p.Note)
			}
		})
	}
}

func TestFaultZ02_Exponents(t *testing.T) {
	for _, c := range []struct {
		currency, text string
		minor          int64
		reason         string
	}{
		{"JPY", "100", 100, ""}, {"JPY", "100.0", 100, ""}, {"JPY", "100.5", 0, "more decimals"},
		{"KWD", "1.234", 1234, ""}, {"KWD", "1.2", 1200, ""}, {"KWD", "1.2345", 0, "more decimals"},
		{"CNY", "1.23", 123, ""}, {"CNY", "1.230", 123, ""}, {"CNY", "1.234", 0, "more decimals"},
	} {
		t.Run(c.currency+" "+c.text, func(t *testing.T) {
			row := "2025-11-20 12:00:00,Q1,x," + c.text + ",P"
			_, got, _ := read(t, normalize.Input{Definition: quotedBank(t, c.currency), Date: day, Files: []normalize.File{file("bank.csv", quotedFile([]string{row}))}})
			if c.reason != "" {
				oneReject(t, got, "amount", c.reason)
				return
			}
			if len(got.records) != 1 || got.records[0].AmountMinor != c.minor || got.records[0].Currency != c.currency {
				t.Errorf("records %+v, want %d minor units of %s", got.records, c.minor, c.currency)
			}
		})
	}
}

func TestFaultZ03_FlippedSign(t *testing.T) {
	flip := func(rows []wechatRow, i int, cols ...int) []wechatRow {
		cells := rows[i].text()
		for _, col := range cols {
			if cells[col] != "0.00" {
				cells[col] = "-" + cells[col]
			}
		}
		rows[i].cells = cells
		return rows
	}
	t.Run("wechat payment", func(t *testing.T) {
		rows := wechatRows(10, 21)
		rows[2].refundNo = ""
		st, c, err := readWechat(t, wechatBill(flip(rows, 2, 12, 24)))
		want(t, st, err, "E-2130")
		oneReject(t, c, "应结订单金额", "sign")
	})
	t.Run("wechat refund", func(t *testing.T) {
		rows := wechatRows(10, 21)
		rows[2].refundNo = "R1"
		st, c, err := readWechat(t, wechatBill(flip(rows, 2, 16, 25)))
		want(t, st, err, "E-2130")
		oneReject(t, c, "退款金额", "sign")
	})
	// Alipay prints refunds negative; a positive one is damage, and the footer
	// does not add up either.
	t.Run("alipay refund", func(t *testing.T) {
		files := rawStatements(t, "alipay")["trade"]
		detail := strings.Replace(string(content(t, files[0])), "-30.00,-30.00", "30.00,30.00", 1)
		st, c, err := read(t, normalize.Input{Definition: definition(t, "alipay"), Date: day, Files: []normalize.File{file("d", []byte(detail)), files[1]}})
		want(t, st, err, "E-2130")
		oneReject(t, c, "订单金额(元)", "sign")
	})
	t.Run("alipay payment", func(t *testing.T) {
		files := rawStatements(t, "alipay")["trade"]
		detail := strings.Replace(string(content(t, files[0])), "100.00,95.00", "-100.00,-95.00", 1)
		st, c, err := read(t, normalize.Input{Definition: definition(t, "alipay"), Date: day, Files: []normalize.File{file("d", []byte(detail)), files[1]}})
		want(t, st, err, "E-2130")
		oneReject(t, c, "订单金额(元)", "sign")
	})
}

func TestFaultZ04_Overflow(t *testing.T) {
	rows := wechatRows(3, 22)
	cells := rows[1].text()
	cells[24] = "92233720368547758.08" // one more than int64 fen
	rows[1].cells = cells
	_, c, _ := readWechat(t, wechatBill(rows))
	oneReject(t, c, "订单金额", "64 bits")

	// Each amount fits, their sum does not: the 128-bit total says so instead of
	// wrapping around to something that looks right.
	rows = wechatRows(3, 22)
	for i := range rows {
		rows[i].refundNo, rows[i].amount, rows[i].fee = "", math.MaxInt64, 0
	}
	bill := strings.Replace(string(wechatBill(rows)), "overflow", "92233720368547758.05", -1) // 3 * MaxInt64 modulo 2^64
	st, _, err := readWechat(t, []byte(bill))
	if err == nil && normalize.Incomplete(st) == nil {
		t.Error("an overflowing sum passes")
	}
	if p := proof(t, st, "trailer.amount"); p.OK {
		t.Errorf("the sum wrapped around: %+v", p)
	}
}

func TestFaultZ05_AmountForms(t *testing.T) {
	for text, minor := range map[string]int64{"1.15": 115, "0.01": 1, "1": 100, "1.1": 110, "-0.00": 0, "+2.00": 200, "00.50": 50, "1.1500": 115} {
		if got, reject := readAmount(t, text); reject != "" || got != minor {
			t.Errorf("%q: %d, rejected because %q; want %d", text, got, reject, minor)
		}
	}
	for _, text := range []string{"", " ", "1e5", "1E5", "NaN", "Inf", "-Inf", "0x10", "1_000", "1,234.56", "１２.３", "1.", ".5", ".", "-", "--1", "1.2.3", "1.15¥",
		"¥1.15", "1 000", "1.155", "99999999999999999999", "(1.00)", "1.00-", "\u00a01.00", "1.00\u200b", "٣", "4.2E+18"} {
		if got, reject := readAmount(t, text); reject == "" {
			t.Errorf("%q is read as %d, want a reject", text, got)
		}
	}
}

// readAmount reads one payment whose 订单金额 is text, and returns the amount, or
// why the row was rejected.
func readAmount(t testing.TB, text string) (int64, string) {
	t.Helper()
	row := wechatRows(1, 23)[0]
	row.refundNo, row.amount, row.fee = "", 0, 0
	cells := row.text()
	cells[24] = text
	row.cells = cells
	_, c, _ := readWechat(t, wechatBill([]wechatRow{row}))
	if len(c.rejects) > 0 {
		return 0, c.rejects[0].Reason
	}
	if len(c.records) != 1 {
		return 0, "split by a comma"
	}
	return c.records[0].AmountMinor, ""
}

// Every amount is what exact rational arithmetic says.
func TestMoneyAgainstRationals(t *testing.T) {
	rng := rand.New(rand.NewPCG(24, 1))
	rows := make([]wechatRow, 3000)
	texts := make([]string, len(rows))
	for i := range rows {
		rows[i] = wechatRows(1, uint64(i))[0]
		rows[i].refundNo, rows[i].amount, rows[i].fee = "", 0, 0
		texts[i] = fmt.Sprintf("%d.%02d", rng.Int64N(1<<rng.IntN(50)), rng.IntN(100))
		cells := rows[i].text()
		cells[24] = texts[i]
		rows[i].cells = cells
	}
	_, c, err := readWechat(t, wechatBill(rows))
	if err != nil || len(c.records) != len(rows) {
		t.Fatalf("%d records, %v", len(c.records), err)
	}
	for i, r := range c.records {
		exact, ok := new(big.Rat).SetString(texts[i])
		if !ok {
			t.Fatal(texts[i])
		}
		exact.Mul(exact, big.NewRat(100, 1))
		if !exact.IsInt() || exact.Num().Int64() != r.AmountMinor {
			t.Fatalf("%s yuan is read as %d fen", texts[i], r.AmountMinor)
		}
	}
}

// No float stands between a file and the ledger: neither a type nor a function
// that makes one.
func TestFaultZ06_NoFloat(t *testing.T) {
	forbidden := map[string]bool{"float32": true, "float64": true, "ParseFloat": true, "complex128": true, "SetFloat64": true}
	checked := 0
	for _, dir := range []string{".", "../schemas", "../schemas/channels", "../internal/money"} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
				continue
			}
			checked++
			inspectFloats(t, dir+"/"+e.Name(), forbidden)
		}
	}
	if checked < 20 {
		t.Errorf("only %d files were checked", checked)
	}
}

func inspectFloats(t *testing.T, path string, forbidden map[string]bool) {
	t.Helper()
	set := token.NewFileSet()
	f, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Ident:
			if forbidden[n.Name] {
				t.Errorf("%s: %s", set.Position(n.Pos()), n.Name)
			}
		case *ast.BasicLit:
			if n.Kind == token.FLOAT {
				t.Errorf("%s: the float %s", set.Position(n.Pos()), n.Value)
			}
		}
		return true
	})
}

// T5: the same amount written with more or fewer zeros is the same amount.
func TestT05_TrailingZeros(t *testing.T) {
	a, _ := readAmount(t, "10.0")
	b, _ := readAmount(t, "10.00")
	if a != b || a != 1000 {
		t.Errorf("10.0 is %d and 10.00 is %d", a, b)
	}
}

// T6: two identical rows are two records.
func TestT06_IdenticalRows(t *testing.T) {
	row := wechatRows(1, 25)[0]
	st, c, err := readWechat(t, wechatBill([]wechatRow{row, row}))
	want(t, st, err, "")
	if len(c.records) != 2 {
		t.Fatalf("%d records", len(c.records))
	}
	a, b := c.records[0], c.records[1]
	a.Line, a.Offset, b.Line, b.Offset = 0, 0, 0, 0
	if a != b {
		t.Errorf("%+v is not %+v", a, b)
	}
}
