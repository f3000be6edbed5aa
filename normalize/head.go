package normalize

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"tieout/internal/bizday"
	"tieout/internal/fault"
	"tieout/schemas/channels"
)

// headSize is how far into a file its preamble and header may reach.
const headSize = 64 << 10

// head is the beginning of a file.
type head struct {
	file *File
	raw  []byte // without a byte order mark
	bom  int64  // bytes of the mark
	all  bool   // raw is the whole file
}

func readHead(f *File) (*head, error) {
	raw := make([]byte, min(f.Size, headSize))
	if n, err := f.Reader.ReadAt(raw, 0); n < len(raw) {
		if err == nil || errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, fmt.Errorf("normalize: read %s at byte %d: %w", fault.Quote(f.Name), n, err)
	}
	h := &head{file: f, raw: raw, all: int64(len(raw)) == f.Size}
	switch {
	case bytes.HasPrefix(raw, []byte("\xEF\xBB\xBF")):
		h.raw, h.bom = raw[3:], 3
	case bytes.HasPrefix(raw, []byte("\xFF\xFE")), bytes.HasPrefix(raw, []byte("\xFE\xFF")):
		return nil, fault.New("E-2434", fault.V{"file": f.Name, "reason": "it is UTF-16, which no channel sends: looks edited in another program"}, nil)
	}
	return h, nil
}

// line returns the line of the head at an offset in raw, without its line end,
// and where the next begins; ok is false if it does not end within the head.
func (h *head) line(at int) (line []byte, next int, crlf, ok bool) {
	i := bytes.IndexByte(h.raw[at:], '\n')
	switch {
	case i >= 0:
		line, next = h.raw[at:at+i], at+i+1
		if len(line) > 0 && line[len(line)-1] == '\r' {
			return line[:len(line)-1], next, true, true
		}
		return line, next, false, true
	case h.all && at < len(h.raw):
		return h.raw[at:], len(h.raw), false, true
	}
	return nil, at, false, false
}

// text decodes bytes of a file in the format's encoding; ok is false for bytes
// that the encoding does not have.
func text(f *channels.Format, raw []byte) (s string, ok bool) {
	if f.Encoding == "gb18030" {
		out, bad := AppendGB18030(nil, raw)
		return string(out), bad < 0
	}
	at, _ := badUTF8(raw)
	return string(raw), at < 0
}

// opened is a file whose format is known.
type opened struct {
	file     *File
	channel  string
	format   *channels.Format
	plan     *plan
	merchant string      // as the file's name or preamble says; "" if they do not
	date     bizday.Date // likewise; bizday.None
	captured []captured  // totals that the preamble says
	start    int64       // offset of the first row
	lines    int64       // lines before it
	crlf     bool
	header   []byte // the line of column names as it stands in the file; nil if there is none
}

// captured is a number that the file states about itself.
type captured struct {
	key, value string
	line       int64
}

// mismatch says why a file does not have a format. How near it came decides
// whose reason people are shown.
type mismatch struct {
	near   int
	reason string
	got    string // what stands in the file, for the message
	// contradiction is set where the file has the format and says two different
	// things about itself; it is the answer instead of an unknown layout.
	contradiction *fault.Error
}

// contradicted is nearer than any file that lacks a format.
const contradicted = 1 << 20

// open reads the head of a file as one format.
func (h *head) open(def *channels.Definition, f *channels.Format) (*opened, *mismatch, error) {
	o := &opened{file: h.file, channel: def.Name, format: f, date: bizday.None, start: h.bom}
	if (f.BOM == "required" && h.bom == 0) || (f.BOM == "none" && h.bom > 0) {
		return nil, &mismatch{reason: "the byte order mark at its start is missing, or is one too many"}, nil
	}
	if miss := o.readName(); miss != nil {
		return nil, miss, nil
	}
	at, miss := h.preamble(o)
	if miss != nil {
		return nil, miss, nil
	}
	names, at, miss := h.columns(o, at)
	if miss != nil {
		return nil, miss, nil
	}
	o.start += int64(at)
	if _, _, crlf, ok := h.line(0); ok {
		o.crlf = crlf
	}
	if (f.LineEnd == "crlf" && !o.crlf && h.file.Size > 0) || (f.LineEnd == "lf" && o.crlf) {
		return nil, &mismatch{near: 1, reason: "its lines do not end " + strings.ToUpper(f.LineEnd)}, nil
	}
	var err error
	o.plan, err = compile(def, f, names)
	return o, nil, err
}

// readName takes merchant and date from the file's name.
func (o *opened) readName() *mismatch {
	re := o.format.FileNamePattern()
	if re == nil {
		return nil
	}
	m := re.FindStringSubmatch(baseName(o.file.Name))
	if m == nil {
		return &mismatch{reason: "its name is not of the form " + o.format.FileName}
	}
	return o.capture(re.SubexpNames(), m, 0)
}

// baseName cuts the folders of a foreign name; it is only compared.
func baseName(name string) string {
	return name[strings.LastIndexAny(name, `/\`)+1:]
}

// capture takes named groups: merchant and date, and numbers for proofs.
func (o *opened) capture(names, values []string, line int64) *mismatch {
	for i, name := range names {
		v := values[i]
		switch name {
		case "":
		case "merchant":
			v, ok := strings.CutSuffix(v, o.format.MerchantSuffix)
			if !ok {
				return &mismatch{near: 2, reason: "its account does not end in " + o.format.MerchantSuffix, got: values[i]}
			}
			if o.merchant != "" && o.merchant != v {
				return o.contradicts("E-2337", fault.Safe(o.merchant, 40), fault.Safe(v, 40))
			}
			o.merchant = v
		case "date", "until":
			d, why := dateIn(o.format.DateLayout, v)
			if name == "until" {
				d--
			}
			if why != "" {
				return &mismatch{near: 2, reason: "its day is no date", got: values[i]}
			}
			if o.date != bizday.None && o.date != d {
				return o.contradicts("E-2336", o.date.String(), d.String())
			}
			o.date = d
		default:
			o.captured = append(o.captured, captured{name, v, line})
		}
	}
	return nil
}

// contradicts says that the file names one thing in one place and another one
// in another.
func (o *opened) contradicts(id fault.ID, first, second string) *mismatch {
	return &mismatch{near: contradicted, contradiction: fault.New(id, fault.V{"channel": o.channel, "file": o.file.Name, "first": first, "second": second}, nil)}
}

func dateIn(text, value string) (bizday.Date, string) {
	l, err := newLayout(text)
	if err != nil {
		return bizday.None, err.Error()
	}
	w, why := l.parse([]byte(value))
	if why != "" || w.year == 0 {
		return bizday.None, "not a date"
	}
	return w.date(), ""
}

// preamble reads the lines before the header.
func (h *head) preamble(o *opened) (at int, miss *mismatch) {
	for i := range o.format.Preamble {
		re := o.format.Preamble[i].Regexp()
		raw, next, _, ok := h.line(at)
		s, clean := text(o.format, raw)
		if !ok || !clean {
			return 0, &mismatch{near: i, reason: fmt.Sprintf("line %d is not of the form %s", i+1, re), got: s}
		}
		m := re.FindStringSubmatch(s)
		if m == nil {
			return 0, &mismatch{near: i, reason: fmt.Sprintf("line %d is not of the form %s", i+1, re), got: s}
		}
		o.lines++
		if miss := o.capture(re.SubexpNames(), m, o.lines); miss != nil {
			return 0, miss
		}
		at = next
	}
	return at, nil
}

// columns returns the names of the file's columns, as the column table calls
// them.
func (h *head) columns(o *opened, at int) ([]string, int, *mismatch) {
	f := o.format
	switch f.Shape {
	case channels.Fixed:
		names := make([]string, len(f.Fixed.Fields))
		for i, field := range f.Fixed.Fields {
			names[i] = field.Name
		}
		return names, at, nil
	case channels.Tagged:
		return f.Tagged.Tags, at, nil
	}
	if f.Delimited.Headerless {
		return f.Headers[0], at, nil
	}
	raw, next, _, ok := h.line(at)
	s, clean := text(f, raw)
	if !ok || !clean || len(raw) == 0 {
		return nil, 0, &mismatch{near: len(f.Preamble), reason: "it has no line of column names"}
	}
	got := headerCells(f, s)
	if known := knownHeader(f, got); known != nil {
		o.lines++
		o.header = raw
		return known, next, nil
	}
	near, diff := headerDiff(f, got)
	return nil, 0, &mismatch{near: len(f.Preamble) + near, reason: diff, got: s}
}

// headerCells cuts a header line and brings its names into the form of the
// column table: half-width parentheses, no blanks around, aliases resolved.
func headerCells(f *channels.Format, line string) []string {
	line = strings.TrimSuffix(line, map[bool]string{true: f.Delimited.Delimiter}[f.Delimited.Terminated])
	cells := strings.Split(line, f.Delimited.Delimiter)
	for i, c := range cells {
		c = strings.Trim(c, " \t")
		if f.Delimited.Quoting == "rfc4180" && len(c) > 1 && c[0] == '"' && c[len(c)-1] == '"' {
			c = c[1 : len(c)-1]
		}
		c = strings.NewReplacer("（", "(", "）", ")").Replace(c)
		if a, ok := f.Aliases[c]; ok {
			c = a
		}
		cells[i] = c
	}
	return cells
}

// knownHeader returns got if the format knows it, else nil. Names are never
// bound by their place alone.
func knownHeader(f *channels.Format, got []string) []string {
	for _, h := range f.Headers {
		if slices.Equal(h, got) {
			return got
		}
	}
	if f.HeaderSet == nil {
		return nil
	}
	seen := map[string]bool{}
	for _, c := range got {
		if seen[c] || !slices.Contains(f.HeaderSet.Required, c) && !slices.Contains(f.HeaderSet.Optional, c) {
			return nil
		}
		seen[c] = true
	}
	for _, c := range f.HeaderSet.Required {
		if !seen[c] {
			return nil
		}
	}
	return got
}

// headerDiff says what is different from the nearest known header, and how many
// names they share.
func headerDiff(f *channels.Format, got []string) (near int, diff string) {
	near = -1
	known := f.Headers
	if f.HeaderSet != nil {
		known = append(slices.Clone(known), f.HeaderSet.Required)
	}
	for _, h := range known {
		shared := 0
		for _, c := range h {
			if slices.Contains(got, c) {
				shared++
			}
		}
		if shared > near {
			near, diff = shared, describeDiff(h, got)
		}
	}
	return near, diff
}

func describeDiff(want, got []string) string {
	var diff []string
	if missing := without(want, got); missing != "" {
		diff = append(diff, "missing columns: "+missing)
	}
	if extra := without(got, want); extra != "" {
		diff = append(diff, "unknown columns: "+extra)
	}
	if len(diff) > 0 {
		return strings.Join(diff, "; ")
	}
	for i := range min(len(want), len(got)) {
		if want[i] != got[i] {
			return fmt.Sprintf("the columns stand in another order: column %d is %s where %s is expected", i+1, got[i], want[i])
		}
	}
	return "a column stands there twice"
}

// without lists the names of a that b does not have, at most twenty.
func without(a, b []string) string {
	var names []string
	for _, c := range a {
		if !slices.Contains(b, c) && len(names) < 20 {
			names = append(names, showable([]byte(c[:min(len(c), 40)])))
		}
	}
	return strings.Join(names, ", ")
}
