package resolve

import (
	"fmt"
	"strings"
)

// Text writes the table for people: one block a cell, in the order in which it
// is tried.
func (t *Table) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "decision table %s\n", t.version)
	for i := range t.rows {
		r := &t.rows[i]
		fmt.Fprintf(&b, "\n%s\n  when  %s\n  then  %s\n  en    %s\n  zh    %s\n", r.Cell, r.condition(), r.result(), r.EN, r.ZH)
	}
	return b.String()
}

func (r *Row) condition() string {
	var parts []string
	all := everything()
	for d := range dims {
		if r.when[d] != all[d] {
			parts = append(parts, dimensions[d].name+"="+strings.Join(dimensions[d].of(r.when[d]), "|"))
		}
	}
	if parts == nil {
		return "(anything)"
	}
	return strings.Join(parts, "  ")
}

func (r *Row) result() string {
	s := string(r.Action)
	if r.Priority > 0 {
		s += fmt.Sprintf("  priority %d", r.Priority)
	}
	if r.DueDays > 0 {
		s += fmt.Sprintf("  due in %d d", r.DueDays)
	}
	for _, f := range r.Fixes {
		s += "  " + string(f)
	}
	if r.Query {
		s += "  after a query"
	}
	return s
}

// of lists the words of a set.
func (d dimension) of(set uint32) []string {
	var list []string
	for i, w := range d.words {
		if set&(1<<i) != 0 {
			list = append(list, w)
		}
	}
	return list
}
