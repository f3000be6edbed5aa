package paycore

import (
	"context"

	"tieout/internal/bizday"
	"tieout/schemas"
)

// Days remembers which statements of a bank account were taken in whole, so
// that no payment is given up before its last day was seen. The store implements
// it.
type Days interface {
	StatementTaken(ctx context.Context, account string, date bizday.Date) error
}

// BankStatement takes in what the statements of one bank account show of
// virtual accounts. It is the receiver of a night.
type BankStatement struct {
	Core             *Core
	Days             Days
	Channel, Account string
	pending          []Command
}

// atOnce bounds the commands of one transaction.
const atOnce = 400

// Take books a row. A row that says nothing to the books is passed over; the
// reconciliation sees it.
func (s *BankStatement) Take(ctx context.Context, r *schemas.Record) error {
	s.pending = append(s.pending, s.commands(r)...)
	if len(s.pending) < atOnce {
		return nil
	}
	return s.flush(ctx)
}

// commands are what a row asks for. Each of them is refused, ignored or known
// on its own.
func (s *BankStatement) commands(r *schemas.Record) []Command {
	switch {
	case r.EventTime == schemas.NoTime || r.ChannelRef == "" && r.ChannelRefundRef == "":
		return nil
	case r.Kind == schemas.Payment && r.Status == schemas.Success && CheckedNumber(r.MerchantRef):
		key := RemittanceKey{s.Account, r.ChannelRef}
		return []Command{ReceiveRemittance{RemittanceKey: key, Channel: s.Channel, Number: r.MerchantRef, AmountMinor: r.AmountMinor,
			Currency: r.Currency, CameAt: r.EventTime}, ApplyRemittance{RemittanceKey: key}}
	case r.Kind == schemas.Refund && (r.Status == schemas.Success || r.Status == schemas.Failed):
		return []Command{AnswerPayback{Number: r.RefundRef, Account: s.Account, Paid: r.Status == schemas.Success, AmountMinor: r.AmountMinor, Currency: r.Currency,
			BankRef: r.ChannelRefundRef, DoneAt: r.EventTime}}
	case r.Kind == schemas.Refund && r.Status == schemas.Reversed:
		return []Command{PaybackCameBack{Number: r.RefundRef, Account: s.Account, AmountMinor: r.AmountMinor, Currency: r.Currency,
			BankRef: r.ChannelRefundRef, Of: r.ChannelRef, CameAt: r.EventTime}}
	}
	return nil
}

func (s *BankStatement) flush(ctx context.Context) error {
	if len(s.pending) == 0 {
		return nil
	}
	_, err := s.Core.Do(ctx, s.pending...)
	s.pending = s.pending[:0]
	return err
}

// End books what is left, and notes that the statement of the day was taken.
func (s *BankStatement) End(ctx context.Context, date bizday.Date) error {
	if err := s.flush(ctx); err != nil {
		return err
	}
	return s.Days.StatementTaken(ctx, s.Account, date)
}
