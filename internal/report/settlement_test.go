package report

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"tieout/internal/bizday"
	"tieout/internal/fault"
	"tieout/internal/settlement"
)

// settled is a batch with a payment, a refund and names that would like to be
// formulas or pages.
func settled(t *testing.T) Settlement {
	t.Helper()
	moment := time.Date(2026, 11, 20, 4, 0, 0, 0, time.UTC)
	b := settlement.Batch{ID: "S20261120-M01-CNY", Merchant: "M01", Currency: "CNY", BillDate: bizday.Make(2026, 11, 20), DueOn: bizday.Make(2026, 11, 23), State: settlement.Returned,
		Bank: "icbc", Payee: settlement.Payee{Name: "<script>alert(1)</script>", Account: "6222000011112222", Bank: "102"}, UpdatedAt: moment.UnixMicro()}
	paid := settlement.Entry{Kind: settlement.Payment, Ref: "4200001234567890123456789012", Merchant: "M01", OrderNo: "=HYPERLINK(\"http://x\")", PayNo: "4200001234567890123456789012",
		Channel: "wechat", Account: "wechat-main", Product: "NATIVE", Currency: "CNY", GrossMinor: 123456, FeeMinor: 741, ChannelFeeMinor: 469, NetMinor: 122715,
		FeeReturns: true, Terms: "0.6000%; returned with refunds", At: moment.UnixMicro()}
	back := paid
	back.Kind, back.Ref, back.GrossMinor, back.FeeMinor, back.ChannelFeeMinor, back.NetMinor = settlement.Refund, "-R1", -23456, -141, -89, -23315
	for _, e := range []settlement.Entry{paid, back} {
		if err := b.Add(e, 1); err != nil {
			t.Fatal(err)
		}
	}
	p := settlement.NewPayout(&b, 1, "P20261123-icbc-CNY-1")
	p.State, p.BankRef, p.Reason = settlement.Returned, "icbc-1", "account closed"
	s := Settlement{Batch: b, Entries: []settlement.Entry{paid, back}, Payouts: []settlement.Payout{p}}
	for _, txn := range []string{"sent", "returned"} {
		sign := map[string]int64{"sent": 1, "returned": -1}[txn]
		for _, e := range settlement.PayoutStarted(&p) {
			s.Journal = append(s.Journal, settlement.JournalLine{Txn: "payout:" + p.Number + ":" + txn, At: moment, Account: e.Account, Currency: e.Currency, Minor: sign * e.Minor,
				Reverses: map[string]string{"returned": "payout:" + p.Number + ":sent"}[txn]})
		}
	}
	return s
}

func TestSettlementStatement(t *testing.T) {
	dir := t.TempDir()
	files, err := WriteSettlement(dir, settled(t), []fault.Lang{fault.English, fault.Chinese})
	if err != nil || len(files) != 5 {
		t.Fatal(files, err)
	}
	read := func(name string) string {
		body, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(body), "6222000011112222") {
			t.Errorf("%s shows the payee's whole account", name)
		}
		return string(body)
	}
	golden(t, dir, "statement.en.html", "statement.zh.html", "entries.csv", "journal.csv")
	if page := read("statement.en.html"); strings.Contains(page, "<script>") || !strings.Contains(page, "&lt;script&gt;") {
		t.Error("a payee's name became part of the page")
	}
	read("statement.zh.html")
	read("journal.csv")
	for _, line := range strings.Split(read("entries.csv"), "\r\n")[1:] {
		if strings.Contains(line, ",=") || strings.Contains(line, ",-R1") {
			t.Errorf("a formula: %s", line)
		}
	}
	book, err := excelize.OpenFile(filepath.Join(dir, "statement.xlsx"))
	if err != nil {
		t.Fatal(err)
	}
	defer book.Close()
	sheet := book.GetSheetList()[1]
	for cell, want := range map[string]struct {
		kind excelize.CellType
		text string
	}{"B2": {excelize.CellTypeInlineString, "4200001234567890123456789012"}, "C2": {excelize.CellTypeInlineString, `=HYPERLINK("http://x")`}, "H2": {excelize.CellTypeUnset, "1234.56"}, "J3": {excelize.CellTypeUnset, "-233.15"}} {
		kind, err1 := book.GetCellType(sheet, cell)
		text, err2 := book.GetCellValue(sheet, cell, excelize.Options{RawCellValue: true})
		if err := errors.Join(err1, err2); err != nil || kind != want.kind || text != want.text {
			t.Errorf("%s: type %v, %q, %v", cell, kind, text, err)
		}
	}
}

// A batch whose sums are not those of its entries gets no paper.
func TestSettlementStatement_MustAddUp(t *testing.T) {
	s := settled(t)
	s.Batch.FeeMinor++
	if _, err := WriteSettlement(t.TempDir(), s, nil); fault.Of(err).ID != "E-5090" {
		t.Errorf("got %v", err)
	}
}

func TestBill(t *testing.T) {
	at := time.Date(2026, 11, 20, 4, 0, 0, 0, time.UTC).UnixMicro()
	rows := func(yield func(settlement.BillRow, error) bool) {
		_ = yield(settlement.BillRow{Kind: "payment", OrderNo: "@SUM(A1)", PayNo: "P1", ChannelRef: "42000", Channel: "wechat", Product: "NATIVE", AmountMinor: 123456, Currency: "CNY", FeeMinor: 741, FeeKnown: true, SettledIn: "S1", CreatedAt: at, CompletedAt: at + 1e6}, nil) &&
			yield(settlement.BillRow{Kind: "payment", OrderNo: "O2", PayNo: "P2", Channel: "wechat", AmountMinor: 500, Currency: "JPY", CreatedAt: at, CompletedAt: at}, nil) &&
			yield(settlement.BillRow{Kind: "refund", OrderNo: "O1", PayNo: "P1", RefundNo: "R1", Channel: "wechat", AmountMinor: 456, Currency: "CNY", FeeMinor: -2, FeeKnown: true, CreatedAt: at, CompletedAt: at}, nil)
	}
	var out bytes.Buffer
	if err := Bill(&out, "M01", bizday.Make(2026, 11, 20), rows); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "bill.csv"), out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	golden(t, dir, "bill.csv")
	body, last, _ := strings.Cut(out.String(), "DIGEST,sha256,")
	if sum := sha256.Sum256([]byte(body)); strings.TrimSpace(last) != hex.EncodeToString(sum[:]) {
		t.Error("the digest is not that of what stands before it")
	}
	broken := errors.New("the disk is gone")
	var none iter.Seq2[settlement.BillRow, error] = func(yield func(settlement.BillRow, error) bool) { yield(settlement.BillRow{}, broken) }
	if err := Bill(&out, "M01", 0, none); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}
