package match

import (
	"math"
	"testing"

	"tieout/schemas"
)

func TestFeesKeepEveryValue(t *testing.T) {
	values := []fee{{0, 0, true}, {0, 0, false}, {-6, 0, true}, {math.MaxInt32, 0, true}, {math.MinInt32, 0, true}, {math.MaxInt32 - 1, 999_999, true},
		{math.MaxInt64, 0, true}, {math.MinInt64, -999_999, true}, {1, 0, true}}
	var f fees
	for _, v := range values {
		x, err := feeOfRow(schemas.NullInt64{V: v.minor, Valid: v.set}, int64(v.sub))
		if err != nil {
			t.Fatal(err)
		}
		f.add(x)
	}
	for i, v := range values {
		if got := f.at(int32(i)); got != v {
			t.Errorf("fee %d is %v, want %v", i, got, v)
		}
	}
	for i := range values {
		for _, v := range values {
			f.put(int32(i), v)
			if got := f.at(int32(i)); got != v {
				t.Errorf("fee %d put as %v is %v", i, v, got)
			}
		}
	}
	if _, err := feeOfRow(schemas.Int64(1), 1_000_000); err == nil {
		t.Error("a whole minor unit passes as a part of one")
	}
}
