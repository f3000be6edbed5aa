package ledgerlink

import "encoding/binary"

// Eight bytes at once in one register; the first byte is the lowest.
const (
	ones  = 0x0101010101010101
	highs = 0x80 * ones
)

// load8 returns the eight bytes of s from i on, with zeros behind its end.
func load8(s []byte, i int) uint64 {
	if i+8 <= len(s) {
		return binary.LittleEndian.Uint64(s[i:])
	}
	return tail8(s, i)
}

// at8 returns the eight bytes at p.
func at8(d []byte, p int) uint64 { return binary.LittleEndian.Uint64(d[p : p+8 : p+8]) }

// tail8 is load8 where fewer than eight bytes are left. What lies behind the
// end may be read, not used: cells are parts of a block.
func tail8(s []byte, i int) uint64 {
	left := len(s) - i
	switch {
	case len(s) >= 8:
		return binary.LittleEndian.Uint64(s[len(s)-8:]) >> (8 * (8 - left))
	case cap(s) >= i+8:
		return binary.LittleEndian.Uint64(s[i:i+8]) & (1<<(8*left) - 1)
	}
	x := uint64(0)
	for k := left - 1; k >= 0; k-- {
		x = x<<8 | uint64(s[i+k])
	}
	return x
}

// equal8 marks with 0x80 each byte that equals c, and no other.
func equal8(x uint64, c byte) uint64 {
	x ^= ones * uint64(c)
	return ^((x&^highs + ^uint64(highs)) | x) & highs
}

// below8 has a high bit where a byte is less than c, which is ASCII, or not
// ASCII; other bits above such a byte mean nothing.
func below8(x uint64, c byte) uint64 { return x - ones*uint64(c) | x }

// digits8 reads n digits, 1 to 8, from a register that holds zeros behind them.
func digits8(x uint64, n int) (v int64, ok bool) {
	shift := 8 * (8 - n)
	x = x<<shift ^ '0'*ones<<shift // zeros in front
	return digitsOf(x), (x|(x+(0x7f-9)*ones))&highs == 0
}

// digitsOf reads eight digits, each a byte of 0 to 9: pairs, then fours, then all.
func digitsOf(x uint64) int64 {
	x = (x*10 + x>>8) & 0x00ff00ff00ff00ff
	x = (x*100 + x>>16) & 0x0000ffff0000ffff
	return int64((x*10000 + x>>32) & 0xffffffff)
}

// clock8 reads "15:04:05" in seconds.
func clock8(x uint64) (seconds int64, ok bool) {
	x ^= '0'*ones ^ (':'^'0')<<16 ^ (':'^'0')<<40
	if (x|(x+(0x7f-9)*ones))&highs != 0 || x&(0xff<<16|0xff<<40) != 0 {
		return 0, false
	}
	x = x*10 + x>>8
	hour, minute, second := int64(x&0xff), int64(x>>24&0xff), int64(x>>48&0xff)
	return hour*3600 + minute*60 + second, hour <= 23 && minute <= 59 && second <= 59
}
