package channelsim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"tieout/internal/bizday"
)

// Step is what our books do with a payment or a refund after they opened it.
type Step uint8

// The steps. The demo driver carries them out against the payment core.
const (
	StepAnswer Step = iota // take over the channel's synchronous answer: number, time, amount
	StepNotice             // wait: the notification sets it
	StepLeave              // leave it UNKNOWN
	StepPaid               // set it to SUCCESS at Local.At, whatever the channel says; the channel's number is taken over if it gave one
	StepClose              // close it at Local.At
	StepNone               // our books have no such payment or refund
)

// LocalSide is what our books do.
type LocalSide struct {
	CreatedAt   time.Time // when the payment or the refund is opened; zero with StepNone
	AmountMinor int64     // what our books ask for
	Step        Step
	At          time.Time // of StepPaid and StepClose
}

// Op is one payment or refund: what our books do, and what happens at the
// channel. Pay or Refund is nil when nothing happens there; with StepAnswer and
// StepNotice one of them is there.
type Op struct {
	At       time.Time // when it begins; ops come in this order
	Channel  string
	Account  string // our number at the channel
	Merchant string // whose sale it is
	Fault    Fault  // "" is an ordinary one

	MerchantRef string
	RefundRef   string // refunds only
	Product     string
	Local       LocalSide
	Pay         *PayRequest
	Refund      *RefundRequest
}

// FileFault is a fault of one channel's file of one bill date; give it to
// Sim.Inject before the statement is read.
type FileFault struct {
	Channel string
	Date    bizday.Date
	Kind    Fault
	Times   int // for the faults that pass by themselves
}

// Day is one day of traffic.
type Day struct {
	Date  bizday.Date // calendar day in the channels' zone
	Ops   []Op
	Files []FileFault // of the statements of this bill date
	Truth []Truth     // of the ops and files of this day
}

// Traffic plays a plan, day after day.
type Traffic struct {
	plan  Plan
	zone  *time.Location
	rng   *rand.Rand
	next  bizday.Date
	last  bizday.Date
	files map[bizday.Date][]FileFault
	empty map[fileDay]bool
	owed  map[Fault]int // millionths of a fault that earlier days left over
	past  []refundable  // payments of earlier days that nothing is wrong with
	seq   int           // of the numbers of one day
}

// refundable is a payment that can still be refunded.
type refundable struct {
	channel, merchant, ref, product string
	amount                          int64
}

// maxRefundable bounds the memory of earlier days.
const maxRefundable = 4096

// NewTraffic checks a plan and begins it.
func NewTraffic(p Plan) (*Traffic, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	o := Options{Merchants: p.Merchants}
	o.setDefaults()
	p.Merchants = o.Merchants
	zone, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		return nil, err
	}
	t := &Traffic{plan: p, zone: zone, next: p.From, last: p.From.Add(p.Days - 1), owed: map[Fault]int{},
		files: map[bizday.Date][]FileFault{}, empty: map[fileDay]bool{}, rng: rand.New(rand.NewPCG(p.Seed, 0))}
	t.placeFiles()
	return t, nil
}

// placeFiles spreads the faults of files over the plan, at most one a
// channel-day, none on the first two days or the last.
func (t *Traffic) placeFiles() {
	if t.plan.Days < 4 {
		return
	}
	taken := map[fileDay]bool{}
	for _, f := range fileFaults {
		for range t.plan.Files[f] {
			for range 200 { // tries; a crowded plan gets fewer
				at := fileDay{pick(t.rng, faultChannels[f]), t.plan.From.Add(2 + t.rng.IntN(t.plan.Days-3))}
				before := fileDay{at.channel, at.date - 1}
				if t.plan.Shares[at.channel] == 0 || taken[at] || f == EmptyDay && t.plan.Shares[Alipay] == 0 || f == WrongDay && t.empty[before] {
					continue
				}
				taken[at] = true
				t.empty[at] = f == EmptyDay
				t.files[at.date] = append(t.files[at.date], FileFault{Channel: at.channel, Date: at.date, Kind: f, Times: passing(f)})
				break
			}
		}
	}
}

// passing is how often a fault that passes by itself shows.
func passing(f Fault) int {
	switch {
	case lastingFaults[f] || f == EmptyDay:
		return 0
	case f == NotReadyFirst:
		return 2
	}
	return 1
}

// Next returns the next day, and false after the last.
func (t *Traffic) Next() (Day, bool) {
	if t.next > t.last {
		return Day{}, false
	}
	d := &dayMaker{t: t, rng: rand.New(rand.NewPCG(t.plan.Seed, uint64(t.next)+1)), day: Day{Date: t.next}}
	t.next++
	t.seq = 0
	d.make()
	return d.day, true
}

// dayMaker makes one day.
type dayMaker struct {
	t   *Traffic
	rng *rand.Rand
	day Day
}

func (d *dayMaker) make() {
	d.planFiles()
	for range d.t.plan.PerDay {
		d.day.Ops = append(d.day.Ops, d.payment(d.channel(), d.clock()))
	}
	for _, f := range rowFaults {
		for range d.due(f) {
			d.place(f)
		}
	}
	for range d.t.plan.PerDay * d.t.plan.RefundPPM / 1_000_000 {
		d.refund("")
	}
	d.remember()
	slices.SortStableFunc(d.day.Ops, func(a, b Op) int { return a.At.Compare(b.At) })
}

// due is how many of a fault this day gets.
func (d *dayMaker) due(f Fault) int {
	owed := d.t.owed[f] + d.t.plan.Rates[f]*d.t.plan.PerDay
	d.t.owed[f] = owed % 1_000_000
	return owed / 1_000_000
}

// remember keeps today's ordinary payments for refunds of later days.
func (d *dayMaker) remember() {
	for _, op := range d.day.Ops {
		if op.Fault == "" && op.Pay != nil {
			d.t.past = append(d.t.past, refundable{op.Channel, op.Merchant, op.MerchantRef, op.Product, op.Pay.AmountMinor})
		}
	}
	if n := len(d.t.past); n > maxRefundable {
		d.t.past = slices.Clone(d.t.past[n-maxRefundable:])
	}
}

// channel draws by the shares.
func (d *dayMaker) channel() string {
	n := d.rng.IntN(1_000_000)
	for _, c := range Channels() {
		if n -= d.t.plan.Shares[c]; n < 0 {
			return c
		}
	}
	return WeChat // the shares add up to a million
}

// hours is how busy each hour of a day is.
var hours = [24]int{8, 4, 2, 1, 1, 3, 10, 26, 38, 42, 48, 66, 78, 60, 46, 44, 50, 66, 84, 88, 76, 58, 36, 18}

// clock draws a second of the day.
func (d *dayMaker) clock() time.Duration {
	total := 0
	for _, h := range hours {
		total += h
	}
	n := d.rng.IntN(total)
	for h, w := range hours {
		if n -= w; n < 0 {
			return time.Duration(h)*time.Hour + time.Duration(d.rng.IntN(3600))*time.Second
		}
	}
	return 0
}

// at is a wall-clock time of the day.
func (d *dayMaker) at(offset time.Duration) time.Time {
	y, m, day := d.day.Date.YMD()
	return time.Date(y, m, day, 0, 0, 0, 0, d.t.zone).Add(offset)
}

func (d *dayMaker) number(prefix, channel string) string {
	d.t.seq++
	return fmt.Sprintf("%s%s%s%06d", prefix, d.day.Date.Compact(), map[string]string{WeChat: "W", Alipay: "A", UnionPay: "U", Bank: "B"}[channel], d.t.seq)
}

// payment makes an ordinary one. A channel that must have an empty day passes
// its payment on to Alipay, which never has one.
func (d *dayMaker) payment(channel string, clock time.Duration) Op {
	created := d.at(clock)
	paid := created.Add(time.Duration(2+d.rng.IntN(7)) * time.Second)
	if d.closed(channel, created) || d.closed(channel, paid) {
		channel = Alipay
	}
	amount := d.amount()
	op := Op{At: created, Channel: channel, Account: d.t.plan.Merchants.Of(channel), Merchant: pick(d.rng, shops), Product: pick(d.rng, products),
		MerchantRef: d.number("P", channel), Local: LocalSide{CreatedAt: created, AmountMinor: amount, Step: StepAnswer}}
	op.Pay = &PayRequest{Channel: channel, MerchantRef: op.MerchantRef, AmountMinor: amount, At: paid, Product: op.Product}
	if d.rng.IntN(1_000_000) < d.t.plan.NotifyPPM && d.notifies(channel) && !d.nearCut(channel, paid) {
		op.Local.Step, op.Pay.Delivery, op.Pay.NotifyURL = StepNotice, Delivered, d.t.plan.NotifyURL[channel]
	}
	return op
}

// nearCut tells whether an instant is so near to a cut-off that the seconds by
// which a notification's time may differ could move it to another day.
func (d *dayMaker) nearCut(channel string, at time.Time) bool {
	days := day(channel, d.t.zone)
	return days.DateOf(at.Add(-time.Minute).UnixMicro()) != days.DateOf(at.Add(time.Minute).UnixMicro())
}

func (d *dayMaker) notifies(channel string) bool {
	return gaps[channel] != nil && d.t.plan.NotifyURL[channel] != ""
}

// closed tells whether the channel must have no movement on the bill date of
// an instant.
func (d *dayMaker) closed(channel string, at time.Time) bool {
	return d.t.empty[fileDay{channel, day(channel, d.t.zone).DateOf(at.UnixMicro())}]
}

// amount draws fen: many small ones, few large.
func (d *dayMaker) amount() int64 {
	switch n := d.rng.IntN(100); {
	case n < 55:
		return 100 + d.rng.Int64N(4_900)
	case n < 90:
		return 5_000 + d.rng.Int64N(45_000)
	case n < 99:
		return 50_000 + d.rng.Int64N(450_000)
	}
	return 500_000 + d.rng.Int64N(4_500_000)
}

// refund makes one of a payment of an earlier day; nil if there is none left.
func (d *dayMaker) refund(f Fault) *Op {
	created := d.at(d.clock())
	if f != "" {
		created = d.at(d.noon())
	}
	i := d.findPast(f, created)
	if i < 0 {
		return nil
	}
	p := d.t.past[i]
	d.t.past = slices.Delete(d.t.past, i, i+1)
	amount := p.amount
	if d.rng.IntN(5) < 2 && amount > 1 {
		amount = 1 + d.rng.Int64N(amount-1)
	}
	op := Op{At: created, Channel: p.channel, Account: d.t.plan.Merchants.Of(p.channel), Merchant: p.merchant, Product: p.product,
		MerchantRef: p.ref, RefundRef: d.number("R", p.channel), Fault: f,
		Local: LocalSide{CreatedAt: created, AmountMinor: amount, Step: StepAnswer}}
	op.Refund = &RefundRequest{Channel: p.channel, MerchantRef: p.ref, RefundRef: op.RefundRef, AmountMinor: amount, At: created.Add(2 * time.Second)}
	if f == "" && d.rng.IntN(1_000_000) < d.t.plan.NotifyPPM && d.notifies(p.channel) && !d.nearCut(p.channel, op.Refund.At) {
		op.Local.Step, op.Refund.Delivery, op.Refund.NotifyURL = StepNotice, Delivered, d.t.plan.NotifyURL[p.channel]
	}
	d.day.Ops = append(d.day.Ops, op)
	return &d.day.Ops[len(d.day.Ops)-1]
}

func (d *dayMaker) findPast(f Fault, at time.Time) int {
	n := len(d.t.past)
	if n == 0 {
		return -1
	}
	from := d.rng.IntN(n)
	for i := range n {
		p := d.t.past[(from+i)%n]
		if (f == "" || slices.Contains(faultChannels[f], p.channel)) && !d.closed(p.channel, at) && !d.closed(p.channel, at.Add(2*time.Second)) {
			return (from + i) % n
		}
	}
	return -1
}

// noon draws a time far from every cut-off, for faults whose class must not
// depend on the window.
func (d *dayMaker) noon() time.Duration {
	return 9*time.Hour + time.Duration(d.rng.IntN(10*3600))*time.Second
}

func pick[T any](rng *rand.Rand, from []T) T { return from[rng.IntN(len(from))] }

var (
	shops    = []string{"M10001", "M10002", "M10003", "M10004"}
	products = []string{"会员月卡", "咖啡, 大杯", "字帖「亅」练习", "T-shirt \"L\"", "图书`Go`", "话费充值50元", "车票 北京-上海", "水果拼盘", "it's tea", "电影票两张"}
)
