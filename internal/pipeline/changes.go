package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"tieout/internal/fault"
	"tieout/internal/money"
	"tieout/internal/store"
	"tieout/schemas"
)

// Changes is what an attempt says differently from another one of the same day.
type Changes struct {
	From   string        `json:"from"` // run ids
	To     string        `json:"to"`
	Inputs []InputChange `json:"inputs"`
	Rows   []RowChange   `json:"rows"`
	Totals []TotalChange `json:"totals"`
	// Contradicted are the cases, of priority 1, in which the new evidence speaks
	// against a fix of an earlier attempt.
	Contradicted []string `json:"contradicted"`
}

// InputChange is a file that is not the same in both.
type InputChange struct {
	Stage string `json:"stage"`
	Name  string `json:"name"`
	From  string `json:"from"` // sha256; "" if it was not there
	To    string `json:"to"`
}

// RowChange is a row that moved to another class. "" stands for every class
// that is no difference.
type RowChange struct {
	Kind     schemas.Kind `json:"kind"`
	Key      string       `json:"key"`
	From     string       `json:"from"`
	To       string       `json:"to"`
	Currency string       `json:"currency"`
	Minor    int64        `json:"minor"` // amount of the row, minor units
}

// TotalChange is the count and money of one class in both.
type TotalChange struct {
	Class    schemas.Class `json:"class"`
	Currency string        `json:"currency"`
	FromRows int64         `json:"from_rows"`
	ToRows   int64         `json:"to_rows"`
	FromDiff int64         `json:"from_delta_minor"`
	ToDiff   int64         `json:"to_delta_minor"`
}

// None tells that nothing changed.
func (c *Changes) None() bool {
	return len(c.Inputs) == 0 && len(c.Rows) == 0 && len(c.Totals) == 0 && len(c.Contradicted) == 0
}

// Lines writes the changes for people, one each.
func (c *Changes) Lines() []string {
	if c.None() {
		return []string{"nothing changed against " + c.From}
	}
	var out []string
	for _, i := range c.Inputs {
		out = append(out, fmt.Sprintf("input %s/%s: %s -> %s", i.Stage, i.Name, short(i.From), short(i.To)))
	}
	for _, r := range c.Rows {
		out = append(out, fmt.Sprintf("row %s %s: %s -> %s, %s %s", r.Kind, fault.Safe(r.Key, 64), orNone(r.From), orNone(r.To), r.Currency, money.Format(r.Minor, money.Currency(r.Currency))))
	}
	for _, t := range c.Totals {
		out = append(out, fmt.Sprintf("class %s %s: %d -> %d rows, difference %s -> %s", t.Class, t.Currency, t.FromRows, t.ToRows,
			money.Format(t.FromDiff, money.Currency(t.Currency)), money.Format(t.ToDiff, money.Currency(t.Currency))))
	}
	for _, f := range c.Contradicted {
		out = append(out, "fix contradicted, case "+fault.Safe(f, 160))
	}
	return out
}

func short(sha string) string {
	if len(sha) < 12 {
		return "none"
	}
	return sha[:12]
}

func orNone(s string) string {
	if s == "" {
		return "no difference"
	}
	return s
}

// changes compares this attempt with what was current before it.
func (w *work) changes(ctx context.Context) (*Changes, error) {
	if !w.had {
		return nil, nil
	}
	old, err := w.p.side(w.previous)
	if err != nil {
		return nil, err
	}
	now, err := sideAt(w.attempt.ID, w.dir)
	if err != nil {
		return nil, err
	}
	c, err := compareSides(old, now)
	if err != nil {
		return nil, err
	}
	if c.Contradicted, err = w.newlyContradicted(); err != nil {
		return nil, err
	}
	return c, nil
}

// newlyContradicted are the cases that the attempt before did not list.
func (w *work) newlyContradicted() ([]string, error) {
	dir, m, err := w.p.stageOf(w.previous, StageApply)
	if err != nil {
		return nil, err
	}
	known, err := readLines[string](dir, m, contradictedFile)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(w.contradicted), func(id string) bool { return slices.Contains(known, id) }), nil
}

// Diff compares two runs.
func (p *Pipeline) Diff(ctx context.Context, a, b store.Run) (*Changes, error) {
	from, err := p.side(a)
	if err != nil {
		return nil, err
	}
	to, err := p.side(b)
	if err != nil {
		return nil, err
	}
	return compareSides(from, to)
}

// attemptSide is what a comparison needs of one attempt.
type attemptSide struct {
	id     string
	inputs map[[2]string]string
	match  stageFiles
	rows   map[rowID]RowChange
	totals []schemas.ClassTotal
}

// rowID finds the same row again in another attempt.
type rowID struct {
	kind            schemas.Kind
	key, channelRef string
	n               int
}

func (p *Pipeline) side(r store.Run) (*attemptSide, error) {
	return sideAt(r.ID, func(stage string) string { return p.Lake.RunDir(r.BillDate.String(), r.Account, r.Attempt, stage) })
}

func sideAt(id string, dir func(stage string) string) (*attemptSide, error) {
	s := &attemptSide{id: id, inputs: map[[2]string]string{}, rows: map[rowID]RowChange{}}
	for _, stage := range []string{StageNormalize, StageMatch} {
		m, err := readManifest(dir(stage))
		if err != nil {
			return nil, fault.New("E-4201", fault.V{"path": dir(stage), "want": "a manifest", "got": "none that can be read"}, err)
		}
		for _, in := range m.Inputs {
			s.inputs[[2]string{stage, in.Name}] = in.SHA256
		}
	}
	m, err := readManifest(dir(StageMatch))
	if err != nil {
		return nil, err
	}
	s.match = stageFiles{dir(StageMatch), m}
	res, err := readJSON[matched](s.match.dir, m, resultFile)
	s.totals = res.Totals
	return s, err
}

// readRows reads the differences.
func (s *attemptSide) readRows() error {
	for d, err := range readEach[schemas.Difference](s.match.dir, s.match.m, differencesFile) {
		if err != nil {
			return err
		}
		s.add(d)
	}
	return nil
}

func (s *attemptSide) add(d *schemas.Difference) {
	row := d.ChannelRow
	if row == nil {
		row = d.LocalRow
	}
	id := rowID{kind: d.Kind, key: d.Key, channelRef: row.ChannelRef + "\x00" + row.ChannelRefundRef}
	for {
		if _, taken := s.rows[id]; !taken {
			break
		}
		id.n++
	}
	s.rows[id] = RowChange{Kind: d.Kind, Key: d.Key, From: d.Class.String(), Currency: d.Currency, Minor: row.AmountMinor}
}

func compareSides(a, b *attemptSide) (*Changes, error) {
	was, _ := outputOf(a.match.m, differencesFile)
	is, _ := outputOf(b.match.m, differencesFile)
	if was != is { // the same bytes are the same rows
		if err := errors.Join(a.readRows(), b.readRows()); err != nil {
			return nil, err
		}
	}
	c := &Changes{From: a.id, To: b.id}
	for k, sha := range a.inputs {
		if b.inputs[k] != sha {
			c.Inputs = append(c.Inputs, InputChange{k[0], k[1], sha, b.inputs[k]})
		}
	}
	for k, sha := range b.inputs {
		if _, ok := a.inputs[k]; !ok {
			c.Inputs = append(c.Inputs, InputChange{k[0], k[1], "", sha})
		}
	}
	for id, r := range a.rows {
		to := b.rows[id].From
		if to != r.From {
			r.To = to
			c.Rows = append(c.Rows, r)
		}
	}
	for id, r := range b.rows {
		if _, ok := a.rows[id]; !ok {
			r.From, r.To = "", r.From
			c.Rows = append(c.Rows, r)
		}
	}
	c.Totals = compareTotals(a.totals, b.totals)
	slices.SortFunc(c.Inputs, func(x, y InputChange) int {
		return cmp.Or(cmp.Compare(x.Stage, y.Stage), cmp.Compare(x.Name, y.Name))
	})
	slices.SortFunc(c.Rows, func(x, y RowChange) int {
		return cmp.Or(cmp.Compare(x.From, y.From), cmp.Compare(x.To, y.To), cmp.Compare(x.Kind, y.Kind), cmp.Compare(x.Key, y.Key))
	})
	return c, nil
}

// compareTotals sums each class over kinds and shows those that differ.
func compareTotals(a, b []schemas.ClassTotal) []TotalChange {
	type key struct {
		class    schemas.Class
		currency string
	}
	all := map[key]*TotalChange{}
	at := func(t schemas.ClassTotal) *TotalChange {
		k := key{t.Class, t.Currency}
		if all[k] == nil {
			all[k] = &TotalChange{Class: t.Class, Currency: t.Currency}
		}
		return all[k]
	}
	for _, t := range a {
		c := at(t)
		c.FromRows += t.Outcomes
		c.FromDiff += t.DeltaMinor
	}
	for _, t := range b {
		c := at(t)
		c.ToRows += t.Outcomes
		c.ToDiff += t.DeltaMinor
	}
	var out []TotalChange
	for _, c := range all {
		if c.FromRows != c.ToRows || c.FromDiff != c.ToDiff {
			out = append(out, *c)
		}
	}
	slices.SortFunc(out, func(x, y TotalChange) int {
		return cmp.Or(cmp.Compare(x.Class, y.Class), cmp.Compare(x.Currency, y.Currency))
	})
	return out
}
