package normalize

import (
	"context"
	"errors"

	"tieout/schemas"
)

// reading is one statement on its way through.
type reading struct {
	in  Input
	out Sink
	st  schemas.Statement
}

func newReading(in Input, out Sink) (*reading, error) {
	if in.Definition == nil || len(in.Files) == 0 {
		return &reading{}, errors.New("normalize: a definition and at least one file are needed")
	}
	return &reading{in: in, out: out}, nil
}

func (r *reading) run(context.Context) error {
	return errors.New("normalize: no decoder yet")
}
