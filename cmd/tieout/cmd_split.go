package main

import (
	"fmt"
	"strconv"

	"tieout/internal/fault"
	"tieout/internal/settlement"
	"tieout/internal/store"
)

// splitCmd shows what receivers get of orders; merchants ask for it over the
// API.
type splitCmd struct {
	List splitListCmd `cmd:"" help:"List splits, the newest first."`
	Show splitShowCmd `cmd:"" help:"Show a split: its shares, and where the money of its order is."`
	Work splitWorkCmd `cmd:"" help:"Carry out what is due: splits, returns, ends of holds. serve does it by itself."`
}

type splitListCmd struct {
	Merchant string `placeholder:"ID" help:"Only this merchant."`
	Order    string `placeholder:"NO" help:"Only this order."`
	Open     bool   `help:"Only splits that are not finished."`
	Limit    int    `help:"At most so many." default:"100"`
}

// Run is called by kong.
func (c *splitListCmd) Run(a *app) error {
	site, err := a.open()
	if err != nil {
		return err
	}
	defer site.close()
	list, err := site.db.Splits(a.ctx, store.SplitFilter{Merchant: c.Merchant, OrderNo: c.Order, Open: c.Open, Limit: c.Limit})
	if err != nil {
		return err
	}
	if a.cli.JSON {
		return a.printJSON(list)
	}
	return a.printSplits(list)
}

func (a *app) printSplits(list []settlement.Split) error {
	if a.cli.Quiet {
		return nil
	}
	if len(list) == 0 {
		a.say("no split", "没有分账单")
		return nil
	}
	t := newTable(4, 5, 6, 7)
	t.add(a.tr("split", "分账单"), a.tr("merchant", "商户"), a.tr("order", "订单"), a.tr("state", "状态"), a.tr("shares", "接收方数"), a.tr("amount", "金额"), a.tr("received", "已分"), a.tr("returned", "已回退"))
	for _, s := range list {
		t.add(s.Number, s.Merchant, fault.Safe(s.OrderNo, 64), string(s.State), strconv.Itoa(s.Shares), a.amount(s.AmountMinor, s.Currency), a.amount(s.DoneMinor, s.Currency), a.amount(s.BackMinor, s.Currency))
	}
	return t.print(a.out, "")
}

type splitShowCmd struct {
	Merchant string `arg:"" help:"Merchant."`
	Number   string `arg:"" help:"Split, as split list shows it."`
}

// Run is called by kong. An order whose parts are not the whole ends with exit
// code 50.
func (c *splitShowCmd) Run(a *app) error {
	site, err := a.open()
	if err != nil {
		return err
	}
	defer site.close()
	s, shares, err := site.db.SplitOf(a.ctx, c.Merchant, c.Number)
	if err != nil {
		return err
	}
	proof, paid, err := site.db.SplitProof(a.ctx, s.Merchant, s.OrderNo)
	if err != nil {
		return err
	}
	if a.cli.JSON {
		err = a.printJSON(map[string]any{"split": s, "shares": shares, "paid": paid, "proof": proof})
	} else {
		err = a.printSplit(s, shares, proof, paid)
	}
	if err == nil && paid && !proof.Holds() {
		err = fault.New("E-5080", fault.V{"proof": "split.orders", "want": strconv.FormatInt(proof.PaidMinor, 10),
			"got":  fmt.Sprintf("%d + %d + %d + %d", proof.MerchantMinor, proof.ReceiversMinor, proof.FeeMinor, proof.HeldMinor),
			"note": "orders whose payment is not what merchant, receivers, fee and hold come to", "account": "-", "date": "-"}, nil)
	}
	return err
}

func (a *app) printSplit(s settlement.Split, shares []settlement.SplitShare, p settlement.SplitProof, paid bool) error {
	if err := a.printSplits([]settlement.Split{s}); err != nil || a.cli.Quiet {
		return err
	}
	t := newTable(1, 2)
	for _, x := range shares {
		t.add(x.Receiver, a.amount(x.AmountMinor, s.Currency), a.amount(x.ReturnedMinor, s.Currency), string(x.State), fault.Safe(fault.Translate(a.lang, x.Reason), 120))
	}
	if err := t.print(a.out, "  "); err != nil || !paid {
		return err
	}
	h := newTable(1)
	for _, line := range []struct {
		name  string
		minor int64
	}{
		{a.tr("paid, less refunds", "实付（已减退款）"), p.PaidMinor}, {a.tr("merchant", "商户"), p.MerchantMinor}, {a.tr("receivers", "分账接收方"), p.ReceiversMinor},
		{a.tr("fee", "手续费"), p.FeeMinor}, {a.tr("held back", "待分账"), p.HeldMinor},
	} {
		h.add(line.name, a.amount(line.minor, s.Currency))
	}
	return h.print(a.out, "  ")
}

type splitWorkCmd struct{}

// Run is called by kong.
func (c *splitWorkCmd) Run(a *app) error {
	site, err := a.open()
	if err != nil {
		return err
	}
	defer site.close()
	agreed, err := contracts(site.cfg.Settlement)
	if err != nil {
		return err
	}
	done := 0
	for n := 1; n > 0; done += n {
		if n, err = site.db.WorkSplits(a.ctx, agreed); err != nil {
			return err
		}
	}
	if done > 0 {
		a.result.Changed = "splits"
	}
	a.say(counted(done, "step"), fmt.Sprintf("已执行 %d 步", done))
	return nil
}
