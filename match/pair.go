package match

import "tieout/schemas"

// verdict is a class with the rule that gave it.
type verdict struct {
	class schemas.Class
	rule  rule
}

// terms is what one row says of what decides the class of its pair.
type terms struct {
	status   schemas.Status
	amount   int64
	currency uint8
	fee      fee
}

// compared holds the values of a pair that decide its class.
type compared struct {
	local, channel terms

	compareFee bool
	dateOff    bool // the local row's day is farther off than the window allows
}

// judge gives the class of a pair. The order is fixed: status, then currency
// and amount, then fee, then date.
func judge(p *compared) verdict {
	l, c := &p.local, &p.channel
	cell := pairTable[l.status][c.status]
	switch {
	case cell.standing == nothing:
		return verdict{schemas.NothingHappened, cell.rule}
	case l.currency != c.currency:
		return verdict{schemas.CurrencyMismatch, ruleCurrency}
	case cell.standing == behind && l.amount != c.amount:
		return verdict{schemas.AmountMismatch, ruleBehindAmount}
	case cell.standing == behind:
		return verdict{schemas.LocalBehind, cell.rule}
	case cell.standing == ahead && l.amount != c.amount:
		return verdict{schemas.LocalAhead, ruleAheadAmount}
	case cell.standing == ahead:
		return verdict{schemas.LocalAhead, cell.rule}
	case l.amount != c.amount:
		return verdict{schemas.AmountMismatch, ruleAmount}
	}
	if p.compareFee && l.fee.set && c.fee.set {
		switch compareFees(l.fee.minor, l.fee.sub, c.fee.minor, c.fee.sub) {
		case feesRound:
			return verdict{schemas.FeeRounding, ruleFeeRounding}
		case feesDiffer:
			return verdict{schemas.FeeMismatch, ruleFee}
		}
	}
	if p.dateOff {
		return verdict{schemas.DateMismatch, ruleDate}
	}
	return verdict{schemas.Matched, cell.rule}
}

type feeAnswer uint8

const (
	feesEqual feeAnswer = iota
	feesRound
	feesDiffer
)

// compareFees compares two fees at full precision: minor units and millionths
// of one. A side that gives whole minor units only is equal to what the other
// side's fee rounds to, half away from zero. One minor unit apart is rounding.
func compareFees(a int64, aSub int32, b int64, bSub int32) feeAnswer {
	if a == b && aSub == bSub {
		return feesEqual
	}
	if aSub == 0 && roundFee(b, bSub) == a || bSub == 0 && roundFee(a, aSub) == b {
		return feesEqual
	}
	if a > b || a == b && aSub > bSub {
		a, aSub, b, bSub = b, bSub, a, aSub
	}
	// b is the larger one. Their distance in minor units may overflow, but only
	// far beyond one unit.
	const unit = 1_000_000
	whole := uint64(b) - uint64(a)
	if whole <= 3 && int64(whole)*unit+int64(bSub)-int64(aSub) <= unit {
		return feesRound
	}
	return feesDiffer
}

func roundFee(fee int64, sub int32) int64 {
	switch {
	case sub >= 500_000:
		return fee + 1
	case sub <= -500_000:
		return fee - 1
	}
	return fee
}
