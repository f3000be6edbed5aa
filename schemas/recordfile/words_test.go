package recordfile

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"tieout/schemas"
)

// Texts that differ have different numbers, whatever their lengths, and those
// that end a column, which cannot be loaded whole, have the number that they
// had before.
func TestWordsAreNumberedAsTheyCome(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	for range 300 {
		var column schemas.Text
		numbers, want := map[string]uint8{}, []uint8{}
		for range 1 + r.IntN(400) {
			v := make([]byte, r.IntN(21)) // mostly zeros, which a length must tell apart
			if len(v) > 0 {
				v[r.IntN(len(v))] = byte(r.IntN(2) * r.IntN(3))
			}
			if _, known := numbers[string(v)]; len(v) > 0 && (known || len(numbers) < maxWords) {
				if !known {
					numbers[string(v)] = uint8(len(numbers))
				}
				want = append(want, numbers[string(v)])
			} else {
				v = nil
			}
			column.Append(v)
		}
		var w words
		got, few := w.encode(nil, &column)
		if !few || string(got) != string(want) || w.len() != len(numbers) {
			t.Fatalf("%d words, not %d, or other numbers", w.len(), len(numbers))
		}
		for v, n := range numbers {
			if string(w.at(int(n))) != v {
				t.Fatalf("word %d is %q, not %q", n, w.at(int(n)), v)
			}
		}
	}
}

// Texts that are alike in their bytes but not in their ends are not one text.
func TestOnlyText(t *testing.T) {
	for _, c := range []struct {
		texts []string
		only  bool
	}{
		{[]string{"CNY", "CNY", "CNY"}, true},
		{[]string{"CNY"}, true},
		{[]string{"aa", "aa", "ab"}, false},
		{[]string{"aa", "a", "aaa"}, false},
		{[]string{"aa", "", "aa"}, false},
		{[]string{"", "aa", "aa"}, false},
		{[]string{"ab", "a", "bab"}, false},
	} {
		var column schemas.Text
		for _, v := range c.texts {
			column.AppendString(v)
		}
		if got, ok := onlyText(&column); ok != c.only || ok && string(got) != c.texts[0] {
			t.Errorf("%q: %q, %v", c.texts, got, ok)
		}
		var w words
		codes, few := w.encode(nil, &column)
		place := 0
		for _, v := range c.texts {
			if v == "" {
				continue
			}
			if !few || string(w.at(int(codes[place]))) != v {
				t.Errorf("%q: %q is %d", c.texts, v, codes[place])
			}
			place++
		}
	}
}

func BenchmarkWords(b *testing.B) {
	for name, word := range map[string]func(r *rand.Rand) string{
		"same": func(*rand.Rand) string { return "SUCCESS" },
		"mixed": func(r *rand.Rand) string {
			return []string{"OTHERS", "CMB_DEBIT", "ICBC_CREDIT", "APP", "NATIVE"}[r.IntN(5)]
		},
		"long": func(r *rand.Rand) string { return fmt.Sprintf("a product with a long name no %d", r.IntN(50)) },
	} {
		b.Run(fmt.Sprintf("words=%s/rows=%d", name, chunkRows), func(b *testing.B) {
			r := rand.New(rand.NewPCG(1, 2))
			var column schemas.Text
			for range chunkRows {
				column.AppendString(word(r))
			}
			var w words
			var codes []uint8
			for b.Loop() {
				w.reset()
				codes, _ = w.encode(codes[:0], &column)
			}
		})
	}
}
