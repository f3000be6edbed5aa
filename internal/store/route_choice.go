package store

import (
	"context"
	"database/sql"
	"encoding/json"

	"tieout/internal/gateway"
)

// KeepChoice keeps the first choice for a payment; see gateway.Choices.
func (db *DB) KeepChoice(ctx context.Context, payNo, account string, judged []gateway.Judged) (string, error) {
	text, err := json.Marshal(judged)
	if err != nil {
		return "", err
	}
	at := db.now().UnixMicro()
	var kept string
	err = db.tx(ctx, func(tx *sql.Tx) error {
		b := newBooks(ctx, tx)
		if _, err := b.exec(`INSERT INTO route_choice (pay_no, account, judged, at_us) VALUES ($1, $2, $3, $4) ON CONFLICT (pay_no) DO NOTHING`,
			payNo, account, string(text), at); err != nil {
			return wrap(err, "keep the route of %s", payNo)
		}
		_, err := b.one(`SELECT account FROM route_choice WHERE pay_no = $1`, []any{payNo}, &kept)
		return wrap(err, "read the route of %s", payNo)
	})
	return kept, err
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
