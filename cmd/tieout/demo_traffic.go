package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"tieout/internal/channelsim"
	"tieout/internal/merchantapi"
	"tieout/internal/paycore"
)

// demoWindow is how long the played clock stands still while the sales of that
// time are made side by side. No window crosses the end of a bill date, which
// is on the hour.
const demoWindow = time.Hour

// traffic carries out operations in time order, window by window.
func (w *demoWorld) traffic(ctx context.Context, ops []channelsim.Op) error {
	for len(ops) > 0 {
		n, begin := 1, ops[0].At.Truncate(demoWindow)
		for n < len(ops) && ops[n].At.Truncate(demoWindow).Equal(begin) {
			n++
		}
		if err := w.window(ctx, ops[:n]); err != nil {
			return err
		}
		ops = ops[n:]
	}
	return nil
}

// window plays the sales and refunds of our shops at the same time, then what
// happens at the channels alone, and at last the notifications that are due.
func (w *demoWorld) window(ctx context.Context, ops []channelsim.Op) error {
	if first := ops[0].At; first.After(w.clock.now()) {
		w.clock.set(first)
	}
	if _, err := w.sim.DeliverDue(ctx, w.clock.now()); err != nil {
		return fmt.Errorf("deliver late notifications: %w", err)
	}
	work, within := errgroup.WithContext(ctx)
	work.SetLimit(demoClients)
	for i := range ops {
		op := &ops[i]
		if op.Local.Step == channelsim.StepNone {
			continue
		}
		work.Go(func() error {
			if op.RefundRef != "" {
				return w.refund(within, op)
			}
			return w.sale(within, op)
		})
	}
	if err := work.Wait(); err != nil {
		return err
	}
	if err := w.elsewhere(ctx, ops); err != nil {
		return err
	}
	if _, err := w.sim.DeliverDue(ctx, w.clock.now()); err != nil {
		return fmt.Errorf("deliver late notifications: %w", err)
	}
	return nil
}

// sale makes an order, its payment, and what the payer does at the channel.
func (w *demoWorld) sale(ctx context.Context, op *channelsim.Op) error {
	payNo, err := w.order(ctx, op)
	if err != nil {
		return fmt.Errorf("order of %s: %w", op.MerchantRef, err)
	}
	if op.Local.Step == channelsim.StepClose {
		if err := w.do(ctx, paycore.ClosePayment{PayNo: payNo, At: op.Local.At.UnixMicro(), Detail: "the payer took too long"}); err != nil {
			return err
		}
	}
	var said channelsim.Result
	if op.Pay != nil {
		asked := *op.Pay
		asked.MerchantRef = payNo
		asked.Prepared = op.Channel != channelsim.Bank && asked.AmountMinor == op.Local.AmountMinor && op.Local.Step != channelsim.StepClose
		if said, err = w.sim.Pay(ctx, asked); err != nil {
			return err
		}
		if asked.Delivery == channelsim.Delivered && said.Acknowledged != 1 {
			return fmt.Errorf("payment %s: its notification was not taken", payNo)
		}
	}
	paid := paycore.MarkPaid{PayNo: payNo, ChannelRef: said.ChannelRef, AmountMinor: op.Local.AmountMinor, Currency: "CNY", By: paycore.ByAnswer}
	switch {
	case op.Local.Step == channelsim.StepPaid:
		paid.PaidAt = op.Local.At.UnixMicro()
	case op.Local.Step == channelsim.StepAnswer && said.Paid:
		paid.PaidAt = said.At.UnixMicro()
	default:
		return nil
	}
	return w.do(ctx, paid)
}

// inBooks puts a payment into our books alone.
func (w *demoWorld) inBooks(ctx context.Context, op *channelsim.Op, orderNo string) error {
	return w.do(ctx, paycore.CreatePayment{Merchant: op.Merchant, OrderNo: orderNo, PayNo: op.MerchantRef, Channel: op.Channel,
		Account: w.accountName(op.Channel), AmountMinor: op.Local.AmountMinor, Currency: "CNY", At: op.Local.CreatedAt.UnixMicro()})
}

// refund gives money back through the API; what goes wrong on purpose, what the
// bank gives back, and what would fall on another bill date by the seconds
// between the clocks is put into our books and the channel's by hand.
func (w *demoWorld) refund(ctx context.Context, op *channelsim.Op) error {
	payNo := w.numbers.of(op.MerchantRef)
	today := w.sim.BillDate(op.Channel, w.clock.now())
	if op.Fault != "" || op.Channel == channelsim.Bank || w.sim.BillDate(op.Channel, op.Refund.At) != today {
		return w.refundByHand(ctx, op, payNo)
	}
	r, err := w.shops[op.Merchant].Refund(ctx, "refund-"+op.RefundRef, payNo, merchantapi.NewRefund{AmountMinor: op.Local.AmountMinor, Currency: "CNY"})
	if err != nil {
		return fmt.Errorf("refund of %s: %w", op.MerchantRef, err)
	}
	w.numbers.put(op.RefundRef, r.RefundNo)
	return nil
}

func (w *demoWorld) refundByHand(ctx context.Context, op *channelsim.Op, payNo string) error {
	if err := w.do(ctx, paycore.CreateRefund{RefundNo: op.RefundRef, PayNo: payNo, AmountMinor: op.Local.AmountMinor, Currency: "CNY", At: op.Local.CreatedAt.UnixMicro()}); err != nil {
		return err
	}
	var said channelsim.Result
	if op.Refund != nil {
		asked := *op.Refund
		asked.MerchantRef = payNo
		var err error
		if said, err = w.sim.Refund(ctx, asked); err != nil {
			return err
		}
	}
	done := paycore.MarkRefunded{RefundNo: op.RefundRef, ChannelRefundRef: said.ChannelRefundRef, AmountMinor: op.Local.AmountMinor, Currency: "CNY", By: paycore.ByAnswer}
	switch {
	case op.Local.Step == channelsim.StepPaid:
		done.DoneAt = op.Local.At.UnixMicro()
	case op.Local.Step == channelsim.StepAnswer && said.Paid:
		done.DoneAt = said.At.UnixMicro()
	default:
		return nil
	}
	return w.do(ctx, done)
}

// elsewhere is what happens at the channels and not in our books.
func (w *demoWorld) elsewhere(ctx context.Context, ops []channelsim.Op) error {
	var pays []channelsim.PayRequest
	var refunds []channelsim.RefundRequest
	for _, op := range ops {
		if op.Local.Step != channelsim.StepNone {
			continue
		}
		if op.Pay != nil {
			asked := *op.Pay
			asked.MerchantRef = w.numbers.of(asked.MerchantRef)
			pays = append(pays, asked)
		}
		if op.Refund != nil {
			asked := *op.Refund
			asked.MerchantRef = w.numbers.of(asked.MerchantRef)
			refunds = append(refunds, asked)
		}
	}
	if _, err := w.sim.PayBatch(ctx, pays); err != nil {
		return err
	}
	_, err := w.sim.RefundBatch(ctx, refunds)
	return err
}

// do runs a command; in the played world none may be refused.
func (w *demoWorld) do(ctx context.Context, c paycore.Command) error {
	results, err := w.core.Do(ctx, c)
	if err == nil && results[0].Effect == paycore.Refused {
		err = fmt.Errorf("the payment core refused %+v: %s", c, results[0].Reason)
	}
	return err
}

// demoNumbers are the numbers that the API gave to the payments and refunds of
// the plan.
type demoNumbers struct {
	mu    sync.Mutex
	given map[string]string
}

func (n *demoNumbers) put(planned, given string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.given == nil {
		n.given = map[string]string{}
	}
	n.given[planned] = given
}

// of returns a number as it was given; what went by no API keeps its own.
func (n *demoNumbers) of(planned string) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if given, ok := n.given[planned]; ok {
		return given
	}
	return planned
}
