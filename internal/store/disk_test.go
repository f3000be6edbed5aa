package store

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tieout/internal/fault"
)

func fixedClock() time.Time { return time.Date(2026, 11, 21, 2, 0, 0, 0, time.UTC) }

// A disk that is full is told apart from a defect of the program, and a
// database that takes no more pages loses nothing that it had.
func TestFaultS1_FullDatabase(t *testing.T) {
	ctx := context.Background()
	db, err := Open(ctx, filepath.Join(t.TempDir(), "tieout.db"), fixedClock, true)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.writer.ExecContext(ctx, `PRAGMA max_page_count = 1`); err != nil {
		t.Fatal(err) // never less than what is there
	}
	for i := 0; i < 10_000 && err == nil; i++ {
		_, err = db.AddAlert(ctx, "ops", "shop", "2026-11-20", strings.Repeat("x", 1000))
	}
	if f := fault.Of(err); f.ID != "E-4101" || !strings.Contains(f.Message(fault.English), "tieout.db") {
		t.Fatalf("a full database gives %v", err)
	}
}

func TestFaultS4_DamagedDatabase(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "tieout.db")
	db, err := Open(ctx, path, fixedClock, true)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	body, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	copy(body, "this is not a database any more")
	if err := os.WriteFile(path, body, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = Open(ctx, path, fixedClock, false)
	if f := fault.Of(err); f.ID != "E-4202" || f.Exit() != 42 {
		t.Fatalf("a damaged database gives %v", err)
	}
}
