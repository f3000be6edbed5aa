package normalize

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"tieout/internal/bizday"
	"tieout/schemas/channels"
)

// letters is a format of one text column, and a tail that begins with "T,".
func letters(t testing.TB) (*channels.Definition, *channels.Format) {
	t.Helper()
	d, err := channels.Parse("test", []byte(`
name: letters
title: {en: Letters, zh: 字母}
version: "1"
zone: UTC
currency: CNY
statements: [{kind: BANK}]
columns: {t: {id: {type: id}, amount: {type: amount, unit: minor}}}
rows: {t: [{kind: PAYMENT, status: SUCCESS, set: {merchant_ref: id, amount: amount}}]}
totals: {t: {rows: {count: true}, sum: {sum: [amount]}}}
formats:
  - name: letters
    statement: BANK
    shape: delimited
    delimited: {delimiter: ",", headerless: true}
    headers: [[id, amount]]
    columns: t
    rows: t
    totals: t
    tail: [{pattern: 'T,(?P<rows>[0-9]+),(?P<sum>[0-9]+)'}]
`))
	if err != nil {
		t.Fatal(err)
	}
	return d, &d.Formats[0]
}

// Wherever a block ends, every row is read once and in order.
func TestDecodeBody_BlockBorders(t *testing.T) {
	def, f := letters(t)
	var content strings.Builder
	n := 200
	for i := range n {
		fmt.Fprintf(&content, "%s%d,%d\n", strings.Repeat("r", i%23), i, i)
	}
	for _, tail := range []string{"", "T,200,19900\n"} {
		whole := content.String() + tail
		file := &File{Name: "x", Size: int64(len(whole)), Reader: strings.NewReader(whole)}
		p, err := compile(def, f, f.Headers[0])
		if err != nil {
			t.Fatal(err)
		}
		starts, err := tailStarts(f)
		if err != nil {
			t.Fatal(err)
		}
		for block := int64(1); block < 90; block++ {
			b := &body{file: file, end: file.Size, block: block, startsTail: startsWith(starts)}
			reader := func() *rowReader {
				r := newRowReader(p, &target{date: bizday.None}, newDelimitedCutter(f, p.names))
				r.index = newIndex(p, false)
				return r
			}
			var got strings.Builder
			all, rows, lines, tailAt := newStats(p), 0, int64(0), int64(-1)
			err = decodeBody(t.Context(), b, 4, reader, p, func(blk *blockUnderTest) (bool, error) {
				all.merge(&blk.stats)
				for i := range blk.batch.Len() {
					r := blk.batch.Row(i)
					fmt.Fprintf(&got, "%s,%d\n", r.MerchantRef, r.AmountMinor)
					if r.Line+lines != int64(rows+1) || !strings.HasPrefix(whole[r.Offset:], r.MerchantRef+",") {
						t.Fatalf("block %d: row %d says line %d, byte %d", block, rows, r.Line+lines, r.Offset)
					}
					rows++
				}
				lines += blk.lines
				tailAt = blk.tailAt
				return tailAt < 0, nil
			})
			if err != nil || got.String() != content.String() || all.rows != int64(n) || all.rejects != 0 {
				t.Fatalf("blocks of %d bytes: %d of %d rows, %d rejects, %v", block, all.rows, n, all.rejects, err)
			}
			if (tail != "") != (tailAt == int64(content.Len())) {
				t.Fatalf("blocks of %d bytes: the tail is at %d", block, tailAt)
			}
		}
	}
}

type blockUnderTest = block

// panics is a decoder with a defect.
type panics struct{}

func (panics) cut([]byte, *badCell) ([]byte, []span) { panic("index out of range") }

func TestDecodeBody_DefectBecomesAnError(t *testing.T) {
	def, f := letters(t)
	p, err := compile(def, f, f.Headers[0])
	if err != nil {
		t.Fatal(err)
	}
	file := &File{Name: "x", Size: 400, Reader: bytes.NewReader(bytes.Repeat([]byte("a,1\n"), 100))}
	b := &body{file: file, end: file.Size, block: 64, startsTail: func([]byte) bool { return false }}
	err = decodeBody(t.Context(), b, 3, func() *rowReader { return newRowReader(p, &target{}, panics{}) }, p,
		func(*block) (bool, error) { return true, nil })
	if err == nil || !strings.Contains(err.Error(), "defect in the decoder") {
		t.Errorf("a panic came back as %v", err)
	}
}

// The row loop of a file without rejects allocates nothing.
func TestRowLoopAllocatesNothing(t *testing.T) {
	def, f := letters(t)
	p, err := compile(def, f, f.Headers[0])
	if err != nil {
		t.Fatal(err)
	}
	content := bytes.Repeat([]byte("order-1,1\n"), 1000)
	b := &body{file: &File{Size: int64(len(content)), Reader: bytes.NewReader(content)}, end: int64(len(content)), block: blockSize, startsTail: func([]byte) bool { return false }}
	r := newRowReader(p, &target{date: bizday.None}, newDelimitedCutter(f, p.names))
	r.index = newIndex(p, false)
	blk := &block{body: b, end: b.end, stats: newStats(p)}
	blk.decode(r) // grows the memory that the next ones reuse
	if n := testing.AllocsPerRun(10, func() { blk.decode(r) }); n > 0 || blk.batch.Len() != 1000 {
		t.Errorf("%v allocations for %d rows, want none", n, blk.batch.Len())
	}
}
