package channelsim

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"tieout/internal/signing"
)

// notifyWorkers is how many notifications are under way at a time.
const notifyWorkers = 4

// notice is a notification to be sent.
type notice struct {
	entry    *entry
	url      string
	delivery Delivery
	due      time.Time
	tries    int // sent so far
}

// mailroom sends notifications and keeps those that wait.
type mailroom struct {
	sim *Sim

	mu      sync.Mutex
	waiting []notice
}

func newMailroom(s *Sim) *mailroom { return &mailroom{sim: s} }

// gaps are the pauses before a notification that was not acknowledged is sent
// again, by channel.
var gaps = map[string][]time.Duration{
	WeChat: {15 * time.Second, 15 * time.Second, 30 * time.Second, 3 * time.Minute, 10 * time.Minute, 20 * time.Minute,
		30 * time.Minute, 30 * time.Minute, 30 * time.Minute, time.Hour, 3 * time.Hour, 3 * time.Hour, 3 * time.Hour, 6 * time.Hour, 6 * time.Hour},
	Alipay:   {4 * time.Minute, 10 * time.Minute, 10 * time.Minute, time.Hour, 2 * time.Hour, 6 * time.Hour, 15 * time.Hour},
	UnionPay: {time.Minute, 2 * time.Minute, 4 * time.Minute, 5 * time.Minute, 5 * time.Minute},
}

func checkNotice(channel string, d Delivery) error {
	if gaps[channel] == nil && (d == Delivered || d == Doubled || d == Late) {
		return fmt.Errorf("the channel %s sends no notifications", channel)
	}
	return nil
}

// post delivers what is due at once and keeps the rest. It returns for each
// notice how many were acknowledged.
func (m *mailroom) post(ctx context.Context, notices []notice) ([]int, error) {
	acknowledged := make([]int, len(notices))
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(notifyWorkers)
	for i, n := range notices {
		switch n.delivery {
		case Late:
			m.keep(n)
		case Delivered, Doubled:
			work.Go(func() error {
				copies := 1
				if n.delivery == Doubled {
					copies = 2
				}
				for range copies {
					ok, err := m.send(ctx, n)
					if err != nil {
						return err
					}
					if ok {
						acknowledged[i]++
					}
				}
				if acknowledged[i] == 0 {
					m.again(n)
				}
				return nil
			})
		}
	}
	return acknowledged, work.Wait()
}

// DeliverDue sends the notifications whose time has come, in the order of their
// times, and returns how many were acknowledged. now is the channels' time.
func (s *Sim) DeliverDue(ctx context.Context, now time.Time) (int, error) {
	acknowledged := 0
	for {
		n, ok := s.mail.take(now)
		if !ok {
			return acknowledged, nil
		}
		accepted, err := s.mail.send(ctx, n)
		switch {
		case err != nil:
			s.mail.keep(n)
			return acknowledged, err
		case accepted:
			acknowledged++
		default:
			s.mail.again(n)
		}
	}
}

// Waiting returns how many notifications wait to be delivered.
func (s *Sim) Waiting() int {
	s.mail.mu.Lock()
	defer s.mail.mu.Unlock()
	return len(s.mail.waiting)
}

func (m *mailroom) keep(n notice) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.waiting = append(m.waiting, n)
}

// again puts a refused notification at its place in the channel's schedule, or
// drops it when the schedule has ended.
func (m *mailroom) again(n notice) {
	schedule := gaps[n.entry.channel]
	if n.tries >= len(schedule) {
		return
	}
	from := n.due
	if from.IsZero() {
		from = m.sim.opt.Now()
	}
	n.due = from.Add(schedule[n.tries])
	n.tries++
	m.keep(n)
}

// take removes the earliest notification that is due.
func (m *mailroom) take(now time.Time) (notice, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.waiting) == 0 {
		return notice{}, false
	}
	first := 0
	for i, n := range m.waiting {
		if n.due.Before(m.waiting[first].due) {
			first = i
		}
	}
	n := m.waiting[first]
	if n.due.After(now) {
		return notice{}, false
	}
	m.waiting = slices.Delete(m.waiting, first, first+1)
	return n, true
}

// send posts one notification. A receiver that does not answer, or answers with
// anything but the channel's word for yes, has not accepted it; an error is
// only what keeps it from being sent at all.
func (m *mailroom) send(ctx context.Context, n notice) (bool, error) {
	req, err := m.request(ctx, n)
	if err != nil {
		return false, fmt.Errorf("notify %s of %s: %w", n.entry.channel, n.entry.merchantRef, err)
	}
	req.Header.Set("User-Agent", "channelsim")
	resp, err := m.sim.opt.Client.Do(req)
	if err != nil {
		return false, ctx.Err()
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 4096))
	if err != nil {
		return false, ctx.Err()
	}
	switch n.entry.channel {
	case Alipay:
		return resp.StatusCode == http.StatusOK && string(body) == "success", nil
	case WeChat:
		return resp.StatusCode == http.StatusOK || resp.StatusCode == http.StatusNoContent, nil
	}
	return resp.StatusCode == http.StatusOK, nil
}

func (m *mailroom) request(ctx context.Context, n notice) (*http.Request, error) {
	switch n.entry.channel {
	case WeChat:
		return m.sim.weChatNotice(ctx, n)
	case Alipay:
		return m.sim.alipayNotice(ctx, n)
	case UnionPay:
		return m.sim.unionPayNotice(ctx, n)
	}
	return nil, errors.New("the channel sends no notifications")
}

// weChatNotice is a notification of WeChat Pay API v3: an encrypted resource,
// signed over the raw body.
func (s *Sim) weChatNotice(ctx context.Context, n notice) (*http.Request, error) {
	e, now := n.entry, s.opt.Now()
	event, original, plain := "TRANSACTION.SUCCESS", "transaction", s.weChatPayment(e)
	if e.isRefund() {
		event, original, plain = "REFUND.SUCCESS", "refund", s.weChatRefundNotice(e)
	}
	resource, err := json.Marshal(plain)
	if err != nil {
		return nil, err
	}
	nonce := randomHex(6)
	sealed, err := signing.SealWeChat([]byte(s.keys.APIv3Key), nonce, original, resource)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(map[string]any{
		"id": noticeID(e), "create_time": now.In(s.zone).Format(time.RFC3339), "resource_type": "encrypt-resource",
		"event_type": event, "summary": "支付成功",
		"resource": map[string]string{"original_type": original, "algorithm": "AEAD_AES_256_GCM",
			"ciphertext": sealed, "associated_data": original, "nonce": nonce},
	})
	if err != nil {
		return nil, err
	}
	stamp, err := signing.SignWeChatMessage(s.keys.WeChatPlatform.rsa(), weChatPlatformID, body, now, signing.Nonce())
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, n.url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	stamp.SetHeaders(req.Header)
	return req, nil
}

// alipayNotice is an asynchronous notification of Alipay: a form, signed
// without sign and sign_type.
func (s *Sim) alipayNotice(ctx context.Context, n notice) (*http.Request, error) {
	e, pay := n.entry, n.entry
	if e.isRefund() {
		pay = e.payment
	}
	const layout = "2006-01-02 15:04:05"
	f := map[string]string{
		"notify_time": s.opt.Now().In(s.zone).Format(layout), "notify_type": "trade_status_sync", "notify_id": noticeID(e),
		"charset": "utf-8", "version": "1.0", "sign_type": "RSA2", "app_id": alipayAppID, "auth_app_id": alipayAppID,
		"trade_no": pay.channelRef, "out_trade_no": pay.merchantRef, "seller_id": s.opt.Merchants.Alipay,
		"trade_status": "TRADE_SUCCESS", "total_amount": yuan(pay.amount), "receipt_amount": yuan(pay.amount),
		"buyer_pay_amount": yuan(pay.amount), "subject": pay.product,
		"gmt_create": pay.at.Add(-5 * time.Second).Format(layout), "gmt_payment": pay.at.Format(layout),
	}
	if s.opt.AlipayCerts {
		f["alipay_cert_sn"] = s.keys.AlipayPlatform.alipaySN()
	}
	if e.isRefund() {
		f["refund_fee"], f["out_biz_no"], f["gmt_refund"] = yuan(e.refundedNow), e.refundRef, e.at.Format(layout)
		if e.refundedNow == pay.amount {
			f["trade_status"] = "TRADE_CLOSED"
		}
	}
	var err error
	if f["sign"], err = signing.SignAlipayNotify(s.keys.AlipayPlatform.rsa(), f); err != nil {
		return nil, err
	}
	return formRequest(ctx, n.url, f)
}

// unionPayNotice is a backUrl notification of UnionPay 5.1.0.
func (s *Sim) unionPayNotice(ctx context.Context, n notice) (*http.Request, error) {
	f := s.unionPayFields(n.entry)
	f["respCode"], f["respMsg"] = "00", "成功[0000000]"
	if err := s.signUnionPay(f); err != nil {
		return nil, err
	}
	return formRequest(ctx, n.url, f)
}

func formRequest(ctx context.Context, url string, fields map[string]string) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(signing.EncodeForm(fields)))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")
	return req, nil
}

// noticeID stays the same when a notification is sent again.
func noticeID(e *entry) string {
	return digits(32, 0, "notice", e.channel, e.channelRef, e.channelRefundRef)
}
