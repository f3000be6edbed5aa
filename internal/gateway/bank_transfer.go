package gateway

import (
	"context"
	"errors"
	"time"

	"tieout/internal/bizday"
	"tieout/internal/paycore"
	"tieout/schemas"
)

// TransferBooks are the books of bank transfers: a bank has nobody who could be
// called.
type TransferBooks interface {
	// AwaitRemittance gives a payment the virtual account of its payer, the same
	// one each time.
	AwaitRemittance(ctx context.Context, payNo string, a Awaited) (number string, err error)
	// RemittanceOver tells whether every statement that may show the money of a
	// payment was taken in.
	RemittanceOver(ctx context.Context, payNo string) (bool, error)
	// Payback returns the transfer back of a refund; nil if there is none.
	Payback(ctx context.Context, number string) (*paycore.Payback, error)
}

// Awaited says where and how long a payment waits for money.
type Awaited struct {
	Prefix      string // of the bank's virtual accounts
	Payer       string // the merchant's name of him; "" = a number for this payment alone
	ExpiresAt   int64
	First, Last bizday.Date // bill dates whose statements may show the money
}

// BankTransferConfig is one bank account with virtual accounts below it.
type BankTransferConfig struct {
	Books  TransferBooks
	Core   Core
	Prefix string     // of the numbers, as the bank gave it
	Bank   string     // what the payer is told: the bank and its branch
	Holder string     // and the name of the account
	Day    bizday.Day // how the bank cuts its bill dates
}

// BankTransfer lets payers transfer money to a number of their own. The bank's
// statement says who paid; until those of the last day are in, nothing is
// closed.
type BankTransfer struct{ config BankTransferConfig }

// NewBankTransfer makes it.
func NewBankTransfer(c BankTransferConfig) (*BankTransfer, error) {
	if c.Books == nil || c.Core == nil || c.Bank == "" || c.Holder == "" || c.Day.Zone == nil {
		return nil, errors.New("bank transfer: books, core, bank, holder and day are all needed")
	}
	if _, err := paycore.VirtualNumber(c.Prefix, 1); err != nil {
		return nil, err
	}
	return &BankTransfer{c}, nil
}

// Prepay implements Channel.
func (b *BankTransfer) Prepay(ctx context.Context, o Order) (Prepaid, error) {
	if o.Method != Transfer && o.Method != "" {
		return Prepaid{}, noMethod(o.Method)
	}
	day := b.config.Day
	number, err := b.config.Books.AwaitRemittance(ctx, o.PayNo, Awaited{Prefix: b.config.Prefix, Payer: o.Payer.ID, ExpiresAt: o.ExpiresAt.UnixMicro(),
		First: day.DateOf(o.CreatedAt.UnixMicro()), Last: day.DateOf(o.ExpiresAt.UnixMicro())})
	if err != nil {
		return Prepaid{}, unknown("virtual account: %w", err)
	}
	return Prepaid{Transfer: &TransferTo{Bank: b.config.Bank, Holder: b.config.Holder, Number: number, AmountMinor: o.AmountMinor, Currency: o.Currency}}, nil
}

// Close implements Channel: nobody can keep a payer from transferring.
func (b *BankTransfer) Close(context.Context, string) error { return ErrNoClose }

// Refund implements Channel: two people say where the money goes, the statement
// says when it went.
func (b *BankTransfer) Refund(ctx context.Context, r RefundRequest) (schemas.QueryAnswer, error) {
	results, err := b.config.Core.Do(ctx, paycore.RefundByTransfer{RefundNo: r.RefundNo})
	if err != nil {
		return r.answer(), unknown("payback: %w", err)
	}
	if results[0].Effect == paycore.Refused {
		return r.answer(), unknown("payback: %w", errors.New(results[0].Reason))
	}
	return r.answer(), nil
}

// Query implements Inquirer from the statements that were taken in. A payment
// is found, undecided, until all of its statements are.
func (b *BankTransfer) Query(ctx context.Context, kind schemas.Kind, merchantRef, refundRef string, _ time.Time) (schemas.QueryAnswer, error) {
	if kind == schemas.Refund {
		return b.queryPayback(ctx, refundRef)
	}
	a := schemas.QueryAnswer{Key: merchantRef, Kind: kind, Asked: true, Status: schemas.Unknown}
	over, err := b.config.Books.RemittanceOver(ctx, merchantRef)
	a.Found = !over
	return a, err
}

func (b *BankTransfer) queryPayback(ctx context.Context, number string) (schemas.QueryAnswer, error) {
	a := schemas.QueryAnswer{Key: number, Kind: schemas.Refund, Asked: true}
	p, err := b.config.Books.Payback(ctx, number)
	if p == nil || err != nil {
		return a, err
	}
	a.Found, a.Status, a.AmountMinor, a.Currency = true, schemas.Unknown, p.AmountMinor, p.Currency
	a.ChannelRef, a.MovedAt = p.BankRef, p.DoneAt
	if p.State == paycore.Success || p.State == paycore.Failed {
		a.Status = p.State.Record()
	}
	return a, nil
}
