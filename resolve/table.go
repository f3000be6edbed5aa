package resolve

import (
	"bytes"
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"tieout/schemas"
)

//go:embed table.yaml
var tableYAML []byte

// Table is the decision table, compiled. It never changes after Load.
type Table struct {
	version string
	rows    []Row
	index   [len(kinds)][classes][]int // rows that can fit each kind and class, in order
}

// Row is one row of the table.
type Row struct {
	Cell     string
	Action   schemas.Action
	Priority int
	Fixes    []schemas.FixKind
	Query    bool
	DueDays  int
	EN, ZH   string // what to do, for people

	when [dims]uint32 // for each dimension, the set of its values that fit
}

// Load compiles the built-in table.
func Load() (*Table, error) { return parse(tableYAML) }

// Version names the edition of the table; manifests carry it.
func (t *Table) Version() string { return t.version }

// Cell returns the row of a cell, and false for an unknown name.
func (t *Table) Cell(name string) (Row, bool) {
	for _, r := range t.rows {
		if r.Cell == name {
			return r, true
		}
	}
	return Row{}, false
}

// Rows returns all rows in order.
func (t *Table) Rows() []Row { return slices.Clone(t.rows) }

// find returns the first row that fits. The last row fits everything; parse
// makes sure of that.
func (t *Table) find(f facts) *Row {
	for _, i := range t.index[f[dimKind]][f[dimClass]] {
		if t.rows[i].fits(f) {
			return &t.rows[i]
		}
	}
	return &t.rows[len(t.rows)-1]
}

func (r *Row) fits(f facts) bool {
	for d := range dims {
		if r.when[d]&(1<<f[d]) == 0 {
			return false
		}
	}
	return true
}

// source is the table as it stands in the file.
type source struct {
	Version string      `yaml:"version"`
	Cells   []sourceRow `yaml:"cells"`
}

type sourceRow struct {
	Cell     string            `yaml:"cell"`
	When     map[string]words  `yaml:",inline"`
	Action   schemas.Action    `yaml:"action"`
	Priority int               `yaml:"priority"`
	Fixes    []schemas.FixKind `yaml:"fixes"`
	Query    bool              `yaml:"query"`
	DueDays  int               `yaml:"due"`
	EN       string            `yaml:"en"`
	ZH       string            `yaml:"zh"`
}

// words is one word or a list of words.
type words []string

func (w *words) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		*w = words{n.Value}
		return nil
	}
	return n.Decode((*[]string)(w))
}

func parse(text []byte) (*Table, error) {
	var src source
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	if err := dec.Decode(&src); err != nil {
		return nil, fmt.Errorf("decision table: %w", err)
	}
	t := &Table{version: src.Version}
	for i := range src.Cells {
		row, err := compile(&src.Cells[i])
		if err != nil {
			return nil, fmt.Errorf("decision table, cell %q: %w", src.Cells[i].Cell, err)
		}
		t.rows = append(t.rows, row)
	}
	if err := t.check(); err != nil {
		return nil, fmt.Errorf("decision table: %w", err)
	}
	for i := range t.rows {
		t.list(i)
	}
	return t, nil
}

// list enters a row into the index.
func (t *Table) list(i int) {
	when := &t.rows[i].when
	for k := range kinds {
		for c := range classes {
			if when[dimKind]&(1<<k) != 0 && when[dimClass]&(1<<c) != 0 {
				t.index[k][c] = append(t.index[k][c], i)
			}
		}
	}
}

func compile(s *sourceRow) (Row, error) {
	r := Row{Cell: s.Cell, Action: s.Action, Priority: s.Priority, Fixes: s.Fixes, Query: s.Query, DueDays: s.DueDays, EN: s.EN, ZH: s.ZH}
	for d := range dims {
		r.when[d] = 1<<len(dimensions[d].words) - 1
	}
	for name, values := range s.When {
		d := slices.IndexFunc(dimensions[:], func(x dimension) bool { return x.name == name })
		if d < 0 {
			return r, fmt.Errorf("no condition is called %q", name)
		}
		set, err := dimensions[d].set(values)
		if err != nil {
			return r, err
		}
		r.when[d] = set
	}
	return r, r.check()
}

// check refuses what no row may say.
func (r *Row) check() error {
	switch r.Action {
	case schemas.ActionMatch, schemas.ActionCarry:
		if len(r.Fixes) > 0 || r.Query {
			return fmt.Errorf("%s changes nothing, so it has neither fixes nor a query", r.Action)
		}
	case schemas.ActionAuto:
		if len(r.Fixes) != 1 {
			return fmt.Errorf("AUTO applies exactly one fix, not %d", len(r.Fixes))
		}
		if r.Fixes[0] != schemas.FixAdjustFee && !r.Query {
			return fmt.Errorf("AUTO %s needs a query", r.Fixes[0])
		}
		fallthrough
	case schemas.ActionManual:
		if r.Priority < 1 || r.Priority > 5 || r.DueDays < 1 {
			return fmt.Errorf("a case needs a priority of 1 to 5 and due days, not %d and %d", r.Priority, r.DueDays)
		}
	default:
		return fmt.Errorf("no action is called %q", r.Action)
	}
	for _, k := range r.Fixes {
		if !offered(k) {
			return fmt.Errorf("the table cannot ask for the fix %q", k)
		}
	}
	if strings.TrimSpace(r.EN) == "" || strings.TrimSpace(r.ZH) == "" {
		return fmt.Errorf("en and zh say what to do")
	}
	return nil
}

// offered tells whether a row may name the fix. The suspense fixes follow from
// the exposure, WRITE_OFF and REVERSE from people.
func offered(k schemas.FixKind) bool {
	switch k {
	case schemas.FixSetSuccess, schemas.FixSetClosed, schemas.FixSetFailed, schemas.FixAdjustFee:
		return true
	}
	return false
}

// check looks at the table as a whole.
func (t *Table) check() error {
	if t.version == "" {
		return fmt.Errorf("it has no version")
	}
	if len(t.rows) == 0 {
		return fmt.Errorf("it has no cells")
	}
	seen := map[string]bool{}
	for i := range t.rows {
		if name := t.rows[i].Cell; name == "" || seen[name] {
			return fmt.Errorf("cell %q stands twice, or has no name", name)
		}
		seen[t.rows[i].Cell] = true
		for j := range i {
			if t.rows[j].covers(&t.rows[i]) {
				return fmt.Errorf("cell %s is never reached: %s before it takes all", t.rows[i].Cell, t.rows[j].Cell)
			}
		}
	}
	last := &t.rows[len(t.rows)-1]
	if last.Cell != "X0" || last.Action != schemas.ActionManual || !last.covers(&Row{when: everything()}) {
		return fmt.Errorf("the last cell must be X0, MANUAL, without a condition")
	}
	return nil
}

// covers tells whether r fits everything that o fits.
func (r *Row) covers(o *Row) bool {
	for d := range dims {
		if o.when[d]&^r.when[d] != 0 {
			return false
		}
	}
	return true
}

func everything() (when [dims]uint32) {
	for d := range dims {
		when[d] = 1<<len(dimensions[d].words) - 1
	}
	return when
}
