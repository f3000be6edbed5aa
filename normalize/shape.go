package normalize

import (
	"bytes"
	"fmt"

	"tieout/schemas/channels"
)

// newCutter makes the cutter of the format's shape. Each worker gets its own.
func newCutter(p *plan) (cutter, error) {
	switch p.format.Shape {
	case channels.Delimited:
		return newDelimitedCutter(p.format, p.names), nil
	case channels.Fixed:
		return newFixedCutter(p), nil
	case channels.Tagged:
		return newTaggedCutter(p), nil
	}
	return nil, fmt.Errorf("format %s: no decoder for the shape %q", p.format.Name, p.format.Shape)
}

// rowStart returns the test of the lines that begin a row, nil if every line
// does.
func rowStart(f *channels.Format) func(line []byte) bool {
	if f.Shape != channels.Tagged {
		return nil
	}
	start := []byte(f.Tagged.Start + f.Tagged.Separator)
	return func(line []byte) bool { return bytes.HasPrefix(line, start) }
}
