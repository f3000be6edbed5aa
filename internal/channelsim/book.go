package channelsim

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"tieout/internal/bizday"
)

// entry is one payment or refund in a channel's books.
type entry struct {
	channel          string
	merchantRef      string
	channelRef       string // of the payment
	refundRef        string // refunds only, as the next two
	channelRefundRef string // "" at Alipay
	payment          *entry
	void             bool // of a refund; see RefundRequest.Void

	amount int64 // fen, > 0
	fee    int64 // fen; of a payment what is charged, of a refund what is given back
	at     time.Time
	date   bizday.Date // the channel's bill date

	product, tradeType string
	repeat, withhold   bool
	ordered            time.Time // UnionPay's txnTime of what came through the API; zero: a little before at

	refunded, feeBack int64 // of a payment: sums of its refunds; guarded by billing.mu
	refundedNow       int64 // of a refund: what of the payment is refunded with it
}

func (e *entry) isRefund() bool { return e.payment != nil }

// ledger is the books of one channel.
type ledger struct {
	days     map[bizday.Date][]*entry
	payments map[string][]*entry // by merchantRef, in the order of booking
	refunds  map[string]*entry   // by refundRef
	numbers  map[string]*entry   // by the channel number given out
	orders   map[string]*order   // by merchantRef, prepared through the API
}

// billing is the books of all channels, and what is wrong with their files.
type billing struct {
	seed uint64
	zone *time.Location

	mu    sync.Mutex
	books map[string]*ledger
	files map[fileDay]*publication
	calls map[callKind][]CallFault // faults of the next calls, in their order
}

func newBilling(opt Options, zone *time.Location) *billing {
	b := &billing{seed: opt.Seed, zone: zone, books: map[string]*ledger{}, files: map[fileDay]*publication{}, calls: map[callKind][]CallFault{}}
	for _, c := range Channels() {
		b.books[c] = &ledger{days: map[bizday.Date][]*entry{}, payments: map[string][]*entry{}, refunds: map[string]*entry{}, numbers: map[string]*entry{}, orders: map[string]*order{}}
	}
	return b
}

// feeRates in millionths of the amount, rounded half up to the fen.
var feeRates = map[string]int64{WeChat: 6000, Alipay: 6000, UnionPay: 5500, Bank: 0}

// FeeRate returns the agreed fee of a channel in millionths of the amount;
// a fee is rounded half up to the fen.
func FeeRate(channel string) int64 { return feeRates[channel] }

func feeOf(channel string, amount int64) int64 {
	return (amount*feeRates[channel] + 500_000) / 1_000_000
}

func (b *billing) addPayments(rs []PayRequest, now time.Time) ([]*entry, error) {
	for i := range rs {
		if err := rs[i].check(); err != nil {
			return nil, err
		}
		if err := checkNotice(rs[i].Channel, rs[i].Delivery); err != nil {
			return nil, err
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range rs {
		if err := b.mayPay(&rs[i], now); err != nil {
			return nil, err
		}
	}
	entries := make([]*entry, len(rs))
	for i, r := range rs {
		entries[i] = b.pay(r)
	}
	return entries, nil
}

// pay books a payment. The caller holds mu and has checked the request.
func (b *billing) pay(r PayRequest) *entry {
	e := &entry{channel: r.Channel, merchantRef: r.MerchantRef, amount: r.AmountMinor,
		fee: feeOf(r.Channel, r.AmountMinor) + r.FeeDelta, at: r.At.In(b.zone).Truncate(time.Second),
		product: r.Product, tradeType: r.TradeType, repeat: r.RepeatRow, withhold: r.Withhold}
	if e.tradeType == "" {
		e.tradeType = tradeTypes[r.Channel][r.Delivery == Synchronous]
	}
	book := b.books[r.Channel]
	if o := book.orders[r.MerchantRef]; o != nil {
		e.ordered = o.made
	}
	e.channelRef = b.number(book, e, len(book.payments[r.MerchantRef]))
	book.payments[r.MerchantRef] = append(book.payments[r.MerchantRef], e)
	b.enter(book, e)
	return e
}

// addRefunds books refunds. As at the real channels a refund number is
// idempotent: the same request again answers with the first booking.
func (b *billing) addRefunds(rs []RefundRequest) ([]*entry, error) {
	for i := range rs {
		if err := rs[i].check(); err != nil {
			return nil, err
		}
		if err := checkNotice(rs[i].Channel, rs[i].Delivery); err != nil {
			return nil, err
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	entries := make([]*entry, len(rs))
	for i, r := range rs {
		e, _, err := b.refund(r)
		if err != nil {
			return nil, err
		}
		entries[i] = e
	}
	return entries, nil
}

// Why a refund is not booked.
var (
	errNumberUsed = errors.New("the number was used for another refund")
	errNoPayment  = errors.New("the payment is not known")
	errTooMuch    = errors.New("more than is left of the payment")
	errNoVoid     = errors.New("only a whole payment of this settlement day is voided")
)

// refund books a refund, or finds the one that has its number; fresh tells
// which. The caller holds mu.
func (b *billing) refund(r RefundRequest) (e *entry, fresh bool, err error) {
	book := b.books[r.Channel]
	if old := book.refunds[r.RefundRef]; old != nil {
		if old.merchantRef != r.MerchantRef || old.amount != r.AmountMinor || old.void != r.Void {
			return nil, false, fmt.Errorf("refund %s at %s: %w", r.RefundRef, r.Channel, errNumberUsed)
		}
		return old, false, nil
	}
	paid := book.payments[r.MerchantRef]
	if len(paid) == 0 {
		return nil, false, fmt.Errorf("refund %s at %s: payment %s: %w", r.RefundRef, r.Channel, r.MerchantRef, errNoPayment)
	}
	p := paid[0]
	if p.refunded+r.AmountMinor > p.amount {
		return nil, false, fmt.Errorf("refund %s at %s: payment %s of %d fen, %d left: %w", r.RefundRef, r.Channel, r.MerchantRef, p.amount, p.amount-p.refunded, errTooMuch)
	}
	if r.Void && (r.Channel != UnionPay || r.AmountMinor != p.amount || day(UnionPay, b.zone).DateOf(r.At.UnixMicro()) != p.date) {
		return nil, false, fmt.Errorf("void %s at %s: payment %s: %w", r.RefundRef, r.Channel, r.MerchantRef, errNoVoid)
	}
	e = &entry{channel: r.Channel, merchantRef: r.MerchantRef, channelRef: p.channelRef, refundRef: r.RefundRef, payment: p, void: r.Void,
		amount: r.AmountMinor, at: r.At.In(b.zone).Truncate(time.Second), product: p.product, tradeType: p.tradeType}
	p.refunded += r.AmountMinor
	e.refundedNow = p.refunded
	if r.Void {
		e.fee = p.fee
	}
	if r.Channel == WeChat { // the only one that gives fees of refunds back
		e.fee = min(feeOf(WeChat, e.amount), p.fee-p.feeBack)
		if p.refunded == p.amount {
			e.fee = p.fee - p.feeBack
		}
		p.feeBack += e.fee
	}
	if r.Channel != Alipay { // which numbers the trade only
		e.channelRefundRef = b.number(book, e, 0)
	}
	book.refunds[r.RefundRef] = e
	b.enter(book, e)
	return e, true, nil
}

func (b *billing) enter(book *ledger, e *entry) {
	e.date = day(e.channel, b.zone).DateOf(e.at.UnixMicro())
	book.days[e.date] = append(book.days[e.date], e)
}

// find returns the payment or the refund that a query asks for, nil if the
// channel does not know it.
func (b *billing) find(channel, merchantRef, refundRef string) *entry {
	b.mu.Lock()
	defer b.mu.Unlock()
	book := b.books[channel]
	if refundRef != "" {
		return book.refunds[refundRef]
	}
	if paid := book.payments[merchantRef]; len(paid) > 0 {
		return paid[0]
	}
	return nil
}

// Booked is what a channel has booked under the number of a payment: how often
// and how much it took, and how often and how much it gave back.
func (s *Sim) Booked(channel, merchantRef string) (payments, refunds int, paidMinor, refundedMinor int64) {
	s.bill.mu.Lock()
	defer s.bill.mu.Unlock()
	book := s.bill.books[channel]
	for _, p := range book.payments[merchantRef] {
		payments, paidMinor = payments+1, paidMinor+p.amount
	}
	for _, r := range book.refunds {
		if r.merchantRef == merchantRef {
			refunds, refundedMinor = refunds+1, refundedMinor+r.amount
		}
	}
	return payments, refunds, paidMinor, refundedMinor
}

// entries returns a day's entries by time and number, repeated rows twice.
// withheld tells whether rows that were left out at first are in.
func (b *billing) entries(channel string, date bizday.Date, withheld bool) []*entry {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []*entry
	for _, e := range b.books[channel].days[date] {
		if e.withhold && !withheld {
			continue
		}
		out = append(out, e)
		if e.repeat {
			out = append(out, e)
		}
	}
	slices.SortStableFunc(out, byTime)
	return out
}

func byTime(x, y *entry) int {
	if c := x.at.Compare(y.at); c != 0 {
		return c
	}
	return compareText(x.channelRef+x.refundRef, y.channelRef+y.refundRef)
}

func compareText(x, y string) int {
	switch {
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}

// opening returns the balance of a channel account at the start of a bill date:
// all that came in before, net of fees and refunds.
func (b *billing) opening(channel string, date bizday.Date) int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	var sum int64
	for d, es := range b.books[channel].days {
		if d >= date {
			continue
		}
		for _, e := range es {
			sum += e.net()
		}
	}
	return sum
}

// net is what the entry adds to the merchant's balance.
func (e *entry) net() int64 {
	if e.isRefund() {
		return e.fee - e.amount
	}
	return e.amount - e.fee
}

var tradeTypes = map[string]map[bool]string{
	WeChat:   {true: "MICROPAY", false: "NATIVE"},
	Alipay:   {true: "交易", false: "交易"},
	UnionPay: {true: "000601", false: "000201"},
	Bank:     {true: "POS", false: "POS"},
}

// number gives an entry the channel's own number. It depends on the seed and on
// what was paid, not on the order of calls, except that a collision within one
// channel takes the next free one.
func (b *billing) number(book *ledger, e *entry, nth int) string {
	for salt := 0; ; salt++ {
		n := shape(e, digits(32, b.seed, e.channel, e.merchantRef, e.refundRef, strconv.Itoa(nth), strconv.Itoa(salt)))
		if book.numbers[n] == nil {
			book.numbers[n] = e
			return n
		}
	}
}

// shape writes a channel's number in its usual form from enough digits.
func shape(e *entry, d string) string {
	ymd := e.at.Format("20060102")
	switch {
	case e.channel == WeChat && e.isRefund():
		return "50300" + d[:5] + ymd + d[5:16]
	case e.channel == WeChat:
		return "4200" + d[:6] + ymd + d[6:16]
	case e.channel == Alipay:
		return ymd + "220014" + d[:14]
	case e.channel == UnionPay:
		return e.at.Format("20060102150405") + d[:7]
	}
	return ymd + d[:12]
}

// digits makes n ≤ 36 decimal digits out of a seed and texts.
func digits(n int, seed uint64, parts ...string) string {
	h := sha256.New()
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], seed)
	h.Write(b[:])
	for _, p := range parts {
		h.Write([]byte(p))
		h.Write([]byte{0})
	}
	sum := h.Sum(nil)
	out := make([]byte, 0, 36)
	for i := 0; i < 2; i++ {
		v := binary.BigEndian.Uint64(sum[8*i:]) % 1_000_000_000_000_000_000
		out = fmt.Appendf(out, "%018d", v)
	}
	return string(out[:n])
}

// yuan writes fen with two decimals.
func yuan(fen int64) string {
	sign := ""
	if fen < 0 {
		sign, fen = "-", -fen
	}
	return fmt.Sprintf("%s%d.%02d", sign, fen/100, fen%100)
}
