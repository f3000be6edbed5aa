package money

import "encoding/binary"

const (
	ones  = 0x0101010101010101
	zeros = '0' * ones
)

// parsePlain reads what nearly every amount is: 4 to 16 bytes, all digits, with
// a point before the last exp of them if exp is not 0. Whatever else it leaves
// to ParseDigits. Eight digits at a time take less than half the time of a loop.
func parsePlain(b []byte, exp int) (v uint64, ok bool) {
	n := len(b)
	if n < 4 || n > 16 || exp > 0 && (n < exp+2 || exp > 6) {
		return 0, false
	}
	// hi holds the last eight bytes, lo those before, zeros in front of them.
	lo, hi := uint64(zeros), uint64(0)
	if n <= 8 {
		first := binary.LittleEndian.Uint32(b) << (8 * uint(8-n) & 63)
		hi = uint64(binary.LittleEndian.Uint32(b[n-4:]))<<32 | uint64(first) | zeros>>(8*uint(n))
	} else {
		hi = binary.LittleEndian.Uint64(b[n-8:])
		lo = binary.LittleEndian.Uint64(b)<<(8*uint(16-n)&63) | zeros>>(8*uint(n-8))
	}
	if exp > 0 {
		point := 8 * uint(7-exp) & 63
		if byte(hi>>point) != '.' {
			return 0, false
		}
		decimals := hi >> point >> 8 << 8 << point
		hi = decimals | hi&(1<<point-1)<<8 | lo>>56
		lo = lo<<8 | '0'
	}
	if notDigits(hi)|notDigits(lo) != 0 {
		return 0, false
	}
	if v = eightDigits(hi); n > 8 {
		v += eightDigits(lo) * 100_000_000
	}
	return v, true
}

// notDigits is 0 if the eight bytes are digits.
func notDigits(w uint64) uint64 {
	return ((w ^ zeros) | (w + 6*ones ^ zeros)) & (0xF0 * ones)
}

// eightDigits returns the number that eight digits are, the first lowest: pairs,
// then fours, then all.
func eightDigits(w uint64) uint64 {
	w -= zeros
	w = w*10 + w>>8
	const pairs = 0x000000FF_000000FF
	return (w&pairs*(100+1_000_000<<32) + w>>16&pairs*(1+10_000<<32)) >> 32
}
