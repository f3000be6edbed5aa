package normalize

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"unicode/utf8"
)

// The words of eight bytes find what a loop over single bytes finds.
func TestScanLine_AgainstSingleBytes(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	alphabet := []byte(",,||~~!!-+abcdefgh \t\r\x00\x1f\x20\x7e\x7f\x80\xff\xac")
	for range 40_000 {
		row := make([]byte, rng.IntN(200))
		clean := rng.IntN(2) == 0
		for i := range row {
			row[i] = alphabet[rng.IntN(len(alphabet))]
			if clean {
				row[i] = alphabet[rng.IntN(14)]
			}
		}
		var want scanned
		first, last := len(row), 0
		for i, b := range row {
			if b >= 0x80 {
				first, last = min(first, i), i+1
			}
			if b == '\t' {
				want.tabs++
			}
			want.control = want.control || b != '\t' && (b < 0x20 || b == 0x7F)
		}
		if got := scanLine(row); got.ascii() != (last == 0) || got.first > first || got.last < last || got.control != want.control || got.tabs != want.tabs {
			t.Fatalf("%q: %+v, want %+v", row, got, want)
		}
	}
}

// The words of eight bytes tell the classes that the table tells.
func TestClassOf_AgainstTable(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	alphabet := []byte("09azAZ09azAZ/:@[`{^_-+|~ \x00\x7f\x80\xb0\xff")
	for range 40_000 {
		b := make([]byte, rng.IntN(30))
		most := []int{2, 6, len(alphabet)}[rng.IntN(3)]
		for i := range b {
			b[i] = alphabet[rng.IntN(most)]
		}
		if len(b) > 0 && rng.IntN(3) == 0 {
			b[rng.IntN(len(b))] = byte(rng.IntN(256))
		}
		if got, want := classOf(b), classOfBytes(b); got != want {
			t.Fatalf("%q: %d, want %d", b, got, want)
		}
	}
}

// What is taken for plain text is UTF-8 without U+FFFD, and Chinese is taken.
func TestIsPlainText(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	pieces := []string{"商", "品", "一", "a", "12345678", "é", "\uFFFD", "\uD7FF", "，", "𠮷", "\xE4\xB8", "\x80", "\xED\xA0\x80", "\xE0\x80\x80", "\xFF"}
	for range 40_000 {
		var b []byte
		most := []int{5, len(pieces)}[rng.IntN(2)]
		for range rng.IntN(12) {
			b = append(b, pieces[rng.IntN(most)]...)
		}
		plain := isPlainText(b)
		if plain && (!utf8.Valid(b) || bytes.Contains(b, []byte("\uFFFD"))) || !plain && most == 5 {
			t.Fatalf("%q: plain is %v", b, plain)
		}
	}
}
