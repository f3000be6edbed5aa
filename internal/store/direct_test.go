package store

import (
	"context"
	"database/sql"
	"errors"
	"testing"

	"tieout/internal/paycore"
)

// What the driver is asked directly is what database/sql gets through the same
// transaction, of each type that the program puts in and takes out.
func TestDirectIsAsThroughTheTransaction(t *testing.T) {
	type row struct {
		text, empty string
		state       paycore.State
		big         int64
		small       int
		yes, no     bool
		known, null sql.NullInt64
		blob        string
	}
	db, _ := testBooks(t)
	err := db.tx(context.Background(), func(tx *sql.Tx) error {
		if _, err := tx.Exec(`CREATE TEMP TABLE kinds (i, a, b, c, d, e, f, g, h, j, k, l)`); err != nil {
			return err
		}
		direct := db.books(context.Background(), tx)
		through := newBooks(context.Background(), tx)
		if direct.direct == nil || through.direct != nil {
			t.Fatal("the two are not what they should be")
		}
		want := row{"it's ?, $1", "", paycore.Success, 1 << 62, -3, true, false, nullable(7, true), nullable(0, false), "\x00raw"}
		for i, b := range []*books{direct, through} {
			n, err := b.exec(`INSERT INTO kinds (i, a, b, c, d, e, f, g, h, j, k, l) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, CAST($11 AS TEXT), $12)`,
				i, want.text, want.empty, want.state, want.big, want.small, want.yes, want.no, want.known, want.null, []byte(want.blob), orNull(""))
			if err != nil || n != 1 {
				t.Errorf("%d: added %d rows, %v", i, n, err)
			}
		}
		for i := range 2 {
			for j, b := range []*books{direct, through} {
				var got row
				found, err := b.one(`SELECT a, b, c, d, e, f, g, h, j, k FROM kinds WHERE i = $1 AND l IS NULL AND k = $2`, []any{i, want.blob},
					&got.text, &got.empty, &got.state, &got.big, &got.small, &got.yes, &got.no, &got.known, &got.null, &got.blob)
				if err != nil || !found || got != want {
					t.Errorf("row %d read by %d: %v, %v, %+v; want %+v", i, j, found, err, got, want)
				}
			}
		}
		for i, b := range []*books{direct, through} {
			var text string
			var n int64
			if found, err := b.one(`SELECT a FROM kinds WHERE i = 2`, nil, &text); found || err != nil {
				t.Errorf("%d: a row that is not there: %v, %v", i, found, err)
			}
			for query, into := range map[string]any{
				`SELECT a, b FROM kinds`:           &text, // more than was asked for
				`SELECT j FROM kinds`:              &text, // NULL
				`SELECT a FROM kinds`:              &n,    // not a number
				`SELECT a FROM kinds WHERE i = $2`: &text, // no such argument
				`SELECT a FROM nobody`:             &text,
			} {
				if _, err := b.one(query, []any{0}, into); err == nil {
					t.Errorf("%d: %s was read", i, query)
				}
			}
			if _, err := b.exec(`INSERT INTO kinds (i) VALUES ($1)`, struct{}{}); err == nil {
				t.Errorf("%d: a value of no type was taken", i)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A query whose rows are still open is asked again with a statement of its own.
func TestDirectDoesNotShareAStatementInUse(t *testing.T) {
	db, _ := testBooks(t)
	const query = `SELECT $1 UNION ALL SELECT $1 + 1`
	err := db.tx(context.Background(), func(tx *sql.Tx) error {
		b := db.books(context.Background(), tx)
		outer, err := tx.Query(query, 1)
		if err != nil {
			return err
		}
		defer outer.Close()
		for want := 1; outer.Next(); want++ {
			var got, inner int
			found, err := b.one(query, []any{70}, &inner)
			if err := errors.Join(outer.Scan(&got), err); err != nil {
				return err
			}
			if got != want || inner != 70 || !found {
				t.Errorf("got %d and %d, want %d and 70", got, inner, want)
			}
		}
		return outer.Err()
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Whoever gave up in the middle of a transaction asks nothing more.
func TestDirectEndsWithItsCaller(t *testing.T) {
	db, _ := testBooks(t)
	ctx, cancel := context.WithCancel(context.Background())
	err := db.tx(ctx, func(tx *sql.Tx) error {
		b := db.books(ctx, tx)
		if _, err := b.one(`SELECT 1`, nil, new(int)); err != nil {
			t.Error(err)
		}
		cancel()
		if _, err := b.one(`SELECT 1`, nil, new(int)); !errors.Is(err, context.Canceled) {
			t.Errorf("asked: %v", err)
		}
		_, err := b.exec(`INSERT INTO ledger_account (name, type) VALUES ('late', 'ASSET')`)
		return err
	})
	if got := accounts(t, db); !errors.Is(err, context.Canceled) || len(got) != 0 {
		t.Errorf("got %v, and %v is there", err, got)
	}
}

// A query whose caller gives up is closed by a goroutine of database/sql: not in
// the middle of a statement that is asked directly.
func TestDirectBesideAQueryThatIsGivenUp(t *testing.T) {
	db, _ := testBooks(t)
	for range 500 {
		err := db.tx(context.Background(), func(tx *sql.Tx) error {
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			rows, err := tx.QueryContext(ctx, `SELECT 1 UNION ALL SELECT 2`)
			if err != nil {
				return err
			}
			defer rows.Close()
			cancel()
			b := db.books(context.Background(), tx)
			for want := range 100 {
				var got int
				if _, err := b.one(`SELECT $1 + 0`, []any{want}, &got); err != nil || got != want {
					t.Errorf("got %d, %v, want %d", got, err, want)
				}
			}
			if err := rows.Err(); err != nil && !errors.Is(err, context.Canceled) {
				return err
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestPositional(t *testing.T) {
	for query, want := range map[string]string{
		`SELECT 1`:                         `SELECT 1`,
		`VALUES ($1, $2)`:                  `VALUES (?, ?)`,
		`$1 $2 $3 $4 $5 $6 $7 $8 $9 $10`:   `? ? ? ? ? ? ? ? ? ?`,
		`SELECT $10`:                       `SELECT $10`,
		`SELECT $2, $1`:                    `SELECT $2, $1`,
		`SELECT $1, $1`:                    `SELECT $1, $1`,
		`SELECT $1, $3`:                    `SELECT $1, $3`,
		`SELECT $1, $name`:                 `SELECT $1, $name`,
		`SELECT x->>'$.a' WHERE x = $1`:    `SELECT x->>'$.a' WHERE x = $1`,
		`UPDATE t SET a = $1 WHERE b = $2`: `UPDATE t SET a = ? WHERE b = ?`,
	} {
		if got := positional(query); got != want {
			t.Errorf("%s: got %s, want %s", query, got, want)
		}
	}
}
