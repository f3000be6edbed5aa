package store

import (
	"context"

	"tieout/internal/paycore"
)

// Receive runs the command of a verified notification and keeps its bytes, in
// one transaction; see paycore.Book. A notification for a number that is not in
// the books yet (Early) is tried again when it comes again.
func (db *DB) Receive(ctx context.Context, n paycore.Notification, command paycore.Command) (paycore.Result, error) {
	var result paycore.Result
	err := db.commands(ctx, func(b *books) error {
		known, before, err := b.received(n)
		if err != nil {
			return err
		}
		if known && before.Effect != paycore.Early {
			result = paycore.Result{Effect: paycore.Already, State: before.State, Reason: before.Reason}
			if before.Effect == paycore.Refused {
				result.Effect = paycore.Refused
			}
			return b.receivedAgain(n, before)
		}
		if result, err = b.run(command); err != nil {
			return wrap(err, "notification %s", n.ID)
		}
		if known {
			return b.receivedAgain(n, result)
		}
		_, err = b.exec(`INSERT INTO notification_in (account, notify_id, digest, channel, raw, result, reason, copies, received_us)
			VALUES ($1, $2, $3, $4, $5, $6, $7, 1, $8)`,
			n.Account, n.ID, n.Digest, n.Channel, n.Raw, result.Effect, result.Reason, n.ReceivedAt)
		return wrap(err, "keep notification %s", n.ID)
	})
	if err != nil {
		return paycore.Result{}, err
	}
	return result, nil
}

// received tells what was said to an earlier copy.
func (b *books) received(n paycore.Notification) (known bool, r paycore.Result, err error) {
	known, err = b.one(`SELECT result, reason FROM notification_in WHERE account = $1 AND notify_id = $2 AND digest = $3`,
		[]any{n.Account, n.ID, n.Digest}, &r.Effect, &r.Reason)
	return known, r, wrap(err, "look for notification %s", n.ID)
}

// receivedAgain counts a copy and records what is known of it now.
func (b *books) receivedAgain(n paycore.Notification, r paycore.Result) error {
	_, err := b.exec(`UPDATE notification_in SET copies = copies + 1, result = $1, reason = $2
		WHERE account = $3 AND notify_id = $4 AND digest = $5`, r.Effect, r.Reason, n.Account, n.ID, n.Digest)
	return wrap(err, "count notification %s", n.ID)
}
