package unpack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"tieout/internal/fault"
	"tieout/internal/personal"
)

// Limits bound what one raw file may unpack to. The zero value of a field
// takes the default.
type Limits struct {
	Total   int64 // bytes of all layers together; 8 GiB
	Ratio   int64 // unpacked bytes per byte of the raw file, once they are more than 1 MiB; 200
	Entries int   // files; 100
	Nesting int   // archives inside an archive; 1, and -1 for none
	Memory  int64 // bytes of entries held in memory, the rest goes to temporary files; 32 MiB
}

const (
	ratioFrom    = 1 << 20
	directoryMax = 4 << 20 // bytes of a zip directory that are read at all
)

func (l Limits) withDefaults() Limits {
	if l.Total == 0 {
		l.Total = 8 << 30
	}
	if l.Ratio == 0 {
		l.Ratio = 200
	}
	if l.Entries == 0 {
		l.Entries = 100
	}
	switch {
	case l.Nesting == 0:
		l.Nesting = 1
	case l.Nesting < 0:
		l.Nesting = 0
	}
	if l.Memory == 0 {
		l.Memory = 32 << 20
	}
	return l
}

// unpackTo copies r, which unpacks, to a spool, and counts what comes out.
func (o *opening) unpackTo(w *spool, r io.Reader) error {
	buf := make([]byte, 64<<10)
	for {
		if err := o.ctx.Err(); err != nil {
			return err
		}
		n, err := r.Read(buf)
		if n > 0 {
			if err := o.count(int64(n)); err != nil {
				return err
			}
			if _, err := w.Write(buf[:n]); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// count adds unpacked bytes and compares with the limits.
func (o *opening) count(n int64) error {
	o.out += n
	if o.out > o.limits.Total {
		return over("total bytes", o.limits.Total)
	}
	if o.out > ratioFrom && o.out/o.limits.Ratio > o.packed {
		return over("unpacked bytes per packed byte", o.limits.Ratio)
	}
	return nil
}

// refusal is an error that already is a row of the fault table, but for the
// name of the raw file.
type refusal struct {
	id     fault.ID
	values fault.V
}

func (r *refusal) Error() string { return fmt.Sprintf("%s %v", r.id, r.values) }

// refused says what an archive holds that it must not hold.
func refused(format string, args ...any) error {
	return &refusal{"E-2147", fault.V{"reason": fmt.Sprintf(format, args...)}}
}

// damaged says where an archive contradicts itself.
func damaged(format string, args ...any) error {
	return &refusal{"E-2145", fault.V{"reason": fmt.Sprintf(format, args...)}}
}

// over says which limit is exceeded.
func over(limit string, value any) error {
	return &refusal{"E-2146", fault.V{"limit": limit, "value": value}}
}

// notThat says that the bytes are not the promised container, and shows them.
func (o *opening) notThat(l layer, want Container) error {
	head := make([]byte, min(l.size, 80))
	if _, err := l.r.ReadAt(head, 0); err != nil && err != io.EOF {
		return err
	}
	return &refusal{"E-2148", fault.V{"want": want, "size": l.size, "head": personal.Quote(string(head))}}
}

// fault turns what went wrong into the error that Open returns.
func (o *opening) fault(err error) error {
	var no *refusal
	var known *fault.Error
	var path *fs.PathError
	switch {
	case errors.As(err, &no):
		no.values["file"] = o.name
		return fault.New(no.id, no.values, nil)
	case errors.As(err, &known):
		return err
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("unpack %s: %w", fault.Quote(o.name), err)
	case errors.As(err, &path):
		return fault.New("E-4101", fault.V{"path": path.Path, "reason": path.Err}, err)
	}
	return fault.New("E-2145", fault.V{"file": o.name, "reason": err}, err)
}
