package store

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"golang.org/x/sync/errgroup"

	"tieout/internal/paycore"
)

// A copy that is made while others write is one moment of the books: whole,
// with all that was there before it was begun. A second process works on the
// same file meanwhile.
func TestFaultS5_CopyAndSecondProcessWhileOthersWrite(t *testing.T) {
	ctx := t.Context()
	db, core := testBooks(t)
	second, err := Open(ctx, db.path, db.now, false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { second.Close() })
	rates := paycore.Rates{"wechat": {"wechat-main": {PPM: 6000, RefundsReturn: true}}}
	do(t, core, paycore.Done, pay("BEFORE", 100), paidBy("BEFORE", 100))
	var writers errgroup.Group
	ended := make(chan struct{})
	for i, c := range []*paycore.Core{core, paycore.New(second, rates, db.now)} {
		writers.Go(func() error { return payUntil(ctx, c, fmt.Sprintf("W%d-", i), ended) })
	}
	for i := range 5 {
		path := filepath.Join(t.TempDir(), fmt.Sprintf("copy%d.db", i))
		if err := db.Backup(ctx, path); err != nil {
			t.Fatal(err)
		}
		copied, err := Open(ctx, path, db.now, false)
		if err != nil {
			t.Fatal(err)
		}
		checkBooks(t, copied)
		var sound string
		if err := copied.sql.QueryRowContext(ctx, `PRAGMA integrity_check`).Scan(&sound); err != nil || sound != "ok" {
			t.Errorf("integrity_check: %s, %v", sound, err)
		}
		if p, err := copied.Payment(ctx, "BEFORE"); err != nil || p == nil || p.State != paycore.Success {
			t.Errorf("the copy lacks what was there: %+v, %v", p, err)
		}
		if err := copied.Close(); err != nil {
			t.Fatal(err)
		}
	}
	close(ended)
	if err := writers.Wait(); err != nil {
		t.Fatal(err)
	}
	checkBooks(t, db)
}

// payUntil has payments paid until it is told that it ends.
func payUntil(ctx context.Context, core *paycore.Core, prefix string, ended <-chan struct{}) error {
	for i := 0; ; i++ {
		select {
		case <-ended:
			return nil
		default:
		}
		no := fmt.Sprintf("%s%d", prefix, i)
		results, err := core.Do(ctx, pay(no, 100), paidBy(no, 100))
		if err != nil {
			return err
		}
		for _, r := range results {
			if r.Effect != paycore.Done {
				return fmt.Errorf("%s: %s %s", no, r.Effect, r.Reason)
			}
		}
	}
}
