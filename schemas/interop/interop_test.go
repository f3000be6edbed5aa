package interop

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"tieout/internal/bizday"
	"tieout/schemas"
	"tieout/schemas/interop/contenthash"
	"tieout/schemas/recordfile"
)

// readers are the programs of this module.
var readers = []string{"parquetgo", "xitongsys"}

func TestOtherReadersAgree(t *testing.T) {
	bin := build(t)
	for _, c := range []struct{ rows, rowGroup int }{
		{0, 0}, {1, 0}, {1000, 0},
		{20_000, 0},      // several pages
		{50_000, 16_384}, // several row groups, the last one not full
	} {
		t.Run(fmt.Sprintf("rows=%d,group=%d", c.rows, c.rowGroup), func(t *testing.T) {
			records := makeRecords(c.rows)
			path := write(t, records, c.rowGroup)
			want := fmt.Sprintf("%d %s", c.rows, hashOf(records))
			if got := ours(t, path); got != want {
				t.Errorf("our own reader: got %s, want %s", got, want)
			}
			for _, name := range readers {
				if got := theirs(t, bin, name, path); got != want {
					t.Errorf("%s: got %s, want %s", name, got, want)
				}
			}
		})
	}
}

// The comparison notices one changed character, one NULL that became empty or
// zero, and rows in another order.
func TestHashSeesEachDifference(t *testing.T) {
	records := makeRecords(100)
	want := hashOf(records)
	for name, change := range map[string]func(r []schemas.Record){
		"character":    func(r []schemas.Record) { r[50].MerchantRef = r[50].MerchantRef[:3] + "~" + r[50].MerchantRef[4:] },
		"NULL to zero": func(r []schemas.Record) { r[0].SettleMinor.Valid = !r[0].SettleMinor.Valid },
		"amount":       func(r []schemas.Record) { r[99].AmountMinor++ },
		"order":        func(r []schemas.Record) { r[1], r[2] = r[2], r[1] },
		"cell border":  func(r []schemas.Record) { r[3].Product, r[3].Remark = r[3].Product+r[3].Remark, "" },
	} {
		changed := makeRecords(100)
		change(changed)
		if hashOf(changed) == want {
			t.Errorf("%s: not seen", name)
		}
	}
}

// makeRecords makes rows with NULLs, empty days, shared prefixes, negative
// numbers, the largest numbers and text beyond ASCII.
func makeRecords(n int) []schemas.Record {
	random := rand.New(rand.NewPCG(7, uint64(n)))
	some := func(s string) string {
		if random.IntN(4) == 0 {
			return ""
		}
		return s
	}
	null := func(v int64) schemas.NullInt64 { return schemas.NullInt64{V: v, Valid: v%3 != 0} }
	records := make([]schemas.Record, n)
	for i := range records {
		r := &records[i]
		*r = schemas.Record{
			Channel: "unionpay", Account: "898319849000018", Source: strings.Repeat("ab", 32),
			Kind: schemas.Kind(1 + random.IntN(9)), Status: schemas.Status(1 + random.IntN(5)),
			MerchantRef: fmt.Sprintf("A2026112%012d", i), RefundRef: some(fmt.Sprintf("R%x", random.Uint64())),
			ChannelRef: fmt.Sprintf("42000%05d20261120%010d", random.IntN(1e5), i), ChannelRefundRef: some("50000" + fmt.Sprint(i)),
			StatusRaw: some("S22"), AmountMinor: random.Int64N(1 << 50), Currency: "CNY",
			SettleMinor: null(random.Int64N(2e6) - 1e6), FeeMinor: null(random.Int64N(200) - 100), FeeSub: int64(random.IntN(3)) * 500_000,
			EventTime: 1_763_000_000_000_000 + random.Int64N(1e12), BillDate: bizday.Make(2026, 11, 1+i%30),
			Line: int64(i + 1), Offset: int64(i) * 609,
			TradeType: some("JSAPI"), Bank: some("工商银行"), Product: some("商品" + strings.Repeat("名", random.IntN(60))), Remark: some("𠮷野家 €"),
		}
		switch i % 97 {
		case 3:
			r.EventTime, r.BillDate = schemas.NoTime, bizday.None
		case 5:
			r.AmountMinor, r.EventTime = 1<<63-1, -1
		}
	}
	return records
}

func write(t *testing.T, records []schemas.Record, rowGroup int) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "records.parquet")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := recordfile.NewWriter(f, recordfile.Options{RowGroupRows: rowGroup})
	if err != nil {
		t.Fatal(err)
	}
	b := &schemas.Batch{Channel: "unionpay", Account: "898319849000018", Source: strings.Repeat("ab", 32)}
	flush := func() {
		if err := w.Batch(b); err != nil {
			t.Fatal(err)
		}
		b.Reset()
	}
	for i := range records {
		if b.Append(&records[i]); b.Len() == schemas.BatchRows {
			flush()
		}
	}
	flush()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// hashOf is the content of the rows in the order of the file's columns.
func hashOf(records []schemas.Record) string {
	h := contenthash.New()
	for i := range records {
		hashRecord(h, &records[i])
	}
	return h.Sum()
}

func hashRecord(h *contenthash.Hash, r *schemas.Record) {
	text := func(v string) {
		if v == "" {
			h.Null()
		} else {
			h.Bytes(v)
		}
	}
	null := func(v int64, valid bool) {
		if valid {
			h.Int(v)
		} else {
			h.Null()
		}
	}
	text(r.Channel)
	text(r.Account)
	h.Bytes(r.Kind.String())
	text(r.MerchantRef)
	text(r.RefundRef)
	text(r.ChannelRef)
	text(r.ChannelRefundRef)
	h.Bytes(r.Status.String())
	text(r.StatusRaw)
	h.Int(r.AmountMinor)
	text(r.Currency)
	null(r.SettleMinor.V, r.SettleMinor.Valid)
	null(r.FeeMinor.V, r.FeeMinor.Valid)
	h.Int(r.FeeSub)
	null(r.EventTime, r.EventTime != schemas.NoTime)
	null(int64(r.BillDate), r.BillDate != bizday.None)
	text(r.Source)
	h.Int(r.Line)
	h.Int(r.Offset)
	text(r.TradeType)
	text(r.Bank)
	text(r.Product)
	text(r.Remark)
	h.Row()
}

func ours(t *testing.T, path string) string {
	t.Helper()
	in, err := recordfile.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	h := contenthash.New()
	var rows int64
	err = in.Read(context.Background(), recordfile.All, func(first int64, b *schemas.Batch) error {
		for i := range b.Len() {
			r := b.Row(i)
			hashRecord(h, &r)
			rows++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(rows, " ", h.Sum())
}

// build compiles the readers into a folder.
func build(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	args := []string{"build", "-o", dir}
	for _, name := range readers {
		args = append(args, "./"+name)
	}
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return dir
}

func theirs(t *testing.T, bin, name, path string) string {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.Command(filepath.Join(bin, name), path)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, stderr.Bytes())
	}
	return strings.TrimSpace(string(out))
}
