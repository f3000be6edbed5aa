package store

import (
	"context"
	"encoding/json"

	"tieout/internal/gateway"
	"tieout/internal/paycore"
)

// putChoice keeps why a new payment goes over its account.
func (b *books) putChoice(ch *paycore.Change) error {
	n, err := b.exec(`INSERT INTO route_choice (pay_no, account, judged, at_us) VALUES ($1, $2, $3, $4)`, ch.Payment.PayNo, ch.Payment.Account, ch.Route, ch.At)
	return wrote(n, err, "route of", ch.Payment.PayNo)
}

// Choice returns which account was chosen for a payment, and why; "" if none
// was.
func (db *DB) Choice(ctx context.Context, payNo string) (account string, judged []gateway.Judged, err error) {
	err = db.snapshot(ctx, func(b *books) error {
		var text string
		ok, err := b.one(`SELECT account, judged FROM route_choice WHERE pay_no = $1`, []any{payNo}, &account, &text)
		if !ok || err != nil {
			return wrap(err, "read the route of %s", payNo)
		}
		return json.Unmarshal([]byte(text), &judged)
	})
	return account, judged, err
}
