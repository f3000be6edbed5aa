package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A million rows on each side, in one run, in bounded memory, every planted
// difference found and no other.
func TestT15_AMillionRowsEachSide(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute; run without -short")
	}
	m := measurement{rows: 1_000_000, runs: 1, limit: 512 << 20, work: t.TempDir()}
	if err := m.day(); err != nil {
		t.Fatal(err)
	}
}

// What a peer says is held to the truth as our own answer is.
func TestPeers_CountsAreChecked(t *testing.T) {
	dir := t.TempDir()
	truth := `{"channel_only":2,"local_only":1,"amount_mismatch":3,"missed_notification":4,"carried_forward":5,"matched":100}`
	if err := os.WriteFile(filepath.Join(dir, "truth.json"), []byte(truth), 0o600); err != nil {
		t.Fatal(err)
	}
	m := measurement{data: dir}
	for said, right := range map[string]bool{
		"match 3.2\n" + `[["channel_only","2"],["local_only","1"],["amount_mismatch","3"],["missed_notification","4"],["carried_forward","5"]]`:       true,
		"match 3.2\n[\"channel_only\", 2]\n[\"local_only\", 1]\n[\"amount_mismatch\", 3]\n[\"missed_notification\", 4]\n[\"carried_forward\", 5]\n\n": true,
		"match 3.2\n" + `[["channel_only","2"],["local_only","1"],["amount_mismatch","3"],["missed_notification","4"],["carried_forward","6"]]`:       false,
		"match 3.2\n" + `[["channel_only","2"],["local_only","1"],["amount_mismatch","3"],["missed_notification","4"]]`:                               false,
		"match 3.2\n": false,
	} {
		if err := m.checkCounts([]byte(said)); (err == nil) != right {
			t.Errorf("%s: %v", said, err)
		}
	}
}

// The medians stand between the marks of the page, and nothing else changes.
func TestInsert_BetweenItsMarks(t *testing.T) {
	page := filepath.Join(t.TempDir(), "page.md")
	if err := os.WriteFile(page, []byte("a\n<!-- peers 10 -->\nold\n<!-- /peers 10 -->\n<!-- peers 100 -->\nstays\n<!-- /peers 100 -->\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	all := []result{{wall: 3 * time.Second, peak: 30}, {wall: time.Second, peak: 20}, {wall: 2 * time.Second, peak: 10}}
	r := median(all)
	if r.wall != 2*time.Second || r.peak != 20 {
		t.Errorf("medians %v, %d", r.wall, r.peak)
	}
	if err := insert(page, "peers 10", r.wall.String()); err != nil {
		t.Fatal(err)
	}
	body, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if want := "a\n<!-- peers 10 -->\n2s\n<!-- /peers 10 -->\n<!-- peers 100 -->\nstays\n<!-- /peers 100 -->\n"; string(body) != want {
		t.Errorf("got %s", body)
	}
	if err := insert(page, "nights", ""); err == nil {
		t.Error("a page without the marks is accepted")
	}
}

// Of several runs the best counts, and a database that was not measured has no
// line.
func TestExports_TableOfTheBenchmarks(t *testing.T) {
	out := `BenchmarkExportCore/source=core/read=export/rows=1000000-2   1   4000000000 ns/op   5600 cpu-ns/row   9 B/op
BenchmarkExportCore/source=core/read=export/rows=1000000-2   1   3000000000 ns/op   5600 cpu-ns/row
BenchmarkExportCore/source=core/read=bare/rows=1000000-2   1   2000000000 ns/op   3200 cpu-ns/row
BenchmarkExportSQL/source=postgres/read=bare/rows=1000000-2   1   2000000000 ns/op   3200 cpu-ns/row
`
	table := exportTable(out, 2)
	if !strings.Contains(table, "1000000 rows, the best of 2 runs") || !strings.Contains(table, "| the built-in core | 3.00 | 2.00 | 1.50 | 1.75 |") || strings.Contains(table, "PostgreSQL") {
		t.Error(table)
	}
}
