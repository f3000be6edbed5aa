package settlement

import "math/bits"

// returned is the part of a fee that goes back when so much of a payment has
// been refunded, half a minor unit rounded up.
func returned(fee, refunded, paid int64) int64 {
	hi, lo := bits.Mul64(uint64(fee), uint64(refunded))
	part, rest := bits.Div64(hi, lo, uint64(paid)) // hi < paid, because refunded <= paid
	if rest >= uint64(paid)-rest {
		part++
	}
	return int64(part)
}
