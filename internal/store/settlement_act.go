package store

import (
	"context"

	"tieout/internal/fault"
	"tieout/internal/paycore"
	"tieout/internal/settlement"
)

// The acts that a second person carries out.
const (
	actOverride = "OVERRIDE"
	actResult   = "RESULT"
	actRequeue  = "REQUEUE"
)

// twoPeople notes what one person asks for, and lets it through when another
// one asks for the same, seen under the same digest; why is what the first one
// said. 0: a second person is needed still.
func (s *settler) twoPeople(what, subject, digest, reason string) (act int64, why string, err error) {
	if err := required("who", s.who, maxName); err != nil {
		return 0, "", err
	}
	var maker string
	waits, err := s.one(`SELECT id, maker, reason FROM settlement_act WHERE what = $1 AND subject = $2 AND digest = $3 AND checker = ''`,
		[]any{what, subject, digest}, &act, &maker, &why)
	switch {
	case err != nil:
		return 0, "", wrap(err, "read who asked for %s", subject)
	case !waits:
		if err := required("reason", reason, maxNote); err != nil {
			return 0, "", err
		}
		n, err := s.exec(`INSERT INTO settlement_act (what, subject, digest, maker, reason, made_us) VALUES ($1, $2, $3, $4, $5, $6)`,
			what, subject, digest, s.who, reason, s.now)
		return 0, reason, wrote(n, err, "request for", subject)
	case paycore.SamePerson(maker, s.who):
		return 0, "", fault.New("E-6490", fault.V{"subject": subject, "who": maker}, nil)
	}
	n, err := s.exec(`UPDATE settlement_act SET checker = $1, answered_us = $2 WHERE id = $3 AND checker = ''`, s.who, s.now, act)
	return act, why, wrote(n, err, "answer to", subject)
}

// Override lets a bill date be collected although days of it are not proven.
// digest stands for what is missing. It returns the act of two people, also of
// an earlier call about the same; 0: a second person is needed still.
func (db *DB) Override(ctx context.Context, date, digest, who, reason string) (act int64, err error) {
	err = db.settle(ctx, who, func(s *settler) error {
		done, err := s.one(`SELECT id FROM settlement_act WHERE what = $1 AND subject = $2 AND digest = $3 AND checker <> '' ORDER BY id DESC LIMIT 1`,
			[]any{actOverride, date, digest}, &act)
		if err != nil || done {
			return wrap(err, "read the override of %s", date)
		}
		act, _, err = s.twoPeople(actOverride, date, digest, reason)
		return err
	})
	return act, wrap(err, "override %s", date)
}

// Requeue makes a batch whose payout failed for good, or came back, due again,
// to the payee that the contract names now. Both people see this payee. False:
// a second person is needed still.
func (db *DB) Requeue(ctx context.Context, id string, contract *settlement.Contract, who, reason string) (done bool, err error) {
	err = db.settle(ctx, who, func(s *settler) error {
		b, err := s.mustBatch(id)
		if err != nil {
			return err
		}
		if b.State != settlement.Failed && b.State != settlement.Returned {
			return fault.New("E-6492", fault.V{"batch": id, "state": b.State, "need": "only a failed or returned one is paid again"}, nil)
		}
		if why := contract.Payee.Wrong(); why != "" {
			return fault.New("E-7897", fault.V{"merchant": b.Merchant, "reason": why}, nil)
		}
		b.Bank, b.Payee = contract.Bank, contract.Payee
		digest, err := s.digest(&b)
		if err != nil {
			return err
		}
		act, why, err := s.twoPeople(actRequeue, id, digest, reason)
		if done = act != 0; err != nil || !done {
			return err
		}
		return s.moveBatch(&b, settlement.Approved, b.Payee.Masked().Account+": "+why)
	})
	return done, wrap(err, "pay batch %s again", id)
}
