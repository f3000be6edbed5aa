package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"tieout/internal/bizday"
	"tieout/internal/crashpoint"
	"tieout/internal/paycore"
	"tieout/schemas"
)

// Books is what the desk reads of the books.
type Books interface {
	Payment(ctx context.Context, payNo string) (*paycore.Payment, error)
	Refund(ctx context.Context, refundNo string) (*paycore.Refund, error)
}

// Core runs commands; *paycore.Core does.
type Core interface {
	Do(ctx context.Context, commands ...paycore.Command) ([]paycore.Result, error)
}

// Account is one channel account that the desk works for.
type Account struct {
	Channel     Channel
	PayWithin   time.Duration // how long a payer has; 0: 30 minutes
	Calls       int           // calls under way at a time; 0: 16
	VoidDay     *bizday.Day   // its settlement days: what gives a whole payment back on the day that took it goes out as a void; nil: nothing does
	RefundExtra bool          // a payment that comes for an order that is paid or closed is refunded by itself; else it waits for a person
}

// Options are the desk's settings. Now is required; zero fields have the
// default in brackets.
type Options struct {
	Now    func() time.Time
	Ladder []time.Duration // pauses between two questions [DefaultLadder]
	Call   time.Duration   // the longest that one call may take [20 s]
	Lost   int             // calls without an answer in a row that close an account [5]
	Cool   time.Duration   // how long it stays closed [30 s]
	Poll   time.Duration   // between two looks for due tasks [1 s]
	Log    *slog.Logger    // nil: silent
	// RefundExtra says by merchant what Account.RefundExtra says for all of an
	// account.
	RefundExtra map[string]bool
	Risk        Risk // asked before a payment goes out; nil: all may
}

// DefaultLadder asks soon, then ever more rarely, for a month; then a person
// looks.
func DefaultLadder() []time.Duration {
	ladder := []time.Duration{5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, time.Hour, 6 * time.Hour}
	for range 30 {
		ladder = append(ladder, 24*time.Hour)
	}
	return ladder
}

// ErrPending: the channel has not said the last word; the desk goes on by
// itself.
var ErrPending = errors.New("the channel has not answered for certain yet; it is asked again")

// Desk drives payments and refunds through the channels: what is to be done is
// written down before the first call, what came of it is in the books before
// the task ends, and what nobody knows is asked until the channel says it. Safe
// for concurrent use, also by several processes on one store.
type Desk struct {
	books Books
	core  Core
	tasks Tasks
	lines map[string]*line
	opt   Options
}

// line is an account with its gate.
type line struct {
	Account
	name string
	gate *gate
}

// NewDesk makes a desk for accounts by their names in the configuration.
func NewDesk(books Books, core Core, tasks Tasks, accounts map[string]Account, opt Options) (*Desk, error) {
	if opt.Now == nil {
		return nil, errors.New("gateway desk: no clock is given")
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	if opt.Ladder == nil {
		opt.Ladder = DefaultLadder()
	}
	opt.Call, opt.Cool = otherwise(opt.Call, 20*time.Second), otherwise(opt.Cool, 30*time.Second)
	opt.Poll, opt.Lost = otherwise(opt.Poll, time.Second), otherwise(opt.Lost, 5)
	d := &Desk{books: books, core: core, tasks: tasks, lines: map[string]*line{}, opt: opt}
	for name, a := range accounts {
		if _, can := a.Channel.(Voider); a.VoidDay != nil && !can {
			return nil, fmt.Errorf("gateway desk: the channel of account %s voids no payments", name)
		}
		a.PayWithin, a.Calls = otherwise(a.PayWithin, 30*time.Minute), otherwise(a.Calls, 16)
		d.lines[name] = &line{Account: a, name: name, gate: newGate(a.Calls, opt.Lost, opt.Cool, opt.Now)}
	}
	// What accounts of ours pay alone waits here for risk; no call goes out.
	own := Account{PayWithin: 30 * time.Minute, Calls: 16}
	d.lines[paycore.OwnAccount] = &line{Account: own, name: paycore.OwnAccount, gate: newGate(own.Calls, opt.Lost, opt.Cool, opt.Now)}
	return d, nil
}

func otherwise[T comparable](v, standard T) T {
	var zero T
	if v == zero {
		return standard
	}
	return v
}

// Healthy tells whether an account takes calls now.
func (d *Desk) Healthy(account string) bool {
	l := d.lines[account]
	return l != nil && l.gate.healthy()
}

// call makes one call through the gate, within its time.
func (d *Desk) call(ctx context.Context, l *line, do func(context.Context) error) error {
	leave, err := l.gate.enter()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, d.opt.Call)
	defer cancel()
	err = ErrUnknown // of a call that ends in a panic
	defer func() { leave(err) }()
	err = do(ctx)
	return err
}

// ask asks how a payment or refund stands. An answer that nobody understood is
// ErrUnknown.
func (d *Desk) ask(ctx context.Context, l *line, kind schemas.Kind, payNo, refundNo string, created int64) (a schemas.QueryAnswer, err error) {
	err = d.call(ctx, l, func(ctx context.Context) error {
		if a, err = l.Channel.Query(ctx, kind, payNo, refundNo, time.UnixMicro(created)); err != nil {
			return fmt.Errorf("%w: %w", ErrUnknown, err)
		}
		if !a.Asked {
			return unknown("%s", a.Error)
		}
		return nil
	})
	return a, err
}

// do runs one command. What a channel has answered is kept also when the one
// who asked has gone.
func (d *Desk) do(ctx context.Context, c paycore.Command) (paycore.Result, error) {
	results, err := d.core.Do(context.WithoutCancel(ctx), c)
	if err != nil {
		return paycore.Result{}, err
	}
	crashpoint.Hit("desk.booked")
	return results[0], nil
}

// save writes a task; errMoved if another was faster.
func (d *Desk) save(ctx context.Context, t *Task) error {
	saved, ok, err := d.tasks.SaveTask(context.WithoutCancel(ctx), *t)
	if err != nil {
		return err
	}
	if !ok {
		return errMoved
	}
	*t = saved
	crashpoint.Hit("desk.saved")
	return nil
}

var errMoved = errors.New("the task is worked on by another")

// move puts a task into a state, at the bottom of the ladder.
func (d *Desk) move(ctx context.Context, t *Task, to State, next time.Time, note string) error {
	t.State, t.Tries, t.Next, t.Note = to, 0, next.UnixMicro(), clip(note)
	return d.save(ctx, t)
}

func (d *Desk) finish(ctx context.Context, t *Task, note string) error {
	return d.move(ctx, t, Done, d.opt.Now(), note)
}

func (d *Desk) stuck(ctx context.Context, t *Task, note string) error {
	d.opt.Log.Error("a task waits for a person", "subject", t.Subject, "number", t.Number, "note", note)
	return d.move(ctx, t, Stuck, d.opt.Now(), note)
}

// later takes the next step of the ladder; at its end a person looks. A call
// that was not let through is no step.
func (d *Desk) later(ctx context.Context, t *Task, why error) error {
	if errors.Is(why, ErrBusy) {
		t.Next, t.Note = d.opt.Now().Add(d.opt.Ladder[0]).UnixMicro(), clip(why.Error())
		return d.save(ctx, t)
	}
	if t.Tries >= len(d.opt.Ladder) {
		return d.stuck(ctx, t, "no certain answer: "+why.Error())
	}
	t.Next, t.Note = d.opt.Now().Add(d.opt.Ladder[t.Tries]).UnixMicro(), clip(why.Error())
	t.Tries++
	return d.save(ctx, t)
}

// clip bounds a note.
func clip(note string) string {
	if r := []rune(note); len(r) > 300 {
		return string(r[:300])
	}
	return note
}

// toJSON writes what is kept of a payer, and of what he was given.
func toJSON(v any) (string, error) {
	b, err := json.Marshal(v)
	return string(b), err
}
