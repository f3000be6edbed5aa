//go:build crashpoints

package store

import (
	"context"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tieout/internal/crashpoint"
	"tieout/internal/settlement"
)

// splitOnce splits an order among more receivers than one page takes, has two
// shares returned and releases the rest, as a merchant would who repeats what
// had no answer.
func splitOnce(w *splitWorld, shares []settlement.SplitShare) {
	ctx := context.Background()
	w.must(w.split("S1", true, shares...))
	w.work()
	for _, number := range []string{"B1", "B2"} {
		if _, err := w.db.ReturnSplit(ctx, "M01", number, "S1", "V0000"+number[1:], 1); err != nil {
			w.Fatal(err)
		}
	}
}

func trySplit(w *splitWorld, shares []settlement.SplitShare, n int) (points []string, died bool) {
	return crashpoint.Until(n, func() {
		splitOnce(w, shares)
	})
}

// left is what a split leaves behind.
func left(w *splitWorld) map[string]int64 {
	got := map[string]int64{}
	for name, query := range map[string]string{"owed": `SELECT -SUM(amount_minor) FROM posting WHERE account = 'payable:M01'`,
		"received": `SELECT -SUM(amount_minor) FROM posting WHERE account LIKE 'wallet:V%'`, "journal": `SELECT COUNT(*) FROM journal`,
		"success": `SELECT COUNT(*) FROM split_share WHERE state = 'SUCCESS'`, "returned": `SELECT SUM(returned_minor) FROM split_share`,
		"notices": `SELECT COUNT(*) FROM outbox`, "history": `SELECT COUNT(*) FROM split_event`, "released": `SELECT COUNT(*) FROM split_hold WHERE state = 'RELEASED'`} {
		var n int64
		if err := w.db.sql.QueryRow(query).Scan(&n); err != nil {
			w.Fatal(err)
		}
		got[name] = n
	}
	return got
}

func TestSplit_CrashAtEveryStep(t *testing.T) {
	ready := func() (*splitWorld, []settlement.SplitShare) {
		w := newSplitWorld(t)
		return w, manyReceivers(t, w.db, w.core, splitPage+2)
	}
	reference, shares := ready()
	points, _ := trySplit(reference, shares, -1)
	for _, want := range []string{"split.commit", "split.page", "split.page.commit", "split.page.done", "split.return.commit"} {
		if !slices.Contains(points, want) {
			t.Errorf("the point %s is not there", want)
		}
	}
	want := left(reference)
	if want["success"] != splitPage+2 || want["received"] != splitPage || want["returned"] != 2 {
		t.Fatalf("the reference is no split: %v", want)
	}
	for first := range points {
		w, shares := ready()
		if _, died := trySplit(w, shares, first); !died {
			t.Fatalf("no crash at point %d", first)
		}
		checkBooks(t, w.db)
		trySplit(w, shares, -1)
		if diff := cmp.Diff(want, left(w)); diff != "" {
			t.Errorf("crash at %s: another end:\n%s", points[first], diff)
		}
		checkBooks(t, w.db)
	}
}
