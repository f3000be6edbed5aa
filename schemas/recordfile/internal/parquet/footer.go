package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Magic begins and ends each file.
const Magic = "PAR1"

// Column is one column of the schema. There is no nesting.
type Column struct {
	Name     string
	Type     Type
	Logical  Logical // written only
	Optional bool
}

// Group is a row group: where its columns lie in the file.
type Group struct {
	Rows   int64
	Chunks []Chunk
}

// Chunk is one column of a row group.
type Chunk struct {
	Codec        Codec
	Encodings    []Encoding // of its pages; written only
	Uncompressed int64      // bytes of its pages with their headers
	Compressed   int64      // the same as they lie in the file
	Offset       int64      // of its first page
	Dictionary   int64      // bytes of the dictionary page with its header, the first page if there is one; written only

	path string
	kind Type
	rows int64
}

// Footer describes a file.
type Footer struct {
	Columns []Column
	Groups  []Group
	Rows    int64
	Meta    map[string]string // written with one entry at most, so that the bytes do not depend on the map's order
}

// Append adds footer, its length and the magic.
func (f *Footer) Append(dst []byte) []byte {
	start := len(dst)
	w := structWriter{to: &dst}
	w.i32(1, 2) // version
	w.list(2, kindStruct, len(f.Columns)+1)
	root := structWriter{to: &dst}
	root.text(4, "schema")
	root.i32(5, int32(len(f.Columns)))
	root.end()
	for i := range f.Columns {
		f.Columns[i].append(&dst)
	}
	w.i64(3, f.Rows)
	w.list(4, kindStruct, len(f.Groups))
	for i := range f.Groups {
		f.appendGroup(&dst, i)
	}
	w.list(5, kindStruct, len(f.Meta))
	for key, value := range f.Meta {
		kv := structWriter{to: &dst}
		kv.text(1, key)
		kv.text(2, value)
		kv.end()
	}
	w.text(6, "tieout")
	w.end()
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(dst)-start))
	return append(dst, Magic...)
}

// append writes a schema element, with the meaning in the old and the new way.
func (c *Column) append(dst *[]byte) {
	w := structWriter{to: dst}
	w.i32(1, int32(c.Type))
	repetition := int32(0)
	if c.Optional {
		repetition = 1
	}
	w.i32(3, repetition)
	w.text(4, c.Name)
	switch c.Logical {
	case String:
		w.i32(6, 0)
		w.empty(10, 1)
	case Date:
		w.i32(6, 6)
		w.empty(10, 6)
	case TimestampMicros:
		w.i32(6, 10)
		logical := w.nested(10)
		stamp := logical.nested(8)
		stamp.field(1, kindTrue) // UTC
		stamp.empty(2, 2)        // unit: microseconds
		stamp.end()
		logical.end()
	case NoLogical:
	}
	w.end()
}

// empty writes field id as a union whose member is a struct without fields.
func (s *structWriter) empty(id, member int) {
	union := s.nested(id)
	union.nested(member).end()
	union.end()
}

func (f *Footer) appendGroup(dst *[]byte, ordinal int) {
	g := &f.Groups[ordinal]
	w := structWriter{to: dst}
	w.list(1, kindStruct, len(g.Chunks))
	var unpacked, packed int64
	for i := range g.Chunks {
		g.Chunks[i].append(dst, &f.Columns[i], g.Rows)
		unpacked += g.Chunks[i].Uncompressed
		packed += g.Chunks[i].Compressed
	}
	w.i64(2, unpacked)
	w.i64(3, g.Rows)
	if len(g.Chunks) > 0 {
		w.i64(5, g.Chunks[0].Offset)
	}
	w.i64(6, packed)
	if ordinal < 1<<15 {
		w.int(7, kindI16, int64(ordinal))
	}
	w.end()
}

func (c *Chunk) append(dst *[]byte, col *Column, rows int64) {
	w := structWriter{to: dst}
	w.i64(2, 0) // where the metadata is repeated: nowhere
	m := w.nested(3)
	m.i32(1, int32(col.Type))
	m.list(2, kindI32, len(c.Encodings))
	for _, e := range c.Encodings {
		*dst = binary.AppendVarint(*dst, int64(e))
	}
	m.list(3, kindBinary, 1)
	appendText(dst, col.Name)
	m.i32(4, int32(c.Codec))
	m.i64(5, rows)
	m.i64(6, c.Uncompressed)
	m.i64(7, c.Compressed)
	m.i64(9, c.Offset+c.Dictionary)
	if c.Dictionary > 0 {
		m.i64(11, c.Offset)
	}
	m.end()
	w.end()
}

// maxFooter bounds the footer of a file that we believe: 50 million rows make
// about 2 MB.
const maxFooter = 1 << 28

// ReadFooter reads and checks the footer of a file of so many bytes.
func ReadFooter(r io.ReaderAt, size int64) (*Footer, error) {
	if size < int64(2*len(Magic)+4) {
		return nil, errors.New("too short for a Parquet file")
	}
	var head [4]byte
	var tail [8]byte
	if _, err := r.ReadAt(head[:], 0); err != nil {
		return nil, err
	}
	if _, err := r.ReadAt(tail[:], size-8); err != nil {
		return nil, err
	}
	if string(head[:]) != Magic || string(tail[4:]) != Magic {
		return nil, errors.New("no Parquet file: its first or last four bytes are not PAR1")
	}
	n := int64(binary.LittleEndian.Uint32(tail[:4]))
	if n > size-12 || n > maxFooter {
		return nil, fmt.Errorf("a footer of %d bytes in a file of %d", n, size)
	}
	b := make([]byte, n)
	if _, err := r.ReadAt(b, size-8-n); err != nil {
		return nil, err
	}
	f, err := parseFooter(b)
	if err != nil {
		return nil, fmt.Errorf("footer: %w", err)
	}
	return f, f.check(size - 8 - n)
}

func parseFooter(b []byte) (*Footer, error) {
	in, f := &input{b: b}, &Footer{Meta: map[string]string{}}
	in.fields(func(id int, k kind) bool {
		switch id {
		case 2:
			root := true
			return in.list(k, kindStruct, func() {
				c, leaf := parseColumn(in)
				if leaf == root {
					in.fail(errors.New("the schema is nested"))
				}
				if !root {
					f.Columns = append(f.Columns, c)
				}
				root = false
			})
		case 3:
			return in.i64(k, &f.Rows)
		case 4:
			return in.list(k, kindStruct, func() { f.Groups = append(f.Groups, parseGroup(in)) })
		case 5:
			return in.list(k, kindStruct, func() {
				var key, value string
				in.fields(func(id int, k kind) bool {
					return id == 1 && in.text(k, &key) || id == 2 && in.text(k, &value)
				})
				f.Meta[key] = value
			})
		}
		return false
	})
	if in.err == nil && len(in.b) > 0 {
		in.fail(errors.New("bytes are left over"))
	}
	return f, in.err
}

// parseColumn reads a schema element; the root is no leaf.
func parseColumn(in *input) (c Column, leaf bool) {
	var physical, repetition, children int32
	typed := false
	in.fields(func(id int, k kind) bool {
		switch id {
		case 1:
			typed = true
			return in.i32(k, &physical)
		case 3:
			return in.i32(k, &repetition)
		case 4:
			return in.text(k, &c.Name)
		case 5:
			return in.i32(k, &children)
		}
		return false
	})
	if repetition < 0 || repetition > 1 {
		in.fail(errors.New("the schema has a repeated column"))
	}
	c.Type, c.Optional = Type(physical), repetition == 1
	return c, typed && children == 0
}

func parseGroup(in *input) (g Group) {
	in.fields(func(id int, k kind) bool {
		switch id {
		case 1:
			return in.list(k, kindStruct, func() { g.Chunks = append(g.Chunks, parseChunk(in)) })
		case 3:
			return in.i64(k, &g.Rows)
		}
		return false
	})
	return g
}

func parseChunk(in *input) (c Chunk) {
	in.fields(func(id int, k kind) bool {
		if id != 3 || k != kindStruct {
			return false
		}
		var physical, codec int32
		var data, dictionary int64
		in.fields(func(id int, k kind) bool {
			switch id {
			case 1:
				return in.i32(k, &physical)
			case 3:
				return in.list(k, kindBinary, func() { c.path += string(in.bytes()) })
			case 4:
				return in.i32(k, &codec)
			case 5:
				return in.i64(k, &c.rows)
			case 6:
				return in.i64(k, &c.Uncompressed)
			case 7:
				return in.i64(k, &c.Compressed)
			case 9:
				return in.i64(k, &data)
			case 11:
				return in.i64(k, &dictionary)
			}
			return false
		})
		c.kind, c.Codec, c.Offset = Type(physical), Codec(codec), data
		if dictionary > 0 {
			c.Offset = dictionary
		}
		return true
	})
	return c
}

// check holds the parts against each other: chunks follow each other without
// gap or overlap up to the footer, so that no damaged offset can show one
// column as another.
func (f *Footer) check(end int64) error {
	at, rows := int64(len(Magic)), int64(0)
	for i := range f.Groups {
		g := &f.Groups[i]
		if g.Rows <= 0 || len(g.Chunks) != len(f.Columns) {
			return fmt.Errorf("row group %d: %d rows in %d columns, the schema has %d", i, g.Rows, len(g.Chunks), len(f.Columns))
		}
		for j := range g.Chunks {
			c, col := &g.Chunks[j], &f.Columns[j]
			if c.path != col.Name || c.kind != col.Type || c.rows != g.Rows {
				return fmt.Errorf("row group %d: column %d is %.40q with %d rows, not %.40q with %d", i, j, c.path, c.rows, col.Name, g.Rows)
			}
			if c.Offset != at || c.Compressed <= 0 || c.Compressed > end-at {
				return fmt.Errorf("row group %d: column %.40q lies at %d with %d bytes, not at %d", i, col.Name, c.Offset, c.Compressed, at)
			}
			at += c.Compressed
		}
		if rows += g.Rows; rows < 0 || rows > f.Rows {
			return fmt.Errorf("row groups hold more rows than the footer says, %d", f.Rows)
		}
	}
	if rows != f.Rows || at != end {
		return fmt.Errorf("row groups hold %d rows up to byte %d, the footer says %d up to %d", rows, at, f.Rows, end)
	}
	return nil
}
