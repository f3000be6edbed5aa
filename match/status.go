package match

import "tieout/schemas"

// rule names why a row stands where it stands. The words are part of the
// result; they are never renamed.
type rule uint8

const (
	_ rule = iota // no rule

	// Pairs that agree.
	ruleEqual          // status, amount, currency, fee and date agree
	ruleBothOpen       // neither side knows the end yet
	ruleNothingOnBoth  // both say that no money moved
	ruleLate           // agrees with a local row found by number, whatever its date
	ruleDate           // agrees on another day than the window allows
	ruleFeeRounding    // fees differ by at most one minor unit
	ruleBehind         // the channel took the money, we do not know yet
	ruleFailedThere    // we wait, the channel says failed
	ruleOpenThere      // we say failed, the channel has not decided
	ruleReversedThere  // the channel gave the money back
	ruleAhead          // we say success, the channel says not
	ruleAheadAmount    // the same, and the amounts differ
	ruleReversedHere   // we gave the money back, the channel says success
	ruleAmount         // amounts differ
	ruleBehindAmount   // status first, amount second
	ruleCurrency       // currencies differ
	ruleFee            // fees differ by more than rounding
	ruleKeyDiffers     // one number of the channel, two numbers of ours
	ruleNothingMoved   // ours failed or closed, alone
	ruleNothingThere   // the channel's failed or closed row beside one that counts
	rulePaidTwice      // a second payment under one number of ours
	ruleRepeatedRow    // the same transaction of the channel listed again
	ruleAlreadyMatched // another run has matched our row
	ruleBookedTwice    // a second booking of ours under one number
	ruleSeveral        // several equally good candidates
	ruleConflicting    // the statement lists one transaction with several amounts
	ruleAmountsDiffer  // several rows on both sides, none of equal amount
	ruleWindow         // near the cut-off
	ruleWaits          // of a kind that reaches the statement late
	ruleCarriedOn      // carried in, still waiting
	ruleOverdue        // carried in, and its day has come
	ruleOutside        // one-sided and outside the window
	ruleOtherDay       // belongs to a neighbouring day
	ruleClaimed        // another run has placed it
	ruleCarriedIn      // our window shows again what was carried in
	ruleCount
)

var ruleWords = [ruleCount]string{
	"", "equal", "both_open", "nothing_on_both", "late", "date", "fee_rounding", "behind", "failed_at_channel", "open_at_channel",
	"reversed_at_channel", "ahead", "ahead_and_amount", "reversed_only_here", "amount", "behind_and_amount", "currency", "fee", "key_differs",
	"nothing_moved", "nothing_at_channel", "paid_twice", "repeated_row", "already_matched", "booked_twice", "several_candidates",
	"conflicting_rows", "different_amounts", "window", "waits", "carried_on", "overdue", "outside_window", "other_day", "claimed", "carried_in",
}

func (r rule) String() string { return ruleWords[r] }

// standing is what two states say together, before amounts are looked at.
type standing uint8

const (
	agree   standing = iota + 1 // go on to amount, fee and date
	nothing                     // no money moved on either side: amounts do not matter
	behind                      // the channel knows more than we do
	ahead                       // we claim what the channel denies
)

type cell struct {
	standing standing
	rule     rule
}

// pairTable says what a local and a channel state mean together. It is total:
// [local][channel], in the order of schemas.Status; row and column 0 are no
// state.
var pairTable = [6][6]cell{
	schemas.Success: {
		schemas.Success: {agree, ruleEqual}, schemas.Unknown: {ahead, ruleAhead}, schemas.Failed: {ahead, ruleAhead},
		schemas.Closed: {ahead, ruleAhead}, schemas.Reversed: {ahead, ruleReversedThere},
	},
	schemas.Unknown: {
		schemas.Success: {behind, ruleBehind}, schemas.Unknown: {agree, ruleBothOpen}, schemas.Failed: {behind, ruleFailedThere},
		schemas.Closed: {behind, ruleFailedThere}, schemas.Reversed: {behind, ruleReversedThere},
	},
	schemas.Failed: {
		schemas.Success: {behind, ruleBehind}, schemas.Unknown: {behind, ruleOpenThere}, schemas.Failed: {nothing, ruleNothingOnBoth},
		schemas.Closed: {nothing, ruleNothingOnBoth}, schemas.Reversed: {behind, ruleReversedThere},
	},
	schemas.Closed: {
		schemas.Success: {behind, ruleBehind}, schemas.Unknown: {behind, ruleOpenThere}, schemas.Failed: {nothing, ruleNothingOnBoth},
		schemas.Closed: {nothing, ruleNothingOnBoth}, schemas.Reversed: {behind, ruleReversedThere},
	},
	schemas.Reversed: {
		schemas.Success: {ahead, ruleReversedHere}, schemas.Unknown: {ahead, ruleReversedHere}, schemas.Failed: {nothing, ruleNothingOnBoth},
		schemas.Closed: {nothing, ruleNothingOnBoth}, schemas.Reversed: {agree, ruleEqual},
	},
}

// dead tells that a row says "no money moved".
func dead(s schemas.Status) bool { return s == schemas.Failed || s == schemas.Closed }
