package match

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"slices"

	"tieout/internal/bizday"
	"tieout/schemas"
)

// cells is one row as matching sees it.
type cells struct {
	row      int32 // number in the row set
	kind     schemas.Kind
	status   schemas.Status
	currency uint8
	amount   int64
	time     int64 // schemas.NoTime if there is none
	date     bizday.Date
	fee      fee
	key      []byte
}

func (x *cells) terms() terms { return terms{x.status, x.amount, x.currency, x.fee} }

// A packed row is a head of 12 bytes, six numbers of as many bytes as they
// need, and the key:
//
//	0  the low half of the hash of its kind and key
//	4  kind   5 status   6 currency   7 flags
//	8  bytes of the row's distance (low half) and of the amount (high half)
//	9  bytes of the time, and of the fee
//	10 bytes of what few rows have: date and fee's rest; and of the key's length
//	   without its low byte
//	11 the low byte of the key's length
//
// Of a key that begins as most do (Intake.prefix), only the rest is kept: that
// is a third of all bytes where keys are numbers given out in order.
//
// Lengths stand before the values, so that packing and unpacking branch on
// nothing that varies from row to row: half the time of one variable-length
// integer after the other. Rows are compared as they are packed.
const (
	packedHead = 12
	// maxPacked is the room that packing a row takes without its key: every
	// number is stored in 8 bytes, of which only the low ones stay.
	maxPacked = packedHead + 6*8
	// slack is how many bytes behind a packed row may be looked at.
	slack = 8
)

// Flags of a packed row.
const (
	packedFee     = 1 << iota
	packedTime    // absent: schemas.NoTime
	packedSeconds // the time is whole seconds
	packedDate
	packedPrefix // the key is prefix and what is kept of it
)

// pack writes a row to the end of b, which has room for maxPacked and the key.
// Rows come in order; before is the row packed before, base a time near the
// others, prefix what most keys begin with.
func (x *cells) pack(b []byte, hash uint64, before int32, base int64, prefix *keyPrefix) []byte {
	start := len(b)
	b = b[:start+maxPacked]
	flags, t, key := uint64(0), x.time-base, x.key
	if prefix.begins(key) {
		flags, key = packedPrefix, key[len(prefix.text):]
	}
	if x.fee.set {
		flags |= packedFee
	}
	if x.time == schemas.NoTime {
		t = 0
	} else {
		flags |= packedTime
		if t%1_000_000 == 0 {
			flags, t = flags|packedSeconds, t/1_000_000
		}
	}
	var rare uint64 // the date above, the fee's rest below
	if x.date != bizday.None || x.fee.sub != 0 {
		rare = uint64(uint32(x.fee.sub))
		if x.date != bizday.None {
			flags |= packedDate
			rare |= uint64(uint32(x.date)) << 32
		}
	}
	at, n1 := put(b, start+packedHead, uint64(x.row-before))
	at, n2 := put(b, at, uint64(x.amount))
	at, n3 := put(b, at, zigzag(t))
	at, n4 := put(b, at, zigzag(x.fee.minor))
	n5, n6 := 0, 0
	if rare != 0 || len(key) > 255 { // seldom
		at, n5 = put(b, at, rare)
		at, n6 = put(b, at, uint64(len(key))>>8)
	}
	head := b[start : start+packedHead : start+packedHead]
	binary.LittleEndian.PutUint64(head, hash&(1<<32-1)|uint64(x.kind)<<32|uint64(x.status)<<40|uint64(x.currency)<<48|flags<<56)
	binary.LittleEndian.PutUint32(head[8:], uint32(n1|n2<<4|n3<<8|n4<<12|n5<<16|n6<<20|len(key)<<24))
	return appendKey(b[:at], key)
}

// appendKey appends a key. Nearly all have at most 32 bytes, and more behind
// them and behind b: so many are copied in one move, whatever the length.
func appendKey(b, key []byte) []byte {
	n := len(b)
	if len(key) > 32 || cap(key) < 32 || cap(b)-n < 32 {
		return append(b, key...)
	}
	from, to := key[:32], b[n:n+32]
	binary.LittleEndian.PutUint64(to, binary.LittleEndian.Uint64(from))
	binary.LittleEndian.PutUint64(to[8:], binary.LittleEndian.Uint64(from[8:]))
	binary.LittleEndian.PutUint64(to[16:], binary.LittleEndian.Uint64(from[16:]))
	binary.LittleEndian.PutUint64(to[24:], binary.LittleEndian.Uint64(from[24:]))
	return b[:n+len(key)]
}

// keyPrefix is what most keys begin with, up to 16 bytes; none if it is empty.
type keyPrefix struct {
	text  []byte
	words [2]uint64 // its bytes, zeros behind them
	masks [2]uint64 // what of two words is the prefix's
}

func newKeyPrefix(text []byte) keyPrefix {
	p := keyPrefix{text: bytes.Clone(text[:min(len(text), 16)])}
	var b, mask [16]byte
	for i := range copy(b[:], p.text) {
		mask[i] = 0xFF
	}
	for i := range p.words {
		p.words[i], p.masks[i] = binary.LittleEndian.Uint64(b[8*i:]), binary.LittleEndian.Uint64(mask[8*i:])
	}
	return p
}

// begins tells whether a key begins with the prefix; what stands behind a key
// does not matter.
func (p *keyPrefix) begins(key []byte) bool {
	if len(p.text) == 0 || len(key) < len(p.text) {
		return false
	}
	if cap(key) < 16 {
		return bytes.HasPrefix(key, p.text)
	}
	k := key[:16]
	return (binary.LittleEndian.Uint64(k)^p.words[0])&p.masks[0]|(binary.LittleEndian.Uint64(k[8:])^p.words[1])&p.masks[1] == 0
}

// packedRow is a packed row and what follows it, slack bytes at least.
type packedRow []byte

// words are the head: hash, kind, status, currency and flags; and the lengths.
func (b packedRow) words() (who uint64, lens uint32) {
	_ = b[packedHead-1]
	return binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint32(b[8:])
}

func (b packedRow) hash() uint32           { return binary.LittleEndian.Uint32(b) }
func (b packedRow) kind() schemas.Kind     { return schemas.Kind(b[4]) }
func (b packedRow) status() schemas.Status { return schemas.Status(b[5]) }
func (b packedRow) currency() uint8        { return b[6] }
func (b packedRow) distance() int32        { return int32(take(b, packedHead, int(b[8]&15))) }
func (b packedRow) amount() int64          { return int64(take(b, packedHead+int(b[8]&15), int(b[8]>>4))) }

// key tells where the key, or its rest, begins and ends.
func (b packedRow) key() (from, to int) {
	lens := binary.LittleEndian.Uint32(b[8:])
	// The lengths of the numbers, four bits each, are added three at a time.
	sums := lens&0x0f0f0f + lens>>4&0x0f0f0f
	from = packedHead + int(sums*0x010101>>16&0xff)
	high := int(lens >> 20 & 15)
	return from, from + int(lens>>24) + int(take(b, from-high, high))<<8
}

// sameKey compares the kinds and the full keys of two rows.
func sameKey(a, b packedRow) bool {
	aFrom, aTo := a.key()
	bFrom, bTo := b.key()
	return a.kind() == b.kind() && (a[7]^b[7])&packedPrefix == 0 && string(a[aFrom:aTo]) == string(b[bFrom:bTo])
}

// unpack reads the row at the start of b and returns how long it is. The key
// may point into b.
func (x *cells) unpack(b packedRow, base int64, prefix *keyPrefix) int {
	flags, l8, l9, l10 := b[7], int(b[8]), int(b[9]), int(b[10])
	x.kind, x.status, x.currency = b.kind(), b.status(), b.currency()
	at := packedHead
	x.row += int32(take(b, at, l8&15))
	at += l8 & 15
	x.amount = int64(take(b, at, l8>>4))
	at += l8 >> 4
	t := unzigzag(take(b, at, l9&15))
	at += l9 & 15
	x.fee = fee{minor: unzigzag(take(b, at, l9>>4)), set: flags&packedFee != 0}
	at += l9 >> 4
	rare := take(b, at, l10&15)
	if flags&packedSeconds != 0 {
		t *= 1_000_000
	}
	x.time, x.date = base+t, bizday.None
	if flags&packedTime == 0 {
		x.time = schemas.NoTime
	}
	x.fee.sub = int32(uint32(rare))
	if flags&packedDate != 0 {
		x.date = bizday.Date(int32(rare >> 32))
	}
	from, to := b.key()
	if x.key = b[from:to]; flags&packedPrefix != 0 {
		x.key = slices.Concat(prefix.text, x.key)
	}
	return to
}

// put stores v at b[at:] in as few bytes as it needs, and returns where the
// next value goes.
func put(b []byte, at int, v uint64) (next, size int) {
	binary.LittleEndian.PutUint64(b[at:], v)
	size = (bits.Len64(v) + 7) >> 3
	return at + size, size
}

// take reads a value of size bytes.
func take(b []byte, at, size int) uint64 {
	return binary.LittleEndian.Uint64(b[at:]) & masks[size&15]
}

// masks keeps so many low bytes.
var masks = [16]uint64{0, 1<<8 - 1, 1<<16 - 1, 1<<24 - 1, 1<<32 - 1, 1<<40 - 1, 1<<48 - 1, 1<<56 - 1, 1<<64 - 1}

func zigzag(v int64) uint64   { return uint64(v<<1) ^ uint64(v>>63) }
func unzigzag(v uint64) int64 { return int64(v>>1) ^ -int64(v&1) }
