package parquet

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// somePlaces draws places below n, ascending, some of them twice.
func somePlaces(r *rand.Rand, n int) (at []int32) {
	step := 1 << r.IntN(10)
	for i := r.IntN(step); i < n; i += r.IntN(step + 1) {
		at = append(at, int32(i))
	}
	return at
}

// samePicks holds picked values against all values.
func samePicks[T comparable](t *testing.T, all, got []T, at []int32, err error) {
	t.Helper()
	if err != nil || len(got) != len(at) {
		t.Fatalf("picked %d of %d values, %v", len(got), len(at), err)
	}
	for i, place := range at {
		if got[i] != all[place] {
			t.Fatalf("value %d of %d is %v, not %v", place, len(all), got[i], all[place])
		}
	}
}

func TestPickedNumbers(t *testing.T) {
	r := rand.New(rand.NewPCG(21, 21))
	for bits := range 65 {
		for _, n := range []int{1, 2, 64, 65, 66, 256, 257, 1000} {
			values := make([]int64, n)
			for i := range values {
				if bits > 0 {
					values[i] = int64(r.Uint64() >> (64 - bits))
				}
			}
			packed := append(AppendInts(nil, values), 0xff)
			for range 5 {
				at := somePlaces(r, n)
				got, err := PickInts(nil, packed, n, at)
				samePicks(t, values, got, at, err)
			}
			if _, err := PickInts(nil, packed, n+1, []int32{0}); err == nil {
				t.Fatal("a wrong number of values was taken")
			}
			if last := []int32{int32(n - 1)}; bits > 0 && n > 1 {
				if got, err := PickInts(nil, packed[:len(packed)/2], n, last); err == nil {
					t.Fatalf("%d bits: %d came out of a cut page", bits, got)
				}
			}
		}
	}
}

// Codes as other writers pack them: equal and bit-packed runs in turns.
func TestPickedCodes(t *testing.T) {
	r := rand.New(rand.NewPCG(22, 22))
	for w := uint(1); w <= 8; w++ {
		most := uint8(1<<w - 1)
		var packed []byte
		var values []uint32
		for range 20 {
			codes := make([]uint8, 8*(1+r.IntN(30)))
			if r.IntN(2) == 0 {
				for i := range codes {
					codes[i] = uint8(r.IntN(int(most) + 1))
				}
			}
			packed = append(packed, AppendCodes(nil, codes, most)[1:]...)
			for _, c := range codes {
				values = append(values, uint32(c))
			}
		}
		n := len(values) - 3 // the last run is longer than the page
		for range 20 {
			at := somePlaces(r, n)
			got, err := PickCodes(nil, packed, n, w, uint64(most), at)
			samePicks(t, values, got, at, err)
		}
		if _, err := PickCodes(nil, packed, n, w, uint64(slices.Max(values))-1, everyPlace(n)); err == nil {
			t.Errorf("%d bits: a code was taken that stands for nothing", w)
		}
		if _, err := PickCodes(nil, packed[:len(packed)-int(w)-20], n, w, uint64(most), everyPlace(n)); err == nil {
			t.Errorf("%d bits: a cut page was read", w)
		}
	}
}

func everyPlace(n int) (at []int32) {
	for i := range n {
		at = append(at, int32(i))
	}
	return at
}

func TestPickedTexts(t *testing.T) {
	r := rand.New(rand.NewPCG(23, 23))
	var ends []uint32
	var text, plain []byte
	for i := range 3000 {
		v := fmt.Sprintf("M20261120%08d", i)
		switch r.IntN(20) {
		case 0:
			v = strings.Repeat("x", 1+r.IntN(90))
		case 1:
			v = v[:1+r.IntN(len(v))]
		}
		text, plain = append(text, v...), AppendPlainText(plain, []byte(v))
		ends = append(ends, uint32(len(text)))
	}
	packed := new(textPacker).Append(nil, ends, text)
	if !samePickedTexts(t, (*Texts).Deltas, (*Texts).PickDeltas, packed, len(ends)) ||
		!samePickedTexts(t, (*Texts).Plain, (*Texts).PickPlain, plain, len(ends)) {
		t.Fatal("the texts are not read at all")
	}
	for i := range 60 {
		if err := new(Texts).PickDeltas(packed[:len(packed)-1-i*len(packed)/60], len(ends), []int32{7}, 1, nil); err == nil {
			t.Errorf("a cut page was read, %d", i)
		}
	}
}

// Pages of values that are alike are read as any other, also where a byte of
// their lengths is another one.
func TestPickedIDs(t *testing.T) {
	r := rand.New(rand.NewPCG(25, 25))
	quick := 0
	for range 400 {
		size, n := 1+r.IntN(70), 2+r.IntN(700)
		prefix := r.IntN(size + 1)
		b := appendStep(appendStep(nil, 0, prefix, n), size, size-prefix, n)
		lengths := len(b)
		for range size + (n-1)*(size-prefix) {
			b = append(b, byte('0'+r.IntN(10)))
		}
		if r.IntN(3) == 0 {
			b[r.IntN(lengths)] ^= 1 << r.IntN(8)
		}
		var want, got Texts
		err := want.deltas(b, n, n, nil)
		if _, ok := readAlike(b, n); ok {
			quick++
			if err != nil {
				t.Fatalf("%d values of %d bytes, %d the same: a page is read that has a fault: %v", n, size, prefix, err)
			}
		}
		if got.Deltas(b, n, n, nil) == nil && (string(got.Bytes) != string(want.Bytes) || !slices.Equal(got.Ends, want.Ends)) {
			t.Fatalf("%d values of %d bytes, %d the same: they are read as others", n, size, prefix)
		}
		samePickedTexts(t, (*Texts).deltas, (*Texts).PickDeltas, b, n)
	}
	if quick < 250 {
		t.Errorf("only %d pages were read the quick way", quick)
	}
}

// samePickedTexts holds texts that are picked against all texts of a page, if
// there are any; picking must not panic in any case.
func samePickedTexts(t *testing.T, read func(*Texts, []byte, int, int, []uint8) error,
	pick func(*Texts, []byte, int, []int32, int, []uint8) error, b []byte, n int) bool {
	t.Helper()
	r := rand.New(rand.NewPCG(24, uint64(n)))
	var all Texts
	ok := read(&all, b, n, n, nil) == nil
	for range 10 {
		at := somePlaces(r, n)
		if len(at) == 0 {
			continue
		}
		flags := append([]uint8{0}, slices.Repeat([]uint8{1, 0}, len(at))...) // each second row is NULL
		got := Texts{Bytes: []byte("before"), Ends: []uint32{6}}
		if err := pick(&got, b, n, at, len(flags), flags); !ok {
			continue
		} else if err != nil || got.Len() != 1+len(flags) {
			t.Fatalf("%d texts, not %d, %v", got.Len(), 1+len(flags), err)
		}
		for i, place := range at {
			if want := all.At(int(place)); string(got.At(2+2*i)) != string(want) || len(got.At(1+2*i)) > 0 {
				t.Fatalf("text %d is %q, not %q", place, got.At(2+2*i), want)
			}
		}
	}
	return ok
}
