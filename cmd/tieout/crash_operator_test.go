//go:build crashpoints

package main

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"tieout/internal/bizday"
	"tieout/internal/channelsim"
	"tieout/internal/fault"
	"tieout/internal/settlement"
	"tieout/internal/store"
	"tieout/schemas"
)

// operator is what goes on in a site beside its merchants: fixes of the night,
// settlement, the bank, checkpoints of the database. One at a time.
type operator struct {
	rnd   *rand.Rand
	fixes []schemas.Fix    // to be applied
	fixed []schemas.Fix    // and those whose end was acknowledged
	date  bizday.Date      // that is settled
	batch settlement.Batch // as it was acknowledged last
	done  []settlement.Batch
	bank  map[string]int64 // what the bank paid, by number of the payout
}

func newOperator(seed uint64) *operator {
	return &operator{rnd: rand.New(rand.NewPCG(seed, 0x6f70)), date: bizday.Make(2025, 11, 21), bank: map[string]int64{}}
}

// missed is the fix of a payment that nobody told us of.
func (o *operator) missed(t *trade, now time.Time) {
	fee := (t.minor*channelsim.FeeRate(t.channel) + 500_000) / 1_000_000
	o.fixes = append(o.fixes, schemas.Fix{Key: accountNames[t.channel] + "|PAYMENT|" + t.payment.PayNo + "|SET_SUCCESS", Kind: schemas.FixSetSuccess, RunID: "run-1",
		CaseID: "C-" + t.no, Cell: "P4", Channel: t.channel, Account: accountNames[t.channel], BillDate: o.date, RecordKind: schemas.Payment,
		MerchantRef: t.payment.PayNo, ChannelRef: t.taken.ChannelRef, AmountMinor: t.minor, FeeMinor: fee, Currency: "CNY", EventTime: now.UnixMicro(),
		Expect: []schemas.Status{schemas.Unknown}, Maker: "auto"})
}

// fix applies the fixes, each until it is answered.
func (o *operator) fix(ctx context.Context, db *store.DB) error {
	for len(o.fixes) > 0 {
		r, err := db.ApplyFix(ctx, o.fixes[0])
		if err != nil {
			return err
		}
		if r.State == "APPLIED" {
			o.fixed = append(o.fixed, o.fixes[0])
		}
		o.fixes = o.fixes[1:]
	}
	return nil
}

// collect is what settlement knows: every day is proven.
func (o *operator) collect() settlement.Collect {
	c := settlement.Collect{Date: o.date, Calendar: settlement.NewCalendar([]bizday.Date{bizday.Make(2025, 12, 25)}, nil), Contracts: map[string]*settlement.Contract{"M01": {Merchant: "M01", Cycle: settlement.Cycle{Days: 1}, Bank: "icbc",
		Payee: settlement.Payee{Name: "Shop", Account: "6222000011112222", Bank: "102"}}}}
	china := bizday.Day{Zone: time.FixedZone("CST", 8*3600)}
	for _, channel := range []string{channelsim.WeChat, channelsim.Alipay} {
		c.Contracts["M01"].Fees = append(c.Contracts["M01"].Fees, settlement.Fee{Channel: channel, Currency: "CNY", Rate: settlement.Rate{PPM: 10_000}})
		days := map[bizday.Date]settlement.Day{}
		for d := bizday.Make(2025, 11, 20); d < bizday.Make(2025, 11, 24); d++ {
			days[d] = settlement.Day{RunID: "run-" + d.String(), Watermark: math.MaxInt64}
		}
		c.Accounts = append(c.Accounts, settlement.AccountProof{Account: accountNames[channel], Until: math.MaxInt64, DateOf: china.DateOf, Days: days, Carried: map[string]bool{}})
	}
	return c
}

// settle takes the batch of the date one step on; a paid one makes room for the
// next date.
func (o *operator) settle(ctx context.Context, db *store.DB) error {
	b, err := o.batch, error(nil)
	switch b.State {
	case "":
		if _, err = db.Collect(ctx, o.collect(), "auto", func(string) {}); err != nil {
			return err
		}
		list, err := db.Batches(ctx, store.BatchFilter{Merchant: "M01", From: o.date, To: o.date})
		if err != nil || len(list) == 0 || list[0].PayMinor == 0 {
			return err // nothing is left after the refunds
		}
		b = list[0]
	case settlement.Collecting: // or to be checked again
		b, _, err = db.CheckBatch(ctx, b.ID, "chen", o.collect())
	case settlement.Checked:
		b, err = db.ApproveBatch(ctx, b.ID, b.Digest, "wang", o.collect())
		if fault.Of(err).ID == "E-4090" { // it changed, and is to be checked again
			o.batch.State = settlement.Collecting
			return nil
		}
	case settlement.Approved:
		if _, _, err = db.StartPayouts(ctx, "icbc", o.date.Add(30), "chen"); err == nil {
			return o.reread(ctx, db)
		}
	case settlement.Paying:
		return o.pay(ctx, db)
	case settlement.Paid:
		o.done = append(o.done, b)
		b, o.date = settlement.Batch{}, o.date.Add(1)
	default:
		return fmt.Errorf("batch %s is %s", b.ID, b.State)
	}
	if err == nil {
		o.batch = b
	}
	return err
}

// pay tells the bank, which pays a number once, and hears what it says.
func (o *operator) pay(ctx context.Context, db *store.DB) error {
	f, err := db.Batch(ctx, o.batch.ID)
	if err != nil {
		return err
	}
	for _, p := range f.Payouts {
		o.bank[p.Number] = p.AmountMinor
		if _, err := db.HearPayout(ctx, settlement.Answer{Number: p.Number, State: settlement.Paid, BankRef: "icbc-" + p.Number}, "chen", nil); err != nil {
			return err
		}
	}
	return o.reread(ctx, db)
}

func (o *operator) reread(ctx context.Context, db *store.DB) error {
	f, err := db.Batch(ctx, o.batch.ID)
	if err == nil {
		o.batch = f.Batch
	}
	return err
}

// checkpoint copies the log of the database back into its file, and may begin
// the log anew, as the server does when it is long.
func (o *operator) checkpoint(ctx context.Context, path string) error {
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=synchronous(FULL)&_pragma=busy_timeout(10000)")
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.ExecContext(ctx, `PRAGMA wal_checkpoint(`+[]string{"PASSIVE", "RESTART", "TRUNCATE"}[o.rnd.IntN(3)]+`)`)
	return err
}

// kept compares what was acknowledged with what is there now.
func (o *operator) kept(ctx context.Context, db *store.DB) (wrong []string) {
	for _, f := range o.fixed[max(0, len(o.fixed)-3):] {
		if r, err := db.ApplyFix(ctx, f); err != nil || r.State != "ALREADY_APPLIED" {
			wrong = append(wrong, fmt.Sprintf("fix %s was applied, and now %+v, %v", f.Key, r, err))
		}
	}
	if o.batch.State == "" {
		return wrong
	}
	steps := []settlement.State{settlement.Collecting, settlement.Checked, settlement.Approved, settlement.Paying, settlement.Paid}
	before := o.batch.State
	if err := o.reread(ctx, db); err != nil || slices.Index(steps, o.batch.State) < slices.Index(steps, before) {
		wrong = append(wrong, fmt.Sprintf("batch %s was %s, and is %s, %v", o.batch.ID, before, o.batch.State, err))
	}
	return wrong
}

// once compares what the bank paid with the batches.
func (o *operator) once(ctx context.Context, db *store.DB) (wrong []string) {
	paid := map[string]int64{}
	for number, minor := range o.bank {
		paid[number] = minor
	}
	for _, b := range o.done {
		f, err := db.Batch(ctx, b.ID)
		payouts := min(b.PayMinor, 1) // refunds since it was collected may leave nothing to pay
		if err != nil || int64(len(f.Payouts)) != payouts || f.State != settlement.Paid {
			wrong = append(wrong, fmt.Sprintf("batch %s over %d is %s: payouts %+v, the bank %v, %v", b.ID, b.PayMinor, f.State, f.Payouts, paid, err))
			continue
		}
		for _, p := range f.Payouts {
			if paid[p.Number] != b.PayMinor {
				wrong = append(wrong, fmt.Sprintf("batch %s over %d: the bank paid %d for %s", b.ID, b.PayMinor, paid[p.Number], p.Number))
			}
			delete(paid, p.Number)
		}
	}
	if len(paid) > 1 || len(paid) == 1 && o.batch.State != settlement.Paying && o.batch.State != settlement.Paid {
		wrong = append(wrong, fmt.Sprintf("the bank paid %v beside the batches", paid))
	}
	return wrong
}
