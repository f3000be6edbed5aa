package report

import (
	"fmt"
	"io"
	"strings"
	"time"

	"tieout/internal/fault"
	"tieout/internal/money"
	"tieout/internal/settlement"
	"tieout/schemas"
)

// Settlement is what the papers about one batch show.
type Settlement struct {
	Batch   settlement.Batch
	Entries []settlement.Entry // by kind and number
	Payouts []settlement.Payout
	Journal []settlement.JournalLine // in the order in which it was booked
}

// WriteSettlement writes the settlement statement of a batch into a folder: a
// page a language, a workbook, the entries and the journal as CSV. The payee's
// account is masked in all of them. A batch whose sums are not those of its
// entries gets no statement.
func WriteSettlement(dir string, s Settlement, langs []fault.Lang) ([]schemas.FileUsed, error) {
	langs = bothUnless(langs)
	sum := settlement.Batch{ID: s.Batch.ID}
	for _, e := range s.Entries {
		if err := sum.Add(e, 1); err != nil {
			return nil, err
		}
	}
	if sum.GrossMinor != s.Batch.GrossMinor || sum.FeeMinor != s.Batch.FeeMinor || sum.NetMinor != s.Batch.NetMinor || sum.Items != s.Batch.Items {
		return nil, fault.New("E-5090", fault.V{"batch": s.Batch.ID, "reason": "its sums are not those of its entries"}, nil)
	}
	f, err := openFolder(dir)
	if err != nil {
		return nil, err
	}
	defer f.abort()
	s.Batch.Payee = s.Batch.Payee.Masked()
	for _, lang := range langs {
		view := newSettlementPage(s, lang, without(langs, lang))
		if err := f.fill(fmt.Sprintf("statement.%s.html", lang), func(w io.Writer) error { return render(w, lang, "settlement", view) }); err != nil {
			return nil, err
		}
	}
	if err := f.fill("statement.xlsx", func(w io.Writer) error { return writeSettlementBook(w, tongue{langs[0]}, s) }); err != nil {
		return nil, err
	}
	if err := f.fill("entries.csv", func(w io.Writer) error { return writeEntries(w, s.Entries) }); err != nil {
		return nil, err
	}
	if err := f.fill("journal.csv", func(w io.Writer) error { return writeJournal(w, s.Journal) }); err != nil {
		return nil, err
	}
	return f.publish()
}

// settlementPage is the statement as a page; long lists are cut, entries.csv
// has them whole.
type settlementPage struct {
	Settlement
	Title  string
	Others []fault.Lang
	Payee  string
	Shown  []settlement.Entry
}

func newSettlementPage(s Settlement, lang fault.Lang, others []fault.Lang) settlementPage {
	return settlementPage{Settlement: s, Title: tongue{lang}.say("settle.title") + " " + plain(s.Batch.ID), Others: others,
		Payee: strings.TrimSpace(s.Batch.Payee.Name + " " + s.Batch.Payee.Account), Shown: s.Entries[:min(len(s.Entries), maxShown)]}
}

func writeSettlementBook(w io.Writer, t tongue, s Settlement) error {
	book, err := newWorkbook()
	if err != nil {
		return err
	}
	defer book.close()
	for _, write := range []func(*workbook, tongue, Settlement) error{summarySheet, entrySheet, owedSheet, journalSheet} {
		if err := write(book, t, s); err != nil {
			return err
		}
	}
	return book.write(w, s.Batch.ID, time.UnixMicro(s.Batch.UpdatedAt))
}

func summarySheet(book *workbook, t tongue, s Settlement) error {
	sh, err := book.titled(t, "s.summary", "", 26, "", 44)
	if err != nil {
		return err
	}
	b := s.Batch
	money := func(minor int64) amount { return amount{Minor: minor, Currency: b.Currency} }
	for _, row := range [][2]any{{"settle.batch", b.ID}, {"merchant", b.Merchant}, {"bill_date", b.BillDate.String()}, {"settle.due", b.DueOn.String()},
		{"settle.state", t.word("settle", b.State)}, {"currency", b.Currency}, {"settle.items", b.Items}, {"settle.gross", money(b.GrossMinor)},
		{"settle.fee", money(b.FeeMinor)}, {"settle.net", money(b.NetMinor)}, {"settle.carried", money(b.CarriedMinor)}, {"settle.pay", money(b.PayMinor)},
		{"settle.debt", money(b.DebtMinor)}, {"settle.payee", strings.TrimSpace(b.Payee.Name + " " + b.Payee.Account)}} {
		if err := sh.add(t.say(row[0].(string)), row[1]); err != nil {
			return err
		}
	}
	for _, p := range s.Payouts {
		if err := sh.add(p.Number, t.word("settle", p.State)+" "+p.BankRef+" "+p.Reason); err != nil {
			return err
		}
	}
	return sh.close()
}

func entrySheet(book *workbook, t tongue, s Settlement) error {
	sh, err := book.titled(t, "settle.entries", "c.kind", 10, "settle.number", 32, "settle.order", 32, "channel", 12, "settle.product", 12, "settle.time", 22,
		"currency", 9, "amount", 16, "settle.fee", 14, "settle.net", 16, "settle.channel_fee", 14, "settle.terms", 40)
	if err != nil {
		return err
	}
	for _, e := range s.Entries {
		money := func(minor int64) amount { return amount{Minor: minor, Currency: e.Currency, Added: true} }
		if err := sh.add(t.word("settle", e.Kind), e.Ref, e.OrderNo, e.Channel, e.Product, utc(e.At), e.Currency, money(e.GrossMinor), money(e.FeeMinor),
			money(e.NetMinor), money(e.ChannelFeeMinor), e.Terms); err != nil {
			return err
		}
	}
	if err := sh.totals(t.say("total"), 6); err != nil {
		return err
	}
	return sh.close()
}

func owedSheet(book *workbook, t tongue, s Settlement) error {
	sh, err := book.titled(t, "settle.owed", "settle.number", 32, "settle.owed", 44, "currency", 9, "amount", 16, "c.why", 60)
	if err != nil {
		return err
	}
	for _, e := range s.Entries {
		for _, o := range e.Owed() {
			if err := sh.add(e.Ref, o.From+" → "+o.To, e.Currency, amount{Minor: o.Minor, Currency: e.Currency}, t.tell(o.Why)); err != nil {
				return err
			}
		}
	}
	return sh.close()
}

func journalSheet(book *workbook, t tongue, s Settlement) error {
	sh, err := book.titled(t, "settle.journal", "settle.txn", 44, "settle.time", 22, "settle.ledger", 34, "currency", 9, "settle.debit", 16, "settle.credit", 16, "settle.reverses", 44)
	if err != nil {
		return err
	}
	for _, l := range s.Journal {
		var debit, credit any
		if l.Minor > 0 {
			debit = amount{Minor: l.Minor, Currency: l.Currency, Added: true}
		} else {
			credit = amount{Minor: -l.Minor, Currency: l.Currency, Added: true}
		}
		if err := sh.add(l.Txn, l.At.UTC().Format(time.RFC3339), l.Account, l.Currency, debit, credit, l.Reverses); err != nil {
			return err
		}
	}
	if err := sh.totals(t.say("total"), 3); err != nil {
		return err
	}
	return sh.close()
}

// entryColumns are the columns of entries.csv, in this order for ever; new ones
// are added at the end.
var entryColumns = []string{"kind", "number", "merchant", "order_no", "pay_no", "channel", "account", "product", "currency", "gross_minor", "gross", "fee_minor", "fee",
	"net_minor", "net", "channel_fee_minor", "terms", "time"}

func writeEntries(w io.Writer, list []settlement.Entry) error {
	out, err := newCSV(w, entryColumns)
	if err != nil {
		return err
	}
	for _, e := range list {
		c := money.Currency(e.Currency)
		if err := out.Write([]string{string(e.Kind), csvText(e.Ref), csvText(e.Merchant), csvText(e.OrderNo), csvText(e.PayNo), csvText(e.Channel), csvText(e.Account),
			csvText(e.Product), e.Currency, digits(e.GrossMinor), money.Format(e.GrossMinor, c), digits(e.FeeMinor), money.Format(e.FeeMinor, c),
			digits(e.NetMinor), money.Format(e.NetMinor, c), digits(e.ChannelFeeMinor), csvText(e.Terms), utc(e.At)}); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

func writeJournal(w io.Writer, list []settlement.JournalLine) error {
	out, err := newCSV(w, []string{"txn", "time", "account", "currency", "debit_minor", "credit_minor", "reverses"})
	if err != nil {
		return err
	}
	for _, l := range list {
		if err := out.Write([]string{csvText(l.Txn), l.At.UTC().Format(time.RFC3339), csvText(l.Account), l.Currency, positive(l.Minor), positive(-l.Minor), csvText(l.Reverses)}); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}
