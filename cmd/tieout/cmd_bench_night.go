package main

import (
	"archive/zip"
	"bufio"
	"cmp"
	"compress/flate"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"tieout/internal/bizday"
	"tieout/internal/channelsim"
	"tieout/internal/fault"
	"tieout/schemas"
)

// planted is what a night holds of one kind: the word of truth.json, how many
// payments of a million have it, and the class that the match must find.
type planted struct {
	word  string
	ppm   int
	class schemas.Class
}

// plantings are what is planted; all other payments agree.
var plantings = []planted{
	{"channel_only", 100, schemas.ChannelOnly},
	{"local_only", 100, schemas.LocalOnly},
	{"amount_mismatch", 60, schemas.AmountMismatch},
	{"missed_notification", 300, schemas.LocalBehind},
	{"cross_cutoff_matched", 100, schemas.Matched}, // ours began before the cut-off
	{"carried_forward", 100, schemas.LocalInTransit},
}

var (
	agreed    = planted{word: "matched", class: schemas.Matched}
	paidTwice = planted{word: "paid_twice", class: schemas.DuplicateChannel}
)

// The skews of a night.
const (
	skewMerchant   = "merchant"   // one shop has all rows: its number leads every order, every text repeats
	skewAmounts    = "amounts"    // every payment is of the same amount
	skewPrefix     = "prefix"     // order numbers differ in their last eight digits alone
	skewDuplicates = "duplicates" // three of ten payments have the order number of the one before
)

// night draws a day of payments, five in a hundred of them refunded, and writes
// both sides of it as it draws: its memory does not depend on the rows.
type night struct {
	skew     string
	date     bizday.Date
	day      bizday.Interval
	calendar calendar
	feeRate  int64
	rng      *rand.Rand
	layout   layout

	statement, local *rowWriter
	truth            map[planted]int64
	sums             nightSums
	last             nightRow // the payment before, for duplicates
	lastAgreed       bool
}

// nightSums are the control totals of the statement.
type nightSums struct {
	rows                    int64
	payments, paid, fees    int64
	refunds, refunded, back int64 // back: fees given back
}

// nightRow is a payment or a refund as the channel knows it.
type nightRow struct {
	n        int64 // of the payment, from 0
	second   int64 // from the calendar's first midnight
	paidAt   int64 // of the payment that a refund is of
	order    [32]byte
	orderLen int
	twin     bool // the order number is that of the payment before
	refund   bool
	amount   int64 // fen
	fee      int64 // fen; of a refund what is given back
	random   uint64
}

func (r *nightRow) orderNo() []byte { return r.order[:r.orderLen] }

// nightFiles is what lies in the folder of a night.
type nightFiles struct {
	Statement, Local           string
	StatementRows, LocalRows   int64
	StatementBytes, LocalBytes int64 // as text, before packing
}

// writeNight writes a night of so many payments into a folder: the statement in
// the channel's own layout, our side as CSV, and truth.json.
func writeNight(ctx context.Context, dir, channel, skew string, rows int64, date bizday.Date, day bizday.Day) (nightFiles, map[planted]int64, error) {
	n := &night{skew: skew, date: date, day: day.Of(date), calendar: newCalendar(date), feeRate: channelsim.FeeRate(channel),
		rng: rand.New(rand.NewPCG(1, uint64(rows))), truth: map[planted]int64{}}
	n.layout = layoutOf(channel, n)
	files := nightFiles{Statement: filepath.Join(dir, n.layout.fileName()), Local: filepath.Join(dir, "local.csv")}
	if err := n.write(ctx, &files, rows); err != nil {
		if ctx.Err() != nil {
			return files, nil, ctx.Err()
		}
		return files, nil, fault.New("E-4101", fault.V{"path": dir, "reason": err.Error()}, err)
	}
	words := map[string]int64{}
	for p, count := range n.truth {
		words[p.word] += count
	}
	body, err := json.MarshalIndent(words, "", "  ")
	if err != nil {
		return files, nil, fmt.Errorf("encode the truth: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "truth.json"), body, 0o600); err != nil {
		return files, nil, fault.New("E-4101", fault.V{"path": dir, "reason": err.Error()}, err)
	}
	return files, n.truth, nil
}

func (n *night) write(ctx context.Context, files *nightFiles, rows int64) error {
	statement, err := os.Create(files.Statement)
	if err != nil {
		return err
	}
	defer statement.Close()
	local, err := os.Create(files.Local)
	if err != nil {
		return err
	}
	defer local.Close()
	n.local = newRowWriter(local)
	pack := io.WriteCloser(plain{statement})
	if n.layout.entries() != nil {
		if pack, err = newPacked(statement, n.layout.entries()); err != nil {
			return err
		}
	}
	n.statement = newRowWriter(pack)
	n.local.line(append(n.local.buf, "kind,order_no,refund_no,channel_txn_id,status,amount_minor,currency,fee_minor,created_at,completed_at\n"...))
	n.statement.line(n.layout.head(n.statement.buf))
	for i := range rows {
		if i%65536 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		n.payment(i)
	}
	n.statement.line(n.layout.tail(n.statement.buf))
	if err := cmp.Or(n.statement.flush(), n.local.flush()); err != nil {
		return err
	}
	if p, ok := pack.(*packed); ok {
		if err := p.beside(n.layout); err != nil {
			return err
		}
	}
	files.StatementRows, files.StatementBytes = n.sums.rows, n.statement.bytes
	files.LocalRows, files.LocalBytes = n.local.lines-1, n.local.bytes
	// On the disk, so that writing them out does not disturb what is measured.
	return errors.Join(pack.Close(), statement.Sync(), local.Sync(), statement.Close(), local.Close())
}

// draw says what is planted in a payment.
func (n *night) draw() planted {
	at := n.rng.IntN(1_000_000)
	for _, p := range plantings {
		if at -= p.ppm; at < 0 {
			return p
		}
	}
	return agreed
}

func (n *night) payment(i int64) {
	what := n.draw()
	r := nightRow{n: i, amount: 1 + n.rng.Int64N(200_000), random: n.rng.Uint64()}
	from, to := n.calendar.second(n.day.From), n.calendar.second(n.day.To)
	r.second = from + n.rng.Int64N(to-from)
	switch what.word {
	case "channel_only", "local_only": // far from both ends, where they would be in transit
		r.second = from + 7200 + n.rng.Int64N(to-from-14400)
	case "carried_forward":
		r.second = to - 1 - n.rng.Int64N(300)
	}
	if n.skew == skewAmounts {
		r.amount = 8800
	}
	r.orderLen = len(n.order(r.order[:0], &r))
	if n.skew == skewDuplicates && what == agreed && n.lastAgreed && n.rng.IntN(10) < 3 {
		r.order, r.orderLen, r.twin = n.last.order, n.last.orderLen, true
		if n.rng.IntN(1000) == 0 {
			what = paidTwice
		}
	}
	r.fee = (r.amount*n.feeRate + 500_000) / 1_000_000
	n.truth[what]++
	if what.word != "local_only" && what.word != "carried_forward" {
		n.book(&r)
	}
	if what.word != "channel_only" && what.word != "paid_twice" {
		n.ours(&r, what.word)
	}
	n.last, n.lastAgreed = r, what == agreed
	if what == agreed && !r.twin && n.rng.IntN(20) == 0 {
		n.refund(r, to)
	}
}

// refund gives a payment back, all of it or half.
func (n *night) refund(r nightRow, to int64) {
	r.refund, r.paidAt = true, r.second
	r.second = min(r.second+n.rng.Int64N(3600), to-1)
	if r.amount > 2 && n.rng.IntN(2) == 0 {
		r.amount /= 2
	}
	r.fee = 0
	if n.layout.feeBack() {
		r.fee = (r.amount*n.feeRate + 500_000) / 1_000_000
	}
	n.truth[agreed]++
	n.book(&r)
	n.ours(&r, agreed.word)
}

// book writes a row of the statement.
func (n *night) book(r *nightRow) {
	s := &n.sums
	s.rows++
	if r.refund {
		s.refunds, s.refunded, s.back = s.refunds+1, s.refunded+r.amount, s.back+r.fee
	} else {
		s.payments, s.paid, s.fees = s.payments+1, s.paid+r.amount, s.fees+r.fee
	}
	n.statement.line(n.layout.row(n.statement.buf, r))
}

// ours writes our row of it, in the documented layout.
func (n *night) ours(r *nightRow, what string) {
	amount, created := r.amount, r.second
	switch what {
	case "amount_mismatch":
		amount += 1 + n.rng.Int64N(500)
	case "cross_cutoff_matched":
		created = n.calendar.second(n.day.From) - 1 - n.rng.Int64N(600)
	}
	b := n.local.buf
	if r.refund {
		b = append(append(b, "refund,"...), r.orderNo()...)
		b = n.refundNo(append(b, ','), r)
	} else {
		b = append(append(b, "payment,"...), r.orderNo()...)
		b = append(b, ',')
	}
	b = n.layout.number(append(b, ','), r)
	switch {
	case r.refund:
		b = append(b, ",REFUNDED,"...)
	case what == "missed_notification":
		b = append(b, ",PENDING,"...)
	default:
		b = append(b, ",PAID,"...)
	}
	b = append(strconv.AppendInt(b, amount, 10), ",CNY,"...)
	fee := r.fee
	if r.refund {
		fee = -fee
	}
	b = append(strconv.AppendInt(b, fee, 10), ',')
	b = append(n.calendar.rfc3339(b, created), ',')
	if what != "missed_notification" {
		b = n.calendar.rfc3339(b, r.second)
	}
	n.local.line(append(b, '\n'))
}

// order appends the order number of a payment, at most 32 characters.
func (n *night) order(b []byte, r *nightRow) []byte {
	switch n.skew {
	case skewMerchant:
		return zeros(append(b, "S19000001090001"...), r.n, 12)
	case skewPrefix:
		return zeros(append(b, "ORDERNUMBER2026112000000"...), r.n, 8)
	}
	b = append(append(b, 'M'), n.calendar.compact[1]...)
	return zeros(zeros(b, r.n, 12), int64(r.random>>32)%10000, 4)
}

// refundNo appends our number of a refund; a payment has at most one.
func (n *night) refundNo(b []byte, r *nightRow) []byte {
	return zeros(append(append(b, 'R'), n.calendar.compact[1]...), r.n, 12)
}

// text is which of the free texts, payers and banks a row has.
func (n *night) text(r *nightRow, of uint64) uint64 {
	if n.skew == skewMerchant {
		return 0
	}
	return r.random % of
}

// byClass adds up what was planted by the class that must be found.
func byClass(truth map[planted]int64) map[schemas.Class]int64 {
	classes := map[schemas.Class]int64{}
	for p, n := range truth {
		classes[p.class] += n
	}
	return classes
}

// checkTruth compares what the match counted with what was planted: each class
// exactly, and none besides.
func checkTruth(truth map[planted]int64, totals []schemas.ClassTotal) error {
	want, got := byClass(truth), map[schemas.Class]int64{}
	for _, t := range totals {
		got[t.Class] += t.Outcomes
	}
	for _, class := range slices.Sorted(maps.Keys(got)) {
		want[class] += 0
	}
	for _, class := range slices.Sorted(maps.Keys(want)) {
		if want[class] != got[class] {
			return fault.New("E-7002", fault.V{"class": class, "planted": want[class], "found": got[class]}, nil)
		}
	}
	return nil
}

// calendar writes times. A night lies in three calendar days at most: those
// before, of and behind the bill date.
type calendar struct {
	first   int64 // the first midnight, seconds of Unix time
	compact [3]string
	dashed  [3]string
}

// shanghai is the zone of all built-in channels; it has no summer time.
const shanghai = 8 * 3600

func newCalendar(date bizday.Date) calendar {
	c := calendar{first: (int64(date)-1)*86400 - shanghai}
	for i := range c.compact {
		c.compact[i], c.dashed[i] = date.Add(i-1).Compact(), date.Add(i-1).String()
	}
	return c
}

// second turns microseconds of Unix time into seconds of the calendar.
func (c *calendar) second(micro int64) int64 { return micro/1_000_000 - c.first }

// seconds appends "2026-11-20 15:04:05".
func (c *calendar) seconds(b []byte, second int64) []byte {
	return clock(append(append(b, c.dashed[second/86400]...), ' '), second, ':')
}

// rfc3339 appends "2026-11-20T15:04:05+08:00".
func (c *calendar) rfc3339(b []byte, second int64) []byte {
	return append(clock(append(append(b, c.dashed[second/86400]...), 'T'), second, ':'), "+08:00"...)
}

// clock appends the time of day; a separator of 0 is none.
func clock(b []byte, second int64, separator byte) []byte {
	for i, part := range [3]int64{second / 3600 % 24, second / 60 % 60, second % 60} {
		if i > 0 && separator != 0 {
			b = append(b, separator)
		}
		b = append(b, byte('0'+part/10), byte('0'+part%10))
	}
	return b
}

// zeros appends a number in so many digits; what is longer loses its head.
func zeros(b []byte, n int64, width int) []byte {
	for range width {
		b = append(b, '0')
	}
	for at := len(b) - 1; n > 0 && width > 0; at, width = at-1, width-1 {
		b[at] = byte('0' + n%10)
		n /= 10
	}
	return b
}

// yuan appends fen with two decimals.
func yuan(b []byte, fen int64) []byte {
	if fen < 0 {
		b, fen = append(b, '-'), -fen
	}
	return zeros(append(strconv.AppendInt(b, fen/100, 10), '.'), fen%100, 2)
}

// rowWriter takes rows into a buffer that the rows are made in.
type rowWriter struct {
	w            io.Writer
	buf          []byte
	lines, bytes int64
	err          error
}

func newRowWriter(w io.Writer) *rowWriter { return &rowWriter{w: w, buf: make([]byte, 0, 1<<20)} }

// line takes the buffer with a line more. The first error stays.
func (w *rowWriter) line(buf []byte) {
	w.buf = buf
	w.lines++
	if len(buf) > 1<<20-4096 {
		w.err = cmp.Or(w.err, w.flush())
	}
}

func (w *rowWriter) flush() error {
	if w.err == nil {
		_, w.err = w.w.Write(w.buf)
	}
	w.bytes += int64(len(w.buf))
	w.buf = w.buf[:0]
	return w.err
}

// plain is a statement that is not packed.
type plain struct{ *os.File }

// Close leaves the closing to the file's owner, who syncs it first.
func (plain) Close() error { return nil }

// packed is a statement in a zip, as Alipay and UnionPay give it. The rows are
// its first entry.
type packed struct {
	zip  *zip.Writer
	buf  *bufio.Writer
	rows io.Writer
	more []string
}

func newPacked(w io.Writer, entries []string) (*packed, error) {
	p := &packed{buf: bufio.NewWriterSize(w, 1<<20), more: entries[1:]}
	p.zip = zip.NewWriter(p.buf)
	p.zip.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestSpeed) })
	var err error
	p.rows, err = p.create(entries[0])
	return p, err
}

// create begins an entry. The names are GBK without the flag for UTF-8.
func (p *packed) create(name string) (io.Writer, error) {
	return p.zip.CreateHeader(&zip.FileHeader{Name: string(gbk(name)), NonUTF8: true, Method: zip.Deflate})
}

func (p *packed) Write(b []byte) (int, error) { return p.rows.Write(b) }

// beside writes the other entries, which are small.
func (p *packed) beside(l layout) error {
	for _, name := range p.more {
		w, err := p.create(name)
		if err != nil {
			return err
		}
		if _, err := w.Write(l.beside(name)); err != nil {
			return err
		}
	}
	return nil
}

func (p *packed) Close() error { return errors.Join(p.zip.Close(), p.buf.Flush()) }
