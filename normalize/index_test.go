package normalize

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"tieout/internal/bizday"
	"tieout/schemas"
)

// Rows that are cut at once become the same records, rejects and totals as each
// row alone, whatever stands in them and wherever blocks end.
func TestIndex_AgainstRowsAlone(t *testing.T) {
	for _, c := range templates {
		for _, lineEnd := range []string{"\r\n", "\n"} {
			t.Run(fmt.Sprintf("%s/bytes=%d/crlf=%v", c.channel, len(c.rows[0]), lineEnd == "\r\n"), func(t *testing.T) {
				defer func(can bool) { canSweep = can }(canSweep)
				p := planOf(t, c.channel, c.format, c.rows[0])
				rng := rand.New(rand.NewPCG(7, 7))
				records, rejects := 0, 0
				can := canSweep
				for round := range 16 {
					canSweep = can && round%2 == 0 // as well without what not every processor has
					content := damagedRows(t, rng, p, c.rows, lineEnd)
					want := newBodyResult(p)
					alone(want, p, c.merchant, content, lineEnd == "\r\n")
					block := int64(1 + rng.IntN(3000))
					if round%4 == 0 {
						block = blockSize
					}
					got := newBodyResult(p)
					indexed(t, got, p, c.merchant, content, lineEnd == "\r\n", block)
					if g, w := got.String(), want.String(); g != w {
						t.Fatalf("blocks of %d bytes: at once\n%s\nalone\n%s", block, g, w)
					}
					records, rejects = records+len(want.records), rejects+len(want.rejects)
				}
				if records < 1_000 || rejects < 100 {
					t.Errorf("%d records and %d rejects prove too little", records, rejects)
				}
			})
		}
	}
}

// damagedRows makes the bytes of rows, of which a few are damaged.
func damagedRows(t *testing.T, rng *rand.Rand, p *plan, rows []string, lineEnd string) []byte {
	delimiter := p.format.Delimited.Delimiter
	every := []int{5, 40, 400}[rng.IntN(3)]
	var all []byte
	for range 150 + rng.IntN(100) {
		row := rows[max(0, rng.IntN(6+len(rows))-6)]
		cells := strings.Split(row, delimiter)
		for rng.IntN(every) == 0 {
			i := rng.IntN(len(cells))
			cells[i] = damage(rng, cells[i], strings.Split(rows[rng.IntN(len(rows))], delimiter))
		}
		raw := appendGB(t, p, strings.Join(cells, delimiter))
		end := lineEnd
		if rng.IntN(every) == 0 {
			switch rng.IntN(8) {
			case 0:
				raw = raw[:rng.IntN(len(raw))]
			case 1:
				raw = nil
			case 2:
				end = [...]string{"\n", "\r\n", "\r\r\n", "\n\n"}[rng.IntN(4)]
			case 3:
				raw = append(raw, bytes.Repeat([]byte{"9,|"[rng.IntN(3)]}, maxGroup+rng.IntN(maxGroup))...)
			case 4:
				raw[rng.IntN(len(raw))] = byte(rng.IntN(256))
			case 5:
				at := rng.IntN(len(raw))
				raw = append(raw[:at:at], append([]byte([...]string{"\r", "\n", "\t", "\x7f", delimiter, "`", "\"", "\xef\xbc\x88", "\xef\xbf\xbd", "\xb7", "\xa3\xac"}[rng.IntN(11)]), raw[at:]...)...)
			case 6:
				raw = append(raw, delimiter...)
			case 7:
				raw = bytes.ReplaceAll(raw, []byte(delimiter), []byte(" "+delimiter))
			}
		}
		all = append(append(all, raw...), end...)
	}
	if rng.IntN(3) == 0 {
		all = bytes.TrimRight(all, "\r\n")
	}
	return all
}

// bodyResult is what a body came to.
type bodyResult struct {
	records []schemas.Record
	rejects []schemas.Reject
	stats   stats
	lines   int64
}

func newBodyResult(p *plan) *bodyResult { return &bodyResult{stats: newStats(p)} }

func (r *bodyResult) add(b *block) {
	for i := range b.batch.Len() {
		record := b.batch.Row(i)
		record.Line += r.lines
		r.records = append(r.records, record)
	}
	for _, reject := range b.rejects {
		reject.Line += r.lines
		r.rejects = append(r.rejects, reject)
	}
	r.stats.merge(&b.stats)
	r.lines += b.lines
}

func (r *bodyResult) String() string {
	s := r.stats
	s.movement = 0
	return fmt.Sprintf("%+v\n%+v\n%+v\n%d lines", r.records, r.rejects, s, r.lines)
}

func targetOf(p *plan, merchant string) *target {
	date := bizday.Make(2026, 11, 20)
	return &target{merchant: []byte(merchant), date: date, day: p.def.Day().Of(date), feeSign: 1}
}

// alone reads each line by itself.
func alone(to *bodyResult, p *plan, merchant string, content []byte, crlf bool) {
	cut, _ := newCutter(p)
	r := newRowReader(p, targetOf(p, merchant), cut)
	b := &block{body: &body{file: &File{}, crlf: crlf}, stats: newStats(p)}
	for rest := content; len(rest) > 0; {
		line, after, _ := bytes.Cut(rest, []byte("\n"))
		row, why := b.cutLineEnd(line, len(after) == 0)
		b.lines++
		r.row(row, b.lines, int64(len(content)-len(rest)), b, why)
		rest = after
	}
	to.add(b)
}

// indexed reads the lines as a body, in blocks of a size.
func indexed(t *testing.T, to *bodyResult, p *plan, merchant string, content []byte, crlf bool, size int64) {
	t.Helper()
	file := &File{Size: int64(len(content)), Reader: bytes.NewReader(content)}
	b := &body{file: file, end: file.Size, block: size, crlf: crlf, startsTail: func([]byte) bool { return false }}
	reader := func() *rowReader {
		cut, _ := newCutter(p)
		r := newRowReader(p, targetOf(p, merchant), cut)
		if r.index = newIndex(p, crlf); r.index == nil {
			t.Fatal("no index")
		}
		return r
	}
	err := decodeBody(t.Context(), b, 2, reader, p, func(b *block) (bool, error) {
		to.add(b)
		return true, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
