package store

import (
	"context"
	"database/sql"
	"errors"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"tieout/internal/fault"
)

// groupSize bounds the transactions that share one commit, so that the first
// of them does not wait for a crowd.
const groupSize = 256

// member is one business transaction on its way through a group.
type member struct {
	ctx   context.Context
	do    func(*sql.Tx) error
	turn  chan *sql.Tx  // now it may run do
	ended chan error    // do has returned
	done  chan struct{} // err is what its caller gets
	err   error
	begun bool // under DB.mu: too late to go away
	gone  bool // under DB.mu: its caller does not wait any more
}

// errGone ends a transaction whose caller panicked in it.
var errGone = errors.New("the caller left in the middle of its transaction")

// errUndo ends a group in which one failed after it had written.
var errUndo = errors.New("the group begins again, with savepoints")

// tx runs one business transaction; it is on disk when tx returns nil.
// Transactions that wait at the same time share one SQL transaction, and so
// one sync of the disk; what fails is rolled back alone. do may run more than
// once, and always in the goroutine of its caller.
//
// A caller whose context ends while it waits was never there; later, it gets
// what became of its transaction. A busy database repeats the transaction, at
// most five times; then it is E-4001. A full disk is E-4101, a damaged database
// E-4202.
func (db *DB) tx(ctx context.Context, do func(*sql.Tx) error) error {
	m := &member{ctx: ctx, do: do, turn: make(chan *sql.Tx), ended: make(chan error), done: make(chan struct{})}
	db.join(m)
	leave := ctx.Done()
	for {
		select {
		case t := <-m.turn:
			m.run(t)
		case <-m.done:
			return db.explain(m.err)
		case <-leave:
			if db.leave(m) {
				return ctx.Err()
			}
			leave = nil
		}
	}
}

// run lets the transaction do its work. However do ends, the group goes on.
func (m *member) run(t *sql.Tx) {
	err := errGone
	defer func() { m.ended <- err }()
	if err = m.do(t); err == nil {
		err = m.ctx.Err()
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

// begin starts the turn of m, unless it left.
func (db *DB) begin(m *member) bool {
	db.mu.Lock()
	defer db.mu.Unlock()
	m.begun = !m.gone
	return m.begun
}

// work carries out group after group until nobody waits.
func (db *DB) work() {
	for group := db.next(); len(group) > 0; group = db.next() {
		db.carryOut(group)
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
	t, err := db.writer.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer t.Rollback() // after Commit it does nothing
	for _, m := range group {
		if !db.begin(m) {
			continue
		}
		if savepoints {
			if err := db.giveWithin(ctx, m, t); err != nil {
				return err
			}
			continue
		}
		before := db.writes.Load()
		db.give(m, t)
		switch {
		case m.err == nil || db.writes.Load() == before:
		case len(group) == 1:
			return nil // the whole transaction is rolled back
		case diskFails(m.err):
			return m.err
		default:
			return errUndo
		}
	}
	return t.Commit()
}

// giveWithin lets m work within a savepoint. An error ends the group.
func (db *DB) giveWithin(ctx context.Context, m *member, t *sql.Tx) error {
	if _, err := t.ExecContext(ctx, `SAVEPOINT member`); err != nil {
		return err
	}
	if db.give(m, t); m.err != nil {
		if _, err := t.ExecContext(ctx, `ROLLBACK TO member`); err != nil {
			return errors.Join(m.err, err) // a disk that fails ends the transaction as a whole
		}
	}
	_, err := t.ExecContext(ctx, `RELEASE member`)
	return err
}

// give lets m work in the transaction, and waits for what becomes of it. One
// whose caller panicked has nobody left to run it again.
func (db *DB) give(m *member, t *sql.Tx) {
	m.turn <- t
	m.err = <-m.ended
	if errors.Is(m.err, errGone) {
		db.mu.Lock()
		m.gone = true
		db.mu.Unlock()
	}
}
