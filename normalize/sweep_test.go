package normalize

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// shapes are what stands between cells, in all the ways in which finders differ.
var shapes = []struct {
	between            string
	quoted, tabs, crlf bool
}{
	{",", false, false, false}, {",`", false, false, true}, {",", true, false, false}, {",", true, false, true},
	{",", false, true, true}, {"|", false, false, false}, {"|", true, true, true}, {"|!", false, false, true}, {"\t", false, false, false},
}

// behind is what stands behind a text, and is none of its bytes.
var behind = []string{"", "\n\"\xe5\x95\x86,`|!\x7f\x00\r\n,,,,", "`!\xb7\x80", "\n"}

// agreeOn finds the places of a text in both ways. Where the loops look for the
// second of two bytes, they note also those that stand alone, and the index
// finds that the first is missing; they take a first one that stands alone for
// text.
func agreeOn(t *testing.T, f *finder, between string, text, behind []byte) (swept bool) {
	t.Helper()
	text = append(append(slices.Clone(text), behind...), filler[:]...)
	text = text[:len(text)-len(behind)-room]
	defer func(can bool) { canSweep = can }(canSweep)
	can := canSweep
	canSweep = false
	want, odd, strange := placesOf(f, between, text)
	canSweep = can
	for i := range f.places {
		f.places[i] = -1
	}
	got, stillOdd, stillStrange := placesOf(f, between, text)
	swept = f.sweep(text)
	if !slices.Equal(got, want) || odd != stillOdd || strange != stillStrange || swept && odd || can && !swept && !odd && f.back == 0 {
		t.Fatalf("%q in %q: swept %v, odd %v and %v, strange %v and %v, places\n%v, not\n%v", between, text, swept, odd, stillOdd, strange, stillStrange, got, want)
	}
	return swept
}

// placesOf returns the places that a finder finds, of line feeds where they are.
func placesOf(f *finder, between string, text []byte) (places []int32, odd, strange bool) {
	f.find(text)
	for _, at := range f.places[:f.noted] {
		if text[at+f.feeds] == '\n' {
			at += f.feeds
		} else if f.back > 0 && (at < 0 || text[at] != between[0]) {
			continue
		}
		places = append(places, at)
	}
	return places, f.odd, f.strange
}

// What one pass over the text finds is what two loops find.
func TestSweep_FindsWhatTheLoopsFind(t *testing.T) {
	for _, s := range shapes {
		t.Run(fmt.Sprintf("between=%q/quoted=%v/tabs=%v/crlf=%v", s.between, s.quoted, s.tabs, s.crlf), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(3, 5))
			end := "\n"
			if s.crlf {
				end = "\r\n"
			}
			f, inOrder := newFinder([]byte(s.between), s.quoted, s.tabs, s.crlf), 0
			for round := range 3000 {
				text := []byte{'1'}
				for len(text) < rng.IntN(700) {
					switch n := rng.IntN(30); {
					case n == 0:
						text = append(text, bytes.Repeat([]byte(s.between), 80)...)
					case n < 14:
						text = append(text, s.between...)
					case n < 18:
						text = append(text, end...)
					case n < 20:
						text = append(text, "\xe5\x95\x86\xe5\x93\x81"...)
					case n < 21 && s.tabs:
						text = append(append(text, '\t'), s.between...)
					case n < 22 && round%3 == 0:
						text = append(text, []byte("\t\r\n\"\x7f\x00`,|!\x80\xb7\xc3~")[rng.IntN(14)])
					default:
						text = append(text, bytes.Repeat([]byte{"0aZ.-"[rng.IntN(5)]}, rng.IntN(40))...)
					}
				}
				if agreeOn(t, &f, s.between, text, []byte(behind[rng.IntN(len(behind))])) {
					inOrder++
				}
			}
			if canSweep && inOrder < 1000 {
				t.Errorf("%d texts in order prove too little", inOrder)
			}
		})
	}
}

func FuzzSweep(f *testing.F) {
	var finders []finder
	for i, s := range shapes {
		finders = append(finders, newFinder([]byte(s.between), s.quoted, s.tabs, s.crlf))
		f.Add(uint8(i), []byte("1,`2,`|!3\t,\r\n\"\xe5\x95\x86\n"), []byte(behind[0]))
	}
	f.Fuzz(func(t *testing.T, shape uint8, text, behind []byte) {
		if i := int(shape) % len(shapes); len(text) > 0 && len(text) < 1<<16 {
			agreeOn(t, &finders[i], shapes[i].between, text, behind)
		}
	})
}
