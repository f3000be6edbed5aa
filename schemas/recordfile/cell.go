package recordfile

import (
	"tieout/internal/bizday"
	"tieout/schemas"
	"tieout/schemas/recordfile/internal/parquet"
)

// column knows how one Parquet column of a file of B is written and read. Its
// functions work on chunks of at most chunkRows rows, which are the pages.
type column[B any] struct {
	parquet.Column
	set   Columns
	write func(*packer, []*B)            // a row group
	read  func(*page, *B) error          // appends a page
	move  func(to, from *B, at, end int) // appends rows [at, end) of from
}

// textColumn is an optional string; an empty text is NULL. Ids go without an
// attempt at a dictionary.
func textColumn[B any](name string, set Columns, write func(*packer, []*schemas.Text), of func(*B) *schemas.Text) column[B] {
	return column[B]{
		Column: parquet.Column{Name: name, Type: parquet.ByteArray, Logical: parquet.String, Optional: true}, set: set,
		write: func(p *packer, chunks []*B) {
			p.columns = p.columns[:0]
			for _, c := range chunks {
				p.columns = append(p.columns, of(c))
			}
			write(p, p.columns)
		},
		read: func(p *page, b *B) error { return p.texts(of(b)) },
		move: func(to, from *B, at, end int) { appendText(of(to), of(from), at, end) },
	}
}

// constantColumn is an optional string that seldom changes.
func constantColumn[B any](name string, set Columns, of func(*B) *runs) column[B] {
	return column[B]{
		Column: parquet.Column{Name: name, Type: parquet.ByteArray, Logical: parquet.String, Optional: true}, set: set,
		write: func(p *packer, chunks []*B) {
			p.runs = p.runs[:0]
			for _, c := range chunks {
				p.runs = append(p.runs, *of(c))
			}
			p.writeRuns()
		},
		read: func(p *page, b *B) error { return p.appendRuns(of(b)) },
		move: func(to, from *B, at, end int) {
			for at < end {
				r := of(from).at(at)
				n := min(r.end, end) - at
				of(to).add(n, []byte(r.value))
				at += n
			}
		},
	}
}

// word is an enum whose values have names; zero is none.
type word interface {
	~uint8
	String() string
}

// wordColumn is an enum in its words, so that every reader understands it. The
// zero value is NULL.
func wordColumn[B any, E word](name string, set Columns, of func(*B) *[]E, parse func(*E, []byte) error) column[B] {
	return column[B]{
		Column: parquet.Column{Name: name, Type: parquet.ByteArray, Logical: parquet.String, Optional: true}, set: set,
		write: func(p *packer, chunks []*B) {
			var seen [256]bool
			for _, c := range chunks {
				see(&seen, *of(c))
			}
			codes := writeWords[E](p, &seen)
			for _, c := range chunks {
				writeCodes(p, *of(c), codes)
			}
		},
		read: func(p *page, b *B) (err error) {
			*of(b), err = readWords(p, *of(b), parse)
			return err
		},
		move: func(to, from *B, at, end int) { *of(to) = append(*of(to), (*of(from))[at:end]...) },
	}
}

// int64Column is a required number.
func int64Column[B any](name string, set Columns, of func(*B) *[]int64) column[B] {
	return column[B]{
		Column: parquet.Column{Name: name, Type: parquet.Int64}, set: set,
		write: func(p *packer, chunks []*B) {
			for _, c := range chunks {
				p.Body = parquet.AppendInts(p.Body, *of(c))
				p.End(false, parquet.DeltaBinary, len(*of(c)))
			}
		},
		read: func(p *page, b *B) (err error) {
			*of(b), err = p.numbers(*of(b))
			return err
		},
		move: func(to, from *B, at, end int) { *of(to) = append(*of(to), (*of(from))[at:end]...) },
	}
}

// nullableColumn is an optional number with its own presence flags.
func nullableColumn[B any](name string, set Columns, of func(*B) (*[]int64, *[]bool)) column[B] {
	return column[B]{
		Column: parquet.Column{Name: name, Type: parquet.Int64, Optional: true}, set: set,
		write: func(p *packer, chunks []*B) {
			for _, c := range chunks {
				values, valid := of(c)
				p.writeFlagged(*values, *valid)
			}
		},
		read: func(p *page, b *B) (err error) {
			to, valid := of(b)
			if *to, err = p.sparse(*to, 0); err == nil {
				*valid = appendFlags(*valid, p.flags, p.rows)
			}
			return err
		},
		move: func(to, from *B, at, end int) {
			tv, tf := of(to)
			fv, ff := of(from)
			*tv, *tf = append(*tv, (*fv)[at:end]...), append(*tf, (*ff)[at:end]...)
		},
	}
}

// timeColumn is an optional UTC timestamp in microseconds; schemas.NoTime is
// NULL.
func timeColumn[B any](name string, set Columns, of func(*B) *[]int64) column[B] {
	return column[B]{
		Column: parquet.Column{Name: name, Type: parquet.Int64, Logical: parquet.TimestampMicros, Optional: true}, set: set,
		write: func(p *packer, chunks []*B) {
			for _, c := range chunks {
				writeNumbers(p, *of(c), schemas.NoTime)
			}
		},
		read: func(p *page, b *B) (err error) {
			*of(b), err = p.sparse(*of(b), schemas.NoTime)
			return err
		},
		move: func(to, from *B, at, end int) { *of(to) = append(*of(to), (*of(from))[at:end]...) },
	}
}

// dateColumn is an optional day; bizday.None is NULL.
func dateColumn[B any](name string, set Columns, of func(*B) *[]date) column[B] {
	return column[B]{
		Column: parquet.Column{Name: name, Type: parquet.Int32, Logical: parquet.Date, Optional: true}, set: set,
		write: func(p *packer, chunks []*B) {
			for _, c := range chunks {
				writeNumbers(p, *of(c), bizday.None)
			}
		},
		read: func(p *page, b *B) error {
			var err error
			if p.days, err = p.sparse(p.days[:0], int64(bizday.None)); err != nil {
				return err
			}
			*of(b) = appendDates(*of(b), p.days)
			return nil
		},
		move: func(to, from *B, at, end int) { *of(to) = append(*of(to), (*of(from))[at:end]...) },
	}
}
