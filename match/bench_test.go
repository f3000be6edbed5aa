package match

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"tieout/schemas"
	"tieout/schemas/recordfile"
)

// nothing is a Sink that costs nothing.
type nothingSink struct{}

func (nothingSink) Outcome(schemas.Outcome) error                 { return nil }
func (nothingSink) Pairs(schemas.Outcome, []int64, []int64) error { return nil }
func (nothingSink) Difference(*schemas.Difference) error          { return nil }

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
		rows[i] = schemas.Record{Kind: schemas.Payment, Status: schemas.Success, AmountMinor: 1, Currency: "CNY", MerchantRef: key,
			EventTime: baseInputs().Day.Of(baseInputs().Date).From + int64(i)*1_000_000%80_000_000_000 + 3600_000_000}
	}
	return rows
}

// eachKeys measures a loop over the rows of one part and of a small one, with
// numbers of both shapes. cpu-ns/row does not see what else the machine does.
func eachKeys(b *testing.B, prepare func(local, channel memory) (loop func())) {
	for _, rows := range []int{partRows / 16, partRows} {
		for _, keys := range []string{"plain", "prefix"} {
			b.Run(fmt.Sprintf("rows=%d/keys=%s", rows, keys), func(b *testing.B) {
				records := keyedRows(rows, keys)
				measure(b, rows, prepare(records, mixed(rand.New(rand.NewPCG(1, 1)), records)))
			})
		}
	}
}

func measure(b *testing.B, rows int, loop func()) {
	b.ReportAllocs()
	began := cpuTime(b)
	for b.Loop() {
		loop()
	}
	b.ReportMetric(float64(cpuTime(b)-began)/float64(b.N)/float64(rows), "cpu-ns/row")
}

func cpuTime(b *testing.B) time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// BenchmarkTake deals rows into parts.
func BenchmarkTake(b *testing.B) {
	for _, rows := range []int{100_000, 1_000_000} {
		b.Run(fmt.Sprintf("rows=%.0e", float64(rows)), func(b *testing.B) {
			batches := batchesOf(keyedRows(rows, "plain"))
			measure(b, rows, func() {
				in := NewIntake(int64(rows), baseInputs().Day.Of(baseInputs().Date), 0, nil)
				for _, batch := range batches {
					if err := in.Local(batch); err != nil {
						b.Fatal(err)
					}
				}
			})
		})
	}
}

// joinerOf has the rows of both sides in its hands, as those of one part.
func joinerOf(b *testing.B, local, channel memory) *joiner {
	in := baseInputs()
	in.Local, in.ChannelRows = local, channel
	in.Intake = newIntake(1, in.Day.Of(in.Date), 0, nil)
	for which, rows := range []memory{local, channel} {
		for _, batch := range batchesOf(rows) {
			if err := in.Intake.take(which, batch); err != nil {
				b.Fatal(err)
			}
		}
	}
	j := newJoiner(newEngine(in).agreed)
	if err := errors.Join(j.local.load(&in.Intake.trays[onLocal][0]), j.channel.load(&in.Intake.trays[onChannel][0])); err != nil {
		b.Fatal(err)
	}
	return j
}

func batchesOf(records memory) (list []*schemas.Batch) {
	for part := range slices.Chunk(records, schemas.BatchRows) {
		var batch schemas.Batch
		for i := range part {
			batch.Append(&part[i])
		}
		list = append(list, &batch)
	}
	return list
}

// BenchmarkBuild builds the table of the local rows.
func BenchmarkBuild(b *testing.B) {
	eachKeys(b, func(local, channel memory) func() { return joinerOf(b, local, channel).build })
}

// BenchmarkProbe looks up every channel row, and judges it; all are found, in
// another order.
func BenchmarkProbe(b *testing.B) {
	eachKeys(b, func(local, channel memory) func() {
		j := joinerOf(b, local, channel)
		j.build()
		return func() {
			for l := range j.mate {
				j.mate[l] = none
			}
			j.probe()
			if slices.Contains(j.rule, 0) {
				b.Fatal("a row is not paired")
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
