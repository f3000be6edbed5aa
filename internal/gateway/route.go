package gateway

import (
	"cmp"
	"errors"
	"slices"
)

// Route is what routing knows of an account.
type Route struct {
	Account, Channel string
	Methods          []Method // that it offers
	LeastMinor       int64    // smallest and largest payment that it takes; 0: no limit
	MostMinor        int64
	FeePPM           int64 // what the channel charges, in millionths
}

// offered is what each channel can do, the usual first.
var offered = map[string][]Method{
	"wechat":   {Native, JSAPI, H5},
	"alipay":   {Precreate, Page, Wap},
	"unionpay": {Gateway},
}

// MethodsOf lists the methods of a channel, the usual first.
func MethodsOf(channel string) []Method { return slices.Clone(offered[channel]) }

// Wish is a payment that looks for an account.
type Wish struct {
	Method      Method
	AmountMinor int64
	Contract    []string // accounts that the merchant's contract names
}

// Judged is what became of one account, and why.
type Judged struct {
	Account string `json:"account"`
	FeePPM  int64  `json:"fee_ppm"`
	Why     string `json:"why"`
}

// The reasons, in the order in which they are looked at.
const (
	Chosen      = "chosen"
	NoContract  = "not in the merchant's contract"
	OtherMethod = "does not offer the method"
	TooSmall    = "takes no amount so small"
	TooLarge    = "takes no amount so large"
	TakesNone   = "takes no calls now"
	CostsMore   = "costs more"
	ComesLater  = "costs the same and comes later in the contract"
)

// ErrNoRoute says that no account takes the payment.
var ErrNoRoute = errors.New("no account takes the payment")

// Choose picks the cheapest account that the contract, the method, the amount
// and its health allow; of equal ones the first of the contract. It says of
// every account why, the chosen one first.
func Choose(routes []Route, w Wish, healthy func(account string) bool) (Route, []Judged, error) {
	place := func(r Route) int { return slices.Index(w.Contract, r.Account) }
	sorted := slices.SortedFunc(slices.Values(routes), func(a, b Route) int {
		return cmp.Or(cmp.Compare(a.FeePPM, b.FeePPM), cmp.Compare(place(a), place(b)), cmp.Compare(a.Account, b.Account))
	})
	var taken *Route
	judged := make([]Judged, 0, len(sorted))
	for i, r := range sorted {
		why := r.refuses(w, healthy)
		switch {
		case why != "":
		case taken == nil:
			taken, why = &sorted[i], Chosen
		case r.FeePPM == taken.FeePPM:
			why = ComesLater
		default:
			why = CostsMore
		}
		judged = append(judged, Judged{r.Account, r.FeePPM, why})
	}
	if taken == nil {
		return Route{}, judged, ErrNoRoute
	}
	slices.SortStableFunc(judged, func(a, b Judged) int { return cmp.Compare(rank(a), rank(b)) })
	return *taken, judged, nil
}

func rank(j Judged) int {
	if j.Why == Chosen {
		return 0
	}
	return 1
}

// refuses says why an account cannot take a payment; "" if it can.
func (r Route) refuses(w Wish, healthy func(string) bool) string {
	switch {
	case !slices.Contains(w.Contract, r.Account):
		return NoContract
	case !slices.Contains(r.Methods, w.Method):
		return OtherMethod
	case w.AmountMinor < r.LeastMinor:
		return TooSmall
	case r.MostMinor > 0 && w.AmountMinor > r.MostMinor:
		return TooLarge
	case !healthy(r.Account):
		return TakesNone
	}
	return ""
}
