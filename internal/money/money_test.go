package money

import (
	"errors"
	"math"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// oracle reads a decimal with exact rationals; ok is false where Parse must
// refuse.
func oracle(s string, exp int) (v *big.Int, ok bool) {
	digits := strings.TrimPrefix(strings.TrimPrefix(s, "-"), "+")
	if len(s)-len(digits) > 1 || digits == "" || strings.Trim(digits, "0123456789.") != "" || strings.Count(digits, ".") > 1 ||
		strings.HasPrefix(digits, ".") || strings.HasSuffix(digits, ".") {
		return nil, false
	}
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		return nil, false
	}
	r.Mul(r, new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(exp)), nil)))
	if !r.IsInt() {
		return nil, false
	}
	return r.Num(), true
}

func checkParse(t interface {
	Helper()
	Fatalf(string, ...any)
}, s string, exp int) {
	t.Helper()
	got, err := Parse([]byte(s), exp)
	want, ok := oracle(s, exp)
	switch {
	case !ok && err == nil:
		t.Fatalf("Parse(%q, %d) = %d, want a refusal", s, exp, got)
	case ok && !want.IsInt64() && !errors.Is(err, ErrOverflow):
		t.Fatalf("Parse(%q, %d) = %d, %v, want an overflow", s, exp, got, err)
	case ok && want.IsInt64() && err != nil && len(s) < 19:
		t.Fatalf("Parse(%q, %d): %v, want %s", s, exp, err, want)
	case ok && want.IsInt64() && err == nil && got != want.Int64():
		t.Fatalf("Parse(%q, %d) = %d, want %s", s, exp, got, want)
	}
}

// Every form that a file may show, and every form that looks like a number to
// some library but is none.
func TestFaultZ05_AmountForms(t *testing.T) {
	for _, s := range []string{"0", "0.00", "-0.00", "1", "1.5", "1.50", "12.30", "-12.30", "+12.30", "001.10", "1.15", "0.29", "92233720368547758.07", "-92233720368547758.08",
		"", "-", "+", ".", "1.", ".5", "1e5", "1E5", "NaN", "Inf", "0x10", "1_000", "1,234.56", "１２.３", " 1", "1 ", "1.2.3", "--1", "1-", "1.234", "￥1", "1\x00"} {
		for _, exp := range []int{0, 2, 3, 5} {
			checkParse(t, s, exp)
		}
	}
}

// A number with more decimals than the currency has is refused, never rounded;
// surplus zeros are no decimals.
func TestFaultZ02_SurplusDecimals(t *testing.T) {
	for _, c := range []struct {
		s    string
		cur  Currency
		want int64
		ok   bool
	}{{"100", "JPY", 100, true}, {"100.0", "JPY", 100, true}, {"100.5", "JPY", 0, false}, {"1.234", "KWD", 1234, true}, {"1.2345", "KWD", 0, false}, {"1.2340", "KWD", 1234, true}, {"1.005", "CNY", 0, false}} {
		exp, known := c.cur.Exponent()
		if !known {
			t.Fatalf("currency %s is not known", c.cur)
		}
		v, err := Parse([]byte(c.s), exp)
		if (err == nil) != c.ok || v != c.want {
			t.Errorf("Parse(%s %s) = %d, %v", c.s, c.cur, v, err)
		}
	}
}

// The largest amounts do not wrap around.
func TestFaultZ04_Overflow(t *testing.T) {
	for _, s := range []string{"92233720368547758.08", "-92233720368547758.09", "999999999999999999999", "18446744073709551616"} {
		if v, err := Parse([]byte(s), 2); !errors.Is(err, ErrOverflow) {
			t.Errorf("Parse(%s) = %d, %v", s, v, err)
		}
	}
	var sum Sum
	for range 4 {
		sum.Add(math.MaxInt64)
	}
	if _, err := sum.Int64(); !errors.Is(err, ErrOverflow) {
		t.Error("a sum above int64 was not noticed")
	}
	for range 4 {
		sum.Add(-math.MaxInt64)
	}
	if v, err := sum.Int64(); v != 0 || err != nil {
		t.Errorf("the sum came back as %d, %v", v, err)
	}
}

// 0.1 + 0.2 is 0.3, and 10.0 is 10.00.
func TestT05_DecimalsAreExact(t *testing.T) {
	parse := func(s string) int64 {
		v, err := Parse([]byte(s), 2)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	if parse("0.1")+parse("0.2") != parse("0.3") || parse("10.0") != parse("10.00") {
		t.Error("decimals are not exact")
	}
}

func TestRoundTrip(t *testing.T) {
	for _, cur := range []Currency{"CNY", "JPY", "KWD"} {
		exp, _ := cur.Exponent()
		for v := int64(-1_000_000); v <= 1_000_000; v++ {
			s := Format(v, cur)
			if got, err := Parse([]byte(s), exp); err != nil || got != v {
				t.Fatalf("%d is written %s and read %d, %v", v, s, got, err)
			}
		}
	}
}

func TestCheckedArithmetic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.Int64().Draw(t, "a"), rapid.Int64().Draw(t, "b")
		x, y := big.NewInt(a), big.NewInt(b)
		for name, op := range map[string]struct {
			got  func(int64, int64) (int64, error)
			want *big.Int
		}{"add": {Add, new(big.Int).Add(x, y)}, "sub": {Sub, new(big.Int).Sub(x, y)}, "mul": {Mul, new(big.Int).Mul(x, y)}} {
			got, err := op.got(a, b)
			if fits := op.want.IsInt64(); fits != (err == nil) || fits && got != op.want.Int64() {
				t.Fatalf("%s(%d, %d) = %d, %v, want %s", name, a, b, got, err, op.want)
			}
		}
	})
}

func TestSumOfAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		vs := rapid.SliceOf(rapid.Int64()).Draw(t, "amounts")
		var whole, left, right Sum
		want := new(big.Int)
		for i, v := range vs {
			whole.Add(v)
			if i%2 == 0 {
				left.Add(v)
			} else {
				right.Add(v)
			}
			want.Add(want, big.NewInt(v))
		}
		left.Merge(right)
		if left != whole {
			t.Fatal("merged sums differ from one sum")
		}
		if v, err := whole.Int64(); want.IsInt64() != (err == nil) || err == nil && v != want.Int64() {
			t.Fatalf("sum = %d, %v, want %s", v, err, want)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"0.00", "-12.30", "1e5", "9223372036854775807", "１"} {
		f.Add(s, 2)
	}
	f.Fuzz(func(t *testing.T, s string, exp int) { checkParse(t, s, exp&7) })
}

func BenchmarkParseDigits(b *testing.B) {
	in := []byte("1203441.07")
	b.ReportAllocs()
	b.SetBytes(int64(len(in)))
	for b.Loop() {
		ParseDigits(in, 2)
	}
}

func TestSum_AddAllIsEachAdded(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 9))
	special := []int64{math.MinInt64, math.MaxInt64, -1, 0, 1, 1 << 32, -(1 << 32), 1<<32 - 1, math.MinInt64 + 1}
	for range 10_000 {
		amounts := make([]int64, rng.IntN(70))
		for i := range amounts {
			if amounts[i] = int64(rng.Uint64()); rng.IntN(2) == 0 {
				amounts[i] = special[rng.IntN(len(special))]
			}
		}
		var all, each Sum
		all.Add(math.MaxInt64)
		each.Add(math.MaxInt64)
		all.AddAll(amounts)
		for _, v := range amounts {
			each.Add(v)
		}
		if all != each {
			t.Fatalf("%v: %+v, want %+v", amounts, all, each)
		}
	}
}

func TestParseIn(t *testing.T) {
	if v, err := ParseIn([]byte("1.5"), "KWD"); v != 1500 || err != nil {
		t.Errorf("1.5 KWD is %d, %v", v, err)
	}
	if v, err := ParseIn([]byte("1.5"), "XXQ"); v != 0 || err == nil {
		t.Errorf("an unknown currency gave %d", v)
	}
}
