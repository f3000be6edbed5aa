package recordfile

import (
	"errors"
	"fmt"

	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/schema"

	"tieout/internal/bizday"
	"tieout/schemas"
)

// encoding says how a column's values are packed before zstd.
type encoding uint8

const (
	plain encoding = iota
	dictionary
	deltaBytes
	deltaInts
)

// column knows how one Parquet column of a file of B is written and read. Its
// functions work on a chunk of at most chunkRows rows.
type column[B any] struct {
	name     string
	set      Columns
	physical parquet.Type
	logical  schema.LogicalType // nil: none
	optional bool
	encoding encoding
	write    func(file.ColumnChunkWriter, *B, *scratch) error
	read     func(file.ColumnChunkReader, *B, int, *scratch) error // appends exactly so many rows
}

// scratch is the working memory of one column.
type scratch struct {
	bytes []parquet.ByteArray
	ints  []int64
	dates []int32
	defs  []int16 // 1 where a value is present
}

func newScratch() *scratch {
	return &scratch{
		bytes: make([]parquet.ByteArray, 0, chunkRows), ints: make([]int64, 0, chunkRows),
		dates: make([]int32, 0, chunkRows), defs: make([]int16, 0, chunkRows),
	}
}

func (s *scratch) reset() *scratch {
	s.bytes, s.ints, s.dates, s.defs = s.bytes[:0], s.ints[:0], s.dates[:0], s.defs[:0]
	return s
}

var (
	errShort = errors.New("a column ends before its rows do")
	errType  = errors.New("a column has another type than the schema says")
	errLarge = errors.New("the texts of a few rows exceed 1 GiB")
)

// textColumn is an optional string; an empty text is NULL.
func textColumn[B any](name string, set Columns, enc encoding, of func(*B) *schemas.Text) column[B] {
	return column[B]{
		name: name, set: set, physical: parquet.Types.ByteArray, logical: stringType(), optional: true, encoding: enc,
		write: func(w file.ColumnChunkWriter, b *B, s *scratch) error {
			s.reset()
			start, t := uint32(0), of(b)
			for _, end := range t.Ends {
				if end > start {
					s.bytes, s.defs = append(s.bytes, t.Bytes[start:end]), append(s.defs, 1)
				} else {
					s.defs = append(s.defs, 0)
				}
				start = end
			}
			return writeBytes(w, s.bytes, s.defs)
		},
		read: func(r file.ColumnChunkReader, b *B, n int, s *scratch) error {
			t := of(b)
			return readBytes(r, n, s, func(values []parquet.ByteArray, defs []int16) error {
				next := 0
				for _, def := range defs {
					if def == 1 {
						t.Bytes = append(t.Bytes, values[next]...)
						next++
					}
					t.Ends = append(t.Ends, uint32(len(t.Bytes)))
				}
				if len(t.Bytes) > 1<<30 {
					return errLarge
				}
				return nil
			})
		},
	}
}

// constantColumn is an optional string that seldom changes.
func constantColumn[B any](name string, set Columns, of func(*B) *runs) column[B] {
	return column[B]{
		name: name, set: set, physical: parquet.Types.ByteArray, logical: stringType(), optional: true, encoding: dictionary,
		write: func(w file.ColumnChunkWriter, b *B, s *scratch) error {
			s.reset()
			row := 0
			for _, r := range *of(b) {
				value := parquet.ByteArray(r.value)
				for ; row < r.end; row++ {
					if len(value) > 0 {
						s.bytes, s.defs = append(s.bytes, value), append(s.defs, 1)
					} else {
						s.defs = append(s.defs, 0)
					}
				}
			}
			return writeBytes(w, s.bytes, s.defs)
		},
		read: func(r file.ColumnChunkReader, b *B, n int, s *scratch) error {
			to := of(b)
			return readBytes(r, n, s, func(values []parquet.ByteArray, defs []int16) error {
				next := 0
				for _, def := range defs {
					var value []byte
					if def == 1 {
						value = values[next]
						next++
					}
					to.add(1, value)
				}
				return nil
			})
		},
	}
}

// wordColumn is an enum in its words, so that every reader understands it. The
// zero value is NULL.
func wordColumn[B any, E interface {
	~uint8
	String() string
}](name string, set Columns, of func(*B) *[]E, parse func(*E, []byte) error) column[B] {
	return column[B]{
		name: name, set: set, physical: parquet.Types.ByteArray, logical: stringType(), optional: true, encoding: dictionary,
		write: func(w file.ColumnChunkWriter, b *B, s *scratch) error {
			s.reset()
			var words [256]parquet.ByteArray
			for _, e := range *of(b) {
				if e == 0 {
					s.defs = append(s.defs, 0)
					continue
				}
				if words[uint8(e)] == nil {
					words[uint8(e)] = parquet.ByteArray(e.String())
				}
				s.bytes, s.defs = append(s.bytes, words[uint8(e)]), append(s.defs, 1)
			}
			return writeBytes(w, s.bytes, s.defs)
		},
		read: func(r file.ColumnChunkReader, b *B, n int, s *scratch) error {
			to := of(b)
			var last E
			var word []byte // of last; most neighbours are equal
			return readBytes(r, n, s, func(values []parquet.ByteArray, defs []int16) error {
				next := 0
				for _, def := range defs {
					if def == 0 {
						*to = append(*to, 0)
						continue
					}
					if v := values[next]; string(v) != string(word) {
						if err := parse(&last, v); err != nil {
							return fmt.Errorf("%s: %w", name, err)
						}
						word = append(word[:0], v...)
					}
					next++
					*to = append(*to, last)
				}
				return nil
			})
		},
	}
}

// int64Column is a required number.
func int64Column[B any](name string, set Columns, enc encoding, logical schema.LogicalType, of func(*B) *[]int64) column[B] {
	return column[B]{
		name: name, set: set, physical: parquet.Types.Int64, logical: logical, encoding: enc,
		write: func(w file.ColumnChunkWriter, b *B, s *scratch) error { return writeInts(w, *of(b), nil) },
		read: func(r file.ColumnChunkReader, b *B, n int, s *scratch) error {
			to := of(b)
			return readInts(r, n, s, func(values []int64, _ []int16) { *to = append(*to, values...) })
		},
	}
}

// nullableColumn is an optional number with its own presence flags.
func nullableColumn[B any](name string, set Columns, of func(*B) (*[]int64, *[]bool)) column[B] {
	return column[B]{
		name: name, set: set, physical: parquet.Types.Int64, optional: true,
		write: func(w file.ColumnChunkWriter, b *B, s *scratch) error {
			s.reset()
			values, valid := of(b)
			for i, ok := range *valid {
				if ok {
					s.ints, s.defs = append(s.ints, (*values)[i]), append(s.defs, 1)
				} else {
					s.defs = append(s.defs, 0)
				}
			}
			return writeInts(w, s.ints, s.defs)
		},
		read: func(r file.ColumnChunkReader, b *B, n int, s *scratch) error {
			to, valid := of(b)
			return readInts(r, n, s, func(values []int64, defs []int16) {
				next := 0
				for _, def := range defs {
					var v int64
					if def == 1 {
						v = values[next]
						next++
					}
					*to, *valid = append(*to, v), append(*valid, def == 1)
				}
			})
		},
	}
}

// timeColumn is an optional UTC timestamp in microseconds; schemas.NoTime is
// NULL.
func timeColumn[B any](name string, set Columns, of func(*B) *[]int64) column[B] {
	return column[B]{
		name: name, set: set, physical: parquet.Types.Int64, logical: timestampType(), optional: true, encoding: deltaInts,
		write: func(w file.ColumnChunkWriter, b *B, s *scratch) error {
			s.reset()
			for _, t := range *of(b) {
				if t != schemas.NoTime {
					s.ints, s.defs = append(s.ints, t), append(s.defs, 1)
				} else {
					s.defs = append(s.defs, 0)
				}
			}
			return writeInts(w, s.ints, s.defs)
		},
		read: func(r file.ColumnChunkReader, b *B, n int, s *scratch) error {
			to := of(b)
			return readInts(r, n, s, func(values []int64, defs []int16) {
				next := 0
				for _, def := range defs {
					t := schemas.NoTime
					if def == 1 {
						t = values[next]
						next++
					}
					*to = append(*to, t)
				}
			})
		},
	}
}

// dateColumn is an optional day; bizday.None is NULL.
func dateColumn[B any](name string, set Columns, of func(*B) *[]date) column[B] {
	return column[B]{
		name: name, set: set, physical: parquet.Types.Int32, logical: schema.DateLogicalType{}, optional: true, encoding: dictionary,
		write: func(w file.ColumnChunkWriter, b *B, s *scratch) error {
			s.reset()
			for _, d := range *of(b) {
				if d != bizday.None {
					s.dates, s.defs = append(s.dates, int32(d)), append(s.defs, 1)
				} else {
					s.defs = append(s.defs, 0)
				}
			}
			cw, ok := w.(*file.Int32ColumnChunkWriter)
			if !ok {
				return errType
			}
			_, err := cw.WriteBatch(s.dates, s.defs, nil)
			return err
		},
		read: func(r file.ColumnChunkReader, b *B, n int, s *scratch) error {
			cr, ok := r.(*file.Int32ColumnChunkReader)
			if !ok {
				return errType
			}
			to := of(b)
			return readPages(n, func(left int) (int64, error) {
				values, defs := s.dates[:left], s.defs[:left]
				rows, _, err := cr.ReadBatchInPage(int64(left), values, defs, nil)
				next := 0
				for _, def := range defs[:rows] {
					d := bizday.None
					if def == 1 {
						d = date(values[next])
						next++
					}
					*to = append(*to, d)
				}
				return rows, err
			})
		},
	}
}

func writeBytes(w file.ColumnChunkWriter, values []parquet.ByteArray, defs []int16) error {
	cw, ok := w.(*file.ByteArrayColumnChunkWriter)
	if !ok {
		return errType
	}
	_, err := cw.WriteBatch(values, defs, nil)
	return err
}

func writeInts(w file.ColumnChunkWriter, values []int64, defs []int16) error {
	cw, ok := w.(*file.Int64ColumnChunkWriter)
	if !ok {
		return errType
	}
	_, err := cw.WriteBatch(values, defs, nil)
	return err
}

// readBytes hands out the next n rows of a string column, page by page. The
// values are valid only during the call.
func readBytes(r file.ColumnChunkReader, n int, s *scratch, use func([]parquet.ByteArray, []int16) error) error {
	cr, ok := r.(*file.ByteArrayColumnChunkReader)
	if !ok {
		return errType
	}
	return readPages(n, func(left int) (int64, error) {
		values, defs := s.bytes[:left], s.defs[:left]
		rows, found, err := cr.ReadBatchInPage(int64(left), values, defs, nil)
		if err != nil {
			return rows, err
		}
		return rows, use(values[:found], defs[:rows])
	})
}

// readInts hands out the next n rows of a number column, page by page.
func readInts(r file.ColumnChunkReader, n int, s *scratch, use func([]int64, []int16)) error {
	cr, ok := r.(*file.Int64ColumnChunkReader)
	if !ok {
		return errType
	}
	return readPages(n, func(left int) (int64, error) {
		values, defs := s.ints[:left], s.defs[:left]
		rows, found, err := cr.ReadBatchInPage(int64(left), values, defs, nil)
		if err != nil {
			return rows, err
		}
		use(values[:found], defs[:rows])
		return rows, nil
	})
}

// readPages calls next until n rows came.
func readPages(n int, next func(left int) (int64, error)) error {
	for n > 0 {
		rows, err := next(n)
		if err != nil {
			return err
		}
		if rows <= 0 {
			return errShort
		}
		n -= int(rows)
	}
	return nil
}
