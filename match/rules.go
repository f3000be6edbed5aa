package match

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"tieout/schemas"
	"tieout/schemas/channels"
)

// rulesVersion changes with any change of what the passes do.
const rulesVersion = "1"

// Rules say how one channel is matched. They are data: the channel's
// definition holds the defaults, the configuration may change them.
type Rules struct {
	// The window around a cut-off is [cut-off - WindowBefore, cut-off +
	// WindowAfter). A one-sided row in it may stand in the other side's
	// neighbouring day.
	WindowBefore, WindowAfter time.Duration

	// CarryDays is for how many days a one-sided local row waits; a kind that
	// is missing waits one day. Refunds wait at any hour, other kinds only in
	// the window before the cut-off.
	CarryDays map[schemas.Kind]int

	// CompareFee lists the kinds whose fees are compared, where both sides
	// give one.
	CompareFee []schemas.Kind

	// DateShare is from which share of the pairs on (in millionths) a wrong
	// date looks like an error of the time zone; 0 leaves it unchecked.
	DateShare int64
}

// DefaultRules are those of a channel that says nothing.
func DefaultRules() Rules {
	return Rules{
		WindowBefore: 15 * time.Minute, WindowAfter: 15 * time.Minute,
		CarryDays:  map[schemas.Kind]int{schemas.Payment: 1, schemas.Refund: 4},
		CompareFee: []schemas.Kind{schemas.Payment},
		DateShare:  10_000,
	}
}

// RulesOf takes a channel's defaults; what the channel leaves out is as in
// DefaultRules. The result shares no memory with m.
func RulesOf(m channels.Match) Rules {
	r := DefaultRules()
	if m.WindowBefore != 0 {
		r.WindowBefore = m.WindowBefore
	}
	if m.WindowAfter != 0 {
		r.WindowAfter = m.WindowAfter
	}
	maps.Copy(r.CarryDays, m.CarryDays)
	if m.CompareFee != nil {
		r.CompareFee = slices.Clone(m.CompareFee)
	}
	return r
}

// Digest names the rules and the version of the passes, for manifests.
func (r Rules) Digest() string {
	var b strings.Builder
	fmt.Fprintf(&b, "before=%d after=%d date=%d", r.WindowBefore, r.WindowAfter, r.DateShare)
	for _, k := range slices.Sorted(maps.Keys(r.CarryDays)) {
		fmt.Fprintf(&b, " carry.%s=%d", k, r.CarryDays[k])
	}
	for _, k := range slices.Sorted(slices.Values(r.CompareFee)) {
		fmt.Fprintf(&b, " fee.%s", k)
	}
	sum := sha256.Sum256([]byte(b.String()))
	return rulesVersion + "-" + hex.EncodeToString(sum[:6])
}

// carryDays is how long a local row of a kind waits, and whether it does so at
// any hour.
func (r Rules) carryDays(k schemas.Kind) (days int, anyHour bool) {
	days, ok := r.CarryDays[k]
	if !ok {
		days = 1
	}
	return days, k == schemas.Refund
}
