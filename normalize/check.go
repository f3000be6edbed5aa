package normalize

import (
	"errors"
	"fmt"

	"tieout/schemas/channels"
)

// Check compiles every layout of a definition, and returns all that cannot be
// compiled. A definition that passes channels.Parse and Check is fit for use.
func Check(def *channels.Definition) error {
	var all []error
	for i := range def.Formats {
		f := &def.Formats[i]
		if _, err := tailStarts(f); err != nil {
			all = append(all, err)
		}
		if f.DateLayout != "" {
			if _, err := newLayout(f.DateLayout); err != nil {
				all = append(all, fmt.Errorf("format %s: %w", f.Name, err))
			}
		}
		for _, names := range layouts(f) {
			if _, err := compile(def, f, names); err != nil {
				all = append(all, err)
			}
		}
	}
	return errors.Join(all...)
}

// layouts returns the known lists of columns of a format.
func layouts(f *channels.Format) [][]string {
	var all [][]string
	switch {
	case f.Shape == channels.Fixed:
		var names []string
		for _, field := range f.Fixed.Fields {
			names = append(names, field.Name)
		}
		return [][]string{names}
	case f.Shape == channels.Tagged:
		return [][]string{f.Tagged.Tags}
	case f.HeaderSet != nil:
		all = append(all, f.HeaderSet.Required, append(f.HeaderSet.Required[:len(f.HeaderSet.Required):len(f.HeaderSet.Required)], f.HeaderSet.Optional...))
	}
	for _, h := range f.Headers {
		names := make([]string, len(h))
		for i, name := range h {
			names[i] = name
			if a, ok := f.Aliases[name]; ok {
				names[i] = a
			}
		}
		all = append(all, names)
	}
	return all
}
