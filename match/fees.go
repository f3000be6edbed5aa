package match

import (
	"fmt"
	"math"

	"tieout/schemas"
)

// fee is what a row says about its fee.
type fee struct {
	minor int64
	sub   int32 // millionths of a minor unit
	set   bool
}

// fees is a column of fees, 4 bytes each: nearly all fit, and nearly none has a
// part below one minor unit.
type fees struct {
	minor []int32         // noFee if the source gives none, bigFee if it stands in big
	big   map[int32]int64 // by row
	sub   []int32         // nil while all are 0
}

const (
	noFee  = math.MinInt32
	bigFee = math.MaxInt32
)

// feeOfRow is the fee that a row says.
func feeOfRow(v schemas.NullInt64, sub int64) (fee, error) {
	if sub <= -1_000_000 || sub >= 1_000_000 {
		return fee{}, fmt.Errorf("fee has %d millionths of a minor unit", sub)
	}
	return fee{v.V, int32(sub), v.Valid}, nil
}

func (f *fees) add(v fee) {
	f.minor = append(f.minor, 0)
	if f.sub != nil {
		f.sub = append(f.sub, 0)
	}
	f.put(int32(len(f.minor)-1), v)
}

func (f *fees) put(row int32, v fee) {
	if f.big != nil {
		delete(f.big, row)
	}
	switch {
	case !v.set:
		f.minor[row] = noFee
	case v.minor > noFee && v.minor < bigFee:
		f.minor[row] = int32(v.minor)
	default:
		f.minor[row] = bigFee
		if f.big == nil {
			f.big = map[int32]int64{}
		}
		f.big[row] = v.minor
	}
	if f.sub == nil && v.sub != 0 {
		f.sub = make([]int32, len(f.minor), cap(f.minor))
	}
	if f.sub != nil {
		f.sub[row] = v.sub
	}
}

func (f *fees) at(row int32) fee {
	v := fee{minor: int64(f.minor[row]), set: true}
	switch f.minor[row] {
	case noFee:
		v.minor, v.set = 0, false
	case bigFee:
		v.minor = f.big[row]
	}
	if f.sub != nil {
		v.sub = f.sub[row]
	}
	return v
}
