package channels

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"tieout/internal/bizday"
)

// Parse reads and checks one definition; name is what errors call it. Unknown
// keys are errors with their line, and all mistakes of meaning are reported
// together.
func Parse(name string, b []byte) (*Definition, error) {
	dec := yaml.NewDecoder(bytes.NewReader(b))
	dec.KnownFields(true)
	d := &Definition{}
	if err := dec.Decode(d); err != nil {
		return nil, fmt.Errorf("channel definition %s: %w", name, err)
	}
	if err := dec.Decode(&Definition{}); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("channel definition %s: holds more than one document", name)
	}
	c := &checker{d: d}
	c.definition()
	if len(c.mistakes) > 0 {
		return nil, fmt.Errorf("channel definition %s: %w", name, errors.Join(c.mistakes...))
	}
	return d, nil
}

// checker collects the mistakes of a definition.
type checker struct {
	d        *Definition
	mistakes []error
}

func (c *checker) bad(format string, args ...any) {
	c.mistakes = append(c.mistakes, fmt.Errorf(format, args...))
}

func (c *checker) oneOf(what, value string, allowed ...string) {
	if !slices.Contains(allowed, value) {
		c.bad("%s is %q, not one of %s", what, value, strings.Join(allowed, ", "))
	}
}

func (c *checker) regexp(what, pattern string) *regexp.Regexp {
	if _, err := regexp.Compile(pattern); err != nil {
		c.bad("%s: %v", what, err)
		return nil
	}
	return regexp.MustCompile(`\A(?:` + pattern + `)\z`)
}

func (c *checker) definition() {
	d := c.d
	if d.Name == "" || d.Version == "" || d.Title.EN == "" || d.Title.ZH == "" {
		c.bad("name, version and both titles are needed")
	}
	c.day()
	if _, ok := d.Currency.Exponent(); !ok {
		c.bad("currency %q is not known", d.Currency)
	}
	d.merchant = c.regexp("merchant", d.Merchant)
	for _, s := range d.Statements {
		c.oneOf("statement kind", s.Kind, "TRADE", "FUND", "BANK")
	}
	if len(d.Statements) == 0 || len(d.Formats) == 0 {
		c.bad("statements and formats are needed")
	}
	for table, columns := range d.Columns {
		for name, col := range columns {
			c.column(fmt.Sprintf("columns.%s.%s", table, name), &col)
			columns[name] = col
		}
	}
	for i := range d.Refuse {
		re, err := regexp.Compile(d.Refuse[i].Pattern)
		if err != nil {
			c.bad("refuse: %v", err)
		}
		d.Refuse[i].re = re
	}
	names := map[string]bool{}
	for i := range d.Formats {
		f := &d.Formats[i]
		if names[f.Name] || f.Name == "" {
			c.bad("format %q: a format needs a name of its own", f.Name)
		}
		names[f.Name] = true
		c.format(f)
	}
}

func (c *checker) day() {
	zone, err := time.LoadLocation(c.d.Zone)
	if err != nil || c.d.Zone == "" || c.d.Zone == "Local" {
		c.bad("zone %q is not known", c.d.Zone)
		return
	}
	if c.d.CutOff == "" {
		c.d.CutOff = "00:00"
	}
	if c.d.day, err = bizday.ParseCutOff(c.d.CutOff, zone); err != nil {
		c.mistakes = append(c.mistakes, err)
	}
}

func (c *checker) column(where string, col *Column) {
	c.oneOf(where+": type", col.Type, "skip", "id", "text", "amount", "count", "word", "time", "date", "clock", "merchant", "currency")
	if col.Max == 0 {
		col.Max = 64
	}
	if col.Type == "amount" {
		setDefault(&col.Unit, "major")
		setDefault(&col.Sign, "positive")
		setDefault(&col.Form, "decimal")
		c.oneOf(where+": unit", col.Unit, "major", "minor")
		c.oneOf(where+": sign", col.Sign, "positive", "negative", "any")
		c.oneOf(where+": form", col.Form, "decimal", "cd")
	}
	if col.Type == "word" && len(col.Words) == 0 && !col.Open {
		c.bad("%s: a word column needs words, or open: true", where)
	}
	if (col.Type == "time" || col.Type == "date" || col.Type == "clock") == (col.Layout == "") {
		c.bad("%s: a layout belongs to time, date and clock columns, and only there", where)
	}
	for _, m := range col.Mask {
		c.oneOf(where+": mask", m, "phone", "id_number")
	}
}

func setDefault(s *string, v string) {
	if *s == "" {
		*s = v
	}
}

func (c *checker) format(f *Format) {
	where := "format " + f.Name
	setDefault(&f.Encoding, "utf-8")
	setDefault(&f.BOM, "optional")
	setDefault(&f.LineEnd, "any")
	c.oneOf(where+": shape", string(f.Shape), string(Delimited), string(Fixed), string(Tagged))
	c.oneOf(where+": encoding", f.Encoding, "utf-8", "gb18030")
	c.oneOf(where+": bom", f.BOM, "optional", "required", "none")
	c.oneOf(where+": line_end", f.LineEnd, "any", "crlf", "lf")
	if _, ok := c.d.Statement(f.Statement); !ok {
		c.bad("%s: the channel has no statement %q", where, f.Statement)
	}
	if f.FileName != "" {
		f.compiled.fileName = c.regexp(where+": file_name", f.FileName)
	}
	for i := range f.Preamble {
		f.Preamble[i].re = c.regexp(where+": preamble", f.Preamble[i].Pattern)
	}
	for i := range f.Tail {
		if t := &f.Tail[i]; t.Pattern != "" {
			t.re = c.regexp(where+": tail", t.Pattern)
		} else if len(t.Table) == 0 {
			c.bad("%s: a tail is a pattern or a table", where)
		}
	}
	columns, ok := c.d.Columns[f.Columns]
	if !ok {
		c.bad("%s: no column table %q", where, f.Columns)
		return
	}
	c.shape(where, f, columns)
	if f.Summary == nil {
		c.rows(where, f, columns)
	}
	c.totals(where, f, columns)
	if f.Day.Column != "" {
		c.refersTo(where+": day", columns, f.Day.Column, "time", "date")
	}
}

func (c *checker) shape(where string, f *Format, columns map[string]Column) {
	var names []string
	switch f.Shape {
	case Delimited:
		if f.Delimited == nil || f.Delimited.Delimiter == "" {
			c.bad("%s: a delimited file needs a delimiter", where)
			return
		}
		setDefault(&f.Delimited.Quoting, "none")
		c.oneOf(where+": quoting", f.Delimited.Quoting, "none", "rfc4180")
		for _, h := range f.Headers {
			names = append(names, h...)
		}
		if f.HeaderSet != nil {
			names = append(append(names, f.HeaderSet.Required...), f.HeaderSet.Optional...)
		}
	case Fixed:
		if f.Fixed == nil {
			c.bad("%s: a fixed-width file needs its fields", where)
			return
		}
		total := len(f.Fixed.Separator) * (len(f.Fixed.Fields) - 1)
		for i := range f.Fixed.Fields {
			field := &f.Fixed.Fields[i]
			setDefault(&field.Align, AlignLeft)
			c.oneOf(where+": field "+field.Name+": align", field.Align, AlignLeft, AlignRight)
			if field.Width < 1 {
				c.bad("%s: the field %q needs a width", where, field.Name)
			}
			total += field.Width
			names = append(names, field.Name)
		}
		if total != f.Fixed.Length {
			c.bad("%s: the fields and separators add up to %d bytes, not %d", where, total, f.Fixed.Length)
		}
	case Tagged:
		if f.Tagged == nil || f.Tagged.Start == "" || f.Tagged.Separator == "" {
			c.bad("%s: a tagged file needs its start tag, separator and tags", where)
			return
		}
		names = f.Tagged.Tags
	}
	if len(names) == 0 {
		c.bad("%s: no columns", where)
	}
	for _, n := range names {
		if a, ok := f.Aliases[n]; ok {
			n = a
		}
		if _, ok := columns[n]; !ok {
			c.bad("%s: the table %q has no rule for the column %q", where, f.Columns, n)
		}
	}
}

// refersTo checks that a column exists and has one of the types.
func (c *checker) refersTo(where string, columns map[string]Column, name string, types ...string) {
	if name == "" {
		return
	}
	col, ok := columns[name]
	if !ok {
		c.bad("%s: no column %q", where, name)
	} else if !slices.Contains(types, col.Type) {
		c.bad("%s: the column %q is a %s, and must be one of %s", where, name, col.Type, strings.Join(types, ", "))
	}
}

func (c *checker) when(where string, columns map[string]Column, when map[string][]string) {
	for name, words := range when {
		c.refersTo(where+": when", columns, name, "word")
		for _, w := range words {
			if !slices.Contains(columns[name].Words, w) {
				c.bad("%s: %q is not a word of the column %q", where, w, name)
			}
		}
	}
}

func (c *checker) rows(where string, f *Format, columns map[string]Column) {
	rows := c.d.Rows[f.Rows]
	if len(rows) == 0 {
		c.bad("%s: no list of row rules %q", where, f.Rows)
	}
	for i := range rows {
		c.row(fmt.Sprintf("rows.%s[%d]", f.Rows, i), &rows[i], columns)
	}
}

func (c *checker) row(where string, r *Row, columns map[string]Column) {
	c.when(where, columns, r.When)
	for _, name := range r.NonZero {
		c.refersTo(where+": nonzero", columns, name, "amount")
	}
	if r.Kind == 0 {
		c.bad("%s: a kind is needed", where)
	}
	switch {
	case (r.Status == 0) == (r.StatusBy == ""):
		c.bad("%s: status or status_by is needed, and only one", where)
	case r.StatusBy != "":
		c.refersTo(where+": status_by", columns, r.StatusBy, "word")
		words := r.When[r.StatusBy] // the words that can come here
		if words == nil {
			words = columns[r.StatusBy].Words
		}
		for _, w := range words {
			if r.Statuses[w] == 0 {
				c.bad("%s: the table of statuses has no entry for %q", where, w)
			}
		}
	}
	s := &r.Set
	for _, name := range []string{s.MerchantRef, s.RefundRef, s.ChannelRef, s.ChannelRefundRef} {
		c.refersTo(where, columns, name, "id")
	}
	for _, name := range []string{s.Amount, s.Settle, s.Fee} {
		c.refersTo(where, columns, name, "amount")
	}
	for _, name := range []string{s.StatusRaw, s.TradeType, s.Bank, s.Product, s.Remark} {
		c.refersTo(where, columns, name, "text", "word", "id")
	}
	if s.Amount == "" {
		c.bad("%s: the amount is needed", where)
	}
	setDefault(&s.AmountSign, "positive")
	setDefault(&s.SettleSign, "positive")
	setDefault(&s.FeeSign, "charged")
	c.oneOf(where+": amount_sign", s.AmountSign, "positive", "negative", "any")
	c.oneOf(where+": settle_sign", s.SettleSign, "positive", "negative", "any")
	c.oneOf(where+": fee_sign", s.FeeSign, "charged", "deducted", "summary")
	c.refersTo(where, columns, s.EventTime, "time", "date")
	c.refersTo(where, columns, s.EventClock, "clock")
	for _, name := range r.Need {
		if _, ok := columns[name]; !ok {
			c.bad("%s: need: no column %q", where, name)
		}
	}
	for _, name := range r.Zero {
		c.refersTo(where+": zero", columns, name, "amount")
	}
	if r.Sum != nil {
		for _, name := range slices.Concat(r.Sum.Plus, r.Sum.Minus, []string{r.Sum.Equals}) {
			c.refersTo(where+": sum", columns, name, "amount")
		}
	}
}

func (c *checker) totals(where string, f *Format, columns map[string]Column) {
	totals := c.d.Totals[f.Totals]
	if f.Totals != "" && totals == nil {
		c.bad("%s: no table of totals %q", where, f.Totals)
	}
	for name, t := range totals {
		at := where + ": total " + name
		if t.Count == (len(t.Sum) > 0) {
			c.bad("%s: either a count or a sum", at)
		}
		c.when(at, columns, t.When)
		for _, name := range t.NonZero {
			c.refersTo(at+": nonzero", columns, name, "amount")
		}
		for _, s := range t.Sum {
			c.refersTo(at, columns, s, "amount")
		}
		if t.Name == "" {
			t.Name = name
			totals[name] = t
		}
	}
	known := func(at, name string) {
		if _, ok := totals[name]; !ok {
			c.bad("%s: %s: no total %q", where, at, name)
		}
	}
	for i := range f.Preamble {
		c.groups(f.Preamble[i].re, func(g string) { known("preamble", g) }, "merchant", "date", "until")
	}
	for i := range f.Tail {
		c.groups(f.Tail[i].re, func(g string) { known("tail", g) })
		for _, labels := range f.Tail[i].Table {
			for _, l := range labels {
				known("tail", l)
			}
		}
	}
	if f.Summary != nil {
		c.summary(where, f, columns)
	}
	if f.Balance != nil {
		c.refersTo(where+": balance", columns, f.Balance.Column, "amount")
		for _, t := range slices.Concat(f.Balance.Plus, f.Balance.Minus) {
			known("balance", t)
		}
	}
}

// summary checks a file of totals against the part that it repeats.
func (c *checker) summary(where string, f *Format, columns map[string]Column) {
	s := f.Summary
	c.when(where+": summary", columns, s.Row)
	if len(s.Row) == 0 {
		c.bad("%s: a summary needs the row that is its total", where)
	}
	of := slices.IndexFunc(c.d.Formats, func(o Format) bool { return o.Statement == f.Statement && o.Part == s.Of && o.Summary == nil })
	if of < 0 {
		c.bad("%s: no format of the part %q", where, s.Of)
		return
	}
	for column, total := range s.Equals {
		c.refersTo(where+": summary", columns, column, "amount", "count")
		if _, ok := c.d.Totals[c.d.Formats[of].Totals][total]; !ok {
			c.bad("%s: summary: no total %q", where, total)
		}
	}
	if n := s.Net; n != nil {
		for _, column := range append([]string{n.Gross, n.Result}, n.Fees...) {
			c.refersTo(where+": summary.net", columns, column, "amount")
		}
	}
}

// groups calls each for the named groups of a pattern except the given ones.
func (c *checker) groups(re *regexp.Regexp, each func(string), except ...string) {
	if re == nil {
		return
	}
	for _, g := range re.SubexpNames() {
		if g != "" && !slices.Contains(except, g) {
			each(g)
		}
	}
}
