package pipeline_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"tieout/internal/bizday"
	"tieout/internal/money"
	"tieout/internal/paycore"
)

// zone is the channel's.
var zone = mustZone()

func mustZone() *time.Location {
	z, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		panic(err)
	}
	return z
}

// trade is one line of a day's table.
type trade struct {
	no     string
	of     string // refunds: the payment's number
	day    bizday.Date
	at     time.Time
	ours   side
	theirs side
}

// side is what one of the two books says.
type side struct {
	word   string // - paid open closed failed
	minor  int64
	at     time.Time
	copies int
}

// table reads days written like this:
//
//	no     amount  at        ours  theirs
//	P1     12.00   10:00:00  paid  paid
//	P2     0.30    23:59:59  paid  paid@+00:00:01    the channel lists it on the next day
//	P3     9.00    11:00:00  paid  paid=9.01         another amount
//	P4     9.00    11:00:00  open  paid              we never heard of it
//	P5     9.00    11:00:00  -     paid x2           not in our books; twice in theirs
//	R1/P1  3.00    12:00:00  paid  -                 a refund of P1
//
// "paid@-23:59:59" is the day before. Empty lines and what follows a # do not
// count.
func table(t testing.TB, day bizday.Date, text string) []trade {
	t.Helper()
	var all []trade
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		f := strings.Fields(line)
		if len(f) == 0 || f[0] == "no" {
			continue
		}
		tr, err := parseTrade(day, f)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		all = append(all, tr)
	}
	return all
}

func parseTrade(day bizday.Date, f []string) (trade, error) {
	if len(f) < 5 {
		return trade{}, fmt.Errorf("five columns are needed")
	}
	tr := trade{day: day}
	tr.no, tr.of, _ = strings.Cut(f[0], "/")
	minor, err := money.Parse([]byte(f[1]), 2)
	if err != nil {
		return tr, err
	}
	if tr.at, err = clock(day, f[2]); err != nil {
		return tr, err
	}
	if tr.ours, err = parseSide(day, f[3], minor, tr.at); err != nil {
		return tr, err
	}
	if tr.theirs, err = parseSide(day, f[4], minor, tr.at); err != nil {
		return tr, err
	}
	if len(f) > 5 {
		_, err = fmt.Sscanf(f[5], "x%d", &tr.theirs.copies)
	}
	return tr, err
}

func parseSide(day bizday.Date, s string, minor int64, at time.Time) (side, error) {
	d := side{minor: minor, at: at, copies: 1}
	s, when, moved := strings.Cut(s, "@")
	s, amount, other := strings.Cut(s, "=")
	d.word = s
	var err error
	if other {
		if d.minor, err = money.Parse([]byte(amount), 2); err != nil {
			return d, err
		}
	}
	if moved {
		switch when[0] {
		case '+':
			day, when = day.Add(1), when[1:]
		case '-':
			day, when = day.Add(-1), when[1:]
		}
		d.at, err = clock(day, when)
	}
	return d, err
}

func clock(day bizday.Date, s string) (time.Time, error) {
	c, err := time.Parse("15:04:05", s)
	if err != nil {
		return c, err
	}
	y, m, d := day.YMD()
	return time.Date(y, m, d, c.Hour(), c.Minute(), c.Second(), c.Nanosecond(), zone), nil
}

// play carries a day out: our books get our side, the channel's books theirs.
func (w *world) play(day bizday.Date, text string) {
	w.t.Helper()
	w.playTrades(table(w.t, day, text))
}

func (w *world) playTrades(all []trade) {
	w.t.Helper()
	var commands []paycore.Command
	for _, tr := range all {
		commands = append(commands, tr.commands()...)
	}
	results, err := w.core.Do(context.Background(), commands...)
	if err != nil {
		w.t.Fatal(err)
	}
	for i, r := range results {
		if r.Effect != paycore.Done {
			w.t.Fatalf("%+v: %s %s", commands[i], r.Effect, r.Reason)
		}
	}
	for _, tr := range all {
		w.books.add(tr)
	}
}

// commands are what our books are told of a trade.
func (tr trade) commands() []paycore.Command {
	o, at := tr.ours, tr.ours.at.UnixMicro()
	if o.word == "-" {
		return nil
	}
	var list []paycore.Command
	if tr.of != "" {
		list = append(list, paycore.CreateRefund{RefundNo: tr.no, PayNo: tr.of, AmountMinor: o.minor, Currency: "CNY", At: at})
		if o.word == "paid" {
			list = append(list, paycore.MarkRefunded{RefundNo: tr.no, ChannelRefundRef: refundRefOf(tr.no), AmountMinor: o.minor, Currency: "CNY", DoneAt: at, By: paycore.ByAnswer})
		}
		return list
	}
	list = append(list, paycore.CreatePayment{Merchant: "M01", OrderNo: "O-" + tr.no, PayNo: tr.no, Channel: "wechat", Account: accountName,
		AmountMinor: o.minor, Currency: "CNY", NotifyURL: "http://merchant.example/notify", At: at})
	switch o.word {
	case "paid":
		list = append(list, paycore.MarkPaid{PayNo: tr.no, ChannelRef: channelRefOf(tr.no), AmountMinor: o.minor, Currency: "CNY", PaidAt: at, By: paycore.ByAnswer})
	case "closed":
		list = append(list, paycore.ClosePayment{PayNo: tr.no, At: at, Detail: "the payer took too long"})
	case "failed":
		list = append(list, paycore.FailPayment{PayNo: tr.no, By: paycore.ByAnswer, At: at, Detail: "refused"})
	}
	return list
}

// busyDays have something for every crash point: agreement, missed
// notifications of payments and refunds, money that nobody knows, a wrong
// amount, a wrong fee, and rows on both sides of midnight.
func busyDays(w *world) {
	w.play(day1, `
		no     amount  at        ours  theirs
		P1     12.00   10:00:00  paid  paid
		P2     30.00   10:05:00  open  paid
		P3     7.00    11:00:00  -     paid
		P4     5.00    11:30:00  paid  paid=5.01
		P5     8.00    12:00:00  paid  -
		P6     6.00    23:59:59  paid  paid@+00:00:01
		R1/P1  3.00    13:00:00  open  paid
		P7     9.00    14:00:00  failed paid`)
	w.play(day2, `
		no     amount  at        ours  theirs
		P11    12.00   10:00:00  paid  paid
		P12    30.00   10:05:00  open  paid
		R2/P1  1.00    13:00:00  paid  paid`)
}
