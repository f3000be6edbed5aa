package normalize

import (
	"strings"

	"tieout/internal/fault"
	"tieout/internal/personal"
	"tieout/schemas/channels"
)

// openFile finds the one format that a file has.
func openFile(def *channels.Definition, f *File) (*opened, error) {
	h, err := readHead(f)
	if err != nil {
		return nil, err
	}
	if err := h.refuse(def); err != nil {
		return nil, err
	}
	var found []*opened
	best := &mismatch{near: -1}
	for i := range def.Formats {
		o, miss, err := h.open(def, &def.Formats[i])
		switch {
		case err != nil:
			return nil, err
		case o != nil:
			found = append(found, o)
		case miss.near > best.near:
			best = miss
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		if best.contradiction != nil {
			return nil, best.contradiction
		}
		if f.Size == 0 {
			return nil, fault.New("E-2132", fault.V{"channel": def.Name, "file": f.Name}, nil)
		}
		return nil, fault.New("E-2430", fault.V{"channel": def.Name, "file": f.Name, "reason": best.reason, "got": personal.Quote(best.got)}, nil)
	}
	names := make([]string, len(found))
	for i, o := range found {
		names[i] = o.format.Name
	}
	return nil, fault.New("E-2436", fault.V{"file": f.Name, "formats": strings.Join(names, ", ")}, nil)
}

// refuse recognises what is known to be no statement.
func (h *head) refuse(def *channels.Definition) error {
	raw := h.raw[:min(len(h.raw), 4096)]
	for i := range def.Refuse {
		d := &def.Refuse[i]
		for _, encoding := range []string{"utf-8", "gb18030"} {
			s, _ := text(&channels.Format{Encoding: encoding}, raw)
			if d.Regexp().MatchString(s) {
				return fault.New("E-2431", fault.V{"channel": def.Name, "file": h.file.Name, "why": fault.Text(d.Why).Both()}, nil)
			}
		}
	}
	return nil
}
