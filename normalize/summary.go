package normalize

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"tieout/internal/fault"
	"tieout/internal/money"
	"tieout/schemas"
)

// maxSummary is how large a summary file may be: it has a row per store.
const maxSummary = 32 << 20

// summaryFile is a file that repeats the totals of another part.
type summaryFile struct {
	o       *opened
	rows    int64            // rows besides the total
	total   selection        // which row is the total
	totals  int              // rows that are the total: must be one
	printed map[string]int64 // column -> value on the total row
	added   map[string]*money.Sum
	bad     string // the first thing that is wrong with it
	missing string
}

// readSummary reads a summary. It comes before the rows, because it proves how
// the channel signs its fees.
func (r *reading) readSummary(o *opened) error {
	s := &summaryFile{o: o, printed: map[string]int64{}, added: map[string]*money.Sum{}, total: o.plan.selection(o.format.Summary.Row, nil)}
	r.summary = append(r.summary, s)
	if o.file.Size > maxSummary {
		return fault.New("E-2432", fault.V{"file": o.file.Name, "offset": maxSummary, "limit": maxSummary}, nil)
	}
	b, err := o.body()
	if err != nil {
		return err
	}
	cut, err := newCutter(o.plan)
	if err != nil {
		return err
	}
	reader := newRowReader(o.plan, &target{date: r.st.BillDate}, cut)
	blk := &block{body: b, start: b.start, end: b.end, tailAt: -1}
	at, err := blk.open()
	line := o.lines
	for err == nil && at >= 0 && blk.base+int64(at) < blk.end {
		var raw []byte
		var next int
		if raw, next, err = blk.line(at); err != nil {
			break
		}
		if b.startsTail(raw) {
			blk.tailAt = blk.base + int64(at)
			break
		}
		line++
		s.row(reader, blk, raw, line, next)
		at = next
	}
	if err != nil {
		return err
	}
	_, missing, err := o.readTail(blk.tailAt, line+1)
	if err != nil {
		return err
	}
	s.missing = missing
	r.feeSign = s.feeSign()
	return nil
}

func (s *summaryFile) row(reader *rowReader, blk *block, raw []byte, line int64, next int) {
	row, why := blk.cutLineEnd(raw, next == len(blk.buf) && blk.eof)
	bad := badCell{reason: why}
	if reader.line, reader.cells = reader.cut.cut(row, &bad); reader.cells != nil {
		reader.read(&bad)
	}
	if bad.reason != "" {
		if s.bad == "" {
			s.bad = fmt.Sprintf("line %d: %s", line, bad.reason)
		}
		return
	}
	if reader.selected(&s.total) {
		s.totals++
		for i, name := range s.o.plan.names {
			s.printed[name] = reader.amounts[i]
		}
		return
	}
	s.rows++
	for i, name := range s.o.plan.names {
		if s.added[name] == nil {
			s.added[name] = &money.Sum{}
		}
		s.added[name].Add(reader.amounts[i])
	}
}

// feeSign returns +1 if fees are printed positive, -1 if negative, and 0 if the
// summary does not prove it: because both, or neither, would add up.
func (s *summaryFile) feeSign() int64 {
	n := s.o.format.Summary.Net
	if n == nil || s.totals != 1 {
		return 0
	}
	var charged, deducted money.Sum // what the net amount must be, either way
	charged.Add(s.printed[n.Gross])
	deducted.Add(s.printed[n.Gross])
	for _, f := range n.Fees {
		charged.Add(-s.printed[f])
		deducted.Add(s.printed[f])
	}
	var net money.Sum
	net.Add(s.printed[n.Result])
	switch {
	case charged == deducted:
		return 0
	case charged == net:
		return 1
	case deducted == net:
		return -1
	}
	return 0
}

// proveSummary proves the rows of the other part against the summary.
func (r *reading) proveSummary(s *summaryFile) {
	f := s.o.format
	ok := s.bad == "" && s.missing == "" && s.totals == 1
	r.prove(schemas.Proof{Name: "summary.present", OK: ok, Want: "a whole summary with one line of totals",
		Got: fmt.Sprintf("%d rows, %d lines of totals", s.rows, s.totals), Note: strings.Trim(s.bad+"; "+s.missing, "; ")})
	part := r.parts[f.Summary.Of]
	if !ok || part == nil {
		return
	}
	for _, column := range slices.Sorted(maps.Keys(f.Summary.Equals)) {
		r.prove(s.compare(part, column))
	}
	if s.rows > 0 {
		r.prove(s.stores())
	}
	if f.Summary.Net != nil {
		r.proveFeeSign(s, part)
	}
}

func (s *summaryFile) compare(part *readPart, column string) schemas.Proof {
	i := part.o.plan.totalAt(s.o.format.Summary.Equals[column])
	t := &part.o.plan.totals[i]
	c := captured{key: t.key, value: money.FormatScaled(s.printed[column], s.o.plan.columns[s.o.plan.col(column)].places())}
	p := part.compare(t, part.stats.counts[i], part.stats.sums[i], c, &position{lastRow: -1})
	p.Name = "summary." + t.Name
	return p
}

// places is how many decimals the value of a column has.
func (c *column) places() int {
	if c.op == opCount {
		return 0
	}
	return c.decimals
}

// stores proves that the rows of the summary add up to its line of totals.
func (s *summaryFile) stores() schemas.Proof {
	p := schemas.Proof{Name: "summary.stores", OK: true, Want: "the rows add up to the line of totals", Got: "they do", Advisory: true}
	for i, name := range s.o.plan.names {
		if c := s.o.plan.columns[i].op; c != opAmount && c != opCount {
			continue
		}
		if v, err := s.added[name].Int64(); err != nil || v != s.printed[name] {
			p.OK, p.Got = false, "they do not: "+name
		}
	}
	return p
}

// proveFeeSign holds a file with fees whose sign nothing proves: what a fee of
// -0.30 means must not be guessed.
func (r *reading) proveFeeSign(s *summaryFile, part *readPart) {
	n, sign := s.o.format.Summary.Net, s.feeSign()
	show := func(column string) string { return money.Format(s.printed[column], r.in.Definition.Currency) }
	p := schemas.Proof{Name: proofFeeSign, OK: sign != 0 || part.stats.signedFees == 0,
		Want: "one way to read the sign of fees", Note: fmt.Sprintf("%s %s, %s %s, %s %s", n.Gross, show(n.Gross), n.Fees[0], show(n.Fees[0]), n.Result, show(n.Result))}
	switch {
	case sign > 0:
		p.Got = "a positive fee is one that we pay"
	case sign < 0:
		p.Got = "a negative fee is one that we pay"
	default:
		p.Got = fmt.Sprintf("no proof, and %d rows with a fee", part.stats.signedFees)
	}
	r.prove(p)
}
