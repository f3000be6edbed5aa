package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"testing"

	"tieout/internal/paycore"
)

// keptBy returns how many statements the connection of the writer keeps.
func keptBy(t *testing.T, db *DB) (n int) {
	t.Helper()
	c, err := db.writer.Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Raw(func(c any) error { n = len(c.(*connection).kept); return nil }); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestStatementsAreKept(t *testing.T) {
	db, core := testBooks(t)
	do(t, core, paycore.Done, pay("P1", 100), paidBy("P1", 100))
	first := keptBy(t, db)
	for i := range 5 {
		do(t, core, paycore.Done, pay(fmt.Sprint("Q", i), 100), paidBy(fmt.Sprint("Q", i), 100))
	}
	if n := keptBy(t, db); first == 0 || n != first {
		t.Errorf("kept %d statements after one payment, %d after six", first, n)
	}
	for i := range 2 * keptStatements {
		var got int
		if err := db.writer.QueryRow(fmt.Sprintf("SELECT %d", i)).Scan(&got); err != nil || got != i {
			t.Fatalf("got %d, %v; want %d", got, err, i)
		}
	}
	if n := keptBy(t, db); n != keptStatements {
		t.Errorf("kept %d statements, want %d", n, keptStatements)
	}
}

// A query that is read while it is asked again does not share its statement.
func TestStatementInUseIsNotShared(t *testing.T) {
	db, _ := testBooks(t)
	const query = `SELECT $1 UNION ALL SELECT $1 + 1`
	err := db.tx(context.Background(), func(tx *sql.Tx) error {
		outer, err := tx.Query(query, 1)
		if err != nil {
			return err
		}
		defer outer.Close()
		for want := 1; outer.Next(); want++ {
			var got, inner int
			if err := errors.Join(outer.Scan(&got), tx.QueryRow(query, 70).Scan(&inner)); err != nil {
				return err
			}
			if got != want || inner != 70 {
				t.Errorf("got %d and %d, want %d and 70", got, inner, want)
			}
		}
		return outer.Err()
	})
	if err != nil {
		t.Fatal(err)
	}
}

// ending cancels its context in the middle of a transaction.
type ending struct {
	paycore.CreatePayment
	end context.CancelFunc
}

func (c ending) Decide(v paycore.View) (*paycore.Change, paycore.Result) {
	c.end()
	return c.CreatePayment.Decide(v)
}

func TestCancelledTransactionLeavesNothing(t *testing.T) {
	db, core := testBooks(t)
	ctx, cancel := context.WithCancel(context.Background())
	_, err := db.Execute(ctx, []paycore.Command{pay("P1", 100), ending{pay("P2", 100), cancel}, pay("P3", 100)})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	for _, no := range []string{"P1", "P2", "P3"} {
		if p, err := db.Payment(context.Background(), no); p != nil || err != nil {
			t.Errorf("%s: got %+v, %v", no, p, err)
		}
	}
	do(t, core, paycore.Done, pay("P1", 100), pay("P2", 100), pay("P3", 100))
}

// A transaction that waits for another one stops waiting when it is told to.
func TestWaitingTransactionCanBeCancelled(t *testing.T) {
	db, core := testBooks(t)
	err := db.tx(context.Background(), func(*sql.Tx) error {
		ctx, cancel := context.WithCancel(context.Background())
		got := make(chan error)
		go func() {
			_, err := core.Do(ctx, pay("P1", 100))
			got <- err
		}()
		cancel()
		if err := <-got; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
