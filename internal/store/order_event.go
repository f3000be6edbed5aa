package store

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"

	"tieout/internal/paycore"
	"tieout/schemas"
)

// logTail is the end of the hash chain.
type logTail struct {
	seq  int64
	hash string
}

// log appends lines to the log of state moves.
func (b *books) log(at int64, moves ...paycore.Move) error {
	if len(moves) == 0 {
		return nil
	}
	tail, err := b.tail()
	if err != nil {
		return err
	}
	for _, m := range moves {
		seq := tail.seq + 1
		hash := eventHash(tail.hash, seq, at, m)
		if _, err := b.exec(`INSERT INTO order_event (seq, at_us, subject, ref, from_state, to_state, cause, detail, hash)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`, seq, at, m.Subject, m.Ref, m.From, m.To, m.Cause, m.Detail, hash); err != nil {
			return wrap(err, "log %s %s", m.Subject, m.Ref)
		}
		tail.seq, tail.hash = seq, hash
	}
	return nil
}

// tail is where the log ends.
func (b *books) tail() (*logTail, error) {
	if b.known.tail == nil {
		var t logTail
		if _, err := b.one(`SELECT seq, hash FROM order_event ORDER BY seq DESC LIMIT 1`, nil, &t.seq, &t.hash); err != nil {
			return nil, wrap(err, "read the end of the log")
		}
		b.known.tail = &t
	}
	return b.known.tail, nil
}

// HoldsMark tells whether the log still is what it was up to a mark.
func (db *DB) HoldsMark(ctx context.Context, m schemas.LogMark) (bool, error) {
	if m.Seq == 0 || m.Hash == "" {
		return true, nil
	}
	var hash string
	err := db.snapshot(ctx, func(b *books) error {
		_, err := b.one(`SELECT hash FROM order_event WHERE seq = $1`, []any{m.Seq}, &hash)
		return wrap(err, "read line %d of the log", m.Seq)
	})
	return hash == m.Hash, err
}

// eventHash chains one line to the one before: sha256 over the hash before and
// the fields, each text with its length in front.
func eventHash(before string, seq, at int64, m paycore.Move) string {
	h := sha256.New()
	var n [8]byte
	number := func(v int64) {
		binary.BigEndian.PutUint64(n[:], uint64(v))
		h.Write(n[:])
	}
	text := func(s string) {
		number(int64(len(s)))
		h.Write([]byte(s))
	}
	text(before)
	number(seq)
	number(at)
	for _, s := range []string{m.Subject, m.Ref, string(m.From), string(m.To), string(m.Cause), m.Detail} {
		text(s)
	}
	return hex.EncodeToString(h.Sum(nil))
}
