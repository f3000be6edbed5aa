package channelsim

import (
	"fmt"
	"time"

	"tieout/internal/bizday"
)

// Plan says, as data, what a stretch of days looks like. The same plan always
// gives the same traffic.
type Plan struct {
	Seed   uint64
	From   bizday.Date
	Days   int
	PerDay int // payments a day over all channels

	Merchants Merchants         // empty fields take the defaults of Options
	NotifyURL map[string]string // by channel; without one the channel answers synchronously
	Shares    map[string]int    // of the payments, by channel, in millionths; sum 1,000,000
	RefundPPM int               // refunds per payment
	NotifyPPM int               // share of the payments that are notified instead of answered, where the channel can

	// Rates are how many payments of a million carry a fault. The number of each
	// fault follows its rate exactly: what one day leaves over counts on the next.
	Rates map[Fault]int
	// Files are how many channel-days of the whole plan carry a fault of the file.
	Files map[Fault]int

	RefundCarry map[string]int // days that a refund may lag before it is a difference, by channel; missing is 4
	NightAt     time.Duration  // after midnight of the next day: when statements are read
}

// DefaultPlan has every kind of fault, each often enough to be seen.
func DefaultPlan(seed uint64, from bizday.Date, days, perDay int) Plan {
	return Plan{
		Seed: seed, From: from, Days: days, PerDay: perDay,
		Shares:    map[string]int{WeChat: 400_000, Alipay: 300_000, UnionPay: 200_000, Bank: 100_000},
		RefundPPM: 50_000, NotifyPPM: 40_000,
		Rates: map[Fault]int{
			MissedNotification: 1500, LateNotification: 1000, NoticeAfterFix: 250, DoubledNotification: 1000,
			LocalOnly: 350, ChannelOnly: 350, AmountMismatch: 350, FeeMismatch: 350,
			DuplicatePayment: 350, DuplicateRow: 200, CutoffLocalFirst: 600, CutoffChannelFirst: 600,
			RefundMissing: 250, RefundConsole: 250, RefundBehind: 500, LateOnClosed: 300, NeverPaid: 600,
		},
		Files: map[Fault]int{
			NotReadyFirst: 4, EmptyDay: 1, TruncatedBody: 4, TrailerOff: 2, WrongDay: 1, Reissue: 2, BadDigest: 2, FrequencyLimited: 2,
		},
		RefundCarry: map[string]int{WeChat: 4, Alipay: 4, UnionPay: 5}, // as the channels' definitions have it
		NightAt:     10*time.Hour + 30*time.Minute,
	}
}

// faultChannels are the channels on which a fault can happen, and be resolved
// as its truth says: a bank sends no notifications and answers no queries, only
// WeChat Pay and UnionPay charge a fee that each row of the statement shows.
var faultChannels = map[Fault][]string{
	MissedNotification:  {WeChat, Alipay, UnionPay},
	LateNotification:    {WeChat, Alipay, UnionPay},
	NoticeAfterFix:      {WeChat, Alipay, UnionPay},
	DoubledNotification: {WeChat, Alipay, UnionPay},
	LocalOnly:           {WeChat, Alipay, UnionPay, Bank},
	ChannelOnly:         {WeChat, Alipay, UnionPay, Bank},
	AmountMismatch:      {WeChat, Alipay, UnionPay, Bank},
	FeeMismatch:         {WeChat, UnionPay},
	DuplicatePayment:    {WeChat, Alipay, UnionPay, Bank},
	DuplicateRow:        {WeChat},
	CutoffLocalFirst:    {WeChat, Alipay, UnionPay, Bank},
	CutoffChannelFirst:  {WeChat, Alipay, UnionPay, Bank},
	RefundMissing:       {WeChat, Alipay, UnionPay},
	RefundConsole:       {WeChat, Alipay, UnionPay},
	RefundBehind:        {WeChat, Alipay, UnionPay},
	LateOnClosed:        {WeChat, Alipay, UnionPay},
	NeverPaid:           {WeChat, Alipay, UnionPay},

	NotReadyFirst:    {WeChat, UnionPay, Bank},
	EmptyDay:         {WeChat},
	TruncatedBody:    {WeChat, Alipay, UnionPay, Bank},
	TrailerOff:       {WeChat, Alipay, Bank},
	WrongDay:         {WeChat, Bank},
	Reissue:          {WeChat, UnionPay},
	BadDigest:        {WeChat, Bank},
	FrequencyLimited: {WeChat},
}

// rowFaults and fileFaults fix the order in which faults are placed.
var (
	rowFaults = []Fault{MissedNotification, LateNotification, NoticeAfterFix, DoubledNotification, LocalOnly, ChannelOnly,
		AmountMismatch, FeeMismatch, DuplicatePayment, DuplicateRow, CutoffLocalFirst, CutoffChannelFirst,
		LateOnClosed, NeverPaid, RefundMissing, RefundConsole, RefundBehind}
	fileFaults = []Fault{EmptyDay, Reissue, TrailerOff, WrongDay, NotReadyFirst, TruncatedBody, BadDigest, FrequencyLimited}
)

func (p *Plan) check() error {
	if p.Days < 1 || p.PerDay < 1 || p.Days > 3660 || p.PerDay > 10_000_000 {
		return fmt.Errorf("traffic plan: %d days of %d payments is out of range", p.Days, p.PerDay)
	}
	sum := 0
	for c, s := range p.Shares {
		if !known(c) || s < 0 {
			return fmt.Errorf("traffic plan: share %d of channel %.40q", s, c)
		}
		sum += s
	}
	if sum != 1_000_000 {
		return fmt.Errorf("traffic plan: the shares of the channels add up to %d, not to 1,000,000", sum)
	}
	for _, m := range []map[Fault]int{p.Rates, p.Files} {
		for f, n := range m {
			if faultChannels[f] == nil || n < 0 || n > 1_000_000 {
				return fmt.Errorf("traffic plan: %d for fault %.40q", n, f)
			}
		}
	}
	return nil
}
