package ledgerlink

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/google/go-cmp/cmp"

	"tieout/internal/fault"
	"tieout/schemas"
)

var dictionary = &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}

// parquetColumns is the documented layout in one of the types it may have.
var parquetColumns = []arrow.Field{
	{Name: "kind", Type: dictionary}, {Name: "order_no", Type: arrow.BinaryTypes.String}, {Name: "refund_no", Type: arrow.BinaryTypes.Binary, Nullable: true},
	{Name: "channel_txn_id", Type: arrow.BinaryTypes.String, Nullable: true}, {Name: "status", Type: dictionary},
	{Name: "amount_minor", Type: arrow.PrimitiveTypes.Int64}, {Name: "currency", Type: dictionary}, {Name: "fee_minor", Type: arrow.PrimitiveTypes.Int32, Nullable: true},
	{Name: "created_at", Type: &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}}, {Name: "completed_at", Type: arrow.BinaryTypes.String, Nullable: true},
}

func writeParquet(t *testing.T, columns []arrow.Field, rows int, fill func(b *array.RecordBuilder, i int)) string {
	t.Helper()
	schema := arrow.NewSchema(columns, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	for i := range rows {
		fill(b, i)
	}
	record := b.NewRecordBatch()
	defer record.Release()
	path := filepath.Join(t.TempDir(), "local.parquet")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w, err := pqarrow.NewFileWriter(schema, f, parquet.NewWriterProperties(parquet.WithCompression(compress.Codecs.Zstd)), pqarrow.NewArrowWriterProperties(pqarrow.WithStoreSchema()))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(record); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil { // closes the file too
		t.Fatal(err)
	}
	return path
}

func fillTrade(b *array.RecordBuilder, i int) {
	word := func(col int, s string) {
		if err := b.Field(col).(*array.BinaryDictionaryBuilder).AppendString(s); err != nil {
			panic(err)
		}
	}
	word(0, "payment")
	b.Field(1).(*array.StringBuilder).Append("A" + number(int64(i)))
	b.Field(2).AppendNull()
	b.Field(3).(*array.StringBuilder).Append("420" + number(int64(i)))
	word(4, "PAID")
	b.Field(5).(*array.Int64Builder).Append(int64(i) + 1)
	word(6, "CNY")
	if i%2 == 0 {
		b.Field(7).(*array.Int32Builder).Append(7)
	} else {
		b.Field(7).AppendNull()
	}
	b.Field(8).(*array.TimestampBuilder).Append(arrow.Timestamp(time.Date(2026, 11, 20, 1, 2, 3, 456789000, time.UTC).UnixMicro()))
	b.Field(9).(*array.StringBuilder).Append("")
}

func TestParquetExport(t *testing.T) {
	const rows = 20_000
	p, err := OpenParquet(writeParquet(t, parquetColumns, rows, fillTrade), Mapping{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	got, export, err := exportAll(p)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != rows || export.Rows != rows || export.Totals[0].Minor != rows*(rows+1)/2 || export.Totals[0].FeeMinor != 7*rows/2 {
		t.Fatalf("got %d rows, %+v", len(got), export)
	}
	want := schemas.Record{Channel: "wechat", Account: "1900000109", Kind: schemas.Payment, MerchantRef: "A9001", ChannelRef: "4209001", Status: schemas.Success,
		StatusRaw: "PAID", AmountMinor: 9002, Currency: "CNY", EventTime: time.Date(2026, 11, 20, 1, 2, 3, 456789000, time.UTC).UnixMicro(),
		BillDate: testRequest.Date, Source: export.Files[0].SHA256, Line: 9002}
	if diff := cmp.Diff(want, got[9001]); diff != "" {
		t.Error(diff)
	}
}

func TestParquetRejects(t *testing.T) {
	p, err := OpenParquet(writeParquet(t, parquetColumns, 3, fillTrade), Mapping{Statuses: map[string]schemas.Status{"OK": schemas.Success}})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	_, _, err = exportAll(p)
	rejects, n := p.Rejects()
	if fault.Of(err).ID != "E-2151" || n != 3 || rejects[0].Line != 1 || rejects[0].Field != "status" || rejects[0].Value != "PAID" {
		t.Errorf("got %v %v", rejects, err)
	}
}

func TestFaultZ6_ParquetDouble(t *testing.T) {
	columns := append([]arrow.Field(nil), parquetColumns...)
	columns[5].Type = arrow.PrimitiveTypes.Float64
	_, err := OpenParquet(writeParquet(t, columns, 0, nil), Mapping{})
	if fault.Of(err).ID != "E-2450" {
		t.Errorf("got %v", err)
	}
}

func TestParquetDamaged(t *testing.T) {
	path := writeParquet(t, parquetColumns, 5_000, fillTrade)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(5, 6))
	found := 0
	for range 60 {
		damaged := append([]byte(nil), whole...)
		if r.IntN(2) == 0 {
			damaged = damaged[:r.IntN(len(damaged))]
		} else {
			damaged[r.IntN(len(damaged))] ^= 1 << r.IntN(8)
		}
		if err := os.WriteFile(path, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		p, err := OpenParquet(path, Mapping{})
		if err == nil {
			_, err = p.Export(context.Background(), testRequest, func(*schemas.Batch) error { return nil })
			p.Close()
		}
		if err != nil {
			found++
			if fault.Of(err).ID == "E-7001" {
				t.Errorf("not a fault of the table: %v", err)
			}
		}
	}
	if found < 30 {
		t.Errorf("only %d of 60 damaged files were noticed", found)
	}
}
