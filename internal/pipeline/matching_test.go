package pipeline_test

import (
	"bytes"
	"context"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"testing"

	"tieout/internal/bizday"
	"tieout/internal/pipeline"
	"tieout/ledgerlink"
	"tieout/schemas"
)

// twice shows some of our rows twice, as a book without a unique number would.
type twice struct {
	pipeline.Local
	no string
}

func (l twice) Export(ctx context.Context, req ledgerlink.ExportRequest, each func(*schemas.Batch) error) (schemas.Export, error) {
	exp, err := l.Local.Export(ctx, req, func(b *schemas.Batch) error {
		for i := range b.Len() {
			if string(b.MerchantRef.At(i)) != l.no {
				continue
			}
			row := b.Row(i)
			copied := &schemas.Batch{Channel: b.Channel, Account: b.Account, Source: b.Source}
			copied.Append(&row)
			if err := each(copied); err != nil {
				return err
			}
		}
		return each(b)
	})
	exp.Rows++
	return exp, err
}

func TestT06_IdenticalRows(t *testing.T) {
	w := newWorld(t)
	w.play(day1, `
		no  amount  at        ours  theirs
		P1  12.00   10:00:00  paid  paid x2
		P2  10.00   10:05:00  paid  paid`)
	w.acct.Local = twice{w.acct.Local, "P1"}
	res := w.run(day1, pipeline.Options{}, "")
	wantCounts(t, res.Report, map[schemas.Class]int64{schemas.Matched: 3})
	if res.Verdict != schemas.Reconciled {
		t.Errorf("verdict %s: %s", res.Verdict, res.Report.Why)
	}
}

func TestT07_ALocalRowIsNeverMatchedTwice(t *testing.T) {
	t.Run("on_one_day", func(t *testing.T) {
		w := newWorld(t)
		w.play(day1, `
			P1  12.00   10:00:00  paid  paid x2
			P2  10.00   10:05:00  paid  paid`)
		res := w.run(day1, pipeline.Options{}, "")
		wantCounts(t, res.Report, map[schemas.Class]int64{schemas.Matched: 2, schemas.DuplicateChannel: 1})
	})
	t.Run("on_two_days", func(t *testing.T) {
		w := newWorld(t)
		w.play(day1, `
			P1  12.00   23:59:59  paid  paid
			P2  10.00   10:05:00  paid  paid`)
		// The channel lists it once more, seconds later, on the next day.
		w.books.rows[day2] = slices.Clone(w.books.rows[day1][:1])
		w.books.rows[day2][0].theirs.at = w.books.rows[day2][0].theirs.at.Add(5e9)
		w.runAll(day1, day2)
		wantList(t, "findings of the second day", w.findings(w.current(day2)), []string{"PAYMENT P1 DUPLICATE_CHANNEL MANUAL"})
		wantList(t, "open cases", w.openCases(), []string{"P1 DUPLICATE_CHANNEL - P3"})
		w.verify(day1, day2)
		w.replay(day1, day2)
	})
	t.Run("far_from_midnight", func(t *testing.T) {
		w := newWorld(t)
		w.play(day1, `P1  12.00  10:00:00  paid  paid`)
		w.books.rows[day2] = slices.Clone(w.books.rows[day1])
		w.books.rows[day2][0].theirs.at = w.books.rows[day2][0].theirs.at.AddDate(0, 0, 1)
		w.runAll(day1, day2)
		wantList(t, "findings of the second day", w.findings(w.current(day2)), []string{"PAYMENT P1 DUPLICATE_CHANNEL MANUAL"})
	})
}

func TestT08_BothSidesAreListed(t *testing.T) {
	w := newWorld(t)
	w.play(day1, `
		P1     12.00  10:00:00  paid  paid
		P2     10.00  10:05:00  paid  -
		P3     7.00   11:00:00  -     paid
		R1/P1  2.00   11:00:00  paid  paid=2.50`)
	res := w.run(day1, pipeline.Options{}, "")
	wantCounts(t, res.Report, map[schemas.Class]int64{schemas.Matched: 1, schemas.LocalOnly: 1, schemas.ChannelOnly: 1, schemas.AmountMismatch: 1})
	wantList(t, "findings", w.findings(res.Run), []string{"PAYMENT P2 LOCAL_ONLY MANUAL", "PAYMENT P3 CHANNEL_ONLY MANUAL", "REFUND R1 AMOUNT_MISMATCH MANUAL"})
	wantConserved(t, res.Report)
	w.verify(day1, day1)
}

// wantConserved adds up all outcomes and compares with both inputs.
func wantConserved(t *testing.T, r *schemas.RunReport) {
	t.Helper()
	var local, channel, localMinor, channelMinor int64
	for _, x := range r.Totals {
		local, channel = local+x.LocalRows, channel+x.ChannelRows
		localMinor, channelMinor = localMinor+x.LocalMinor, channelMinor+x.ChannelMinor
	}
	var wantLocal, wantChannel, wantLocalMinor, wantChannelMinor int64
	for _, x := range r.Export.Totals {
		wantLocal, wantLocalMinor = wantLocal+x.Rows, wantLocalMinor+x.Minor
	}
	for _, x := range r.Statement.Totals {
		wantChannel, wantChannelMinor = wantChannel+x.Rows, wantChannelMinor+x.Minor
	}
	if local != wantLocal || channel != wantChannel || localMinor != wantLocalMinor || channelMinor != wantChannelMinor {
		t.Errorf("outcomes hold %d+%d rows of %d+%d minor units, the inputs %d+%d of %d+%d",
			local, channel, localMinor, channelMinor, wantLocal, wantChannel, wantLocalMinor, wantChannelMinor)
	}
}

func TestT11_RefundsAreNotNetted(t *testing.T) {
	w := newWorld(t)
	w.play(day1, `
		P1     12.00  10:00:00  paid  paid
		R1/P1  12.00  11:00:00  paid  -
		P2     10.00  10:05:00  paid  paid=8.00  # as if the refund were taken off
		R2/P2  2.00   11:00:00  paid  -`)
	res := w.run(day1, pipeline.Options{}, "")
	wantCounts(t, res.Report, map[schemas.Class]int64{schemas.Matched: 1, schemas.AmountMismatch: 1, schemas.LocalInTransit: 2})
}

// The bytes of a result depend neither on the number of workers nor, but for
// the places in the file, on the order of the statement's rows.
func TestT14_WorkersAndRowOrder(t *testing.T) {
	digests := map[string]bool{}
	for _, workers := range []int{1, 8} {
		w := newWorld(t)
		w.workers = workers
		w.restart()
		busyDays(w)
		w.runAll(day1, day2)
		digests[w.current(day1).Digest+w.current(day2).Digest] = true
	}
	if len(digests) != 1 {
		t.Error("1 and 8 workers give other bytes")
	}
	plain, shuffled := newWorld(t), newWorld(t)
	busyDays(plain)
	busyDays(shuffled)
	rnd := rand.New(rand.NewPCG(1, 2))
	for _, d := range []bizday.Date{day1, day2} {
		rows := slices.Clone(shuffled.books.rows[d])
		rnd.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
		if bytes.Equal(weChatBill(rows), weChatBill(shuffled.books.rows[d])) {
			t.Fatal("the shuffled statement is the same file")
		}
		shuffled.books.rows[d] = rows
	}
	for _, w := range []*world{plain, shuffled} {
		w.runAll(day1, day2)
	}
	for _, d := range []bizday.Date{day1, day2} {
		wantList(t, "differences", placeless(shuffled, d), placeless(plain, d))
	}
	seen := []string{"recon_case", "payment", "refund", "customer_order", "journal", "posting", "outbox"}
	wantState(t, "shuffled rows", results(plain.state(), seen...), results(shuffled.state(), seen...))
}

// placeless are the differences of a day without where their rows stand in the
// files.
func placeless(w *world, date bizday.Date) []string {
	w.t.Helper()
	var all []string
	for d, err := range w.pipe.Findings(w.current(date)) {
		if err != nil {
			w.t.Fatal(err)
		}
		copied := *d
		copied.Local.Row, copied.Channel.Row = 0, 0
		for _, r := range []**schemas.Record{&copied.LocalRow, &copied.ChannelRow} {
			if *r != nil {
				bare := **r
				bare.Source, bare.Line, bare.Offset = "", 0, 0
				*r = &bare
			}
		}
		copied.Nearest, copied.Candidates = nil, nil
		body, err := json.Marshal(copied)
		if err != nil {
			w.t.Fatal(err)
		}
		all = append(all, string(body))
	}
	return all
}
