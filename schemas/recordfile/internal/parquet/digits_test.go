package parquet

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// packLiterals makes a frame of nothing but literals.
func packLiterals(f *frameWriter, blocks ...[]byte) (size int) {
	for _, b := range blocks {
		size += len(b)
	}
	f.begin(size)
	for i, b := range blocks {
		f.compressed(b, matches{}, i == len(blocks)-1)
	}
	return size
}

func randomDigits(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte('0' + r.IntN(10))
	}
	return b
}

// Digits of all lengths, and tables that change from block to block, are read
// by zstd and by our own reader.
func TestDigitsAreReadBack(t *testing.T) {
	dec, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(2, 10))
	var f frameWriter
	var reader frameReader
	words := bytes.Repeat([]byte("pay no more than is due "), 20)
	for n := range 400 {
		digits := randomDigits(r, leastDigits+n)
		odd := bytes.Clone(digits)
		odd[r.IntN(len(odd))] = byte(r.IntN(256))
		blocks := [][]byte{digits, randomDigits(r, 300), words, randomDigits(r, 5+n), odd, words, digits}
		blocks = blocks[r.IntN(4):]
		size := packLiterals(&f, blocks...)
		want := bytes.Join(blocks, nil)
		if got, err := dec.DecodeAll(f.out, nil); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%d digits: zstd reads otherwise, %v", n, err)
		}
		if got, ok := reader.read(f.out, make([]byte, 0, size+spareRoom), size); !ok || !bytes.Equal(got, want) {
			t.Fatalf("%d digits: read otherwise, %v", n, ok)
		}
	}
}

// Digits take 3.4 bits; where one is frequent they are counted instead, and
// take less.
func TestDigitsTakeFewBits(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 10))
	var f frameWriter
	even := randomDigits(r, 1<<16)
	packLiterals(&f, even)
	if !f.digits || len(f.out)*80 > len(even)*35 {
		t.Errorf("%d digits take %d bytes; the table known beforehand: %v", len(even), len(f.out), f.digits)
	}
	odd := bytes.Clone(even)
	for i := range odd {
		if r.IntN(2) == 0 {
			odd[i] = '0'
		}
	}
	packLiterals(&f, odd)
	if f.digits || len(f.out)*80 > len(odd)*28 {
		t.Errorf("%d digits, half of them 0, take %d bytes; the table known beforehand: %v", len(odd), len(f.out), f.digits)
	}
	even[len(even)/3] = 'x'
	if packLiterals(&f, even); f.digits {
		t.Error("a letter is packed as a digit")
	}
}

func BenchmarkLiterals(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 10))
	even := randomDigits(r, 1<<16)
	for _, other := range []bool{false, true} {
		b.Run(fmt.Sprintf("letter=%v", other), func(b *testing.B) {
			in := bytes.Clone(even)
			if other {
				in[0] = 'x'
			}
			b.SetBytes(int64(len(in)))
			var f frameWriter
			for b.Loop() {
				packLiterals(&f, in)
			}
		})
	}
}
