package parquet

import "encoding/binary"

// Digits that are all about equally frequent have a Huffman table that is known
// beforehand: six have codes of three bits, 2 to 7, and four have codes of four
// bits, 0 to 3. Nothing is counted and no table is built, and two digits are
// looked up at once: 1.5 ns a digit where to find a table takes 3.4.

// digitWeights tells a reader of the table, in the format's direct form: so many
// weights of four bits, of bytes up to '8'; that of '9' follows from them. The
// weight of a code is 5 less its length.
const digitWeights = "\xb8" + // 127 and 57 weights
	"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" + // up to '/'
	"\x22\x22\x22\x11\x10"

// pairCodes are the codes of two digits, the second of them in the lower bits,
// and above eight bits how long they are.
var pairCodes = func() (codes [128]uint16) {
	for i := range uint16(100) {
		a, na := digitCode(i / 10)
		b, nb := digitCode(i % 10)
		codes[i] = a<<nb | b | (na+nb)<<8
	}
	return codes
}()

func digitCode(d uint16) (code, bits uint16) {
	if d < 6 {
		return d + 2, 3
	}
	return d - 6, 4
}

// leastDigits are worth four streams.
const leastDigits = 32

// evenDigits tells by a sample whether no digit is much more frequent than the
// others. The ids' own parts have at most mostLiterals bytes, so a step of
// another prime meets all of them.
func evenDigits(b []byte) bool {
	if len(b) < leastDigits {
		return false
	}
	step := 127
	if len(b) < 64*step {
		step = 1
	}
	var counts [16]int
	n := 0
	for i := 0; i < len(b); i += step {
		counts[b[i]&15]++
		n++
	}
	for _, c := range counts {
		if c > n/4 {
			return false
		}
	}
	return true
}

// appendDigits writes the four streams of digits, and where they begin. It
// gives up at another byte.
func appendDigits(dst, b []byte) (streams []byte, ok bool) {
	const places = 6 // the sizes of the first three
	at := len(dst)
	dst = grow(dst, len(b)/2+places+4*16)[:at+places]
	quarter := (len(b) + 3) / 4
	for i := range 4 {
		n := min(quarter, len(b))
		from := len(dst)
		if dst, ok = appendDigitStream(dst, b[:n]); !ok {
			return dst[:at], false
		}
		if i < 3 {
			binary.LittleEndian.PutUint16(dst[at+2*i:], uint16(len(dst)-from))
		}
		b = b[n:]
	}
	return dst, true
}

// appendDigitStream writes digits from the last to the first, as they are read
// from the end. There is room for them in dst.
func appendDigitStream(dst, b []byte) (stream []byte, ok bool) {
	to := dst[len(dst):cap(dst)]
	var word uint64
	var n, size uint
	for ; len(b) >= 8; b = b[:len(b)-8] {
		v := binary.LittleEndian.Uint64(b[len(b)-8:])
		if !eightDigits(v) {
			return dst, false
		}
		v &= 0x0f0f0f0f0f0f0f0f
		v = v*10 + v>>8 // two digits in every other byte
		a, an := joined(pairCodes[v>>48&127], pairCodes[v>>32&127])
		b, bn := joined(pairCodes[v>>16&127], pairCodes[v&127])
		word |= (a | b<<(an&63)) << (n & 63)
		n += an + bn
		binary.LittleEndian.PutUint64(to[size:], word)
		size += n / 8
		word >>= n &^ 7 & 63
		n %= 8
	}
	for i := len(b) - 1; i >= 0; i-- {
		d := uint16(b[i] - '0')
		if d > 9 {
			return dst, false
		}
		code, bits := digitCode(d)
		word |= uint64(code) << n
		n += uint(bits)
	}
	word |= 1 << n // marks the end
	binary.LittleEndian.PutUint64(to[size:], word)
	return dst[:len(dst)+int(size+n/8)+1], true
}

// joined puts the codes of two pairs together, and tells how long they are.
func joined(a, b uint16) (codes uint64, n uint) {
	return uint64(a&255) | uint64(b&255)<<(a>>8&63), uint(a>>8) + uint(b>>8)
}

func eightDigits(v uint64) bool {
	const high = 0xf0f0f0f0f0f0f0f0
	return v&high|(v+0x0606060606060606)&high>>4 == 0x3333333333333333
}
