package paycore

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"
)

// Outbox keeps the notices to merchants. The store implements it.
type Outbox interface {
	// ClaimNotices takes notices that are due and hides them from other
	// senders for the lease.
	ClaimNotices(ctx context.Context, now time.Time, lease time.Duration, limit int) ([]Outgoing, error)
	// NoticeTried records one try: sent, to be tried again at next, or, with
	// a zero next, dead.
	NoticeTried(ctx context.Context, n Outgoing, sent bool, next time.Time, reason string) error
}

// Schedule is when a notice is tried again after the first, second, … try that
// failed. With the first try these are ten within 48 hours; then it is dead,
// stays in the outbox, and is sent again only on request.
var Schedule = [...]time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 2 * time.Hour,
	4 * time.Hour, 8 * time.Hour, 12 * time.Hour, 20 * time.Hour}

// Sender sends the notices of the outbox: JSON by HTTP POST, signed with the
// merchant's key. Any 2xx answer means that he has it. The header
// Tieout-Signature is "v1=" and the hexadecimal HMAC-SHA256 of the header
// Tieout-Timestamp, a point, and the body; Tieout-Event is the number of the
// notice, the same in every copy.
type Sender struct {
	outbox Outbox
	client http.Client
	key    func(merchant string) ([]byte, bool)
	now    func() time.Time
}

// NewSender makes a sender. key returns a merchant's signing key; false: he has
// none, and gets nothing. transport nil is one without a proxy. Redirects are
// not followed.
func NewSender(outbox Outbox, transport http.RoundTripper, key func(merchant string) ([]byte, bool), now func() time.Time) *Sender {
	if transport == nil {
		transport = &http.Transport{MaxIdleConnsPerHost: sendWorkers, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true}
	}
	return &Sender{outbox: outbox, key: key, now: now, client: http.Client{Transport: transport, Timeout: sendTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

const (
	sendTimeout = 10 * time.Second
	sendLease   = time.Minute
	sendWorkers = 8
	sendBatch   = 200
)

// Sent counts the tries of one call of SendDue.
type Sent struct{ Sent, Again, Dead int }

// SendDue tries everything that is due once.
func (s *Sender) SendDue(ctx context.Context) (Sent, error) {
	var total Sent
	for {
		due, err := s.outbox.ClaimNotices(ctx, s.now(), sendLease, sendBatch)
		if err != nil || len(due) == 0 {
			return total, err
		}
		tried, err := s.send(ctx, due)
		total.Sent, total.Again, total.Dead = total.Sent+tried.Sent, total.Again+tried.Again, total.Dead+tried.Dead
		if err != nil {
			return total, err
		}
	}
}

func (s *Sender) send(ctx context.Context, due []Outgoing) (Sent, error) {
	failed := make([]error, len(due))
	var group errgroup.Group
	group.SetLimit(sendWorkers)
	for i, n := range due {
		group.Go(func() error {
			failed[i] = s.post(ctx, n)
			return nil
		})
	}
	group.Wait()
	var total Sent
	for i, n := range due {
		if err := ctx.Err(); err != nil {
			return total, err
		}
		next, reason := time.Time{}, ""
		switch {
		case failed[i] == nil:
			total.Sent++
		case n.Tries < len(Schedule):
			next, reason = s.now().Add(Schedule[n.Tries]), failed[i].Error()
			total.Again++
		default:
			reason = failed[i].Error()
			total.Dead++
		}
		if err := s.outbox.NoticeTried(ctx, n, failed[i] == nil, next, reason); err != nil {
			return total, err
		}
	}
	return total, nil
}

// post sends one notice. Its error never holds the URL: that may carry a token.
func (s *Sender) post(ctx context.Context, n Outgoing) error {
	key, ok := s.key(n.Merchant)
	if !ok || len(key) == 0 {
		return fmt.Errorf("merchant %s has no signing key", n.Merchant)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, n.URL, bytes.NewReader([]byte(n.Payload)))
	if err != nil {
		return errors.New("the merchant's address is not a URL")
	}
	stamp := strconv.FormatInt(s.now().Unix(), 10)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Tieout-Event", n.ID)
	req.Header.Set("Tieout-Timestamp", stamp)
	req.Header.Set("Tieout-Signature", "v1="+NoticeSignature(key, stamp, []byte(n.Payload)))
	resp, err := s.client.Do(req)
	if err != nil {
		var inner *url.Error
		if errors.As(err, &inner) {
			err = inner.Err
		}
		return err
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // so that the connection can be used again
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("the merchant answered HTTP %d", resp.StatusCode)
	}
	return nil
}

// NoticeSignature is what a merchant recomputes to verify a notice.
func NoticeSignature(key []byte, timestamp string, body []byte) string {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(timestamp + "."))
	h.Write(body)
	return hex.EncodeToString(h.Sum(nil))
}
