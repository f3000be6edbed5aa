//go:build crashpoints

package store

import (
	"context"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tieout/internal/crashpoint"
	"tieout/internal/paycore"
	"tieout/schemas"
)

// tryFix applies a fix and dies at the n-th crash point (-1: nowhere). It
// reports the points that it passed and whether it died.
func tryFix(t *testing.T, db *DB, f schemas.Fix, n int) (points []string, died bool) {
	t.Helper()
	return crashpoint.Until(n, func() {
		if _, err := db.ApplyFix(context.Background(), f); err != nil {
			t.Fatal(err)
		}
	})
}

func TestFaultL1_CrashBeforeAndAfterEachStepOfAFix(t *testing.T) {
	ready := func() *DB {
		db, core := testBooks(t)
		do(t, core, paycore.Done, pay("P1", 10000))
		return db
	}
	reference := ready()
	points, _ := tryFix(t, reference, missed(), -1)
	for _, want := range []string{"apply.begin", "apply.key", "apply.rows", "apply.journal", "apply.commit", "apply.done"} {
		if !slices.Contains(points, want) {
			t.Errorf("the point %s is not there", want)
		}
	}
	want := state(t, reference)
	for first := range points {
		for second := -1; second < len(points); second++ { // a second crash, in the recovery
			db := ready()
			empty := state(t, db)
			if _, died := tryFix(t, db, missed(), first); !died {
				t.Fatalf("no crash at point %d", first)
			}
			if points[first] != "apply.done" {
				if diff := cmp.Diff(empty, state(t, db)); diff != "" {
					t.Errorf("a crash at %s left something behind:\n%s", points[first], diff)
				}
			}
			tryFix(t, db, missed(), second)
			tryFix(t, db, missed(), -1)
			if diff := cmp.Diff(want, state(t, db)); diff != "" {
				t.Errorf("crash at %s, then at %d: another end state:\n%s", points[first], second, diff)
			}
			checkBooks(t, db)
		}
	}
}
