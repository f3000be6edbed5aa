package money

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

func TestFaultB1_SharesAddUp(t *testing.T) {
	for _, c := range []struct {
		amount  int64
		weights []int64
		want    []int64
	}{
		{100, []int64{1, 1, 1}, []int64{34, 33, 33}}, {-100, []int64{1, 1, 1}, []int64{-34, -33, -33}}, {10, []int64{1, 2}, []int64{3, 7}}, {1, []int64{0, 5}, []int64{0, 1}},
		{0, []int64{3, 4}, []int64{0, 0}}, {math.MaxInt64, []int64{1, math.MaxInt64 - 1}, []int64{1, math.MaxInt64 - 1}}, {math.MinInt64, []int64{1}, []int64{math.MinInt64}},
	} {
		got, err := Share(c.amount, c.weights)
		if err != nil || len(got) != len(c.want) {
			t.Fatalf("%v: %v, %v", c, got, err)
		}
		for i := range got {
			if got[i] != c.want[i] {
				t.Errorf("%d by %v: got %v, want %v", c.amount, c.weights, got, c.want)
			}
		}
	}
	for _, weights := range [][]int64{nil, {0, 0}, {1, -1}, {math.MaxInt64, 1}} {
		if got, err := Share(5, weights); err == nil {
			t.Errorf("by %v: %v", weights, got)
		}
	}
	rapid.Check(t, func(r *rapid.T) {
		amount := rapid.Int64().Draw(r, "amount")
		weights := rapid.SliceOfN(rapid.Int64Range(0, 1<<40), 1, 20).Draw(r, "weights")
		weights[0]++
		parts, err := Share(amount, weights)
		if err != nil {
			r.Fatal(err)
		}
		sum := int64(0)
		for i, p := range parts {
			sum += p // wraps like the amount does
			if weights[i] == 0 && p != 0 || p != 0 && p < 0 != (amount < 0) {
				r.Fatalf("part %d of weight %d", p, weights[i])
			}
		}
		if sum != amount {
			r.Fatalf("the parts come to %d, not to %d", sum, amount)
		}
	})
}
