package store

import (
	"context"
	"testing"
	"time"

	"tieout/internal/bizday"
	"tieout/internal/paycore"
	"tieout/schemas"
)

var payee = paycore.Payee{Name: "Alice", Account: "6222000011112222", Bank: "102100000021"}

// Two people send money back; the statement says when it went.
func TestPayback_OfWhatIsLeft(t *testing.T) {
	w := newBankWorld(t)
	number := w.asked("V1", "alice", 10000)
	w.take(w.row(number, 12500))
	key := paycore.RemittanceKey{Account: "bank-va", BankRef: "1001"}
	propose := paycore.ProposePayback{Number: "B1", Remittance: key, AmountMinor: 2500, Payee: payee, Maker: "chen"}
	tooMuch := propose
	tooMuch.AmountMinor = 2501
	do(t, w.core, paycore.Refused, tooMuch)
	do(t, w.core, paycore.Done, propose)
	do(t, w.core, paycore.Refused, propose,
		paycore.JudgePayback{Number: "B1", Version: 1, Approve: true, Checker: "chen"}, paycore.JudgePayback{Number: "B1", Version: 2, Approve: true, Checker: "wang"})
	do(t, w.core, paycore.Done, paycore.JudgePayback{Number: "B1", Version: 1, Approve: true, Checker: "wang"})
	w.proven()
	file, list, err := w.db.FilePaybacks(context.Background(), "bank-va", "CNY", bankDate, "")
	if err != nil || len(list) != 1 || list[0].AmountMinor != 2500 {
		t.Fatalf("file %q %v %v", file, list, err)
	}
	if next, list, err := w.db.FilePaybacks(context.Background(), "bank-va", "CNY", bankDate, ""); err != nil || next != "" || len(list) != 0 {
		t.Errorf("it stands in %q too: %v %v", next, list, err)
	}
	if _, again, err := w.db.FilePaybacks(context.Background(), "bank-va", "CNY", bankDate, file); err != nil || len(again) != 1 {
		t.Errorf("the file again: %v %v", again, err)
	}
	out := &schemas.Record{Kind: schemas.Refund, Status: schemas.Success, MerchantRef: number, RefundRef: "B1", ChannelRefundRef: "2001", AmountMinor: 2500, Currency: "CNY", EventTime: testStart.UnixMicro()}
	w.take(out)
	checkBalances(t, w.db, map[string]int64{bankClearing: 10000, "payable:M01": -10000, bankReceived: 0})
	w.proven()
}

// What the bank could not send, and what the second person did not want, is
// left again.
func TestPayback_FailedAndSentBack(t *testing.T) {
	w := newBankWorld(t)
	number := w.asked("V1", "alice", 10000)
	w.take(w.row(number, 12500))
	key := paycore.RemittanceKey{Account: "bank-va", BankRef: "1001"}
	do(t, w.core, paycore.Done, paycore.ProposePayback{Number: "B1", Remittance: key, AmountMinor: 2000, Payee: payee, Maker: "chen"},
		paycore.JudgePayback{Number: "B1", Version: 1, Checker: "wang"},
		paycore.ProposePayback{Number: "B2", Remittance: key, AmountMinor: 2500, Payee: payee, Maker: "chen"},
		paycore.JudgePayback{Number: "B2", Version: 1, Approve: true, Checker: "wang"})
	w.take(&schemas.Record{Kind: schemas.Refund, Status: schemas.Failed, MerchantRef: number, RefundRef: "B2", ChannelRefundRef: "2001", AmountMinor: 2500, Currency: "CNY", EventTime: testStart.UnixMicro()})
	checkBalances(t, w.db, map[string]int64{bankClearing: 12500, "payable:M01": -10000, bankReceived: -2500})
	w.proven("transfer.left bank-va/1001")
}

// returned is a payback that was paid under 2001 on the first day and came back
// under 3001 on the fourth.
func (w *bankWorld) returned(number string, minor int64) (out, back schemas.Record) {
	out = schemas.Record{Kind: schemas.Refund, Status: schemas.Success, MerchantRef: "X", RefundRef: number, ChannelRefundRef: "2001", AmountMinor: minor, Currency: "CNY",
		EventTime: testStart.UnixMicro()}
	back = out
	back.Status, back.ChannelRefundRef, back.ChannelRef, back.EventTime = schemas.Reversed, "3001", "2001", testStart.Add(72*time.Hour).UnixMicro()
	return out, back
}

// What comes back is left anew, once, whichever statement is read again and in
// whatever order; and it is sent back again under another number.
func TestPayback_ComesBack(t *testing.T) {
	w := newBankWorld(t)
	number := w.asked("V1", "alice", 10000)
	w.take(w.row(number, 12500))
	key := paycore.RemittanceKey{Account: "bank-va", BankRef: "1001"}
	propose := func(no string) {
		do(t, w.core, paycore.Done, paycore.ProposePayback{Number: no, Remittance: key, AmountMinor: 2500, Payee: payee, Maker: "chen"},
			paycore.JudgePayback{Number: no, Version: 1, Approve: true, Checker: "wang"})
	}
	propose("B1")
	out, back := w.returned("B1", 2500)
	w.take(&back) // before anything went out
	w.take(&out)
	paid := map[string]int64{bankClearing: 10000, "payable:M01": -10000, bankReceived: 0}
	checkBalances(t, w.db, paid)
	for name, wrong := range map[string]func(r *schemas.Record){
		"another amount":   func(r *schemas.Record) { r.AmountMinor-- },
		"another currency": func(r *schemas.Record) { r.Currency = "USD" },
		"another transfer": func(r *schemas.Record) { r.ChannelRef = "2000" },
		"too early":        func(r *schemas.Record) { r.EventTime = out.EventTime - 1 },
		"another payback":  func(r *schemas.Record) { r.RefundRef = "B9" },
		"the same line":    func(r *schemas.Record) { r.ChannelRefundRef = "2001" },
	} {
		r := back
		wrong(&r)
		w.take(&r)
		if checkBalances(t, w.db, paid); t.Failed() {
			t.Fatal(name)
		}
	}
	w.take(&back)
	left := map[string]int64{bankClearing: 12500, "payable:M01": -10000, bankReceived: -2500}
	checkBalances(t, w.db, left)
	w.proven("transfer.left bank-va/1001")
	w.take(&out, &back)
	checkBalances(t, w.db, left)
	do(t, w.core, paycore.Refused, paycore.ProposePayback{Number: "B1", Payee: payee, Maker: "chen"}, paycore.ProposePayback{Number: "B1", Remittance: key, AmountMinor: 2500, Payee: payee, Maker: "chen"})
	propose("B2")
	w.take(&out, &back)
	w.proven()
	checkBalances(t, w.db, left)
}

// A refund that came back is open again: it goes to another account, and what
// the bank said of the first time says nothing about the second.
func TestPayback_OfARefundComesBack(t *testing.T) {
	w := newBankWorld(t)
	number := w.asked("V1", "alice", 10000)
	w.take(w.row(number, 10000))
	do(t, w.core, paycore.Done, paycore.CreateRefund{RefundNo: "R1", PayNo: "V1", AmountMinor: 4000, Currency: "CNY"}, paycore.RefundByTransfer{RefundNo: "R1"},
		paycore.ProposePayback{Number: "R1", Payee: payee, Maker: "chen"}, paycore.JudgePayback{Number: "R1", Version: 2, Approve: true, Checker: "wang"})
	refund := func(want paycore.State) {
		t.Helper()
		if r, err := w.db.Refund(context.Background(), "R1"); err != nil || r.State != want {
			t.Fatalf("refund %+v %v, want %s", r, err, want)
		}
	}
	out, back := w.returned("R1", 4000)
	w.take(&out)
	refund(paycore.Success)
	w.take(&back)
	refund(paycore.Failed)
	open := map[string]int64{bankClearing: 10000, "payable:M01": -6000, "refund_payable:M01": -4000, bankReceived: 0}
	checkBalances(t, w.db, open)
	w.proven("refund.failed R1")
	w.take(&out, &back)
	refund(paycore.Failed)
	do(t, w.core, paycore.Refused, paycore.MarkRefunded{RefundNo: "R1", ChannelRefundRef: "2001", AmountMinor: 4000, Currency: "CNY", By: paycore.ByAnswer})

	other := payee
	other.Account = "6222000033334444"
	do(t, w.core, paycore.Done, paycore.ProposePayback{Number: "R1", Payee: other, Maker: "chen"})
	if _, list, err := w.db.FilePaybacks(context.Background(), "bank-va", "CNY", bankDate, ""); err != nil || len(list) != 0 {
		t.Fatalf("in a file without a second person: %v %v", list, err)
	}
	p, err := w.db.Payback(context.Background(), "R1")
	if err != nil {
		t.Fatal(err)
	}
	do(t, w.core, paycore.Done, paycore.JudgePayback{Number: "R1", Version: p.Version, Approve: true, Checker: "wang"})
	if _, list, err := w.db.FilePaybacks(context.Background(), "bank-va", "CNY", bankDate+4, ""); err != nil || len(list) != 1 || list[0].Payee != other {
		t.Fatalf("in no file: %v %v", list, err)
	}
	do(t, w.core, paycore.Refused, paycore.CancelRefund{RefundNo: "R1"}) // the bank may have it
	w.take(&out, &back)
	refund(paycore.Failed)
	again := out
	again.ChannelRefundRef, again.EventTime = "2002", testStart.Add(96*time.Hour).UnixMicro()
	w.take(&again)
	refund(paycore.Success)
	w.take(&out, &back, &again)
	checkBalances(t, w.db, map[string]int64{bankClearing: 6000, "payable:M01": -6000, "refund_payable:M01": 0, bankReceived: 0})
	w.proven()
}

// A second person judges what is proposed, and nothing else: what waits, failed
// or came back stays as it is.
func TestPayback_OnlyWhatIsProposedIsJudged(t *testing.T) {
	w := newBankWorld(t)
	w.take(w.row(w.asked("V1", "alice", 10000), 10000))
	refused := func(state paycore.State) {
		t.Helper()
		p, err := w.db.Payback(context.Background(), "R1")
		if err != nil || p.State != state {
			t.Fatalf("%+v %v, want %s", p, err, state)
		}
		for _, approve := range []bool{false, true} {
			do(t, w.core, paycore.Refused, paycore.JudgePayback{Number: "R1", Version: p.Version, Approve: approve, Checker: "wang"})
		}
	}
	do(t, w.core, paycore.Done, paycore.CreateRefund{RefundNo: "R1", PayNo: "V1", AmountMinor: 4000, Currency: "CNY"}, paycore.RefundByTransfer{RefundNo: "R1"})
	refused(paycore.Waiting)
	propose, answer := paycore.ProposePayback{Number: "R1", Payee: payee, Maker: "chen"}, paycore.AnswerPayback{Number: "R1", Account: "bank-va", AmountMinor: 4000, Currency: "CNY", BankRef: "2001"}
	do(t, w.core, paycore.Done, propose, paycore.JudgePayback{Number: "R1", Version: 2, Approve: true, Checker: "wang"})
	refused(paycore.Paying)
	do(t, w.core, paycore.Done, answer)
	refused(paycore.Failed)
	answer.Paid, answer.BankRef, answer.DoneAt = true, "2002", testStart.UnixMicro()
	do(t, w.core, paycore.Done, paycore.RefundByTransfer{RefundNo: "R1"}, propose, answer)
	refused(paycore.Success)
	do(t, w.core, paycore.Done, paycore.PaybackCameBack{Number: "R1", Account: "bank-va", AmountMinor: 4000, Currency: "CNY", BankRef: "2003", CameAt: testStart.UnixMicro()})
	refused(paycore.Returned)
	w.proven("refund.failed R1")
}

// A payback whose answer nobody knows stays with the bank: nothing sends it
// again, gives it up or pays it from elsewhere; and a failure of the first time
// is none of the second.
func TestPayback_UnknownIsNeverSentTwice(t *testing.T) {
	w := newBankWorld(t)
	ctx := context.Background()
	number := w.asked("V1", "alice", 10000)
	w.take(w.row(number, 10000))
	do(t, w.core, paycore.Done, paycore.CreateRefund{RefundNo: "R1", PayNo: "V1", AmountMinor: 4000, Currency: "CNY"}, paycore.RefundByTransfer{RefundNo: "R1"})
	send := func(date bizday.Date) {
		t.Helper()
		do(t, w.core, paycore.Done, paycore.ProposePayback{Number: "R1", Payee: payee, Maker: "chen"})
		p, err := w.db.Payback(ctx, "R1")
		if err != nil {
			t.Fatal(err)
		}
		do(t, w.core, paycore.Done, paycore.JudgePayback{Number: "R1", Version: p.Version, Approve: true, Checker: "wang"})
		if _, list, err := w.db.FilePaybacks(ctx, "bank-va", "CNY", date, ""); err != nil || len(list) != 1 {
			t.Fatalf("in no file: %v %v", list, err)
		}
	}
	sentOnce := func() {
		t.Helper()
		do(t, w.core, paycore.Already, paycore.RefundByTransfer{RefundNo: "R1"})
		p, err := w.db.Payback(ctx, "R1")
		if err != nil {
			t.Fatal(err)
		}
		do(t, w.core, paycore.Refused, paycore.ProposePayback{Number: "R1", Payee: payee, Maker: "chen"},
			paycore.JudgePayback{Number: "R1", Version: p.Version, Approve: true, Checker: "zhao"}, paycore.JudgePayback{Number: "R1", Version: p.Version, Checker: "zhao"},
			paycore.CancelRefund{RefundNo: "R1"}, paycore.CreateRefund{RefundNo: "R2", PayNo: "V1", AmountMinor: 6001, Currency: "CNY"})
		if file, list, err := w.db.FilePaybacks(ctx, "bank-va", "CNY", bankDate+9, ""); err != nil || file != "" || len(list) != 0 {
			t.Errorf("sent again in %s: %v %v", file, list, err)
		}
	}
	send(bankDate)
	row, _ := w.returned("R1", 4000)
	row.Status = schemas.Unknown
	w.take(&row)
	sentOnce()
	row.Status = schemas.Failed
	w.take(&row)
	do(t, w.core, paycore.Done, paycore.RefundByTransfer{RefundNo: "R1"})
	send(bankDate + 1)
	w.take(&row) // the night of the first time, once more
	sentOnce()
	w.proven()
}

// Two people say that it came back where the bank's statement cannot, about
// exactly what stands in the books.
func TestPayback_ComesBackByTwoPeople(t *testing.T) {
	w := newBankWorld(t)
	number := w.asked("V1", "alice", 10000)
	w.take(w.row(number, 12500))
	do(t, w.core, paycore.Done, paycore.ProposePayback{Number: "B1", Remittance: paycore.RemittanceKey{Account: "bank-va", BankRef: "1001"}, AmountMinor: 2500, Payee: payee, Maker: "chen"},
		paycore.JudgePayback{Number: "B1", Version: 1, Approve: true, Checker: "wang"})
	say := func(who, ref string) (bool, error) {
		return w.db.PaybackCameBack(context.Background(), "B1", ref, who, "closed account")
	}
	if done, err := say("chen", "3001"); done || err == nil {
		t.Errorf("it came back before it was paid: %v %v", done, err)
	}
	out, back := w.returned("B1", 2500)
	out.EventTime = testStart.Add(-time.Hour).UnixMicro()
	w.take(&out)
	for _, step := range []struct {
		who, ref string
		done, ok bool
	}{{"chen", "", false, false}, {"chen", "3001", false, true}, {"Chen", "3001", false, false}, {"wang", "3002", false, true}, {"wang", "3001", true, true}, {"zhao", "3001", false, false}, {"zhao", "3002", false, false}} {
		if done, err := say(step.who, step.ref); done != step.done || (err == nil) != step.ok {
			t.Errorf("%s, %s: %v %v", step.who, step.ref, done, err)
		}
	}
	w.take(&out, &back)
	checkBalances(t, w.db, map[string]int64{bankClearing: 12500, "payable:M01": -10000, bankReceived: -2500})
	w.proven("transfer.left bank-va/1001")
}

// A refund of a payment by transfer goes the same way; the payee is asked for.
func TestPayback_OfARefund(t *testing.T) {
	w := newBankWorld(t)
	number := w.asked("V1", "alice", 10000)
	w.take(w.row(number, 10000))
	do(t, w.core, paycore.Done, paycore.CreateRefund{RefundNo: "R1", PayNo: "V1", AmountMinor: 4000, Currency: "CNY"}, paycore.RefundByTransfer{RefundNo: "R1"})
	do(t, w.core, paycore.Already, paycore.RefundByTransfer{RefundNo: "R1"})
	do(t, w.core, paycore.Done, paycore.ProposePayback{Number: "R1", Payee: payee, Maker: "chen"}, paycore.JudgePayback{Number: "R1", Version: 2, Approve: true, Checker: "wang"})
	row := schemas.Record{Kind: schemas.Refund, Status: schemas.Failed, MerchantRef: number, RefundRef: "R1", ChannelRefundRef: "2001", AmountMinor: 4000, Currency: "CNY", EventTime: testStart.UnixMicro()}
	w.take(&row)
	w.proven("refund.failed R1")
	// It is still owed: the same refund, to another account.
	do(t, w.core, paycore.Done, paycore.RefundByTransfer{RefundNo: "R1"},
		paycore.ProposePayback{Number: "R1", Payee: payee, Maker: "chen"}, paycore.JudgePayback{Number: "R1", Version: 6, Approve: true, Checker: "wang"})
	row.Status, row.ChannelRefundRef = schemas.Success, "2002"
	w.take(&row)
	if r, err := w.db.Refund(context.Background(), "R1"); err != nil || r.State != paycore.Success {
		t.Errorf("refund %+v %v", r, err)
	}
	checkBalances(t, w.db, map[string]int64{bankClearing: 6000, "payable:M01": -6000, "refund_payable:M01": 0, bankReceived: 0})
	w.proven()
}
