package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"tieout/internal/fault"
)

// groupSize bounds the transactions that share one commit, so that the first
// of them does not wait for a crowd.
const groupSize = 256

// member is one business transaction on its way through a group.
type member struct {
	ctx      context.Context
	do       func(*sql.Tx) error
	commands bool          // do sees balances only through what is known of them
	done     chan struct{} // err and panicked are what its caller gets
	err      error
	panicked any
	begun    bool // under DB.mu: too late to go away
	gone     bool // under DB.mu: its caller does not wait any more
}

// errPanic ends a transaction that panicked.
var errPanic = errors.New("the transaction panicked")

// errUndo ends a group in which one failed after it had written.
var errUndo = errors.New("the group begins again, with savepoints")

// tx runs one business transaction; it is on disk when tx returns nil.
// Transactions that wait at the same time share one SQL transaction, and so
// one sync of the disk; what fails is rolled back alone. do may run more than
// once, and in another goroutine, so that the writer does not wait for each
// caller to wake up; where it panics, tx does.
//
// A caller whose context ends while it waits was never there; later, it gets
// what became of its transaction. A busy database repeats the transaction, at
// most five times; then it is E-4001. A full disk is E-4101, a damaged database
// E-4202.
func (db *DB) tx(ctx context.Context, do func(*sql.Tx) error) error {
	return db.wait(&member{ctx: ctx, do: do})
}

// wait has m carried out.
func (db *DB) wait(m *member) error {
	m.done = make(chan struct{})
	db.join(m)
	select {
	case <-m.done:
	case <-m.ctx.Done():
		if db.leave(m) {
			return m.ctx.Err()
		}
		<-m.done
	}
	if m.panicked != nil {
		panic(m.panicked)
	}
	return db.explain(m.err)
}

// run lets the transaction do its work. However do ends, the group goes on.
func (m *member) run(t *sql.Tx) {
	defer func() {
		if m.panicked = recover(); m.panicked == nil {
			return
		}
		m.err = errPanic
		if bug, ok := m.panicked.(runtime.Error); ok { // the caller's stack does not show where
			m.panicked = fmt.Errorf("%w\n\n%s", bug, debug.Stack())
		}
	}()
	if m.err = m.do(t); m.err == nil {
		m.err = m.ctx.Err()
	}
}

// join puts m in line. Somebody works as long as there is a line.
func (db *DB) join(m *member) {
	db.mu.Lock()
	defer db.mu.Unlock()
	db.waiting = append(db.waiting, m)
	if !db.working {
		db.working = true
		go db.work()
	}
}

// leave takes m back, unless its turn has begun.
func (db *DB) leave(m *member) bool {
	db.mu.Lock()
	defer db.mu.Unlock()
	m.gone = !m.begun
	return m.gone
}

// begin starts the turn of m, unless it left, or panicked in an earlier one.
func (db *DB) begin(m *member) bool {
	if m.panicked != nil {
		return false
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	m.begun = !m.gone
	return m.begun
}

// work carries out group after group until nobody waits. In between, those who
// were answered get to run: many ask again at once, and share the next sync.
func (db *DB) work() {
	for group := db.next(); len(group) > 0; group = db.next() {
		db.carryOut(group)
		for range group {
			runtime.Gosched()
		}
	}
}

// next takes those who wait now.
func (db *DB) next() []*member {
	db.mu.Lock()
	defer db.mu.Unlock()
	n := min(len(db.waiting), groupSize)
	group := db.waiting[:n:n]
	db.waiting = db.waiting[n:]
	db.working = n > 0
	return group
}

// carryOut commits a group as one. If the commit is refused for what one of them
// did, each is repeated alone, and who is guilty fails alone. What the disk
// refused is not tried again: after a failed sync nobody knows what is on it.
func (db *DB) carryOut(group []*member) {
	err := db.commit(group, false)
	if errors.Is(err, errUndo) {
		err = db.commit(group, true)
	}
	for _, m := range group {
		switch {
		case err == nil && !busy(m.err):
		case err == nil || busy(err) || constraint(err):
			m.err = db.alone(m)
		default:
			m.err = err
		}
		close(m.done)
	}
}

// constraint tells whether the database refused rows, and not to work at all.
func constraint(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && e.Code()&0xff == sqlite3.SQLITE_CONSTRAINT
}

func (db *DB) alone(m *member) error {
	var err error
	for range 5 {
		if err = db.commit([]*member{m}, false); err == nil {
			err = m.err
		}
		if !busy(err) {
			return err
		}
	}
	return fault.New("E-4001", fault.V{}, err)
}

// commit runs the members one after another, and commits what did not fail. An
// error means that nothing at all was done.
//
// One that fails before it wrote, as most do, leaves nothing to roll back. After
// it wrote, it takes the whole transaction with it (errUndo, unless it was alone),
// but for a group with savepoints. These are not for every day: within one,
// SQLite copies each page before it changes, and keeps what each statement
// changed in a list that it walks at the end of every one.
func (db *DB) commit(group []*member, savepoints bool) error {
	ctx := context.Background() // not that of one of them
	c, err := db.writer.Conn(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	t, err := c.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer t.Rollback() // after Commit it does nothing
	db.direct, db.known = c, newKnown()
	db.known.behind = !savepoints
	for _, m := range group {
		if !db.begin(m) {
			continue
		}
		if savepoints {
			if err := db.runWithin(ctx, m, t); err != nil {
				return err
			}
			continue
		}
		if !m.commands {
			if err := db.writeBalances(ctx, t); err != nil {
				return err
			}
		}
		before := db.writes.Load() + db.known.moves
		m.run(t)
		switch {
		case m.err == nil || db.writes.Load()+db.known.moves == before:
		case len(group) == 1:
			return nil // the whole transaction is rolled back
		case diskFails(m.err):
			return m.err
		default:
			return errUndo
		}
	}
	if err := db.writeBalances(ctx, t); err != nil {
		return err
	}
	return t.Commit()
}

// runWithin lets m work within a savepoint. An error ends the group.
func (db *DB) runWithin(ctx context.Context, m *member, t *sql.Tx) error {
	if _, err := t.ExecContext(ctx, `SAVEPOINT member`); err != nil {
		return err
	}
	if m.run(t); m.err != nil {
		if _, err := t.ExecContext(ctx, `ROLLBACK TO member`); err != nil {
			return errors.Join(m.err, err) // a disk that fails ends the transaction as a whole
		}
		db.known = newKnown()
	}
	_, err := t.ExecContext(ctx, `RELEASE member`)
	return err
}
