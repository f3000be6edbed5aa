//go:build unix

package ledgerlink

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"tieout/schemas"
)

// cpuTime is what the process has used so far, in nanoseconds: on a shared
// machine the only time that means something.
func cpuTime(b *testing.B) int64 {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return used.Utime.Nano() + used.Stime.Nano()
}

// benchmarkExport measures exports of a source, opened anew each time.
func benchmarkExport(b *testing.B, rows int, open func() (Source, func() error, error)) {
	b.ReportAllocs()
	began := cpuTime(b)
	for b.Loop() {
		s, done, err := open()
		if err != nil {
			b.Fatal(err)
		}
		export, err := s.Export(context.Background(), testRequest, func(*schemas.Batch) error { return nil })
		if err != nil || export.Rows != int64(rows) {
			b.Fatal(export.Rows, err)
		}
		if err := done(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(cpuTime(b)-began)/float64(b.N)/float64(rows), "cpu-ns/row")
}

// BenchmarkExportCSV: opening, which hashes, is part of it.
func BenchmarkExportCSV(b *testing.B) {
	const rows = 200_000
	unusual := strings.NewReplacer("payment", `"payment"`)
	for _, c := range []struct {
		name string
		line func(string) string
	}{
		{"usual", func(s string) string { return s }},
		{"quoted", unusual.Replace},
	} {
		b.Run(fmt.Sprintf("source=csv/cells=%s/rows=%d", c.name, rows), func(b *testing.B) {
			var s strings.Builder
			s.WriteString(csvHeader)
			for i := range rows {
				at := fmt.Sprintf("2026-11-20T%02d:%02d:07+08:00", i*7%24, i*13%60)
				s.WriteString(c.line(fmt.Sprintf("payment,P20261120%012d,,4200001234%018d,PAID,%d,CNY,%d,%s,%s\n", i, i, i%99999+1, i%600, at, at)))
			}
			path := writeFile(b, s.String())
			b.SetBytes(int64(s.Len()))
			benchmarkExport(b, rows, func() (Source, func() error, error) {
				c, err := OpenCSV(path, Mapping{})
				if err != nil {
					return nil, nil, err
				}
				return c, c.Close, nil
			})
		})
	}
}
