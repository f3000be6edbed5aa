package recordfile

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"tieout/internal/bizday"
	"tieout/schemas"
)

// nightRecords looks like a night of WeChat Pay: numbers given out in order
// with a random part, amounts, times and fees of their kind, one row in twenty
// a refund.
func nightRecords(n int) []schemas.Record {
	r := rand.New(rand.NewPCG(20261120, uint64(n)))
	banks, types := []string{"CMB_DEBIT", "ICBC_CREDIT", "ABC_DEBIT", "OTHERS", "CCB_DEBIT"}, []string{"JSAPI", "APP", "NATIVE", "MICROPAY"}
	records := make([]schemas.Record, n)
	for i := range records {
		amount := 1 + r.Int64N(200_000)
		rec := &records[i]
		*rec = schemas.Record{
			Channel: "wechat", Account: "1900000109", Kind: schemas.Payment, Status: schemas.Success, StatusRaw: "SUCCESS",
			MerchantRef: fmt.Sprintf("M20261120%012d%04d", i, r.IntN(10_000)), ChannelRef: fmt.Sprintf("42000%05d20261120%010d", r.IntN(100_000), i),
			AmountMinor: amount, Currency: "CNY", SettleMinor: schemas.Int64(amount), FeeMinor: schemas.Int64((amount*6 + 500) / 1000),
			EventTime: (1_763_568_000 + r.Int64N(86_400)) * 1e6, BillDate: bizday.Make(2026, 11, 20),
			Source: "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8", Line: int64(i + 2), Offset: int64(i)*266 + r.Int64N(8),
			TradeType: types[r.IntN(len(types))], Bank: banks[r.IntN(len(banks))], Product: fmt.Sprintf("商品%d号", i%977),
		}
		if i%20 == 19 {
			rec.Kind, rec.StatusRaw = schemas.Refund, "REFUND"
			rec.RefundRef, rec.ChannelRefundRef = fmt.Sprintf("R20261120%012d", i), fmt.Sprintf("50300%05d20261120%010d", r.IntN(100_000), i)
		}
	}
	return records
}

const benchRows = 2 * defaultRowGroup

// batches cuts records as a decoder does.
func batches(records []schemas.Record) (all []*schemas.Batch) {
	for i := range records {
		if i%chunkRows == 0 {
			all = append(all, &schemas.Batch{Channel: records[i].Channel, Account: records[i].Account, Source: records[i].Source})
		}
		all[len(all)-1].Append(&records[i])
	}
	return all
}

// cpu is the processor time of this process: on a busy machine the clock lies.
func cpu() time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return 0
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// perRow reports processor time by row of what was done so far.
func perRow(b *testing.B, since time.Duration, rows int) {
	b.ReportMetric(float64(cpu()-since)/float64(b.N)/float64(rows), "cpu-ns/row")
}

func BenchmarkWrite(b *testing.B) {
	for _, shape := range []struct {
		name    string
		records []schemas.Record
	}{{"night", nightRecords(benchRows)}, {"random", someRecords(1, benchRows)}} {
		all := batches(shape.records)
		for _, workers := range []int{1, 2} {
			b.Run(fmt.Sprintf("shape=%s/rows=%d/workers=%d", shape.name, benchRows, workers), func(b *testing.B) {
				b.ReportAllocs()
				var out bytes.Buffer
				start := cpu()
				for b.Loop() {
					out.Reset()
					w, err := NewWriter(&out, Options{Workers: workers})
					if err != nil {
						b.Fatal(err)
					}
					for _, batch := range all {
						if err := w.Batch(batch); err != nil {
							b.Fatal(err)
						}
					}
					if err := w.Close(); err != nil {
						b.Fatal(err)
					}
				}
				perRow(b, start, benchRows)
				b.ReportMetric(float64(out.Len())/benchRows, "bytes/row")
			})
		}
	}
}

func BenchmarkRead(b *testing.B) {
	data := write(b, nightRecords(benchRows), chunkRows, Options{})
	for _, set := range []struct {
		name string
		cols Columns
	}{{"keys", Keys}, {"match", Keys | Amounts | Status | Times | Fees}, {"refs", Refs}, {"all", All}} {
		for _, workers := range []int{1, 2} {
			b.Run(fmt.Sprintf("shape=night/rows=%d/columns=%s/workers=%d", benchRows, set.name, workers), func(b *testing.B) {
				b.ReportAllocs()
				r := open(b, data)
				r.Workers = workers
				start := cpu()
				for b.Loop() {
					if err := r.Read(context.Background(), set.cols, func(int64, *schemas.Batch) error { return nil }); err != nil {
						b.Fatal(err)
					}
				}
				perRow(b, start, benchRows)
			})
		}
	}
}

func BenchmarkFetch(b *testing.B) {
	r := open(b, write(b, nightRecords(benchRows), chunkRows, Options{}))
	for _, every := range []int{1600, 20_000} {
		b.Run(fmt.Sprintf("shape=night/rows=%d/every=%d", benchRows, every), func(b *testing.B) {
			b.ReportAllocs()
			var idx []int64
			for i := every / 2; i < benchRows; i += every {
				idx = append(idx, int64(i))
			}
			start := cpu()
			for b.Loop() {
				if _, err := r.Fetch(context.Background(), idx, nil); err != nil {
					b.Fatal(err)
				}
			}
			perRow(b, start, benchRows)
		})
	}
}
