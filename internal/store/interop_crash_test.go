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

// clearOnce pays an organisation, as people would who say the same commands
// until they have nothing left to do.
func (w *clearingWorld) clearOnce() {
	w.pays("chen") //nolint:errcheck // said again after a crash, it is refused
	w.pays("wang") //nolint:errcheck // so is this
	if _, _, err := w.db.StartPayouts(context.Background(), "icbc", clearingDate+1, Machine); err != nil {
		w.Fatal(err)
	}
	for range 2 {
		if _, err := w.db.HearPayout(context.Background(), settlement.Answer{Number: "I20261119-nucc-CNY-1", State: settlement.Paid, AmountMinor: 3000, Currency: "CNY"}, "chen", nil); err != nil {
			w.Fatal(err)
		}
	}
}

// tryClear dies at the n-th crash point (-1: nowhere).
func (w *clearingWorld) tryClear(n int) (points []string, died bool) {
	return crashpoint.Until(n, func() {
		w.clearOnce()
	})
}

func TestInteropPayment_CrashAtEveryStep(t *testing.T) {
	ready := func() *clearingWorld {
		w := newClearingWorld(t)
		w.trade("T1", 3000)
		return w
	}
	reference := ready()
	points, _ := reference.tryClear(-1)
	for _, want := range []string{"settle.payout.begin", "settle.interop.journal", "settle.payout.commit", "settle.interop.answer", "settle.result.done"} {
		if !slices.Contains(points, want) {
			t.Errorf("the point %s is not there", want)
		}
	}
	reference.owes(0, 0, 3000)
	want := settled(t, reference.db)
	for n := range points {
		w := ready()
		if _, died := w.tryClear(n); !died {
			t.Fatalf("no crash at point %d", n)
		}
		checkBooks(t, w.db)
		w.tryClear(-1)
		if diff := cmp.Diff(want, settled(t, w.db)); diff != "" {
			t.Errorf("crash at %s: another end:\n%s", points[n], diff)
		}
		w.owes(0, 0, 3000)
	}
}
