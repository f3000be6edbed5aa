package fetchers

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"tieout/internal/fault"
)

// digestError is errDigest with both numbers.
type digestError struct {
	kind      MarkerKind
	want, got string
}

func (e *digestError) Error() string {
	return fmt.Sprintf("%s %s, the marker says %s", e.kind, e.got, e.want)
}

func (e *digestError) Unwrap() error { return errDigest }

// keepError is a failure on our side, while the file was kept.
type keepError struct {
	file string
	err  error
}

func (e *keepError) Error() string { return "keep " + e.file + ": " + e.err.Error() }
func (e *keepError) Unwrap() error { return e.err }

// explain turns the reasons of this package into faults with all names filled
// in. An error that may go away by itself in seconds stays as it is, for Retry.
func (v *visit) explain(ctx context.Context, err error) error {
	var f *fault.Error
	if errors.As(err, &f) {
		if f.Values == nil {
			f.Values = fault.V{}
		}
		for name, value := range v.values() {
			if _, known := f.Values[name]; !known {
				f.Values[name] = value
			}
		}
		return err
	}
	if ctx.Err() != nil && !errors.Is(context.Cause(ctx), errTotal) {
		return fmt.Errorf("fetch %s %s %s: %w", v.req.Channel, v.req.Account, v.req.Date, context.Cause(ctx))
	}
	var ours *keepError
	if errors.As(err, &ours) {
		return err
	}
	var digest *digestError
	var short errShort
	limits := v.src.Limits
	switch {
	case errors.As(err, &digest):
		return fault.New("E-2121", v.values("kind", digest.kind, "want", digest.want, "got", digest.got), nil)
	case errors.As(err, &short):
		return fault.New("E-2120", v.values("want", short.want, "got", short.got), nil)
	case errors.Is(err, errUnclean):
		return fault.New("E-2129", v.values(), err)
	case errors.Is(err, errChanged):
		return fault.New("E-2124", v.values(), nil)
	case errors.Is(err, errLarge):
		return fault.New("E-2127", v.values("limit", limits.MaxBytes), nil)
	case errors.Is(err, ErrNotRegular):
		return fault.New("E-2126", v.values(), err)
	case errors.Is(err, fs.ErrPermission):
		return fault.New("E-3021", v.values(), err)
	case errors.Is(err, errTotal):
		return fault.New("E-3123", v.values("limit", limits.Total), nil)
	case errors.Is(err, errStalled):
		return fault.New("E-3121", v.values("limit", limits.Idle), nil)
	case errors.Is(err, errTooSlow):
		return fault.New("E-3122", v.values("limit", limits.MinRate), nil)
	case errors.Is(err, errNoAnswer):
		return As(Temporary, fmt.Errorf("fetch %s: %w", v.at, err))
	}
	if ClassOf(err) == Permanent {
		return fault.New("E-3025", v.values(), err)
	}
	return fmt.Errorf("fetch %s from %s: %w", v.at, v.src.Place, err)
}
