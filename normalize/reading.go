package normalize

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"

	"tieout/internal/bizday"
	"tieout/internal/fault"
	"tieout/schemas"
	"tieout/schemas/channels"
)

// reading is one statement on its way through.
type reading struct {
	in      Input
	out     Sink
	st      schemas.Statement
	parts   map[string]*readPart
	summary []*summaryFile
	feeSign int64
}

func newReading(in Input, out Sink) (*reading, error) {
	r := &reading{in: in, out: out, parts: map[string]*readPart{}, feeSign: 1}
	r.st.BillDate = bizday.None
	if in.Definition == nil || len(in.Files) == 0 {
		return r, errors.New("normalize: a definition and at least one file are needed")
	}
	if r.in.Workers < 1 {
		r.in.Workers = runtime.GOMAXPROCS(0)
	}
	r.st.Channel, r.st.Definition = in.Definition.Name, in.Definition.Version
	r.st.Account, r.st.Merchant, r.st.BillDate, r.st.Kind = in.Account, in.Merchant, in.Date, in.Statement
	for _, f := range in.Files {
		r.st.Files = append(r.st.Files, schemas.FileUsed{Name: fault.Safe(f.Name, 240), SHA256: f.SHA256, Size: f.Size})
	}
	return r, nil
}

func (r *reading) run(ctx context.Context) error {
	files, err := r.open()
	if err != nil {
		return err
	}
	if files, err = r.arrange(files); err != nil {
		return err
	}
	if err := r.identify(files); err != nil {
		return err
	}
	for _, o := range files {
		if o.format.Summary != nil {
			if err := r.readSummary(o); err != nil {
				return err
			}
		}
	}
	for _, o := range files {
		if o.format.Summary == nil {
			if err := r.readRows(ctx, o); err != nil {
				return err
			}
		}
	}
	return r.finish()
}

// open finds the format of each file.
func (r *reading) open() ([]*opened, error) {
	var files []*opened
	for i := range r.in.Files {
		o, err := openFile(r.in.Definition, &r.in.Files[i])
		if err != nil {
			var f *fault.Error
			if k, ok := r.in.Definition.Statement(r.in.Statement); ok && k.IgnoreOthers && errors.As(err, &f) && f.ID == "E-2430" {
				r.warn("the file %s is no part of the statement and was left out", fault.Quote(r.in.Files[i].Name))
				continue
			}
			return nil, err
		}
		files = append(files, o)
	}
	return files, nil
}

// arrange checks that the files are the parts of one statement, and puts them
// into the order of the parts.
func (r *reading) arrange(files []*opened) ([]*opened, error) {
	if len(files) == 0 {
		return nil, r.partFault("none of the files belongs to the statement")
	}
	if r.st.Kind == "" {
		r.st.Kind = files[0].format.Statement
	}
	kind, ok := r.in.Definition.Statement(r.st.Kind)
	if !ok {
		return nil, fmt.Errorf("normalize: the channel %s has no statement %q", r.in.Definition.Name, r.st.Kind)
	}
	parts := kind.Parts
	if len(parts) == 0 {
		parts = []channels.Part{{}}
	}
	var ordered []*opened
	for _, p := range parts {
		var of []*opened
		for _, o := range files {
			if o.format.Statement == r.st.Kind && o.format.Part == p.Name {
				of = append(of, o)
			}
		}
		if len(of) > 1 {
			return nil, r.partFault(fmt.Sprintf("%d files are the same part %q", len(of), p.Name))
		}
		if len(of) == 0 && !p.Optional {
			r.prove(schemas.Proof{Name: "file." + p.Name, Want: "1 file", Got: "no file", Note: "a part of the statement is missing"})
		}
		ordered = append(ordered, of...)
	}
	for _, o := range files {
		if !slices.Contains(ordered, o) {
			return nil, fault.New("E-2333", fault.V{"file": o.file.Name, "want": r.st.Kind, "got": o.format.Statement + " (" + o.format.Name + ")"}, nil)
		}
		if v := o.format.Variants; r.in.Variant != "" && len(v) > 0 && !slices.Contains(v, r.in.Variant) {
			return nil, fault.New("E-2333", fault.V{"file": o.file.Name, "want": r.in.Variant, "got": strings.Join(v, ", ") + " (" + o.format.Name + ")"}, nil)
		}
	}
	for _, o := range ordered {
		if o.format.Summary == nil {
			r.st.Format = o.format.Name
			break
		}
	}
	return ordered, nil
}

func (r *reading) partFault(reason string) error {
	return fault.New("E-2131", fault.V{"channel": r.st.Channel, "account": r.st.Account, "date": dayOf(r.st.BillDate), "reason": reason}, nil)
}

func (r *reading) warn(format string, args ...any) {
	w := fmt.Sprintf(format, args...)
	if !slices.Contains(r.st.Warnings, w) {
		r.st.Warnings = append(r.st.Warnings, w)
	}
}

func (r *reading) prove(p schemas.Proof) { r.st.Proofs = append(r.st.Proofs, p) }
