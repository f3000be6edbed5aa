//go:build crashpoints

package store

import (
	"context"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tieout/internal/crashpoint"
	"tieout/internal/paycore"
	"tieout/internal/settlement"
)

// settleOnce takes a day from its items to a paid batch, as a person would who
// says the same commands until they have nothing left to do.
func settleOnce(t *testing.T, db *DB) {
	t.Helper()
	ctx := context.Background()
	c := night(t, db, billDay)
	collectAll(t, db, c)
	b, err := db.Batch(ctx, firstBatch)
	if err != nil {
		t.Fatal(err)
	}
	if b.State == settlement.Collecting {
		if b.Batch, _, err = db.CheckBatch(ctx, firstBatch, "chen", c); err != nil {
			t.Fatal(err)
		}
	}
	if b.State == settlement.Checked {
		if b.Batch, err = db.ApproveBatch(ctx, firstBatch, b.Digest, "wang", c); err != nil {
			t.Fatal(err)
		}
	}
	started(t, db, billDay+10)
	hear(t, db, firstBatch+"-1", settlement.Paid)
}

// trySettle dies at the n-th crash point (-1: nowhere).
func trySettle(t *testing.T, db *DB, n int) (points []string, died bool) {
	t.Helper()
	return crashpoint.Until(n, func() {
		settleOnce(t, db)
	})
}

// settled is what a settlement leaves behind.
func settled(t *testing.T, db *DB) map[string]int64 {
	t.Helper()
	list, err := db.Balances(context.Background(), "")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int64{}
	for _, b := range list {
		got[b.Account] = b.Minor
	}
	for name, query := range map[string]string{"entries": `SELECT COUNT(*) FROM clearing_entry`, "payouts": `SELECT COUNT(*) FROM payout`,
		"files": `SELECT COUNT(*) FROM payout_file`, "journal": `SELECT COUNT(*) FROM journal`, "notices": `SELECT COUNT(*) FROM outbox`,
		"history": `SELECT COUNT(*) FROM settlement_event`} {
		var n int64
		if err := db.sql.QueryRow(query).Scan(&n); err != nil {
			t.Fatal(err)
		}
		got[name] = n
	}
	return got
}

func TestFaultB5_CrashAtEveryStepOfASettlement(t *testing.T) {
	ready := func() *DB {
		db, core := testBooks(t)
		do(t, core, paycore.Done, paidAt("P1", 10000)...)
		do(t, core, paycore.Done, paidAt("P2", 777)...)
		do(t, core, paycore.Done, refundOf("R1", "P1", 1, at(13, 0, 0))...)
		return db
	}
	reference := ready()
	points, _ := trySettle(t, reference, -1)
	for _, want := range []string{"settle.collect.page", "settle.collect.commit", "settle.collect.done", "settle.check.commit", "settle.approve.state",
		"settle.approve.commit", "settle.payout.file", "settle.payout.journal", "settle.payout.commit", "settle.payout.done", "settle.result.journal", "settle.result.commit"} {
		if !slices.Contains(points, want) {
			t.Errorf("the point %s is not there", want)
		}
	}
	want := settled(t, reference)
	if want["payouts"] != 1 || want["bank:icbc"] >= 0 {
		t.Fatalf("the reference is no settlement: %v", want)
	}
	for first := range points {
		for _, second := range []int{-1, first, len(points) / 2} { // a second crash, in the recovery
			db := ready()
			if _, died := trySettle(t, db, first); !died {
				t.Fatalf("no crash at point %d", first)
			}
			checkBooks(t, db)
			trySettle(t, db, second)
			trySettle(t, db, -1)
			if diff := cmp.Diff(want, settled(t, db)); diff != "" {
				t.Errorf("crash at %s, then at %d: another end:\n%s", points[first], second, diff)
			}
			checkBooks(t, db)
		}
	}
}
