package resolve

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tieout/schemas"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func load(t testing.TB) *Table {
	t.Helper()
	table, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// indifferent are the dimensions that no check below looks at.
var indifferent = []int{dimRule, dimRate, dimLate, dimSplit, dimBlind}

// walk calls visit with every combination of the values of all dimensions,
// also the unknown ones. An indifferent dimension that no row of the kind and
// class has a condition on stays at one value: nothing could tell the others
// apart.
func walk(table *Table, visit func(f facts)) {
	var f facts
	all := everything()
	var turn func(d int)
	turn = func(d int) {
		if d == dims {
			visit(f)
			return
		}
		for v := range dimensions[d].words {
			if v > 0 && slices.Contains(indifferent, d) && !slices.ContainsFunc(table.index[f[dimKind]][f[dimClass]], func(i int) bool { return table.rows[i].when[d] != all[d] }) {
				break
			}
			f[d] = uint8(v)
			turn(d + 1)
		}
	}
	turn(0)
}

func word(f facts, d int) string { return dimensions[d].words[f[d]] }

func describe(f facts) string {
	parts := make([]string, dims)
	for d := range dims {
		parts[d] = dimensions[d].name + "=" + word(f, d)
	}
	return strings.Join(parts, " ")
}

// Every combination of every value has a cell, every cell is reached, and no
// combination gets more than its facts carry.
func TestFaultM06_EveryCombinationHasACell(t *testing.T) {
	table := load(t)
	reached := map[string]int{}
	var n, failures int
	fail := func(f facts, r *Row, why string) {
		if failures++; failures <= 20 {
			t.Errorf("%s: cell %s %s: %s", why, r.Cell, r.Action, describe(f))
		}
	}
	walk(table, func(f facts) {
		n++
		r := table.find(f)
		reached[r.Cell]++
		class := schemas.Class(f[dimClass])
		local, channel := word(f, dimLocal), word(f, dimChannel)
		switch r.Action {
		case schemas.ActionMatch:
			if f[dimClass] == 0 || class.Break() {
				fail(f, r, "a break is accepted without anybody")
			}
		case schemas.ActionCarry:
			if class != schemas.LocalInTransit && class != schemas.ChannelInTransit {
				fail(f, r, "something is carried that is not in transit")
			}
		case schemas.ActionAuto:
			if f[dimAmount] == amountDiffers {
				fail(f, r, "amounts differ and yet it fixes by itself")
			}
			if local == "absent" || local == "?" || channel == "?" {
				fail(f, r, "a fix by itself without a known state")
			}
			switch r.Fixes[0] {
			case schemas.FixSetSuccess:
				if channel != "SUCCESS" || f[dimAmount] != amountEqual || local != "UNKNOWN" && local != "FAILED" {
					fail(f, r, "SET_SUCCESS by itself without the channel's success")
				}
				if word(f, dimRepaid) == "yes" && word(f, dimKind) == "PAYMENT" {
					fail(f, r, "SET_SUCCESS by itself on an order that is paid")
				}
			case schemas.FixSetClosed:
				if channel == "SUCCESS" || channel == "REVERSED" || word(f, dimAnswer) == "SUCCESS" || local != "UNKNOWN" {
					fail(f, r, "SET_CLOSED by itself although money moved")
				}
			case schemas.FixAdjustFee:
				if local != "SUCCESS" || channel != "SUCCESS" || f[dimAmount] != amountEqual {
					fail(f, r, "a fee is changed of a payment that does not agree")
				}
			}
		case schemas.ActionManual:
		default:
			fail(f, r, "no such action")
		}
		if (local == "?" || channel == "?") && class.Break() && r.Action != schemas.ActionManual {
			fail(f, r, "an unknown state is not looked at by people")
		}
	})
	if n < 500_000 {
		t.Errorf("only %d combinations", n)
	}
	for _, r := range table.Rows() {
		if reached[r.Cell] == 0 {
			t.Errorf("cell %s is never reached", r.Cell)
		}
	}
	t.Logf("%d combinations, %d cells", n, len(reached))
}

// The table as people read it.
func TestTableGolden(t *testing.T) {
	golden(t, "table.golden", load(t).Text())
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}
