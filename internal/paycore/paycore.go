// Package paycore is the payment core: orders, payment attempts, refunds and
// the double-entry rules behind them.
//
// In: commands (create, paid, refund, close), notifications of channels, and
// fixes of the reconciliation. Out: changes of rows, balanced journal entries
// and notices to merchants. The rules are pure functions of a command and the
// rows that it reads; the store runs each in one transaction. Called by cmd
// (notifications, demo) and by the store (the rules).
package paycore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tieout/internal/money"
)

// Book runs commands in one transaction. The store implements it.
type Book interface {
	// Execute runs all commands in one transaction, in their order. A command
	// that the rules refuse changes nothing and does not stop the others; its
	// Result says why. An error means that none of them happened.
	Execute(ctx context.Context, commands []Command) ([]Result, error)
	// Receive runs the command of a verified notification and keeps the
	// notification, in one transaction. A copy of one that was dealt with
	// before runs nothing and returns what was said then.
	Receive(ctx context.Context, n Notification, command Command) (Result, error)
}

// Core is the payment core. Safe for concurrent use.
type Core struct {
	book  Book
	rates Rates
	now   func() time.Time
}

// New makes a core on a book. now fills in the times that a command leaves out.
func New(book Book, rates Rates, now func() time.Time) *Core {
	return &Core{book: book, rates: rates, now: now}
}

// Do runs commands in one transaction; see Book.Execute. Many commands in one
// call are many times faster than one each: the disk is synced once.
func (c *Core) Do(ctx context.Context, commands ...Command) ([]Result, error) {
	complete, err := c.Complete(commands...)
	if err != nil {
		return nil, err
	}
	return c.book.Execute(ctx, complete)
}

// Complete fills in what commands leave out, for a caller that runs them in a
// transaction with something of its own.
func (c *Core) Complete(commands ...Command) ([]Command, error) {
	complete := make([]Command, len(commands))
	for i, command := range commands {
		var err error
		if complete[i], err = command.Complete(c.now().UnixMicro(), c.rates); err != nil {
			return nil, fmt.Errorf("command %d: %w", i, err)
		}
	}
	return complete, nil
}

// Receive runs the command of a verified notification; see Book.Receive. It is
// believed about payments and refunds of its account, and about no other's.
func (c *Core) Receive(ctx context.Context, n Notification, command Command) (Result, error) {
	complete, err := command.Complete(c.now().UnixMicro(), c.rates)
	if err != nil {
		return Result{}, err
	}
	return c.book.Receive(ctx, n, Told{complete, n.Account})
}

// Rate is what an account's channel charges, in millionths of the amount.
type Rate struct {
	PPM           int64
	RefundsReturn bool // the fee comes back with a refund, in proportion
}

// Rates is the rate card: Rates[channel][account]. An account that is not in
// it accrues no fee.
type Rates map[string]map[string]Rate

var errRate = errors.New("rate is not between 0 and 1,000,000 ppm")

// fee computes what a payment of the amount accrues; what names it in an error.
func (r Rates) fee(channel, account string, amount int64, what string) (Fee, error) {
	minor, known, err := r.payment(channel, account, amount)
	if err != nil {
		return Fee{}, fmt.Errorf("fee of %s: %w", what, err)
	}
	return Fee{minor, known}, nil
}

// payment computes the fee of an amount, half a minor unit rounded up.
func (r Rates) payment(channel, account string, amount int64) (fee int64, known bool, err error) {
	rate, ok := r[channel][account]
	if !ok {
		return 0, false, nil
	}
	fee, err = rate.of(amount)
	return fee, err == nil, err
}

// refund computes the fee that comes back, negative; unknown if none does.
func (r Rates) refund(channel, account string, amount int64) (fee int64, known bool, err error) {
	rate, ok := r[channel][account]
	if !ok || !rate.RefundsReturn {
		return 0, false, nil
	}
	fee, err = rate.of(amount)
	return -fee, err == nil, err
}

func (r Rate) of(amount int64) (int64, error) {
	if r.PPM < 0 || r.PPM > 1_000_000 {
		return 0, errRate
	}
	product, err := money.Mul(amount, r.PPM)
	if err != nil {
		return 0, err
	}
	rounded, err := money.Add(product, 500_000)
	if err != nil {
		return 0, err
	}
	return rounded / 1_000_000, nil
}
