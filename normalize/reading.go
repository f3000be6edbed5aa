package normalize

import (
	"bytes"
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
	kind    channels.Statement
	total   stats // of all files
	parts   map[string]*readPart
	summary []*summaryFile
	feeSign int64
}

// readPart is a file of rows that has been read.
type readPart struct {
	o     *opened
	stats stats
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
		if f.Size == 0 {
			return nil, fault.New("E-2132", fault.V{"channel": def.Name, "file": f.Name}, nil)
		}
		return nil, fault.New("E-2430", fault.V{"channel": def.Name, "file": f.Name, "reason": best.reason.EN, "reason_zh": best.reason.ZH, "got": fault.Quote(best.got)}, nil)
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
				return fault.New("E-2431", fault.V{"channel": def.Name, "file": h.file.Name, "why": d.Why.EN, "why_zh": d.Why.ZH}, nil)
			}
		}
	}
	return nil
}

// arrange checks that the files are the parts of one statement, and puts them
// into the order of the parts.
func (r *reading) arrange(files []*opened) ([]*opened, error) {
	if len(files) == 0 {
		return nil, r.partFault(said("none of the files belongs to the statement", "没有一个文件属于该对账单"))
	}
	if r.st.Kind == "" {
		r.st.Kind = files[0].format.Statement
	}
	kind, ok := r.in.Definition.Statement(r.st.Kind)
	if !ok {
		return nil, fmt.Errorf("normalize: the channel %s has no statement %q", r.in.Definition.Name, r.st.Kind)
	}
	r.kind = kind
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
			return nil, r.partFault(said(fmt.Sprintf("%d files are the same part %q", len(of), p.Name), fmt.Sprintf("%d 个文件是同一部分 %q", len(of), p.Name)))
		}
		if len(of) == 0 && !p.Optional {
			r.prove(schemas.Proof{Name: "file." + p.Name, Want: "1 file", Got: "none", Note: "a part of the statement is missing"})
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

func (r *reading) partFault(reason fault.Text) error {
	return fault.New("E-2131", fault.V{"channel": r.st.Channel, "account": r.st.Account, "date": r.st.BillDate, "reason": reason.EN, "reason_zh": reason.ZH}, nil)
}

// identify settles merchant and date: what was asked for, else what the files
// say about themselves, else what their first row says. All must agree.
func (r *reading) identify(files []*opened) error {
	for _, o := range files {
		merchant, date := o.merchant, o.date
		if r.st.Merchant == "" && merchant == "" || r.st.BillDate == bizday.None && date == bizday.None {
			m, d := o.peek()
			if merchant == "" {
				merchant = m
			}
			if date == bizday.None {
				date = d
			}
		}
		if r.st.Merchant == "" {
			r.st.Merchant = merchant
		}
		if r.st.BillDate == bizday.None {
			r.st.BillDate = date
		}
		if o.merchant != "" && o.merchant != r.st.Merchant {
			return fault.New("E-2331", fault.V{"channel": r.st.Channel, "file": o.file.Name, "want": r.st.Merchant, "got": o.merchant}, nil)
		}
		if o.date != bizday.None && o.date != r.st.BillDate {
			return fault.New("E-2330", fault.V{"channel": r.st.Channel, "file": o.file.Name, "want": r.st.BillDate, "got": o.date}, nil)
		}
	}
	if r.st.Account == "" {
		r.st.Account = r.st.Merchant
	}
	return nil
}

// peek takes merchant and date from the first row that tells them.
func (o *opened) peek() (merchant string, date bizday.Date) {
	date = bizday.None
	b, reader, err := o.firstBlock()
	if err != nil {
		return "", date
	}
	for at := 0; b.base+int64(at) < b.end; {
		line, next, err := b.line(at)
		if err != nil || b.body.startsTail(line) {
			break
		}
		row, _ := b.cutLineEnd(line, false)
		var bad badCell
		if reader.cells = reader.cut.cut(row, &bad); reader.cells != nil {
			reader.read(&bad)
			if col := o.plan.merchantCol; merchant == "" && col >= 0 && checkID(reader.cells[col], false, 64) == "" {
				merchant = string(reader.cells[col])
			}
			if col := o.plan.dayCol; date == bizday.None && col >= 0 && reader.valid[col] {
				date = bizday.Date(reader.times[col])
				if o.plan.columns[col].op == opTime {
					date = o.plan.def.Day().DateOf(reader.times[col])
				}
			}
		}
		if (merchant != "" || o.plan.merchantCol < 0) && (date != bizday.None || o.plan.dayCol < 0) {
			break
		}
		at = next
	}
	return merchant, date
}

// firstBlock loads the first block of a file without reading its rows.
func (o *opened) firstBlock() (*block, *rowReader, error) {
	body, err := o.body()
	if err != nil {
		return nil, nil, err
	}
	cut, err := newCutter(o.plan)
	if err != nil {
		return nil, nil, err
	}
	b := &block{body: body, start: body.start, end: min(body.start+headSize, body.end), stats: newStats(o.plan)}
	if _, err := b.open(); err != nil {
		return nil, nil, err
	}
	return b, newRowReader(o.plan, &target{date: o.date}, cut), nil
}

func (o *opened) body() (*body, error) {
	starts, err := tailStarts(o.format)
	if err != nil {
		return nil, err
	}
	return &body{file: o.file, start: o.start, end: o.file.Size, block: blockSize, crlf: o.crlf,
		startsRow: rowStart(o.format), startsTail: startsWith(starts)}, nil
}

// readRows reads a file of rows and proves what its tail states.
func (r *reading) readRows(ctx context.Context, o *opened) error {
	b, err := o.body()
	if err != nil {
		return err
	}
	if _, err := newCutter(o.plan); err != nil {
		return err
	}
	t := &target{merchant: []byte(r.st.Merchant), date: r.st.BillDate, source: o.file.SHA256, feeSign: r.feeSign}
	if t.date != bizday.None {
		t.day = r.in.Definition.Day().Of(t.date)
	}
	part := &readPart{o: o, stats: newStats(o.plan)}
	r.parts[o.format.Part] = part
	place := &position{lines: o.lines, lastRow: -1, tailAt: -1}
	reader := func() *rowReader {
		cut, _ := newCutter(o.plan) // made once above without an error
		return newRowReader(o.plan, t, cut)
	}
	err = decodeBody(ctx, b, r.in.Workers, reader, o.plan, func(blk *block) (bool, error) {
		part.stats.merge(&blk.stats)
		if err := r.hand(o, blk, place); err != nil {
			return false, err
		}
		return place.tailAt < 0, nil
	})
	r.st.Rows += part.stats.rows
	r.st.Rejects += part.stats.rejects
	r.st.Records = r.st.Rows - r.st.Rejects
	if err != nil {
		return err
	}
	found, missing, err := o.readTail(place.tailAt, place.lines+1)
	if err != nil {
		return err
	}
	r.proveRows(part, place, append(o.captured, found...), missing)
	return nil
}

// position is how far the hand-over has come in a file.
type position struct {
	lines           int64 // handed over, with the head
	lastRow, tailAt int64 // offsets; -1: none
	lastLine        int64
}

// hand gives a block's rows to the sink, with their places in the file.
func (r *reading) hand(o *opened, b *block, place *position) error {
	if err := o.repeatedHeader(b, place.lines); err != nil {
		return err
	}
	for i := range b.batch.Line {
		b.batch.Line[i] += place.lines
	}
	b.batch.Channel, b.batch.Account, b.batch.Source = r.st.Channel, r.st.Account, o.file.SHA256
	if b.batch.Len() > 0 {
		if err := r.out.Batch(&b.batch); err != nil {
			return err
		}
	}
	for _, rej := range b.rejects {
		rej.Line += place.lines
		rej.File = fault.Safe(o.file.Name, 240)
		if err := r.out.Reject(rej); err != nil {
			return err
		}
	}
	place.lines += b.lines
	if b.lastRow >= 0 {
		place.lastRow, place.lastLine = b.lastRow, place.lines
	}
	place.tailAt = b.tailAt
	return nil
}

// repeatedHeader stops at a second header among the rows: two files were put
// together, and their summaries prove nothing.
func (o *opened) repeatedHeader(b *block, lines int64) error {
	if o.header == nil {
		return nil
	}
	for _, rej := range b.rejects {
		line, _, err := b.line(int(rej.Offset - b.base))
		if err != nil {
			return err
		}
		if row, _ := b.cutLineEnd(line, true); bytes.Equal(row, o.header) {
			return o.behind(lines+rej.Line, said("a second line of column names stands among the rows", "数据行中出现第二个表头"))
		}
	}
	return nil
}

func (r *reading) warn(format string, args ...any) {
	w := fmt.Sprintf(format, args...)
	if !slices.Contains(r.st.Warnings, w) {
		r.st.Warnings = append(r.st.Warnings, w)
	}
}

func (r *reading) prove(p schemas.Proof) { r.st.Proofs = append(r.st.Proofs, p) }
