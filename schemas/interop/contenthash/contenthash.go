// Package contenthash is the content of a Parquet file as one number.
//
// In: the values of each row, column by column in the order of the file, as
// their physical type holds them. Out: SHA-256 in hex. Each reader of this
// module feeds one.
package contenthash

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
)

// Hash adds values up. NULL, zero and the empty string differ from each other,
// and a value cannot run into the next.
type Hash struct {
	h   hash.Hash
	buf []byte
}

// New starts.
func New() *Hash { return &Hash{h: sha256.New()} }

// Null adds a NULL.
func (c *Hash) Null() { c.add('N') }

// Int adds an INT32 or INT64.
func (c *Hash) Int(v int64) {
	c.buf = binary.BigEndian.AppendUint64(c.buf[:0], uint64(v))
	c.add('I', c.buf...)
}

// Bytes adds a BYTE_ARRAY.
func (c *Hash) Bytes(v string) {
	c.buf = binary.BigEndian.AppendUint64(c.buf[:0], uint64(len(v)))
	c.add('B', c.buf...)
	c.h.Write([]byte(v))
}

// Row ends a row.
func (c *Hash) Row() { c.add('\n') }

// Sum returns the number.
func (c *Hash) Sum() string { return hex.EncodeToString(c.h.Sum(nil)) }

func (c *Hash) add(tag byte, value ...byte) {
	c.h.Write([]byte{tag})
	c.h.Write(value)
}
