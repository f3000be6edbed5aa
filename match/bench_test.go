package match

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
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
