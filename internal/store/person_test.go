package store

import (
	"testing"

	"tieout/internal/control"
	"tieout/internal/paycore"
	"tieout/schemas"
)

// Capitals and blanks make no second person, whatever is to be approved.
func TestFaultW4_CapitalsMakeNoOtherPerson(t *testing.T) {
	db := copyOf(t, controlWorld(t))
	spoil(t, db, `UPDATE payment SET fee_minor = -1 WHERE pay_no = 'P1'`)
	controlRun(t, db, true)
	id := found(t, db)["payment.fee P1"].ID
	if _, err := db.ProposeFinding(t.Context(), id, "chen", "a gift of the channel"); err != nil {
		t.Fatal(err)
	}
	_, err := db.ApproveFinding(t.Context(), id, "CHEN")
	wantFault(t, err, "E-6470")
	if got := found(t, db)["payment.fee P1"]; got.State != control.Proposed || got.Checker != "" {
		t.Errorf("got %+v", got)
	}

	w := newBankWorld(t)
	number := w.asked("V1", "alice", 10000)
	w.take(w.row(number, 12500))
	propose := paycore.ProposePayback{Number: "B1", Remittance: paycore.RemittanceKey{Account: "bank-va", BankRef: "1001"}, AmountMinor: 2500, Payee: payee, Maker: " "}
	do(t, w.core, paycore.Refused, propose)
	propose.Maker = "chen"
	do(t, w.core, paycore.Done, propose)
	for _, checker := range []string{"chen", "Chen", " chen", "chen\t", " "} {
		do(t, w.core, paycore.Refused, paycore.JudgePayback{Number: "B1", Version: 1, Approve: true, Checker: checker})
	}
	do(t, w.core, paycore.Done, paycore.JudgePayback{Number: "B1", Version: 1, Approve: true, Checker: "wang"})

	books, core := testBooks(t)
	do(t, core, paycore.Done, pay("P1", 10000))
	f := schemas.Fix{Key: "K1", Kind: schemas.FixSetSuccess, RunID: "r", CaseID: "C-1", Channel: "wechat", Account: "wechat-main", RecordKind: schemas.Payment,
		MerchantRef: "P1", ChannelRef: "wx-P1", AmountMinor: 10000, Currency: "CNY", Maker: "chen", Checker: "Chen", Expect: []schemas.Status{schemas.Unknown}}
	apply(t, books, f, "REFUSED")
	f.Checker = "wang"
	apply(t, books, f, "APPLIED")
}
