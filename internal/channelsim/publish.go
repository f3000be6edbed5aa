package channelsim

import (
	"fmt"
	"slices"
	"time"

	"tieout/internal/bizday"
)

// fileDay names the statements of one channel and bill date.
type fileDay struct {
	channel string
	date    bizday.Date
}

// publication is what is wrong with them. Guarded by billing.mu.
type publication struct {
	left        map[Fault]int // how often a passing fault still shows
	lasting     map[Fault]bool
	republished bool
	refusedAt   time.Time // when NotReadyFirst was last spent
}

// sameTry is how close two looks at a folder are to be one try: a client may
// look at the marker, at the data, or at both.
const sameTry = time.Second

// lastingFaults stay until Republish; the others pass by themselves.
var lastingFaults = map[Fault]bool{TrailerOff: true, WrongDay: true, Reissue: true}

// Inject makes the file of a channel and bill date faulty. Faults of one day
// add up.
func (s *Sim) Inject(f FileFault) error {
	if faultChannels[f.Kind] == nil || !isFileFault(f.Kind) {
		return fmt.Errorf("inject: %.40q is not a fault of files", f.Kind)
	}
	if !known(f.Channel) {
		return fmt.Errorf("inject %s: channel %.40q is not played", f.Kind, f.Channel)
	}
	s.bill.mu.Lock()
	defer s.bill.mu.Unlock()
	p := s.bill.publication(f.Channel, f.Date)
	if lastingFaults[f.Kind] {
		p.lasting[f.Kind] = true
	} else {
		p.left[f.Kind] += f.Times
	}
	return nil
}

// Republish issues the statements of a channel and bill date anew, right and
// with all rows.
func (s *Sim) Republish(channel string, date bizday.Date) error {
	if !known(channel) {
		return fmt.Errorf("republish: channel %.40q is not played", channel)
	}
	s.bill.mu.Lock()
	defer s.bill.mu.Unlock()
	s.bill.publication(channel, date).republished = true
	return nil
}

func isFileFault(f Fault) bool {
	for _, known := range fileFaults {
		if f == known {
			return true
		}
	}
	return false
}

func (b *billing) publication(channel string, date bizday.Date) *publication {
	key := fileDay{channel, date}
	p := b.files[key]
	if p == nil {
		p = &publication{left: map[Fault]int{}, lasting: map[Fault]bool{}}
		b.files[key] = p
	}
	return p
}

// spend tells whether a passing fault shows now, and counts it.
func (b *billing) spend(channel string, date bizday.Date, f Fault) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.publication(channel, date)
	if p.left[f] == 0 {
		return false
	}
	p.left[f]--
	return true
}

// sheet is the content of a statement before it is written in a channel's
// layout.
type sheet struct {
	merchant string
	date     bizday.Date // that the file claims
	rows     []*entry    // by time
	opening  int64       // balance at the start of the date
	skew     int64       // fault: fen added to the control total of the amounts
	issued   time.Time   // when it was made
}

// sheet gathers the statement of a channel and bill date.
func (s *Sim) sheet(channel string, date bizday.Date) sheet {
	s.bill.mu.Lock()
	p := s.bill.publication(channel, date)
	wrong, off := p.lasting[WrongDay] && !p.republished, p.lasting[TrailerOff] && !p.republished
	whole := p.republished
	s.bill.mu.Unlock()

	sh := sheet{merchant: s.opt.Merchants.Of(channel), date: date, issued: s.readyAt(date).Add(-time.Hour)}
	if whole {
		sh.issued = sh.issued.Add(24 * time.Hour)
	}
	if wrong {
		sh.date--
	}
	if off {
		sh.skew = 1
	}
	sh.rows = s.bill.entries(channel, sh.date, whole)
	sh.opening = s.bill.opening(channel, sh.date)
	return sh
}

// equal tells whether two sheets are written the same.
func (sh *sheet) equal(other *sheet) bool {
	return sh.merchant == other.merchant && sh.date == other.date && sh.opening == other.opening && sh.skew == other.skew &&
		sh.issued.Equal(other.issued) && slices.Equal(sh.rows, other.rows)
}

// payments and refunds split the rows.
func (sh *sheet) payments() []*entry { return sh.only(false) }

// moved is every entry once: a row that a trade statement shows twice moved the
// balance once.
func (sh *sheet) moved() []*entry { return slices.Compact(slices.Clone(sh.rows)) }

func (sh *sheet) refunds() []*entry { return sh.only(true) }

func (sh *sheet) only(refund bool) []*entry {
	var out []*entry
	for _, e := range sh.rows {
		if e.isRefund() == refund {
			out = append(out, e)
		}
	}
	return out
}

// totals of rows, in fen.
type totals struct{ count, amount, fee int64 }

func sum(rows []*entry) (t totals) {
	for _, e := range rows {
		t.count++
		t.amount += e.amount
		t.fee += e.fee
	}
	return t
}

// readyAt is when the statements of a bill date can be had.
func (s *Sim) readyAt(date bizday.Date) time.Time {
	y, m, d := date.Add(1).YMD()
	return time.Date(y, m, d, 0, 0, 0, 0, s.zone).Add(s.opt.ReadyAt)
}

// ready tells whether the statements of a bill date can be had now; it spends
// one of the tries of a day that is made to be late.
func (s *Sim) ready(channel string, date bizday.Date) bool {
	if s.opt.Now().Before(s.readyAt(date)) {
		return false
	}
	return !s.bill.spend(channel, date, NotReadyFirst)
}

// late is spend for a folder, where one try looks at several files: looks at
// nearly the same time are one try.
func (b *billing) late(channel string, date bizday.Date, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.publication(channel, date)
	if gap := now.Sub(p.refusedAt); gap >= 0 && gap < sameTry {
		return true
	}
	if p.left[NotReadyFirst] == 0 {
		return false
	}
	p.left[NotReadyFirst]--
	p.refusedAt = now
	return true
}
