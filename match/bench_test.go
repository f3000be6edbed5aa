package match

import (
	"context"
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"syscall"
	"testing"
	"time"

	"tieout/schemas"
	"tieout/schemas/recordfile"
)

// nothing is a Sink that costs nothing.
type nothingSink struct{}

func (nothingSink) Outcome(schemas.Outcome) error        { return nil }
func (nothingSink) Difference(*schemas.Difference) error { return nil }

// BenchmarkRun matches files as the pipeline does. peak-MB is the largest heap
// seen while it runs.
func BenchmarkRun(b *testing.B) {
	for _, rows := range []int{100_000, 1_000_000} {
		if rows > 100_000 && testing.Short() {
			continue
		}
		local, channel := largeDay(rows, 1)
		l, c := onDisk(b, local), onDisk(b, channel)
		for _, workers := range []int{1, 2} {
			b.Run(fmt.Sprintf("rows=%.0e/diff=0.4%%/workers=%d", float64(rows), workers), func(b *testing.B) {
				in := baseInputs()
				in.Local, in.ChannelRows, in.Workers = l, c, workers
				runtime.GC()
				debug.FreeOSMemory()
				peak := watchHeap()
				b.ReportAllocs()
				for b.Loop() {
					if _, err := Run(context.Background(), in, nothingSink{}); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(peak())/(1<<20), "peak-MB")
				b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
			})
		}
	}
}

// keyedRows are rows in the order of their numbers. With the prefix, the numbers
// differ in their last eight bytes alone.
func keyedRows(n int, keys string) memory {
	rows := make(memory, n)
	for i := range rows {
		key := fmt.Sprintf("M20261120%012d%04d", i, i*7919%10_000)
		if keys == "prefix" {
			key = fmt.Sprintf("ORDERNUMBER2026112000000%08d", i)
		}
		rows[i] = schemas.Record{Kind: schemas.Payment, Status: schemas.Success, AmountMinor: 1, Currency: "CNY", MerchantRef: key}
	}
	return rows
}

// eachKeys measures a loop over the rows of one part and of a small one, with
// numbers of both shapes. cpu-ns/row does not see what else the machine does.
func eachKeys(b *testing.B, prepare func(local, channel *side) (loop func())) {
	for _, rows := range []int{partRows / 16, partRows} {
		for _, keys := range []string{"plain", "prefix"} {
			b.Run(fmt.Sprintf("rows=%d/keys=%s", rows, keys), func(b *testing.B) {
				records := keyedRows(rows, keys)
				loop := prepare(sideOf(b, records), sideOf(b, mixed(rand.New(rand.NewPCG(1, 1)), records)))
				b.ReportAllocs()
				began := cpuTime(b)
				for b.Loop() {
					loop()
				}
				b.ReportMetric(float64(cpuTime(b)-began)/float64(b.N)/float64(rows), "cpu-ns/row")
			})
		}
	}
}

func cpuTime(b *testing.B) time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// BenchmarkHash builds the table of the local rows.
func BenchmarkHash(b *testing.B) {
	eachKeys(b, func(local, _ *side) func() {
		table, seed := newKeyTable(local), maphash.MakeSeed()
		return func() { table = table.of(local, seed) }
	})
}

// BenchmarkProbe looks up every channel row; all are found, in another order.
func BenchmarkProbe(b *testing.B) {
	eachKeys(b, func(local, channel *side) func() {
		table := newKeyTable(local)
		return func() {
			var hashes [probeBatch]uint64
			for from := int32(0); from < channel.rows(); from += probeBatch {
				for i := range table.hash(channel, from, &hashes) {
					if table.find(channel, from+int32(i), hashes[i]) == none {
						b.Fatal("a row is not found")
					}
				}
			}
		}
	})
}

// onDisk writes records into a file, and opens it.
func onDisk(b *testing.B, records memory) *recordfile.Reader {
	path := filepath.Join(b.TempDir(), "records.parquet")
	if err := os.WriteFile(path, fileBytes(b, records), 0o600); err != nil {
		b.Fatal(err)
	}
	r, err := recordfile.OpenFile(path)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { r.Close() })
	return r
}

// watchHeap samples the heap; the returned function ends it and gives the
// growth above what was there before.
func watchHeap() func() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	read := func() uint64 {
		metrics.Read(sample)
		return sample[0].Value.Uint64()
	}
	before, peak := read(), uint64(0)
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				peak = max(peak, read())
			}
		}
	})
	return func() uint64 {
		close(done)
		wg.Wait()
		return peak - min(peak, before)
	}
}
