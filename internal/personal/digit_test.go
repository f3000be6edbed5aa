package personal

import (
	"math/rand/v2"
	"testing"
)

// The first digit is found wherever it stands, whatever stands beside it.
func TestNextDigit(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 9))
	found := 0
	for range 50_000 {
		b := make([]byte, rng.IntN(30))
		for i := range b {
			if b[i] = byte(rng.IntN(256)); b[i]-'0' <= 9 && rng.IntN(4) > 0 {
				b[i] = "/:\x80\xb0\xb9\xff"[rng.IntN(6)] // the neighbours of digits
			}
		}
		from := rng.IntN(len(b) + 1)
		want := from
		for want < len(b) && (b[want] < '0' || b[want] > '9') {
			want++
		}
		if got := nextDigit(b, from); got != want {
			t.Fatalf("%q from %d: %d, not %d", b, from, got, want)
		}
		if want < len(b) {
			found++
		}
	}
	if found < 1000 {
		t.Errorf("only %d with a digit", found)
	}
}
