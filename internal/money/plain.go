package money

import "encoding/binary"

const (
	ones  = 0x0101010101010101
	zeros = '0' * ones
)

// ParseShort is ParseDigits for an amount of n bytes, at most 8, that are the
// last ones of w, with NULs in front. It leaves to ParseDigits whatever is not
// all digits, with a point before the last exp of them if exp is not 0, and
// perhaps a '-' before the first. Many amounts have their word at hand already:
// this takes a third of what their bytes take.
func ParseShort(w uint64, n, exp int) (v int64, ok bool) {
	if sign := 64 - 8*uint(n); byte(w>>sign) == '-' {
		w ^= '-' << sign
		n--
		u, ok := parseWord(w, n, exp)
		return -int64(u), ok
	}
	u, ok := parseWord(w, n, exp)
	return int64(u), ok
}

// parseWord reads what ParseShort does, without a sign.
func parseWord(w uint64, n, exp int) (v uint64, ok bool) {
	w |= zeros >> (8 * uint(n))
	if exp > 0 {
		point := 8 * uint(7-exp) & 63
		if n < exp+2 || exp > 6 || byte(w>>point) != '.' {
			return 0, false
		}
		w = w>>point>>8<<8<<point | w&(1<<point-1)<<8 | '0'
	}
	if n < 1 || notDigits(w) != 0 {
		return 0, false
	}
	return eightDigits(w), true
}

// parsePlain reads what nearly every amount is: 4 to 16 bytes, all digits, with
// a point before the last exp of them if exp is not 0. Whatever else it leaves
// to ParseDigits. Eight digits at a time take less than half the time of a loop.
func parsePlain(b []byte, exp int) (v uint64, ok bool) {
	n := len(b)
	if n < 4 || n > 16 || exp > 0 && (n < exp+2 || exp > 6) {
		return 0, false
	}
	if n <= 8 {
		first := binary.LittleEndian.Uint32(b) << (8 * uint(8-n) & 63)
		return parseWord(uint64(binary.LittleEndian.Uint32(b[n-4:]))<<32|uint64(first), n, exp)
	}
	// hi holds the last eight bytes, lo those before, zeros in front of them.
	hi := binary.LittleEndian.Uint64(b[n-8:])
	lo := binary.LittleEndian.Uint64(b)<<(8*uint(16-n)&63) | zeros>>(8*uint(n-8))
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
	return eightDigits(hi) + eightDigits(lo)*100_000_000, true
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
