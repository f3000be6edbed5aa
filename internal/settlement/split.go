package settlement

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/bits"

	"tieout/internal/money"
	"tieout/internal/paycore"
)

// SplitState is where a split order (分账), a share of it, a return or the hold
// of an order stands.
type SplitState string

// The states.
const (
	SplitProcessing SplitState = "PROCESSING" // split: shares are PENDING; return: the receiver has not got the money now
	SplitFinished   SplitState = "FINISHED"   // split: every share has its end
	SplitPending    SplitState = "PENDING"    // share: not carried out yet
	SplitSuccess    SplitState = "SUCCESS"    // share, return: the money has moved
	SplitClosed     SplitState = "CLOSED"     // share, return: given up, no money has moved
	SplitHeld       SplitState = "HELD"       // hold: none of the order is settled
	SplitReleased   SplitState = "RELEASED"   // hold: what is left is the merchant's
)

type splitMove struct{ from, to SplitState }

// The legal moves. A result that is not known is none of them: it is asked for
// until it is.
var (
	splitMoves  = map[splitMove]bool{{SplitProcessing, SplitFinished}: true}
	shareMoves  = map[splitMove]bool{{SplitPending, SplitSuccess}: true, {SplitPending, SplitClosed}: true}
	returnMoves = map[splitMove]bool{{SplitProcessing, SplitSuccess}: true, {SplitProcessing, SplitClosed}: true}
	holdMoves   = map[splitMove]bool{{SplitHeld, SplitReleased}: true}
)

// MaxShares is how many receivers an order may have, over all its splits.
const MaxShares = 20_000

// SplitTerms are what a contract says about splits.
type SplitTerms struct {
	MaxPPM      int64 // most of an order, less its refunds, that receivers get, in millionths
	HoldDays    int   // an order that is held back is released after so many days
	ReturnFirst bool  // no refund out of money that receivers have: it is returned first. Else it becomes a debt of the merchant.
}

// DefaultSplitTerms hold where a contract says nothing: 30 percent, 30 days.
func DefaultSplitTerms() SplitTerms { return SplitTerms{MaxPPM: 300_000, HoldDays: 30} }

// SplitShare is what one receiver gets.
type SplitShare struct {
	Receiver      string     `json:"receiver"` // who holds the wallet
	AmountMinor   int64      `json:"amount_minor"`
	ReturnedMinor int64      `json:"returned_minor"` // Σ of its returns but the closed ones
	State         SplitState `json:"state"`
	Reason        string     `json:"reason,omitempty"` // why it is CLOSED
}

// Split is one split order, under one number for ever.
type Split struct {
	Number      string     `json:"number"`
	Merchant    string     `json:"merchant"`
	OrderNo     string     `json:"order_no"`
	PayNo       string     `json:"pay_no,omitempty"` // "" before the order is paid
	Currency    string     `json:"currency"`
	AmountMinor int64      `json:"amount_minor"` // of all its shares
	DoneMinor   int64      `json:"done_minor"`   // of those that are SUCCESS
	ClosedMinor int64      `json:"closed_minor"`
	BackMinor   int64      `json:"back_minor"` // what receivers gave back
	Shares      int        `json:"shares"`
	Pending     int        `json:"pending"`
	ReleaseRest bool       `json:"release_rest"`
	State       SplitState `json:"state"`
	Digest      string     `json:"digest"`
	SettledIn   string     `json:"settled_in,omitempty"`
	Version     int64      `json:"version"`
	CreatedAt   int64      `json:"created_at"` // UTC microseconds, as all times here
	UpdatedAt   int64      `json:"updated_at"`
	FinishedAt  int64      `json:"finished_at,omitempty"` // 0 unless FINISHED
}

// SplitRequest is what a merchant asks for. Of the shares, receiver and amount
// count.
type SplitRequest struct {
	Number, Merchant, OrderNo string
	Shares                    []SplitShare
	ReleaseRest               bool // what is left is the merchant's once all shares have their end
}

// New makes the split order, all of it to do.
func (r SplitRequest) New(currency string) (Split, error) {
	var sum money.Sum
	digest := sha256.New()
	fmt.Fprintf(digest, "%q %q %t\n", r.Merchant, r.OrderNo, r.ReleaseRest)
	for _, s := range r.Shares {
		sum.Add(s.AmountMinor)
		fmt.Fprintf(digest, "%q %d\n", s.Receiver, s.AmountMinor)
	}
	total, err := sum.Int64()
	return Split{Number: r.Number, Merchant: r.Merchant, OrderNo: r.OrderNo, Currency: currency, AmountMinor: total, Shares: len(r.Shares),
		Pending: len(r.Shares), ReleaseRest: r.ReleaseRest, State: SplitProcessing, Digest: hex.EncodeToString(digest.Sum(nil))}, err
}

// Wrong says what is wrong with a request by itself; "" if nothing is.
func (r SplitRequest) Wrong() string {
	if len(r.Shares) == 0 {
		return "a split has at least one receiver"
	}
	seen := make(map[string]bool, len(r.Shares))
	for _, s := range r.Shares {
		switch {
		case s.AmountMinor <= 0:
			return "an amount is above zero"
		case s.Receiver == "" || s.Receiver == r.Merchant:
			return "a receiver is somebody else than the merchant"
		case seen[s.Receiver]:
			return "receiver " + s.Receiver + " stands twice"
		}
		seen[s.Receiver] = true
	}
	return ""
}

// SplitFunds is what an order has for splits.
type SplitFunds struct {
	PaidMinor  int64 // the order's amount, less what is refunded or being refunded
	FeeMinor   int64 // what the merchant owes us for it
	TakenMinor int64 // shares that are PENDING or SUCCESS, less what came back
	Shares     int   // that there are, whatever their state
}

// Limit is the most that receivers may have of it all together: the ceiling,
// rounded down, and never more than is left after the fee.
func (f SplitFunds) Limit(maxPPM int64) int64 {
	if f.PaidMinor <= 0 || maxPPM <= 0 {
		return 0
	}
	hi, lo := bits.Mul64(uint64(f.PaidMinor), uint64(min(maxPPM, 1_000_000)))
	ceiling, _ := bits.Div64(hi, lo, 1_000_000)
	return max(0, min(int64(ceiling), f.PaidMinor-f.FeeMinor))
}

// Refuses says why a split may not be taken in besides; "" if it may.
func (f SplitFunds) Refuses(maxPPM int64, s *Split) string {
	if f.Shares+s.Shares > MaxShares {
		return fmt.Sprintf("an order has at most %d receivers", MaxShares)
	}
	if left := f.Limit(maxPPM) - f.TakenMinor; s.AmountMinor > left {
		return "only " + money.Both(max(left, 0), money.Currency(s.Currency)) + " is left to split"
	}
	return ""
}

// Exceeded tells whether receivers have, or are about to get, more than they
// may: the order was refunded since they were named.
func (f SplitFunds) Exceeded(maxPPM int64) bool { return f.TakenMinor > f.Limit(maxPPM) }

// SplitHold holds an order's money back for splits.
type SplitHold struct {
	Merchant    string     `json:"merchant"`
	OrderNo     string     `json:"order_no"`
	State       SplitState `json:"state"`
	MaxPPM      int64      `json:"max_ppm"`
	ReturnFirst bool       `json:"return_first"`
	Until       int64      `json:"until"`
	WarnedDays  int        `json:"warned_days,omitempty"`
	Version     int64      `json:"version"`
	CreatedAt   int64      `json:"created_at"`
	UpdatedAt   int64      `json:"updated_at"`
}

const dayMicros = 86_400_000_000

// NewHold holds an order back by the terms as they are now.
func NewHold(merchant, orderNo string, t SplitTerms, now int64) SplitHold {
	return SplitHold{Merchant: merchant, OrderNo: orderNo, State: SplitHeld, MaxPPM: t.MaxPPM, ReturnFirst: t.ReturnFirst,
		Until: now + int64(t.HoldDays)*dayMicros, CreatedAt: now, UpdatedAt: now}
}

// splitWarnings are the days before its end at which a hold is warned of, the
// later first.
var splitWarnings = []int{1, 7}

// Warning is the warning that a hold is due now: so many days are left at most;
// 0: none that was not given before.
func (h *SplitHold) Warning(now int64) int {
	for _, days := range splitWarnings {
		if now >= h.Until-int64(days)*dayMicros {
			if h.WarnedDays != 0 && h.WarnedDays <= days {
				return 0
			}
			return days
		}
	}
	return 0
}

// Release makes the rest the merchant's.
func (h *SplitHold) Release(now int64) error {
	h.UpdatedAt = now
	return step(&h.State, SplitReleased, holdMoves)
}

// End gives a share its end: the money goes to the wallet, unless the order has
// it no more or the wallet takes none.
func (s *SplitShare) End(wallet *paycore.Account, key paycore.AccountKey, exceeded bool) error {
	to, why := SplitSuccess, wallet.TakesIn(key)
	if exceeded {
		why = "the order has not got the money any more"
	}
	if why != "" {
		to = SplitClosed
	}
	s.Reason = why
	return step(&s.State, to, shareMoves)
}

// Count takes the end of a share into the sums; the last one finishes the split.
func (s *Split) Count(share SplitShare, now int64) error {
	s.Pending--
	if share.State == SplitSuccess {
		s.DoneMinor += share.AmountMinor // within AmountMinor
	} else {
		s.ClosedMinor += share.AmountMinor
	}
	s.UpdatedAt = now
	if s.Pending > 0 {
		return nil
	}
	s.FinishedAt = now
	return step(&s.State, SplitFinished, splitMoves)
}

// SplitReturn gives a part of a share back, under its own number.
type SplitReturn struct {
	Number      string     `json:"number"`
	Split       string     `json:"split"`
	Receiver    string     `json:"receiver"`
	AmountMinor int64      `json:"amount_minor"`
	State       SplitState `json:"state"`
	Reason      string     `json:"reason,omitempty"`
	Next        int64      `json:"next"`  // when it is tried again
	Until       int64      `json:"until"` // then it is given up
	SettledIn   string     `json:"settled_in,omitempty"`
	Version     int64      `json:"version"`
	CreatedAt   int64      `json:"created_at"`
	UpdatedAt   int64      `json:"updated_at"`
	DoneAt      int64      `json:"done_at,omitempty"` // 0 unless SUCCESS
}

// How long a return that has not got its money waits for the next try, and how
// long in all.
const (
	returnPause = 10 * 60 * 1_000_000
	returnDays  = 7
)

// NewReturn is a return that was not tried yet.
func NewReturn(number, split, receiver string, minor, now int64) SplitReturn {
	return SplitReturn{Number: number, Split: split, Receiver: receiver, AmountMinor: minor, State: SplitProcessing,
		Next: now, Until: now + returnDays*dayMicros, CreatedAt: now, UpdatedAt: now}
}

// Refuses says why a return may not be asked for; "" if it may.
func (r *SplitReturn) Refuses(s *SplitShare, currency string) string {
	switch {
	case s == nil || s.State != SplitSuccess:
		return "receiver " + r.Receiver + " got nothing by this split"
	case r.AmountMinor <= 0:
		return "an amount is above zero"
	case r.AmountMinor > s.AmountMinor-s.ReturnedMinor:
		return "only " + money.Both(s.AmountMinor-s.ReturnedMinor, money.Currency(currency)) + " is left to return"
	}
	return ""
}

// Try takes the money from the wallet, or waits for it, or gives up.
func (r *SplitReturn) Try(wallet *paycore.Account, key paycore.AccountKey, now int64) error {
	r.Reason = wallet.Gives(key, r.AmountMinor)
	r.UpdatedAt = now
	switch {
	case r.Reason == "":
		r.DoneAt = now
		return step(&r.State, SplitSuccess, returnMoves)
	case now >= r.Until:
		return step(&r.State, SplitClosed, returnMoves)
	}
	r.Next = now + returnPause
	return nil
}

// step changes a state by the rules. A move that they do not have is a defect of
// the program.
func step(state *SplitState, to SplitState, moves map[splitMove]bool) error {
	if !moves[splitMove{*state, to}] {
		return fmt.Errorf("a split in %s cannot become %s", *state, to)
	}
	*state = to
	return nil
}

// Shared books shares that went to their wallets.
func Shared(s *Split, shares []SplitShare) []paycore.Entry {
	var total int64
	list := make([]paycore.Entry, 1, len(shares)+1)
	for _, x := range shares {
		if x.State == SplitSuccess {
			total += x.AmountMinor // within Split.AmountMinor
			list = append(list, paycore.Entry{Account: paycore.Wallet(x.Receiver), Currency: s.Currency, Minor: -x.AmountMinor})
		}
	}
	if total == 0 {
		return nil
	}
	list[0] = paycore.Entry{Account: paycore.Payable(s.Merchant), Currency: s.Currency, Minor: total}
	return list
}

// GivenBack books a return.
func GivenBack(s *Split, r *SplitReturn) []paycore.Entry {
	return []paycore.Entry{{Account: paycore.Wallet(r.Receiver), Currency: s.Currency, Minor: r.AmountMinor},
		{Account: paycore.Payable(s.Merchant), Currency: s.Currency, Minor: -r.AmountMinor}}
}

// SplitProof shows where the money of an order is: paid = merchant + receivers
// + fee + held.
type SplitProof struct {
	PaidMinor      int64 `json:"paid_minor"`      // less refunds
	MerchantMinor  int64 `json:"merchant_minor"`  // settled, or to be settled
	ReceiversMinor int64 `json:"receivers_minor"` // by the ledger, less what came back
	FeeMinor       int64 `json:"fee_minor"`       // 0 before it is settled: it is part of the merchant's until then
	HeldMinor      int64 `json:"held_minor"`
}

// Holds tells whether the parts are the whole, and no part is negative that
// must not be.
func (p SplitProof) Holds() bool {
	var sum money.Sum
	for _, part := range []int64{p.MerchantMinor, p.ReceiversMinor, p.FeeMinor, p.HeldMinor} {
		sum.Add(part)
	}
	total, err := sum.Int64()
	return err == nil && total == p.PaidMinor && p.ReceiversMinor >= 0 && p.FeeMinor >= 0
}
