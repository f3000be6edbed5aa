package drill

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"tieout/internal/bizday"
	"tieout/internal/control"
	"tieout/internal/gateway"
	"tieout/internal/paycore"
	"tieout/internal/settlement"
	"tieout/internal/store"
)

// The world is small and always of the same shape; the seed gives the amounts.
//
//	A1        paid before the first control run
//	P1 P2     paid since, settled in a batch that was paid out; R1 a refund of P1
//	P3 P4 P5  closed, failed, and still waiting for the payer
//	P6        paid since and settled; R6 a refund on its way
//	P7        paid since, not settled yet
//	P8        paid since, held back: a share S8 went to U1, who gave a part back (B8)
//	Q1        of another merchant, in a batch that is approved and not paid
//	N1 N2     taken from the wallet of U2 through a clearing organisation, by token NT1: N2 failed, NR1 gave a part of N1 back; the rest was paid to the organisation
//	C1 C2     of the wallet of U3, a coupon (of U3, too) and the channel: C1 paid, CR1 a refund of it; C2 waits
//	W1 W2     withdrawals of U3, told to the bank: W1 was paid; X1 a transfer of his to U2
//	T1        paid by two bank transfers, 1 and 2, with 5.00 too much: B1 sends 2.00 of it back, B2 has sent 3.00, which B0 sent before to an account that was closed
const (
	paidBatch     = "S20261120-M01-CNY"
	approvedBatch = "S20261120-M02-CNY"

	clearingPayment = "I20261120-nucc-CNY-1"
)

var (
	billDate = bizday.Make(2026, 11, 20)
	zone     = time.FixedZone("CST", 8*60*60)
	// clock is when everything happens: at noon of the day after.
	clock = time.Date(2026, 11, 21, 12, 0, 0, 0, zone)
)

func now() time.Time { return clock }

// play writes the world through the program's own rules.
func play(ctx context.Context, path string, seed uint64) error {
	db, err := store.Open(ctx, path, now, true)
	if err != nil {
		return err
	}
	defer db.Close()
	w := &world{ctx: ctx, db: db, random: rand.New(rand.NewPCG(seed, 1)),
		core: paycore.New(db, paycore.Rates{"wechat": {"wechat-main": {PPM: 6000, RefundsReturn: true}}}, now)}
	w.paid("M01", "A1")
	w.control()
	for _, no := range []string{"P1", "P2", "P6"} {
		w.paid("M01", no)
	}
	w.paid("M02", "Q1")
	for _, no := range []string{"P3", "P4", "P5"} {
		w.asked("M01", no)
	}
	w.do(paycore.ClosePayment{PayNo: "P3"}, paycore.FailPayment{PayNo: "P4", By: paycore.ByAnswer},
		paycore.CreateRefund{RefundNo: "R1", PayNo: "P1", AmountMinor: 400, Currency: "CNY", At: noon()},
		paycore.MarkRefunded{RefundNo: "R1", ChannelRefundRef: "wr-R1", AmountMinor: 400, Currency: "CNY", DoneAt: noon(), By: paycore.ByAnswer})
	w.settle()
	w.paid("M01", "P7")
	w.do(paycore.CreateRefund{RefundNo: "R6", PayNo: "P6", AmountMinor: 300, Currency: "CNY"})
	w.split()
	w.transferred()
	w.debited()
	w.combined()
	w.withdrawn()
	return w.err
}

// world keeps the first error, so that a play reads as one.
type world struct {
	ctx    context.Context
	db     *store.DB
	core   *paycore.Core
	random *rand.Rand
	err    error
}

// noon is within the bill date.
func noon() int64 { return clock.AddDate(0, 0, -1).UnixMicro() }

func (w *world) do(commands ...paycore.Command) {
	if w.err != nil {
		return
	}
	results, err := w.core.Do(w.ctx, commands...)
	w.err = err
	for i, r := range results {
		if r.Effect != paycore.Done {
			w.err = fmt.Errorf("%T: %s %s", commands[i], r.Effect, r.Reason)
		}
	}
}

func (w *world) asked(merchant, no string) int64 {
	amount := 1000 + w.random.Int64N(100_000)
	w.do(paycore.CreatePayment{Merchant: merchant, OrderNo: "O-" + no, PayNo: no, Channel: "wechat", Account: "wechat-main", AmountMinor: amount,
		Currency: "CNY", NotifyURL: "https://merchant.example/notify", At: noon()})
	return amount
}

func (w *world) paid(merchant, no string) {
	w.do(paycore.MarkPaid{PayNo: no, ChannelRef: "wx-" + no, AmountMinor: w.asked(merchant, no), Currency: "CNY", PaidAt: noon(), By: paycore.ByNotice})
}

// transferred plays a payment that two bank transfers paid, with more than it
// asked for.
func (w *world) transferred() {
	amount := 1000 + w.random.Int64N(100_000)
	w.do(paycore.CreatePayment{Merchant: "M01", OrderNo: "O-T1", PayNo: "T1", Channel: "bankdemo", Account: "bank-va", AmountMinor: amount, Currency: "CNY", At: noon()})
	if w.err != nil {
		return
	}
	var number string
	number, w.err = w.db.AwaitRemittance(w.ctx, "T1", gateway.Awaited{Prefix: "955880", Payer: "alice", ExpiresAt: clock.UnixMicro(), First: billDate, Last: billDate + 1})
	for i, minor := range []int64{400, amount + 100} {
		key := paycore.RemittanceKey{Account: "bank-va", BankRef: fmt.Sprint(i + 1)}
		w.do(paycore.ReceiveRemittance{RemittanceKey: key, Channel: "bankdemo", Number: number, AmountMinor: minor, Currency: "CNY", CameAt: noon()}, paycore.ApplyRemittance{RemittanceKey: key})
	}
	left := paycore.RemittanceKey{Account: "bank-va", BankRef: "2"}
	payee := paycore.Payee{Name: "Alice", Account: "6222000011113333", Bank: "102"}
	w.do(paycore.ProposePayback{Number: "B0", Remittance: left, AmountMinor: 300, Payee: payee, Maker: "chen"}, paycore.JudgePayback{Number: "B0", Version: 1, Approve: true, Checker: "wang"},
		paycore.AnswerPayback{Number: "B0", Account: "bank-va", Paid: true, AmountMinor: 300, Currency: "CNY", BankRef: "4", DoneAt: noon()},
		paycore.PaybackCameBack{Number: "B0", Account: "bank-va", AmountMinor: 300, Currency: "CNY", BankRef: "5", Of: "4", CameAt: noon()})
	w.do(paycore.ProposePayback{Number: "B1", Remittance: left, AmountMinor: 200, Payee: payee, Maker: "chen"}, paycore.JudgePayback{Number: "B1", Version: 1, Approve: true, Checker: "wang"},
		paycore.ProposePayback{Number: "B2", Remittance: left, AmountMinor: 300, Payee: payee, Maker: "chen"}, paycore.JudgePayback{Number: "B2", Version: 1, Approve: true, Checker: "wang"},
		paycore.AnswerPayback{Number: "B2", Account: "bank-va", Paid: true, AmountMinor: 300, Currency: "CNY", BankRef: "3", DoneAt: noon()})
}

// debited plays a user who is scanned at a merchant of the other side, for more
// than he has the second time, and gets a part back.
func (w *world) debited() {
	wallet := w.wallet("U2", "Bob", "N0")
	w.do(paycore.ApplyToken{Number: "NT1", Organisation: "nucc", AccountKey: wallet},
		paycore.AnswerToken{Number: "NT1", State: paycore.TokenActive, Token: "tok-1"})
	key := func(number string) paycore.InteropKey {
		return paycore.InteropKey{Organisation: "nucc", Number: number}
	}
	w.answered("debit", paycore.DebitByToken{InteropKey: key("N1"), Digest: "n1", Token: "tok-1", AmountMinor: 900, Currency: "CNY", Payee: "Noodles", At: noon()})
	w.answered("debit", paycore.DebitByToken{InteropKey: key("N2"), Digest: "n2", Token: "tok-1", AmountMinor: 200_000, Currency: "CNY", Payee: "Noodles", At: noon()})
	w.answered("refund", paycore.RefundDebit{InteropKey: key("NR1"), Digest: "nr1", Debit: "N1", AmountMinor: 300, Currency: "CNY", At: noon()})
	w.cleared()
}

// cleared plays the payment to the clearing organisation, by a bank of its own.
func (w *world) cleared() {
	to := settlement.Payee{Name: "Clearing Ltd", Account: "6222000011114444", Bank: "102"}
	for _, who := range []string{"chen", "wang"} {
		if w.err == nil {
			_, w.err = w.db.PayInterop(w.ctx, "nucc", "CNY", billDate, bizday.Day{Zone: zone}.Of(billDate), "boc", to, who)
		}
	}
	if w.err == nil {
		_, _, w.err = w.db.StartPayouts(w.ctx, "boc", billDate+1, store.Machine)
	}
	if w.err == nil {
		_, w.err = w.db.HearPayout(w.ctx, settlement.Answer{Number: clearingPayment, State: settlement.Paid, BankRef: "9", AmountMinor: 600, Currency: "CNY"}, "chen", nil)
	}
}

// wallet opens the wallet of a user and fills it by a payment of its own.
func (w *world) wallet(user, name, payNo string) paycore.AccountKey {
	key := paycore.AccountKey{Name: paycore.Wallet(user), Currency: "CNY"}
	w.paid("M01", payNo)
	w.do(paycore.OpenEntity{ID: user, Kind: "USER", Name: name},
		paycore.OpenAccount{Entity: user, Currency: "CNY", Controls: paycore.Controls{Pay: true, Withdraw: true, TransferIn: true, TransferOut: true, Active: true}},
		paycore.Deposit{Number: "D-" + payNo, PayNo: payNo, Account: key.Name})
	return key
}

// combined plays two payments by balance, coupon and channel, and a refund of
// the first.
func (w *world) combined() {
	wallet := w.wallet("U3", "Carol", "C0")
	for i, no := range []string{"C1", "C2"} {
		rest := 1000 + w.random.Int64N(100_000)
		w.do(paycore.CreateCombined{CreatePayment: paycore.CreatePayment{Merchant: "M01", OrderNo: "O-" + no, PayNo: no, Channel: "wechat", Account: "wechat-main",
			AmountMinor: rest + 300, Currency: "CNY", NotifyURL: "https://merchant.example/notify", At: noon()}, Parts: []paycore.Part{
			{Means: paycore.Balance, Wallet: wallet.Name, AmountMinor: 200}, {Means: paycore.Coupon, Wallet: wallet.Name, AmountMinor: 100, Coupon: fmt.Sprintf("K%d", i+1)}}})
		if no == "C1" {
			w.do(paycore.MarkPaid{PayNo: no, ChannelRef: "wx-" + no, AmountMinor: rest, Currency: "CNY", PaidAt: noon(), By: paycore.ByNotice},
				paycore.CreateRefund{RefundNo: "CR1", PayNo: no, AmountMinor: rest / 2, Currency: "CNY", At: noon()})
		}
	}
}

// withdrawn plays two withdrawals that the bank is told of, and answers one.
func (w *world) withdrawn() {
	payee := settlement.Payee{Name: "Carol", Account: "6222000011115555", Bank: "102"}.Text()
	key := paycore.AccountKey{Name: paycore.Wallet("U3"), Currency: "CNY"}
	w.do(paycore.Withdraw{Number: "W1", AccountKey: key, AmountMinor: 90, Bank: "boc", Payee: payee}, paycore.Withdraw{Number: "W2", AccountKey: key, AmountMinor: 60, Bank: "boc", Payee: payee},
		paycore.Transfer{Number: "X1", From: key.Name, To: paycore.Wallet("U2"), AmountMinor: 30, Currency: "CNY"})
	if w.err == nil {
		_, _, w.err = w.db.StartPayouts(w.ctx, "boc", billDate+10, "chen")
	}
	if w.err == nil {
		_, w.err = w.db.HearPayout(w.ctx, settlement.Answer{Number: "W1", State: settlement.Paid, AmountMinor: 90, Currency: "CNY", BankRef: "boc-1"}, "chen", nil)
	}
}

// answered runs a command that a clearing organisation sent.
func (w *world) answered(kind string, c paycore.Command) {
	if w.err != nil {
		return
	}
	m := paycore.Message{Organisation: "nucc", Kind: kind}
	switch c := c.(type) {
	case paycore.DebitByToken:
		m.ID, m.Digest, m.Debit, m.At = "m-"+c.Number, c.Digest, c.Number, c.At
	case paycore.RefundDebit:
		m.ID, m.Digest, m.Refund, m.At = "m-"+c.Number, c.Digest, c.Number, c.At
	}
	_, w.err = w.db.AnswerMessage(w.ctx, m, c, func(s paycore.Standing) (string, error) {
		if s.Result.Effect != paycore.Done {
			return "", fmt.Errorf("%T: %s %s", c, s.Result.Effect, s.Result.Reason)
		}
		return "{}", nil
	})
}

func (w *world) control() {
	if w.err == nil {
		_, w.err = w.db.Control(w.ctx, control.Checks(), scope(true))
	}
}

func scope(whole bool) control.Scope {
	return control.Scope{Now: clock.UnixMicro(), Today: clock.Format(time.DateOnly), Whole: whole, Caps: control.DefaultCaps()}
}

// settle takes the bill date of both merchants to the bank: one is paid out,
// the other one approved.
func (w *world) settle() {
	if w.err != nil {
		return
	}
	c := collection()
	if _, w.err = w.db.Collect(w.ctx, c, "auto", func(string) {}); w.err != nil {
		return
	}
	w.approve(paidBatch, c)
	if w.err == nil {
		_, _, w.err = w.db.StartPayouts(w.ctx, "icbc", billDate+10, "chen")
	}
	if w.err == nil {
		_, w.err = w.db.HearPayout(w.ctx, settlement.Answer{Number: paidBatch + "-1", State: settlement.Paid, BankRef: "icbc-1"}, "chen", nil)
	}
	w.approve(approvedBatch, c)
}

func (w *world) approve(id string, c settlement.Collect) {
	if w.err != nil {
		return
	}
	b, _, err := w.db.CheckBatch(w.ctx, id, "chen", c)
	if err == nil {
		_, err = w.db.ApproveBatch(w.ctx, id, b.Digest, "wang", c)
	}
	w.err = err
}

// split gives a receiver a share of an order, and takes a part of it back.
func (w *world) split() {
	w.paid("M01", "P8")
	w.do(paycore.OpenEntity{ID: "U1", Kind: "USER", Name: "Supplier"},
		paycore.OpenAccount{Entity: "U1", Currency: "CNY", Controls: paycore.Controls{TransferIn: true, TransferOut: true, Active: true}})
	if w.err != nil {
		return
	}
	contracts := collection().Contracts
	if w.err = w.db.AddReceiver(w.ctx, "M01", "U1", "supplier"); w.err == nil {
		_, w.err = w.db.Split(w.ctx, settlement.SplitRequest{Number: "S8", Merchant: "M01", OrderNo: "O-P8",
			Shares: []settlement.SplitShare{{Receiver: "U1", AmountMinor: 300}}}, contracts["M01"])
	}
	if w.err == nil {
		_, w.err = w.db.WorkSplits(w.ctx, contracts)
	}
	if w.err == nil {
		_, w.err = w.db.ReturnSplit(w.ctx, "M01", "B8", "S8", "U1", 100)
	}
}

// collection is of a bill date that is proven as a whole.
func collection() settlement.Collect {
	days := map[bizday.Date]settlement.Day{billDate: {RunID: "drill", Watermark: 1 << 40}}
	day := bizday.Day{Zone: zone}
	contracts := map[string]*settlement.Contract{}
	for _, merchant := range []string{"M01", "M02"} {
		contracts[merchant] = &settlement.Contract{Merchant: merchant, Cycle: settlement.Cycle{Days: 1}, Bank: "icbc",
			Payee: settlement.Payee{Name: "Shop " + merchant, Account: "6222000011112222", Bank: "102"},
			Fees:  []settlement.Fee{{Channel: "wechat", Currency: "CNY", Rate: settlement.Rate{PPM: 10_000, Returns: true}}},
			Split: settlement.DefaultSplitTerms()}
	}
	return settlement.Collect{Date: billDate, Calendar: settlement.NewCalendar([]bizday.Date{bizday.Make(2026, 11, 23)}, nil), Contracts: contracts,
		Accounts: []settlement.AccountProof{{Account: "wechat-main", Until: day.Of(billDate).To, DateOf: day.DateOf, Days: days, Carried: map[string]bool{}}}}
}
