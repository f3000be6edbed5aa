package recordfile

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
)

// maxLine bounds one JSON line on reading.
const maxLine = 4 << 20

// LineWriter writes values as JSON, one a line, fields in the order of the
// type. It serves differences, carried rows and claims:
//
//	w := recordfile.NewLineWriter[schemas.Difference](f)
type LineWriter[T any] struct {
	out *bufio.Writer
	buf bytes.Buffer
	enc *json.Encoder
	n   int64
}

// NewLineWriter starts a file. It does not close w.
func NewLineWriter[T any](w io.Writer) *LineWriter[T] {
	l := &LineWriter[T]{out: bufio.NewWriterSize(w, 1<<16)}
	l.enc = json.NewEncoder(&l.buf)
	l.enc.SetEscapeHTML(false)
	return l
}

// Add writes one value. A text that is not UTF-8 is an error: JSON would
// replace its bytes, and an id must never change.
func (l *LineWriter[T]) Add(v *T) error {
	l.buf.Reset()
	if err := l.enc.Encode(v); err != nil {
		return fmt.Errorf("write line %d: %w", l.n+1, err)
	}
	if replaced(l.buf.Bytes()) {
		return fmt.Errorf("write line %d: a text is not valid UTF-8", l.n+1)
	}
	l.n++
	_, err := l.out.Write(l.buf.Bytes())
	return err
}

// Rows returns how many values were added.
func (l *LineWriter[T]) Rows() int64 { return l.n }

// Close writes what is buffered.
func (l *LineWriter[T]) Close() error { return l.out.Flush() }

// replaced tells whether the encoder put the escape \ufffd for bytes that are
// no UTF-8. (A genuine U+FFFD is written as itself, a backslash as two.)
func replaced(line []byte) bool {
	for from := 0; ; {
		i := bytes.Index(line[from:], []byte(`\ufffd`))
		if i < 0 {
			return false
		}
		at := from + i
		slashes := 0
		for at-slashes > 0 && line[at-slashes-1] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			return true
		}
		from = at + 1
	}
}

// ReadLines gives what LineWriter wrote, in order. An error is the last pair:
// a line that is cut, longer than 4 MiB, or holds an unknown field is E-4260.
// name stands in the message.
func ReadLines[T any](r io.Reader, name string) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		in := bufio.NewReaderSize(r, maxLine)
		for n := 1; ; n++ {
			line, err := in.ReadSlice('\n')
			if err == io.EOF && len(line) == 0 {
				return
			}
			v := new(T)
			if err == nil {
				err = decodeLine(line, v)
			} else if err == io.EOF {
				err = errors.New("the last line is cut")
			}
			if err != nil {
				yield(nil, damaged(name, fmt.Errorf("line %d: %w", n, err)))
				return
			}
			if !yield(v, nil) {
				return
			}
		}
	}
}

func decodeLine(line []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return err
	}
	if dec.More() {
		return errors.New("more than one value")
	}
	return nil
}
