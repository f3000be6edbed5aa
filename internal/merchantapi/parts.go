package merchantapi

import (
	"strings"

	"tieout/internal/fault"
	"tieout/internal/money"
	"tieout/internal/paycore"
)

// NewPart is what an account of ours pays of an order.
type NewPart struct {
	Means       string `json:"means" enum:"balance,coupon,red_packet"`
	Holder      string `json:"holder" minLength:"1" maxLength:"80" doc:"Whose balance pays: the merchant's own, or one that is named after him: M01.alice is of M01."`
	AmountMinor int64  `json:"amount_minor" minimum:"1"`
	Coupon      string `json:"coupon,omitempty" maxLength:"64" pattern:"^[A-Za-z0-9_-]*$" doc:"Number of a coupon; it pays once."`
}

// ofHis tells whether a holder is the merchant, or one of his payers or budgets:
// those are named after him.
func ofHis(merchant, holder string) bool {
	return holder == merchant || strings.HasPrefix(holder, merchant+".")
}

// parts are what accounts of the merchant's holders pay of an order, and what is
// left for a channel.
func (m *client) parts(p NewPayment, amountMinor int64) (list []paycore.Part, rest int64, err error) {
	var sum money.Sum
	sum.Add(amountMinor)
	for _, part := range p.Parts {
		if !ofHis(m.ID, part.Holder) {
			return nil, 0, fault.New("E-6413", fault.V{"reason": "the holder is not of this merchant", "place": "body.parts"}, nil)
		}
		sum.Add(-part.AmountMinor)
		list = append(list, paycore.Part{Means: paycore.Means(part.Means), Wallet: paycore.Wallet(part.Holder), AmountMinor: part.AmountMinor, Coupon: part.Coupon})
	}
	if rest, err = sum.Int64(); err != nil || rest < 0 {
		return nil, 0, fault.New("E-6413", fault.V{"reason": "the parts are more than the whole", "place": "body.parts"}, nil)
	}
	return list, rest, nil
}
