// Package money is the arithmetic of amounts.
//
// In: digits of a file or of a database, and int64 minor units. Out: checked
// int64 minor units with an ISO 4217 currency, and text for people. Called by
// every stage. Nothing here, or built on it, uses a float.
package money

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"strconv"
)

// ErrOverflow says that a result does not fit in int64 minor units.
var ErrOverflow = errors.New("amount overflows int64 minor units")

// Add returns a+b, or ErrOverflow.
func Add(a, b int64) (int64, error) {
	c := a + b
	if (c > a) != (b > 0) && b != 0 {
		return 0, ErrOverflow
	}
	return c, nil
}

// Sub returns a-b, or ErrOverflow.
func Sub(a, b int64) (int64, error) {
	c := a - b
	if (c < a) != (b > 0) && b != 0 {
		return 0, ErrOverflow
	}
	return c, nil
}

// Mul returns a*b, or ErrOverflow.
func Mul(a, b int64) (int64, error) {
	if a == 0 || b == 0 {
		return 0, nil
	}
	c := a * b
	if c/b != a || (a == math.MinInt64 && b == -1) || (b == math.MinInt64 && a == -1) {
		return 0, ErrOverflow
	}
	return c, nil
}

// Sum adds int64 amounts in 128 bits, so that no order of addition overflows.
// The zero value is an empty sum. Not safe for concurrent use; Merge the sums
// of several workers instead.
type Sum struct {
	hi int64
	lo uint64
}

// Add adds one amount.
func (s *Sum) Add(v int64) {
	var carry uint64
	s.lo, carry = bits.Add64(s.lo, uint64(v), 0)
	s.hi += v>>63 + int64(carry)
}

// AddAll adds amounts, fewer than 2^31 of them: the sum of their halves fits in
// 64 bits, so that no addition needs a carry.
func (s *Sum) AddAll(amounts []int64) {
	var high, low int64
	for _, v := range amounts {
		high += v >> 32
		low += v & (1<<32 - 1)
	}
	s.Add(low)
	s.Merge(Sum{hi: high >> 32, lo: uint64(high) << 32})
}

// Merge adds another sum.
func (s *Sum) Merge(o Sum) {
	var carry uint64
	s.lo, carry = bits.Add64(s.lo, o.lo, 0)
	s.hi += o.hi + int64(carry)
}

// Int64 returns the sum, or ErrOverflow if it does not fit.
func (s Sum) Int64() (int64, error) {
	v := int64(s.lo)
	if s.hi != v>>63 {
		return 0, ErrOverflow
	}
	return v, nil
}

// Currency is an ISO 4217 code, such as "CNY".
type Currency string

// exponents lists the decimals of the currencies that the program knows
// (ISO 4217, active codes that payment channels settle in).
var exponents = map[Currency]int{
	"AED": 2, "AUD": 2, "BHD": 3, "BRL": 2, "CAD": 2, "CHF": 2, "CLP": 0, "CNY": 2, "CZK": 2, "DKK": 2,
	"EUR": 2, "GBP": 2, "HKD": 2, "HUF": 2, "IDR": 2, "ILS": 2, "INR": 2, "IQD": 3, "ISK": 0, "JOD": 3,
	"JPY": 0, "KHR": 2, "KRW": 0, "KWD": 3, "LAK": 2, "LKR": 2, "LYD": 3, "MMK": 2, "MNT": 2, "MOP": 2,
	"MXN": 2, "MYR": 2, "NOK": 2, "NPR": 2, "NZD": 2, "OMR": 3, "PHP": 2, "PKR": 2, "PLN": 2, "RUB": 2,
	"SAR": 2, "SEK": 2, "SGD": 2, "THB": 2, "TND": 3, "TRY": 2, "TWD": 2, "UGX": 0, "USD": 2, "VND": 0,
	"XAF": 0, "XOF": 0, "ZAR": 2,
}

// Exponent returns the number of decimals of c, and false for an unknown code.
func (c Currency) Exponent() (int, bool) {
	e, ok := exponents[c]
	return e, ok
}

// Format writes minor units with the currency's decimals: Format(-120344107,
// "CNY") is "-1203441.07". An unknown currency is written in minor units with
// the word "minor" behind it, so that nobody takes it for major units.
func Format(minor int64, c Currency) string {
	e, ok := c.Exponent()
	if !ok {
		return strconv.FormatInt(minor, 10) + " minor"
	}
	return FormatScaled(minor, e)
}

// FormatScaled writes v with its last `exp` digits behind a point.
func FormatScaled(v int64, exp int) string {
	neg := v < 0
	u := uint64(v)
	if neg {
		u = -u
	}
	s := strconv.FormatUint(u, 10)
	if exp > 0 {
		for len(s) <= exp {
			s = "0" + s
		}
		s = s[:len(s)-exp] + "." + s[len(s)-exp:]
	}
	if neg {
		s = "-" + s
	}
	return s
}

// Both writes an amount in both forms for a message: "CNY 1203441.07 (120344107 minor units)".
func Both(minor int64, c Currency) string {
	return fmt.Sprintf("%s %s (%d minor units)", c, Format(minor, c), minor)
}

// ParseError says why digits are not an amount.
type ParseError struct {
	Value  string
	Reason string
}

func (e *ParseError) Error() string { return fmt.Sprintf("amount %.80q: %s", e.Value, e.Reason) }

// Parse reads a decimal number such as "-12.30" into units of 10^-exp, exactly.
// Allowed: an optional leading '-' or '+', one or more ASCII digits, optionally
// a point with one or more digits. More than exp decimals are allowed only when
// the surplus digits are zero. Everything else (empty, blanks, thousands
// separators, exponents, full-width digits, "-0.00" with a minus before zero
// is allowed and gives 0) is a *ParseError; too large is ErrOverflow.
func Parse(b []byte, exp int) (int64, error) {
	v, why := ParseDigits(b, exp)
	switch why {
	case "":
		return v, nil
	case overflow:
		return 0, ErrOverflow
	}
	return 0, &ParseError{Value: string(b), Reason: why}
}

// ParseIn is Parse with the decimals of c; a currency that is not known is an
// error.
func ParseIn(b []byte, c Currency) (int64, error) {
	exp, known := c.Exponent()
	if !known {
		return 0, fmt.Errorf("currency %.20q is not one that the program knows", string(c))
	}
	return Parse(b, exp)
}

const overflow = "does not fit in 64 bits"

// ParseDigits is Parse without an allocation: why is "" on success, else a
// constant reason. For hot loops.
func ParseDigits(b []byte, exp int) (v int64, why string) {
	i, neg := 0, false
	if len(b) > 0 && (b[0] == '-' || b[0] == '+') {
		neg = b[0] == '-'
		i = 1
	}
	if u, ok := parsePlain(b[i:], exp); ok {
		if neg {
			return -int64(u), ""
		}
		return int64(u), ""
	}
	start := i
	var u uint64
	for ; i < len(b) && b[i]-'0' <= 9; i++ {
		if u > (math.MaxUint64-9)/10 {
			return 0, overflow
		}
		u = u*10 + uint64(b[i]-'0')
	}
	if i == start {
		return 0, "no digit where one is needed"
	}
	decimals := 0
	if i < len(b) && b[i] == '.' {
		i++
		if i == len(b) {
			return 0, "no digit after the point"
		}
		for ; i < len(b) && b[i]-'0' <= 9; i++ {
			if decimals == exp {
				if b[i] != '0' {
					return 0, "more decimals than the currency has"
				}
				continue
			}
			if u > (math.MaxUint64-9)/10 {
				return 0, overflow
			}
			u = u*10 + uint64(b[i]-'0')
			decimals++
		}
	}
	if i != len(b) {
		return 0, "a character that is not a digit"
	}
	for ; decimals < exp; decimals++ {
		if u > math.MaxUint64/10 {
			return 0, overflow
		}
		u *= 10
	}
	if neg {
		if u > 1<<63 {
			return 0, overflow
		}
		return -int64(u), ""
	}
	if u > math.MaxInt64 {
		return 0, overflow
	}
	return int64(u), ""
}
