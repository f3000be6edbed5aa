package money

import (
	"encoding/binary"
	"math/rand/v2"
	"strconv"
	"testing"
)

// Amounts of every length and number of decimals, whole and with one wrong
// byte, give what exact rationals give.
func TestParsePlain_AgainstRationals(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 6))
	plain, short := 0, 0
	for range 200_000 {
		exp := rng.IntN(8)
		b := []byte(FormatScaled(rng.Int64()>>rng.IntN(63), rng.IntN(8)))
		if rng.IntN(2) == 0 {
			b[rng.IntN(len(b))] = "0123456789.-+,:/ \x00\xb1\xff"[rng.IntN(20)]
		}
		checkParse(t, string(b), exp)
		if v, ok := parsePlain(b, exp); ok {
			plain++
			if want, ok := oracle(string(b), exp); !ok || want.Uint64() != v {
				t.Fatalf("%q with %d decimals: %d", b, exp, v)
			}
		}
		if len(b) > 8 {
			continue
		}
		w := binary.LittleEndian.Uint64(append(make([]byte, 8), b...)[len(b):])
		if v, ok := ParseShort(w, len(b), exp); ok {
			short++
			if want, ok := oracle(string(b), exp); !ok || want.Int64() != v {
				t.Fatalf("the word of %q with %d decimals: %d", b, exp, v)
			}
		}
	}
	if plain < 10_000 || short < 5_000 {
		t.Errorf("only %d amounts were plain, and %d short", plain, short)
	}
	if v, ok := ParseShort(0, 0, 2); ok {
		t.Errorf("nothing is %d", v)
	}
}

func BenchmarkParsePlain(b *testing.B) {
	for _, text := range []string{"0.00", "1234.56", "1203441.07"} {
		b.Run("digits="+strconv.Itoa(len(text)-1), func(b *testing.B) {
			in := []byte(text)
			for b.Loop() {
				ParseDigits(in, 2)
			}
		})
	}
}
