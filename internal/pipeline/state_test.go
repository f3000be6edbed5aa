package pipeline_test

import (
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	_ "modernc.org/sqlite" // the store's driver, to read its tables from outside
)

// state is everything that a night leaves behind: each row of each table, and
// the hash of each file of the lake and of the reports. Left out are leases and
// the log of fetch tries, which tell how often something was tried, and
// half-written files, which tempFiles lists.
func (w *world) state() map[string]string {
	w.t.Helper()
	all := map[string]string{}
	w.tables(all)
	for _, folder := range []string{filepath.Join("lake", "raw"), filepath.Join("lake", "runs"), "reports"} {
		hashTree(w.t, w.dir, folder, all)
	}
	return all
}

// tried is what the history of a case says of a fix that was found in the books
// because the process died before it wrote that down.
const tried = " (it was in the books)"

var uncounted = []string{"lease", "fetch_attempt", "goose_db_version", "sqlite_sequence"}

func (w *world) tables(all map[string]string) {
	w.t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(w.dir, "tieout.db")+"?_pragma=busy_timeout(10000)")
	if err != nil {
		w.t.Fatal(err)
	}
	defer db.Close()
	for _, name := range texts(w.t, db, `SELECT name FROM sqlite_master WHERE type = 'table'`) {
		if slices.Contains(uncounted, name) {
			continue
		}
		columns := texts(w.t, db, `SELECT name FROM pragma_table_info('`+name+`')`)
		quoted := make([]string, len(columns))
		for i, c := range columns {
			quoted[i] = `'` + c + `=' || quote("` + c + `")`
		}
		lines := texts(w.t, db, `SELECT `+strings.Join(quoted, ` || ' ' || `)+` FROM "`+name+`"`)
		slices.Sort(lines)
		for i, l := range lines {
			all[fmt.Sprintf("table %s %04d", name, i)] = strings.ReplaceAll(l, tried, "")
		}
	}
}

func texts(t testing.TB, db *sql.DB, query string) []string {
	t.Helper()
	rows, err := db.Query(query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// exec changes the database behind the program's back.
func (w *world) exec(query string, args ...any) {
	w.t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(w.dir, "tieout.db")+"?_pragma=busy_timeout(10000)")
	if err != nil {
		w.t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(query, args...); err != nil {
		w.t.Fatal(err)
	}
}

func hashTree(t testing.TB, root, folder string, all map[string]string) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(root, folder), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		sum := sha256.Sum256(body)
		all["file "+rel] = hex.EncodeToString(sum[:])
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
}

// tempFiles lists what lies half-written in the lake.
func (w *world) tempFiles() []string {
	w.t.Helper()
	var all []string
	root := filepath.Join(w.dir, "lake", "tmp")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(root, path)
		all = append(all, rel)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return all
}

// wantState compares two states and shows the first lines that differ.
func wantState(t testing.TB, what string, want, got map[string]string) {
	t.Helper()
	if maps.Equal(want, got) {
		return
	}
	keys := map[string]bool{}
	for k := range want {
		keys[k] = want[k] != got[k]
	}
	for k := range got {
		keys[k] = want[k] != got[k]
	}
	var b strings.Builder
	shown := 0
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		if keys[k] && shown < 12 {
			shown++
			fmt.Fprintf(&b, "  %s\n    want %.600s\n    got  %.600s\n", k, orDash(want[k]), orDash(got[k]))
		}
	}
	t.Errorf("%s: another end state:\n%s", what, b.String())
}

// results narrows a state to what people see of it: cases, books, current runs;
// not attempts and versions.
func results(state map[string]string, tables ...string) map[string]string {
	out := map[string]string{}
	for k, v := range state {
		for _, name := range tables {
			if strings.HasPrefix(k, "table "+name+" ") {
				out[k] = v
			}
		}
	}
	return out
}
