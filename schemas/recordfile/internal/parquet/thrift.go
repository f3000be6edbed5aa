package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Headers and footer are Thrift structs in the compact protocol.

// kind is the type of a field or list element in the compact protocol.
type kind uint8

const (
	kindTrue   kind = 1
	kindFalse  kind = 2
	kindByte   kind = 3
	kindI16    kind = 4
	kindI32    kind = 5
	kindI64    kind = 6
	kindDouble kind = 7
	kindBinary kind = 8
	kindList   kind = 9
	kindSet    kind = 10
	kindMap    kind = 11
	kindStruct kind = 12
)

// structWriter appends the fields of one struct, in rising order of their ids.
type structWriter struct {
	to   *[]byte
	last int
}

func (s *structWriter) field(id int, k kind) {
	if step := id - s.last; step > 0 && step <= 15 {
		*s.to = append(*s.to, byte(step)<<4|byte(k))
	} else {
		*s.to = binary.AppendVarint(append(*s.to, byte(k)), int64(id))
	}
	s.last = id
}

func (s *structWriter) int(id int, k kind, v int64) {
	s.field(id, k)
	*s.to = binary.AppendVarint(*s.to, v)
}

func (s *structWriter) i32(id int, v int32) { s.int(id, kindI32, int64(v)) }
func (s *structWriter) i64(id int, v int64) { s.int(id, kindI64, v) }

func (s *structWriter) text(id int, v string) {
	s.field(id, kindBinary)
	appendText(s.to, v)
}

func (s *structWriter) list(id int, of kind, n int) {
	s.field(id, kindList)
	if n < 15 {
		*s.to = append(*s.to, byte(n)<<4|byte(of))
	} else {
		*s.to = binary.AppendUvarint(append(*s.to, 0xf0|byte(of)), uint64(n))
	}
}

// nested starts the struct that field id is.
func (s *structWriter) nested(id int) *structWriter {
	s.field(id, kindStruct)
	return &structWriter{to: s.to}
}

func (s *structWriter) end() { *s.to = append(*s.to, 0) }

func appendText(to *[]byte, v string) {
	*to = append(binary.AppendUvarint(*to, uint64(len(v))), v...)
}

var (
	errField = errors.New("a header field has another type than the format says")
	errDepth = errors.New("headers are nested too deep")
)

// input reads Thrift bytes. The first error sticks; all later reads give zero.
type input struct {
	b   []byte
	err error
}

func (in *input) fail(err error) {
	if in.err == nil {
		in.err = err
	}
	in.b = nil
}

func (in *input) byte() byte {
	if len(in.b) == 0 {
		in.fail(errCut)
		return 0
	}
	v := in.b[0]
	in.b = in.b[1:]
	return v
}

func (in *input) uvarint() uint64 {
	v, n := binary.Uvarint(in.b)
	if n <= 0 {
		in.fail(errCut)
		return 0
	}
	in.b = in.b[n:]
	return v
}

func (in *input) varint() int64 {
	v, n := binary.Varint(in.b)
	if n <= 0 {
		in.fail(errCut)
		return 0
	}
	in.b = in.b[n:]
	return v
}

func (in *input) bytes() []byte {
	n := in.uvarint()
	if n > uint64(len(in.b)) {
		in.fail(errCut)
		return nil
	}
	v := in.b[:n]
	in.b = in.b[n:]
	return v
}

// fields calls use with each field of a struct; a field that use does not take
// is skipped.
func (in *input) fields(use func(id int, k kind) (taken bool)) {
	for last := 0; in.err == nil; {
		head := in.byte()
		k := kind(head & 15)
		if k == 0 {
			return
		}
		if step := int(head >> 4); step > 0 {
			last += step
		} else {
			last = int(int16(in.varint()))
		}
		if !use(last, k) {
			in.skip(k, 0)
		}
	}
}

// i32 takes a field of 32 bits.
func (in *input) i32(k kind, to *int32) bool {
	if k != kindI32 {
		in.fail(errField)
		return true
	}
	v := in.varint()
	if v != int64(int32(v)) {
		in.fail(fmt.Errorf("%d in a header exceeds 32 bits", v))
	}
	*to = int32(v)
	return true
}

func (in *input) i64(k kind, to *int64) bool {
	if k != kindI64 {
		in.fail(errField)
		return true
	}
	*to = in.varint()
	return true
}

func (in *input) text(k kind, to *string) bool {
	if k != kindBinary {
		in.fail(errField)
		return true
	}
	*to = string(in.bytes())
	return true
}

// list calls use for each element of a list of structs, numbers or texts.
func (in *input) list(k, of kind, use func()) bool {
	n, found := in.listHead(k)
	if in.err == nil && n > 0 && found != of {
		in.fail(errField)
	}
	for ; n > 0 && in.err == nil; n-- {
		use()
	}
	return true
}

// listHead never gives more elements than there are bytes.
func (in *input) listHead(k kind) (n uint64, of kind) {
	if k != kindList && k != kindSet {
		in.fail(errField)
		return 0, 0
	}
	head := in.byte()
	n, of = uint64(head>>4), kind(head&15)
	if n == 15 {
		n = in.uvarint()
	}
	if n > uint64(len(in.b)) {
		in.fail(errCut)
		return 0, 0
	}
	return n, of
}

// skip passes over a value of a kind that nobody asked for.
func (in *input) skip(k kind, depth int) {
	if depth > 16 {
		in.fail(errDepth)
		return
	}
	switch k {
	case kindTrue, kindFalse:
	case kindByte:
		in.byte()
	case kindI16, kindI32, kindI64:
		in.varint()
	case kindDouble:
		for range 8 {
			in.byte()
		}
	case kindBinary:
		in.bytes()
	case kindList, kindSet:
		n, of := in.listHead(k)
		if of == kindTrue || of == kindFalse {
			of = kindByte // alone in a struct's field head, but a byte each in a list
		}
		for ; n > 0 && in.err == nil; n-- {
			in.skip(of, depth+1)
		}
	case kindStruct:
		in.fields(func(_ int, k kind) bool {
			in.skip(k, depth+1)
			return true
		})
	default: // maps stand in no struct of the format
		in.fail(errField)
	}
}
