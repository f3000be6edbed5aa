package pipeline_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pressly/goose/v3"

	"tieout/internal/fault"
	"tieout/internal/store"
	"tieout/schemas/migrations"
)

// A database that a newer program wrote is not touched.
func TestFaultS6_NewerSchema(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	busyDays(w)
	w.runAll(day1)
	path := filepath.Join(w.dir, "tieout.db")
	w.exec(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, 1)`)
	before := w.state()
	for _, migrate := range []bool{false, true} {
		if _, err := store.Open(ctx, path, w.now, migrate); idOf(err) != "E-4301" || fault.Of(err).Exit() != 43 {
			t.Errorf("open, migrate %v: %v", migrate, err)
		}
	}
	if _, err := store.Migrate(ctx, path, path+".backup", w.now); idOf(err) != "E-4301" {
		t.Errorf("migrate: %v", err)
	}
	if _, err := os.Stat(path + ".backup"); err == nil {
		t.Error("a refused migration wrote a backup")
	}
	wantState(t, "a refused database", before, w.state())
}

// A database of an older program is migrated when somebody asks for it, after a
// backup. A migration that was killed between two steps leaves an older schema
// or the new one, and asking again finishes it with the same result.
func TestFaultS6_OlderSchema(t *testing.T) {
	ctx := context.Background()
	w := newWorld(t)
	w.close()
	want := schemaOf(t, filepath.Join(w.dir, "tieout.db"))
	for version := int64(1); version < int64(strings.Count(want, "goose version")); version++ {
		t.Run(fmt.Sprintf("from_%d", version), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "tieout.db")
			olderDatabase(t, path, version)
			_, err := store.Open(ctx, path, w.now, false)
			if f := fault.Of(err); f == nil || f.ID != "E-4302" || f.Exit() != 43 || !strings.Contains(f.Message(fault.English), "tieout migrate") {
				t.Fatalf("open: %v", err)
			}
			// What a killed backup left is in nobody's way.
			if err := os.WriteFile(path+".backup.part", []byte("half a copy"), 0o600); err != nil {
				t.Fatal(err)
			}
			if made, err := store.Migrate(ctx, path, path+".backup", w.now); err != nil || !made {
				t.Fatalf("migrate: %v, backup %v", err, made)
			}
			if got := schemaOf(t, path); got != want {
				t.Errorf("the migrated schema is\n%s\nwant\n%s", got, want)
			}
			for _, file := range []string{path, path + ".backup"} {
				if got := firstRun(t, file); got != "a.20261120.a0001" {
					t.Errorf("%s holds the run %q", filepath.Base(file), got)
				}
			}
			if _, err := store.Open(ctx, path+".backup", w.now, false); idOf(err) != "E-4302" {
				t.Errorf("the backup is not of the old schema: %v", err)
			}
			if made, err := store.Migrate(ctx, path, path+".backup2", w.now); err != nil || made {
				t.Errorf("a second migration: %v, backup %v", err, made)
			}
		})
	}
}

// olderDatabase is what a program of that schema version left, with one run.
func olderDatabase(t *testing.T, path string, version int64) {
	t.Helper()
	db := openSQL(t, path)
	p, err := goose.NewProvider(goose.DialectSQLite3, db, migrations.Files, goose.WithLogger(goose.NopLogger()))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.UpTo(context.Background(), version); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(`INSERT INTO run (id, account, bill_date, attempt, state, started_at) VALUES ('a.20261120.a0001', 'a', '2026-11-20', 1, 'RUNNING', 1)`); err != nil {
		t.Fatal(err)
	}
}

func openSQL(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// schemaOf is the text of all tables, indexes and triggers, and the versions.
func schemaOf(t *testing.T, path string) string {
	t.Helper()
	db := openSQL(t, path)
	lines := texts(t, db, `SELECT coalesce(sql, name) FROM sqlite_master ORDER BY type, name`)
	lines = append(lines, texts(t, db, `SELECT 'goose version ' || version_id FROM goose_db_version WHERE version_id > 0 ORDER BY version_id`)...)
	return strings.Join(lines, "\n")
}

func firstRun(t *testing.T, path string) string {
	t.Helper()
	return strings.Join(texts(t, openSQL(t, path), `SELECT id FROM run`), " ")
}
