package http

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"tieout/internal/fault"
	"tieout/internal/money"
	"tieout/schemas"
)

// query is one question about one payment or refund.
type query struct {
	kind                   schemas.Kind
	merchantRef, refundRef string
}

// check refuses what no channel can be asked.
func (q query) check() error {
	switch {
	case q.kind != schemas.Payment && q.kind != schemas.Refund:
		return fmt.Errorf("no query for records of kind %s", q.kind)
	case !askable(q.key()) || q.merchantRef != "" && !askable(q.merchantRef):
		return fmt.Errorf("no number of the %s that can be asked for: %s", q.kind, fault.Quote(q.key()))
	}
	return nil
}

// askable keeps out of a path what would change it: numbers that we sent to a
// channel are short, printable ASCII without separators.
func askable(ref string) bool {
	if ref == "" || len(ref) > 64 || strings.Trim(ref, ".") == "" {
		return false
	}
	for i := range len(ref) {
		if c := ref[i]; c <= ' ' || c > '~' || strings.IndexByte(`/\?#%&"`, c) >= 0 {
			return false
		}
	}
	return true
}

func (q query) key() string {
	if q.kind == schemas.Refund {
		return q.refundRef
	}
	return q.merchantRef
}

// unasked is the third answer: neither yes nor no. The error goes up beside it
// only if repeating the question cannot help or the caller's time has ended.
func (q query) unasked(err error) (schemas.QueryAnswer, error) {
	a := schemas.QueryAnswer{Key: q.key(), Kind: q.kind, Error: err.Error()}
	var f *fault.Error
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded) && !errors.As(err, &f):
		return a, err
	case errors.As(err, &f) && f.Exit() == 30:
		return a, err
	}
	return a, nil
}

func (q query) notFound() schemas.QueryAnswer {
	return schemas.QueryAnswer{Key: q.key(), Kind: q.kind, Asked: true}
}

// otherThing says that a correctly signed answer is about something else.
func (q query) otherThing(who subject, u *url.URL, got string) error {
	return who.fault("E-2410", nil, u, "reason", "asked for "+fault.Quote(q.key())+", the answer is about "+fault.Quote(got))
}

// found makes a yes. A time that the channel does not tell is zero. A missing amount (nil) is allowed only where no money
// moved; a success without an amount and a known currency is not an answer.
func (q query) found(who subject, u *url.URL, status schemas.Status, minor *int64, currency, channelRef string, moved time.Time) (schemas.QueryAnswer, error) {
	a := schemas.QueryAnswer{Key: q.key(), Kind: q.kind, Asked: true, Found: true, Status: status, Currency: currency, ChannelRef: channelRef}
	if minor != nil {
		a.AmountMinor = *minor
	}
	if status != schemas.Success {
		return a, nil
	}
	if !moved.IsZero() {
		a.MovedAt = moved.UnixMicro()
	}
	if _, known := money.Currency(currency).Exponent(); minor == nil || *minor <= 0 || !known || channelRef == "" {
		return q.unasked(who.fault("E-2410", nil, u, "reason", "a success without amount, known currency or channel number"))
	}
	return a, nil
}
