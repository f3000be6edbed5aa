package normalize

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// BenchmarkSplit cuts a group of rows into their cells, with the checks that go
// with it.
func BenchmarkSplit(b *testing.B) {
	for _, c := range templates {
		p := planOf(b, c.channel, c.format, c.rows[0])
		row := append(appendGB(b, p, c.rows[0]), '\n')
		b.Run(fmt.Sprintf("channel=%s/cells=%d", c.channel, len(p.columns)), func(b *testing.B) {
			text := append(bytes.Repeat(row, groupRows), filler[:]...)
			text = text[:len(text)-room]
			x, g := newIndex(p, false), newGroup(p)
			g.n = groupRows
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				if x.cut(text, &g); g.odd != 0 {
					b.Fatalf("%b", g.odd)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*groupRows), "ns/row")
		})
	}
}

// BenchmarkTime reads one time, with all that is strict about it.
func BenchmarkTime(b *testing.B) {
	for _, c := range [][2]string{{"yyyy-MM-dd HH:mm:ss", "2026-11-20 10:00:00"}, {"MMddHHmmss", "1120100000"}, {"yyyyMMdd", "20261120"}} {
		b.Run("layout="+strings.ReplaceAll(c[0], " ", "T"), func(b *testing.B) {
			l, err := newLayout(c[0])
			if err != nil {
				b.Fatal(err)
			}
			text := []byte(c[1])
			b.ReportAllocs()
			for b.Loop() {
				if w, why := l.parse(text); why != "" || w.day != 20 {
					b.Fatal(w, why)
				}
			}
		})
	}
}
