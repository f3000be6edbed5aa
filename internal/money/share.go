package money

import (
	"cmp"
	"errors"
	"math/bits"
	"slices"
)

var errWeights = errors.New("an amount is shared by weights that are not negative and not all zero")

// Share splits an amount by weights to the last minor unit: each part is
// rounded down (towards zero), and what is left goes, one unit each, to the
// parts that lost most by it; among equals to the first. The parts add up to
// the amount.
func Share(amount int64, weights []int64) ([]int64, error) {
	var sum Sum
	for _, w := range weights {
		if w < 0 {
			return nil, errWeights
		}
		sum.Add(w)
	}
	total, err := sum.Int64()
	if err != nil {
		return nil, err
	}
	if total == 0 {
		return nil, errWeights
	}
	unit := int64(1)
	if amount < 0 {
		unit = -1
	}
	parts, rest := make([]int64, len(weights)), make([]uint64, len(weights))
	left := magnitude(amount)
	for i, w := range weights {
		hi, lo := bits.Mul64(magnitude(amount), uint64(w))
		quotient, remainder := bits.Div64(hi, lo, uint64(total)) // hi < total, because w <= total
		parts[i], rest[i] = int64(quotient)*unit, remainder
		left -= quotient
	}
	order := make([]int, len(weights))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(rest[b], rest[a]) })
	for _, i := range order[:left] {
		parts[i] += unit
	}
	return parts, nil
}

func magnitude(v int64) uint64 {
	if v < 0 {
		return -uint64(v)
	}
	return uint64(v)
}
