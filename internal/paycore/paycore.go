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
		if complete[i], err = c.complete(command); err != nil {
			return nil, fmt.Errorf("command %d: %w", i, err)
		}
	}
	return complete, nil
}

// Receive runs the command of a verified notification; see Book.Receive.
func (c *Core) Receive(ctx context.Context, n Notification, command Command) (Result, error) {
	complete, err := c.complete(command)
	if err != nil {
		return Result{}, err
	}
	return c.book.Receive(ctx, n, complete)
}

// complete fills in what the caller may leave out: the time, and the fee by
// the rate card.
func (c *Core) complete(command Command) (Command, error) {
	now := c.now().UnixMicro()
	at := func(t *int64) {
		if *t == 0 {
			*t = now
		}
	}
	switch v := command.(type) {
	case CreateOrder:
		at(&v.At)
		return v, nil
	case CloseOrder:
		at(&v.At)
		return v, nil
	case CreatePayment:
		at(&v.At)
		fee, ok, err := c.rates.payment(v.Channel, v.Account, v.AmountMinor)
		if err != nil {
			return nil, fmt.Errorf("fee of %s: %w", v.PayNo, err)
		}
		v.fee = Fee{fee, ok}
		return v, nil
	case CreateCombined:
		at(&v.At)
		if rest, err := v.rest(); err == nil && rest > 0 { // else Decide says what is wrong
			fee, ok, err := c.rates.payment(v.Channel, v.Account, rest)
			if err != nil {
				return nil, fmt.Errorf("fee of %s: %w", v.PayNo, err)
			}
			v.fee = Fee{fee, ok}
		}
		return v, nil
	case CreateRefund:
		at(&v.At)
		v.rates = c.rates
		return v, nil
	case MarkPaid:
		at(&v.PaidAt)
		v.at = now
		return v, nil
	case MarkRefunded:
		at(&v.DoneAt)
		v.at = now
		return v, nil
	case RefundLate:
		at(&v.PaidAt)
		v.at, v.rates = now, c.rates
		return v, nil
	case ClosePayment:
		at(&v.At)
		return v, nil
	case FailPayment:
		at(&v.At)
		return v, nil
	case FailRefund:
		at(&v.At)
		return v, nil
	case RenumberRefund:
		at(&v.At)
		return v, nil
	case CancelRefund:
		at(&v.At)
		return v, nil
	case OpenEntity:
		at(&v.At)
		return v, nil
	case OpenAccount:
		at(&v.At)
		return v, nil
	case ControlAccount:
		at(&v.At)
		return v, nil
	case Freeze:
		at(&v.At)
		return v, nil
	case Unfreeze:
		at(&v.At)
		return v, nil
	case Transfer:
		at(&v.At)
		return v, nil
	case Sweep:
		at(&v.At)
		return v, nil
	case Deposit:
		at(&v.At)
		return v, nil
	case Withdraw:
		at(&v.At)
		return v, nil
	case AnswerWithdrawal:
		at(&v.At)
		return v, nil
	case ReceiveRemittance:
		v.at = now
		fee, ok, err := c.rates.payment(v.Channel, v.Account, v.AmountMinor)
		if err != nil {
			return nil, fmt.Errorf("fee of %s: %w", v.BankRef, err)
		}
		v.fee = Fee{fee, ok}
		return v, nil
	case ApplyRemittance:
		v.at = now
		return v, nil
	case RefundByTransfer:
		at(&v.At)
		return v, nil
	case ProposePayback:
		at(&v.At)
		return v, nil
	case JudgePayback:
		at(&v.At)
		return v, nil
	case AnswerPayback:
		v.at = now
		return v, nil
	case DebitByToken:
		at(&v.At)
		return v, nil
	case RefundDebit:
		at(&v.At)
		return v, nil
	case ApplyToken:
		at(&v.At)
		return v, nil
	case UnbindToken:
		at(&v.At)
		return v, nil
	case AnswerToken:
		at(&v.At)
		return v, nil
	case reject:
		return v, nil
	}
	return nil, fmt.Errorf("paycore: no such command: %T", command)
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
