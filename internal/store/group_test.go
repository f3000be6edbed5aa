package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"tieout/internal/fault"
	"tieout/internal/paycore"
)

// crowd holds the writer while n transactions join the line, lets them go, and
// returns what became of each. A transaction that panics gives its value.
func crowd(t *testing.T, db *DB, n int, do func(i int, tx *sql.Tx) error) []error {
	t.Helper()
	outcome := make([]error, n)
	var all sync.WaitGroup
	hold, held := make(chan struct{}), make(chan struct{})
	all.Go(func() {
		if err := db.tx(context.Background(), func(*sql.Tx) error { close(held); <-hold; return nil }); err != nil {
			t.Error(err)
		}
	})
	<-held
	for i := range n {
		all.Go(func() {
			defer func() {
				if r := recover(); r != nil {
					outcome[i] = fmt.Errorf("panic: %v", r)
				}
			}()
			outcome[i] = db.tx(context.Background(), func(tx *sql.Tx) error { return do(i, tx) })
		})
	}
	for db.inLine() < n {
		runtime.Gosched()
	}
	close(hold)
	all.Wait()
	return outcome
}

func (db *DB) inLine() int {
	db.mu.Lock()
	defer db.mu.Unlock()
	return len(db.waiting)
}

// addAccount writes one row that tells who was there.
func addAccount(tx *sql.Tx, i int) error {
	_, err := tx.Exec(`INSERT INTO ledger_account (name, type) VALUES ($1, 'ASSET')`, fmt.Sprintf("account-%02d", i))
	return err
}

func accounts(t *testing.T, db *DB) (names []string) {
	t.Helper()
	rows, err := db.sql.Query(`SELECT name FROM ledger_account ORDER BY name`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return names
}

// survivors are the rows of everybody but the guilty.
func survivors(n int, guilty ...int) (names []string) {
	for i := range n {
		if !slices.Contains(guilty, i) {
			names = append(names, fmt.Sprintf("account-%02d", i))
		}
	}
	return names
}

func TestGroupSharesOneCommit(t *testing.T) {
	db, _ := testBooks(t)
	var mu sync.Mutex
	seen := map[*sql.Tx]int{}
	for i, err := range crowd(t, db, 64, func(i int, tx *sql.Tx) error {
		mu.Lock()
		seen[tx]++
		mu.Unlock()
		return addAccount(tx, i)
	}) {
		if err != nil {
			t.Errorf("%d: %v", i, err)
		}
	}
	if len(seen) != 1 {
		t.Errorf("64 transactions that waited together took %d commits", len(seen))
	}
	if got := accounts(t, db); !slices.Equal(got, survivors(64)) {
		t.Errorf("got %v", got)
	}
}

// One that fails, or panics, takes only its own writes with it.
func TestGroupOneFails(t *testing.T) {
	db, _ := testBooks(t)
	errMine := errors.New("mine alone")
	outcome := crowd(t, db, 64, func(i int, tx *sql.Tx) error {
		if err := addAccount(tx, i); err != nil {
			return err
		}
		switch i {
		case 17:
			return errMine
		case 40:
			panic("in the middle")
		}
		return nil
	})
	for i, err := range outcome {
		switch {
		case i == 17 && errors.Is(err, errMine):
		case i == 40 && err != nil && err.Error() == "panic: in the middle":
		case i != 17 && i != 40 && err == nil:
		default:
			t.Errorf("%d: got %v", i, err)
		}
	}
	if got := accounts(t, db); !slices.Equal(got, survivors(64, 17, 40)) {
		t.Errorf("got %v", got)
	}
}

// One that is refused before it wrote anything makes nobody run again.
func TestGroupOneIsRefused(t *testing.T) {
	db, _ := testBooks(t)
	var ran [64]atomic.Int64
	outcome := crowd(t, db, len(ran), func(i int, tx *sql.Tx) error {
		ran[i].Add(1)
		if i%8 == 5 {
			var n int
			return errors.Join(tx.QueryRow(`SELECT COUNT(*) FROM payment`).Scan(&n), errors.New("no"))
		}
		return addAccount(tx, i)
	})
	var refused []int
	for i, err := range outcome {
		if (err != nil) != (i%8 == 5) || ran[i].Load() != 1 {
			t.Errorf("%d ran %d times: %v", i, ran[i].Load(), err)
		}
		if err != nil {
			refused = append(refused, i)
		}
	}
	if got := accounts(t, db); !slices.Equal(got, survivors(64, refused...)) {
		t.Errorf("got %v", got)
	}
}

// What only the commit finds is the fault of one: the others are repeated. One
// that panicked is not: nobody is there to run it.
func TestGroupOneBreaksTheCommit(t *testing.T) {
	db, _ := testBooks(t)
	var ran [64]atomic.Int64
	outcome := crowd(t, db, 64, func(i int, tx *sql.Tx) error {
		ran[i].Add(1)
		if err := addAccount(tx, i); err != nil {
			return err
		}
		switch i {
		case 23: // a posting whose journal row never comes
			_, err := tx.Exec(`INSERT INTO posting (txn, leg, account, currency, amount_minor) VALUES ('nobody', 1, 'account-23', 'CNY', 1)`)
			return err
		case 40:
			panic("in the middle")
		}
		return nil
	})
	for i, err := range outcome {
		if guilty := i == 23 || i == 40; (err != nil) != guilty {
			t.Errorf("%d: got %v", i, err)
		}
		// Those before 40 in line ran once more: it had written, and took them with it.
		if n := ran[i].Load(); i != 40 && n != 2 && n != 3 {
			t.Errorf("%d ran %d times, want 2 or 3", i, n)
		}
	}
	if ran[40].Load() != 1 {
		t.Errorf("the one that panicked ran %d times", ran[40].Load())
	}
	if got := accounts(t, db); !slices.Equal(got, survivors(64, 23, 40)) {
		t.Errorf("got %v", got)
	}
}

// A caller that gave up in line was never there; one whose turn had begun gets
// the truth.
func TestGroupCallerGivesUp(t *testing.T) {
	db, _ := testBooks(t)
	hold, held := make(chan struct{}), make(chan struct{})
	mine, giveUp := context.WithCancel(context.Background())
	first := make(chan error)
	go func() {
		first <- db.tx(mine, func(tx *sql.Tx) error { close(held); <-hold; return addAccount(tx, 0) })
	}()
	<-held
	ctx, cancel := context.WithCancel(context.Background())
	second := make(chan error)
	go func() { second <- db.tx(ctx, func(tx *sql.Tx) error { return addAccount(tx, 1) }) }()
	for db.inLine() < 1 {
		runtime.Gosched()
	}
	cancel()
	if err := <-second; !errors.Is(err, context.Canceled) {
		t.Errorf("in line: got %v", err)
	}
	giveUp()
	close(hold)
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("at work: got %v", err)
	}
	if err := db.tx(context.Background(), func(tx *sql.Tx) error { return addAccount(tx, 2) }); err != nil {
		t.Error(err)
	}
	if got := accounts(t, db); !slices.Equal(got, []string{"account-02"}) {
		t.Errorf("got %v", got)
	}
}

// 64 clients work on a few payments at once, some with commands that are
// refused: nothing is lost, and the books hold.
func TestFaultP7_ClientsTogether(t *testing.T) {
	db, core := testBooks(t)
	var all sync.WaitGroup
	for client := range 64 {
		all.Go(func() {
			for i := range 8 {
				no := fmt.Sprintf("P%d-%d", client%16, i) // four clients a payment
				if _, err := core.Do(t.Context(), pay(no, 10000), paidBy(no, 10000)); err != nil {
					t.Error(err)
				}
				if _, err := core.Do(t.Context(), paycore.CreateRefund{RefundNo: fmt.Sprint("R", client, "-", i), PayNo: no, AmountMinor: 3000, Currency: "CNY"}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	// 128 payments, each refunded three times by one of four: the fourth is above it.
	checkBalances(t, db, map[string]int64{"clearing:wechat:wechat-main": 128 * 9940, "payable:M01": -128 * 1000,
		"refund_payable:M01": -128 * 9000, "fee_expense:wechat": 128 * 60})
	checkBooks(t, db)
}

// BenchmarkPayments takes payments from 64 clients at once: each is created,
// and paid by a notification, and each step is on disk before the next begins.
func BenchmarkPayments(b *testing.B) {
	_, core := testBooks(b)
	ctx := context.Background()
	var next atomic.Int64
	b.SetParallelism(32)
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			no := fmt.Sprintf("P%09d", next.Add(1))
			if _, err := core.Do(ctx, pay(no, 10000)); err != nil {
				b.Error(err)
				return
			}
			n := paycore.Notification{Channel: "wechat", Account: "wechat-main", ID: "N" + no, Digest: "d", Raw: make([]byte, 800), ReceivedAt: 1}
			if r, err := core.Receive(ctx, n, paidBy(no, 10000)); err != nil || r.Effect != paycore.Done {
				b.Errorf("got %v, %v", r, err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "payments/s")
}

// A disk that takes no more is not asked again: each transaction ran once, and
// those that are told of success are there.
func TestFaultS2_GroupIsNotRepeatedOnAFailingDisk(t *testing.T) {
	db, _ := testBooks(t)
	if _, err := db.writer.Exec(`PRAGMA max_page_count = 1`); err != nil {
		t.Fatal(err) // never less than what is there
	}
	var ran [64]atomic.Int64
	failed := 0
	outcome := crowd(t, db, len(ran), func(i int, tx *sql.Tx) error {
		ran[i].Add(1)
		if err := addAccount(tx, i); err != nil {
			return err
		}
		_, err := tx.Exec(`INSERT INTO ledger_account (name, type) VALUES ($1, 'ASSET')`, fmt.Sprintf("%02d-%0*d", i, 20_000, i))
		return err
	})
	var there []string
	for i, err := range outcome {
		switch n := ran[i].Load(); {
		case n > 1:
			t.Errorf("%d ran %d times", i, n)
		case err == nil:
			there = append(there, fmt.Sprintf("account-%02d", i))
		default:
			failed++
			if f := fault.Of(err); f.ID != "E-4101" {
				t.Errorf("%d: %v", i, err)
			}
		}
	}
	if failed == 0 {
		t.Fatal("the disk took everything")
	}
	got := slices.DeleteFunc(accounts(t, db), func(name string) bool { return !strings.HasPrefix(name, "account-") })
	if !slices.Equal(got, there) {
		t.Errorf("told of %v, there are %v", there, got)
	}
}

// A bug in a transaction shows where it is, in whatever goroutine it ran.
func TestPanicOfATransactionTellsWhere(t *testing.T) {
	db, _ := testBooks(t)
	func() {
		defer func() {
			err, _ := recover().(error)
			if err == nil || !strings.Contains(err.Error(), "index out of range") || !strings.Contains(err.Error(), "group_test.go") {
				t.Errorf("got %v", err)
			}
		}()
		db.tx(context.Background(), func(*sql.Tx) error {
			none := strings.Fields(" ")
			none[0] = "x"
			return nil
		})
	}()
	if err := db.tx(context.Background(), func(tx *sql.Tx) error { return addAccount(tx, 1) }); err != nil {
		t.Error(err)
	}
}

// Balances that commands leave for the end of the group are there for whoever
// reads them by SQL in the same group, and gone with who failed.
func TestGroupBalances(t *testing.T) {
	db, core := testBooks(t)
	do(t, core, paycore.Done, pay("P0", 100), paidBy("P0", 100))
	const clearing = `SELECT available_minor, version FROM account_balance WHERE account = 'clearing:wechat:wechat-main'`
	hold, held := make(chan struct{}), make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		if err := db.tx(t.Context(), func(*sql.Tx) error { close(held); <-hold; return nil }); err != nil {
			t.Error(err)
		}
	})
	<-held
	inLine := 0
	join := func(do func() error) {
		all.Go(func() {
			if err := do(); err != nil {
				t.Error(err)
			}
		})
		for inLine++; db.inLine() < inLine; {
			runtime.Gosched()
		}
	}
	buy := func(no string) func() error {
		return func() error {
			r, err := core.Do(t.Context(), pay(no, 100), paidBy(no, 100))
			if err == nil && r[1].Effect != paycore.Done {
				err = fmt.Errorf("%s: %+v", no, r)
			}
			return err
		}
	}
	var between, version int64
	join(buy("P1"))
	join(buy("P2"))
	join(func() error {
		return db.tx(t.Context(), func(tx *sql.Tx) error { return tx.QueryRow(clearing).Scan(&between, &version) })
	})
	join(func() error {
		errMine := errors.New("mine alone")
		commands, err := core.Complete(pay("P9", 900), paidBy("P9", 900))
		if err != nil {
			return err
		}
		if err := db.commands(t.Context(), func(b *books) error {
			if _, err := b.runAll(commands); err != nil {
				return err
			}
			return errMine
		}); !errors.Is(err, errMine) {
			return fmt.Errorf("who fails: %w", err)
		}
		return nil
	})
	join(buy("P3"))
	join(buy("P4"))
	close(hold)
	all.Wait()
	// Of each, 1 is the channel's.
	if between != 297 || version != 3 {
		t.Errorf("in the middle of the group: %d in version %d, want 297 in version 3", between, version)
	}
	var end int64
	if err := db.sql.QueryRow(clearing).Scan(&end, &version); err != nil || end != 495 || version != 5 {
		t.Errorf("at its end: %d in version %d, %v; want 495 in version 5", end, version, err)
	}
	checkBooks(t, db)
}
