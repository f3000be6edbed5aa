package normalize

import (
	"errors"
	"strings"

	"tieout/internal/bizday"
	"tieout/internal/fault"
	"tieout/schemas/channels"
)

// Detect says which of the channels the files of one statement come from, in
// which format, and which account and day they say that they are of: merchant
// is "" and date bizday.None where nothing in the files tells. A file that fits
// no channel, or more than one, is a fault; so are files of different channels,
// accounts or days.
func Detect(defs []*channels.Definition, files []File) (def *channels.Definition, format, merchant string, date bizday.Date, err error) {
	date = bizday.None
	for i := range files {
		d, o, err := detectFile(defs, &files[i])
		if err != nil {
			return nil, "", "", bizday.None, err
		}
		if def != nil && def != d {
			return nil, "", "", bizday.None, fault.New("E-2131", fault.V{"channel": def.Name, "account": merchant, "date": date,
				"reason": "one file is of " + def.Name + ", another of " + d.Name}, nil)
		}
		r := &reading{in: Input{Definition: d}}
		r.st.Channel, r.st.Merchant, r.st.BillDate = d.Name, merchant, date
		if err := r.identify([]*opened{o}); err != nil {
			return nil, "", "", bizday.None, err
		}
		def, merchant, date = d, r.st.Merchant, r.st.BillDate
		if format == "" || o.format.Summary == nil {
			format = o.format.Name
		}
	}
	return def, format, merchant, date, nil
}

func detectFile(defs []*channels.Definition, f *File) (*channels.Definition, *opened, error) {
	var def *channels.Definition
	var found *opened
	var names []string
	var worst error
	for _, d := range defs {
		o, err := openFile(d, f)
		if err != nil {
			if !unknownLayout(err) {
				return nil, nil, err
			}
			if worst == nil || nearer(err, worst) {
				worst = err
			}
			continue
		}
		def, found = d, o
		names = append(names, d.Name+" "+o.format.Name)
	}
	if len(names) > 1 {
		return nil, nil, fault.New("E-2436", fault.V{"file": f.Name, "formats": strings.Join(names, ", ")}, nil)
	}
	if found == nil {
		return nil, nil, worst
	}
	return def, found, nil
}

// unknownLayout tells the answers of a channel that does not know a file from
// faults of the file itself.
func unknownLayout(err error) bool {
	var f *fault.Error
	return errors.As(err, &f) && (says(f.ID) > 0 || f.ID == "E-2430" || f.ID == "E-2132")
}

// nearer tells whether err says more about the file than other.
func nearer(err, other error) bool { return says(fault.Of(err).ID) > says(fault.Of(other).ID) }

// says ranks what a channel that cannot use a file says about it: one that
// knows the layout and finds two days in it knows most, one that recognises
// the file as something else knows more than one that knows nothing.
func says(id fault.ID) int {
	switch id {
	case "E-2336", "E-2337":
		return 2
	case "E-2431":
		return 1
	}
	return 0
}
