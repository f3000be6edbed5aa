package main

import (
	"context"
	"fmt"
	"time"

	"tieout/internal/channelsim"
	"tieout/internal/paycore"
)

// demoChunk is how many operations share one transaction of the payment core.
const demoChunk = 800

// traffic carries out operations in time order, some hundreds at a time: the
// orders are opened in our books, the channel takes the money and notifies us,
// and what it answers at once goes into our books. While the channel takes the
// money of some orders, the next ones are opened.
func (w *demoWorld) traffic(ctx context.Context, ops []channelsim.Op) error {
	opened := w.open(ctx, nil)
	for next := []channelsim.Op(nil); len(ops) > 0 || len(next) > 0; {
		now := next
		next, ops = ops[:min(demoChunk, len(ops))], ops[min(demoChunk, len(ops)):]
		if err := <-opened; err != nil {
			return err
		}
		opened = w.open(ctx, next)
		if err := w.chunk(ctx, now); err != nil {
			<-opened
			return err
		}
	}
	return <-opened
}

// open opens the orders of payments in our books, and closes those whose payer
// took too long, in the background.
func (w *demoWorld) open(ctx context.Context, ops []channelsim.Op) <-chan error {
	var commands []paycore.Command
	for _, op := range ops {
		if isRefund(op) || op.Local.Step == channelsim.StepNone {
			continue
		}
		commands = append(commands, paycore.CreatePayment{Merchant: op.Merchant, OrderNo: "O" + op.MerchantRef, PayNo: op.MerchantRef, Channel: op.Channel,
			Account: w.accountName(op.Channel), AmountMinor: op.Local.AmountMinor, Currency: "CNY", At: micros(op.Local.CreatedAt)})
		if op.Local.Step == channelsim.StepClose {
			commands = append(commands, paycore.ClosePayment{PayNo: op.MerchantRef, At: micros(op.Local.At), Detail: "the payer took too long"})
		}
	}
	done := make(chan error, 1)
	go func() { done <- w.do(ctx, commands) }()
	return done
}

func isRefund(op channelsim.Op) bool { return op.RefundRef != "" || op.Refund != nil }

func (w *demoWorld) chunk(ctx context.Context, ops []channelsim.Op) error {
	if len(ops) == 0 {
		return nil
	}
	last := ops[len(ops)-1].At
	if last.After(w.clock.now()) {
		w.clock.set(last)
	}
	if _, err := w.sim.DeliverDue(ctx, last); err != nil {
		return fmt.Errorf("deliver late notifications: %w", err)
	}
	var pays, refunds []channelsim.Op
	for _, op := range ops {
		if isRefund(op) {
			refunds = append(refunds, op)
		} else {
			pays = append(pays, op)
		}
	}
	if err := w.payments(ctx, pays); err != nil {
		return err
	}
	return w.refunds(ctx, refunds)
}

// payments are of orders that are open.
func (w *demoWorld) payments(ctx context.Context, ops []channelsim.Op) error {
	var after []paycore.Command
	var asked []channelsim.PayRequest
	for _, op := range ops {
		if op.Pay != nil {
			asked = append(asked, *op.Pay)
		}
	}
	answers, err := w.sim.PayBatch(ctx, asked)
	if err != nil {
		return err
	}
	next := 0
	for _, op := range ops {
		var ans channelsim.Result
		if op.Pay != nil {
			ans, next = answers[next], next+1
		}
		paid := paycore.MarkPaid{PayNo: op.MerchantRef, ChannelRef: ans.ChannelRef, AmountMinor: op.Local.AmountMinor, Currency: "CNY", By: paycore.ByAnswer}
		switch op.Local.Step {
		case channelsim.StepAnswer:
			if paid.PaidAt = micros(ans.At); ans.Paid {
				after = append(after, paid)
			}
		case channelsim.StepPaid:
			paid.PaidAt = micros(op.Local.At)
			after = append(after, paid)
		}
	}
	return w.do(ctx, after)
}

func (w *demoWorld) refunds(ctx context.Context, ops []channelsim.Op) error {
	var before, after []paycore.Command
	var asked []channelsim.RefundRequest
	for _, op := range ops {
		if op.Local.Step != channelsim.StepNone {
			before = append(before, paycore.CreateRefund{RefundNo: op.RefundRef, PayNo: op.MerchantRef, AmountMinor: op.Local.AmountMinor, Currency: "CNY", At: micros(op.Local.CreatedAt)})
		}
		if op.Refund != nil {
			asked = append(asked, *op.Refund)
		}
	}
	if err := w.do(ctx, before); err != nil {
		return err
	}
	answers, err := w.sim.RefundBatch(ctx, asked)
	if err != nil {
		return err
	}
	next := 0
	for _, op := range ops {
		var ans channelsim.Result
		if op.Refund != nil {
			ans, next = answers[next], next+1
		}
		done := paycore.MarkRefunded{RefundNo: op.RefundRef, ChannelRefundRef: ans.ChannelRefundRef, AmountMinor: op.Local.AmountMinor, Currency: "CNY", By: paycore.ByAnswer}
		switch op.Local.Step {
		case channelsim.StepAnswer:
			if done.DoneAt = micros(ans.At); ans.Paid {
				after = append(after, done)
			}
		case channelsim.StepPaid:
			done.DoneAt = micros(op.Local.At)
			after = append(after, done)
		}
	}
	return w.do(ctx, after)
}

// do runs commands; in the played world none may be refused.
func (w *demoWorld) do(ctx context.Context, commands []paycore.Command) error {
	if len(commands) == 0 {
		return nil
	}
	results, err := w.core.Do(ctx, commands...)
	if err != nil {
		return err
	}
	for i, r := range results {
		if r.Effect == paycore.Refused {
			return fmt.Errorf("the payment core refused %+v: %s", commands[i], r.Reason)
		}
	}
	return nil
}

func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}
