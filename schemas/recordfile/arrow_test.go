package recordfile

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/google/go-cmp/cmp"

	"tieout/internal/bizday"
	"tieout/schemas"
)

// What we write, arrow-go reads as the same rows, of the types that the
// package comment promises.
func TestArrowReadsTheSameRows(t *testing.T) {
	manySources := nightRecords(3000)
	for i := range manySources {
		manySources[i].Source = fmt.Sprintf("%064x", i/4) // more of them than a dictionary takes
	}
	noRefs := nightRecords(chunkRows + 1)
	for i := range noRefs {
		noRefs[i] = schemas.Record{Kind: noRefs[i].Kind, Status: noRefs[i].Status, EventTime: schemas.NoTime, BillDate: bizday.None}
	}
	extremes := someRecords(1, 500)
	for i := range extremes {
		extremes[i].SettleMinor = schemas.Int64([]int64{-1 << 63, 1<<63 - 1, 0}[i%3])
		extremes[i].BillDate = []bizday.Date{1<<31 - 1, bizday.None + 1, 0}[i%3]
		extremes[i].Line = int64(i%2) << 62
	}
	for name, records := range map[string][]schemas.Record{
		"none": nil, "one": someRecords(2, 1), "random": someRecords(1, 2*chunkRows+77), "night": nightRecords(3*chunkRows + 5),
		"many sources": manySources, "all absent": noRefs, "extremes": extremes,
	} {
		t.Run(name, func(t *testing.T) {
			data := write(t, records, 1000, Options{RowGroupRows: 2*chunkRows - 8})
			if diff := differ(records, readAll(t, open(t, data))); len(records) > 0 && diff != "" {
				t.Errorf("our own reader (-want +got):\n%.1000s", diff)
			}
			got, types := arrowRows(t, data)
			if len(got) != len(records) {
				t.Fatalf("%d rows, want %d", len(got), len(records))
			}
			for i := range records {
				if want := cells(&records[i]); want != got[i] {
					t.Fatalf("row %d:\n got %q\nwant %q", i, got[i], want)
				}
			}
			want := map[string]string{"merchant_ref": "String", "bill_date": "Date", "amount_minor": "None",
				"event_time": "Timestamp(isAdjustedToUTC=true, timeUnit=microseconds, is_from_converted_type=false, force_set_converted_type=false)"}
			for column, logical := range want {
				if types[column] != logical {
					t.Errorf("%s is a %s, not a %s", column, types[column], logical)
				}
			}
		})
	}
}

// Files that arrow-go wrote for us before, with pages that end at other rows
// in each column, are read like our own.
func TestFilesOfArrowAreRead(t *testing.T) {
	want := make([]schemas.Record, 20_000)
	for i := range want {
		want[i] = oldRecord(i)
	}
	r, err := OpenFile("testdata/arrow-go.parquet")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for _, r.Workers = range []int{1, 3} {
		if diff := differ(want, readAll(t, r)); diff != "" {
			t.Fatalf("%d workers (-want +got):\n%.1000s", r.Workers, diff)
		}
	}
	idx := []int64{0, 8191, 8192, 9999, 17_999, 18_000, 19_999}
	got, err := r.Fetch(context.Background(), idx, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, row := range idx {
		if diff := cmp.Diff(want[row], got[i]); diff != "" {
			t.Errorf("row %d (-want +got):\n%s", row, diff)
		}
	}
	data, err := os.ReadFile("testdata/arrow-go-outcomes.parquet")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(someOutcomes(300), readOutcomes(t, data)); diff != "" {
		t.Fatalf("outcomes (-want +got):\n%.1000s", diff)
	}
}

// oldRecord is a row of testdata/arrow-go.parquet.
func oldRecord(i int) schemas.Record {
	r := schemas.Record{
		Channel: "wechat", Account: "1900000109", Source: fmt.Sprintf("%064x", i/7000), Kind: schemas.Payment, Status: schemas.Status(1 + i/3000%5),
		MerchantRef: fmt.Sprintf("M20261120%012d", i), ChannelRef: fmt.Sprintf("42000%05d20261120%010d", i%7, i),
		AmountMinor: int64(i % 1000), Currency: "CNY", FeeMinor: schemas.Int64(int64(i%10 - 5)), FeeSub: int64(i%3) * 100000,
		EventTime: 1763596800000000 + int64(i)*1e6, BillDate: bizday.Make(2026, 11, 20+i/10000), Line: int64(i + 6), Offset: int64(i) * 180,
		TradeType: []string{"JSAPI", "APP", ""}[i%3], Product: fmt.Sprintf("商品%d号", i%977),
	}
	switch {
	case i%50 == 7:
		r.Kind, r.RefundRef, r.ChannelRefundRef, r.StatusRaw = schemas.Refund, fmt.Sprintf("R%d", i), fmt.Sprintf("503%08d", i), "退款成功"
	case i%70 == 9:
		r.EventTime, r.BillDate, r.FeeMinor = schemas.NoTime, bizday.None, schemas.NullInt64{}
	case i%90 == 3:
		r.SettleMinor = schemas.Int64(int64(-i))
	}
	return r
}

// row is the cells of a row as texts; an absent one is a dash.
type row [23]string

func cells(r *schemas.Record) row {
	text := func(s string) string {
		if s == "" {
			return "-"
		}
		return s
	}
	number := func(v int64, ok bool) string {
		if !ok {
			return "-"
		}
		return fmt.Sprint(v)
	}
	return row{text(r.Channel), text(r.Account), r.Kind.String(), text(r.MerchantRef), text(r.RefundRef), text(r.ChannelRef), text(r.ChannelRefundRef),
		r.Status.String(), text(r.StatusRaw), number(r.AmountMinor, true), text(r.Currency), number(r.SettleMinor.V, r.SettleMinor.Valid),
		number(r.FeeMinor.V, r.FeeMinor.Valid), number(r.FeeSub, true), number(r.EventTime, r.EventTime != schemas.NoTime),
		number(int64(r.BillDate), r.BillDate != bizday.None), text(r.Source), number(r.Line, true), number(r.Offset, true),
		text(r.TradeType), text(r.Bank), text(r.Product), text(r.Remark)}
}

// arrowRows reads all cells with arrow-go, and the columns' logical types.
func arrowRows(t *testing.T, data []byte) (rows []row, types map[string]string) {
	t.Helper()
	in, err := file.NewParquetReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	types = map[string]string{}
	for i := range in.MetaData().Schema.NumColumns() {
		c := in.MetaData().Schema.Column(i)
		types[c.Name()] = c.LogicalType().String()
	}
	for g := range in.NumRowGroups() {
		group := in.RowGroup(g)
		base := len(rows)
		rows = append(rows, make([]row, group.NumRows())...)
		for i := range group.NumColumns() {
			column, err := group.Column(i)
			if err != nil {
				t.Fatal(err)
			}
			for at := base; column.HasNext(); {
				texts, err := arrowCells(column)
				if err != nil {
					t.Fatalf("column %d: %v", i, err)
				}
				for _, text := range texts {
					rows[at][i] = text
					at++
				}
			}
		}
	}
	return rows, types
}

// arrowCells reads the next cells of a column.
func arrowCells(column file.ColumnChunkReader) (texts []string, err error) {
	const n = 1000
	defs := make([]int16, n)
	var at func(i int) string
	var rows int64
	switch c := column.(type) {
	case *file.ByteArrayColumnChunkReader:
		values := make([]parquet.ByteArray, n)
		rows, _, err = c.ReadBatch(n, values, defs, nil)
		at = func(i int) string { return string(values[i]) }
	case *file.Int64ColumnChunkReader:
		values := make([]int64, n)
		rows, _, err = c.ReadBatch(n, values, defs, nil)
		at = func(i int) string { return fmt.Sprint(values[i]) }
	case *file.Int32ColumnChunkReader:
		values := make([]int32, n)
		rows, _, err = c.ReadBatch(n, values, defs, nil)
		at = func(i int) string { return fmt.Sprint(values[i]) }
	default:
		return nil, fmt.Errorf("a column of type %s", column.Type())
	}
	next := 0
	for _, def := range defs[:rows] {
		if def < column.Descriptor().MaxDefinitionLevel() {
			texts = append(texts, "-")
			continue
		}
		texts = append(texts, at(next))
		next++
	}
	return texts, err
}
