// Package payclient is the Go client of the merchant API.
//
// In: what a merchant wants. Out: signed requests, and answers whose signature
// holds. A request whose end is not known (no answer, an answer that is not
// signed, a server in trouble) is sent again under the same Idempotency-Key, so
// that it is done once. Used by the tests and by whoever calls the API from Go.
package payclient

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"tieout/internal/merchantapi"
	"tieout/internal/signing"
)

// Options are a client's settings. Zero fields have the default in brackets.
type Options struct {
	BaseURL  string // "https://pay.example"
	Merchant string
	Key      string           // name of the merchant's key
	Sign     signing.Signer   // with it
	Verify   signing.Verifier // answers: the same secret, or the server's public key
	HTTP     *http.Client     // [20 s a try, no redirects]
	Now      func() time.Time
	Tries    int                                         // of a request whose end is not known [5]
	Pause    func(ctx context.Context, failed int) error // before the next try [0.5 s, 1 s, 2 s, …]
}

// Client calls the API for one merchant. Safe for concurrent use.
type Client struct{ opt Options }

// New makes a client.
func New(opt Options) (*Client, error) {
	if opt.Sign == nil || opt.Verify == nil || opt.Now == nil {
		return nil, errors.New("payclient: keys and a clock are needed")
	}
	if opt.HTTP == nil {
		opt.HTTP = &http.Client{Timeout: 20 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	if opt.Tries == 0 {
		opt.Tries = 5
	}
	if opt.Pause == nil {
		opt.Pause = pause
	}
	return &Client{opt}, nil
}

func pause(ctx context.Context, failed int) error {
	t := time.NewTimer(500 * time.Millisecond << (failed - 1))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// CreateOrder opens an order. key is the Idempotency-Key, as in all that
// follow: the caller keeps it with what he asks for, and repeats both together.
func (c *Client) CreateOrder(ctx context.Context, key string, o merchantapi.NewOrder) (*merchantapi.Order, error) {
	return post[merchantapi.Order](ctx, c, key, o, "v1", "orders")
}

// Pay starts a payment of an order.
func (c *Client) Pay(ctx context.Context, key, orderNo string, p merchantapi.NewPayment) (*merchantapi.Payment, error) {
	return post[merchantapi.Payment](ctx, c, key, p, "v1", "orders", orderNo, "payments")
}

// CloseOrder closes an order that nobody paid.
func (c *Client) CloseOrder(ctx context.Context, key, orderNo string) (*merchantapi.Order, error) {
	return post[merchantapi.Order](ctx, c, key, nil, "v1", "orders", orderNo, "close")
}

// Refund gives money of a payment back.
func (c *Client) Refund(ctx context.Context, key, payNo string, r merchantapi.NewRefund) (*merchantapi.RefundView, error) {
	return post[merchantapi.RefundView](ctx, c, key, r, "v1", "payments", payNo, "refunds")
}

// Order shows an order.
func (c *Client) Order(ctx context.Context, orderNo string) (*merchantapi.Order, error) {
	return get[merchantapi.Order](ctx, c, "v1", "orders", orderNo)
}

// Payment shows a payment.
func (c *Client) Payment(ctx context.Context, payNo string) (*merchantapi.Payment, error) {
	return get[merchantapi.Payment](ctx, c, "v1", "payments", payNo)
}

// RefundOf shows a refund.
func (c *Client) RefundOf(ctx context.Context, refundNo string) (*merchantapi.RefundView, error) {
	return get[merchantapi.RefundView](ctx, c, "v1", "refunds", refundNo)
}

// Transfer moves money of the merchant's wallet, or of one of his payments.
func (c *Client) Transfer(ctx context.Context, key string, t merchantapi.NewTransfer) (*merchantapi.Transfer, error) {
	return post[merchantapi.Transfer](ctx, c, key, t, "v1", "transfers")
}

// TransferOf shows a transfer.
func (c *Client) TransferOf(ctx context.Context, number string) (*merchantapi.Transfer, error) {
	return get[merchantapi.Transfer](ctx, c, "v1", "transfers", number)
}

// Withdraw sends money of the merchant's wallet to the account of his contract.
func (c *Client) Withdraw(ctx context.Context, key string, w merchantapi.NewWithdrawal) (*merchantapi.Transfer, error) {
	return post[merchantapi.Transfer](ctx, c, key, w, "v1", "withdrawals")
}

// Withdrawal shows a withdrawal.
func (c *Client) Withdrawal(ctx context.Context, number string) (*merchantapi.Transfer, error) {
	return get[merchantapi.Transfer](ctx, c, "v1", "withdrawals", number)
}

// Wallet shows what the merchant has, or a holder that is named after him.
func (c *Client) Wallet(ctx context.Context, holder string) (*merchantapi.Wallet, error) {
	return get[merchantapi.Wallet](ctx, c, "v1", "wallets", holder)
}

// Statement downloads the merchant's statement of a day (2026-11-20). What was
// written is the server's only if no error comes back.
func (c *Client) Statement(ctx context.Context, date string, to io.Writer) error {
	target, err := target([]string{"v1", "statements", date})
	if err != nil {
		return err
	}
	sent, resp, err := c.send(ctx, http.MethodGet, target, "", nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return c.problem(sent, resp)
	}
	sum := sha256.New()
	if _, err := io.Copy(io.MultiWriter(to, sum), resp.Body); err != nil {
		return fmt.Errorf("payclient: %w", err)
	}
	return c.verify(sent, resp, signing.MerchantAnswer{Digest: hex.EncodeToString(sum.Sum(nil))})
}

// Notices lists the notices to the merchant that are in a state.
func (c *Client) Notices(ctx context.Context, state string) (*merchantapi.NoticeList, error) {
	return decode[merchantapi.NoticeList](c.do(ctx, http.MethodGet, "", nil, "/v1/notices?state="+url.QueryEscape(state)))
}

// Resend has a notice sent again.
func (c *Client) Resend(ctx context.Context, key, eventID string) (*merchantapi.Notice, error) {
	return post[merchantapi.Notice](ctx, c, key, nil, "v1", "notices", eventID, "resend")
}

// Split gives receivers amounts of an order.
func (c *Client) Split(ctx context.Context, key, orderNo string, s merchantapi.NewSplit) (*merchantapi.Split, error) {
	return post[merchantapi.Split](ctx, c, key, s, "v1", "orders", orderNo, "splits")
}

// SplitOf shows a split.
func (c *Client) SplitOf(ctx context.Context, splitNo string) (*merchantapi.Split, error) {
	return get[merchantapi.Split](ctx, c, "v1", "splits", splitNo)
}

// ReturnSplit takes a share back.
func (c *Client) ReturnSplit(ctx context.Context, key, splitNo string, r merchantapi.NewSplitReturn) (*merchantapi.SplitReturn, error) {
	return post[merchantapi.SplitReturn](ctx, c, key, r, "v1", "splits", splitNo, "returns")
}

// SplitReturnOf shows a return.
func (c *Client) SplitReturnOf(ctx context.Context, returnNo string) (*merchantapi.SplitReturn, error) {
	return get[merchantapi.SplitReturn](ctx, c, "v1", "split-returns", returnNo)
}

// HoldForSplit holds an order back for splits.
func (c *Client) HoldForSplit(ctx context.Context, key, orderNo string) (*merchantapi.SplitHold, error) {
	return post[merchantapi.SplitHold](ctx, c, key, nil, "v1", "orders", orderNo, "hold")
}

// ReleaseRest makes what is left of a split order the merchant's.
func (c *Client) ReleaseRest(ctx context.Context, key, orderNo string) (*merchantapi.SplitHold, error) {
	return post[merchantapi.SplitHold](ctx, c, key, nil, "v1", "orders", orderNo, "release")
}

// AddReceiver registers who may receive shares.
func (c *Client) AddReceiver(ctx context.Context, key string, r merchantapi.NewReceiver) (*merchantapi.Receiver, error) {
	return post[merchantapi.Receiver](ctx, c, key, r, "v1", "receivers")
}

// RemoveReceiver ends a registration.
func (c *Client) RemoveReceiver(ctx context.Context, key, receiver string) (*merchantapi.Receiver, error) {
	return post[merchantapi.Receiver](ctx, c, key, nil, "v1", "receivers", receiver, "remove")
}

func get[T any](ctx context.Context, c *Client, path ...string) (*T, error) {
	target, err := target(path)
	if err != nil {
		return nil, err
	}
	return decode[T](c.do(ctx, http.MethodGet, "", nil, target))
}

func post[T any](ctx context.Context, c *Client, key string, body any, path ...string) (*T, error) {
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return nil, fmt.Errorf("payclient: %w", err)
		}
	}
	target, err := target(path)
	if err != nil {
		return nil, err
	}
	return decode[T](c.do(ctx, http.MethodPost, key, text, target))
}

func decode[T any](body []byte, err error) (*T, error) {
	if err != nil {
		return nil, err
	}
	out := new(T)
	if err := json.Unmarshal(body, out); err != nil {
		return nil, fmt.Errorf("payclient: read the answer: %w", err)
	}
	return out, nil
}

// do sends a request until its end is known. Errors are a
// *merchantapi.Problem, or the last trouble: then nobody knows yet, and the
// same call with the same key may be made again.
func (c *Client) do(ctx context.Context, method, key string, body []byte, target string) ([]byte, error) {
	var last error
	for failed := 0; failed < c.opt.Tries; failed++ {
		if failed > 0 {
			if err := c.opt.Pause(ctx, failed); err != nil {
				return nil, errors.Join(err, last)
			}
		}
		status, answer, err := c.try(ctx, method, target, key, body)
		switch {
		case err != nil:
			last = err
		case status < 400:
			return answer, nil
		default:
			if last = problemOf(answer); status < 500 && status != http.StatusTooManyRequests {
				return nil, last
			}
		}
	}
	return nil, last
}

// target is an address within the API.
func target(path []string) (string, error) {
	escaped := make([]string, len(path))
	for i, p := range path {
		escaped[i] = url.PathEscape(p)
	}
	t, err := url.JoinPath("/", escaped...)
	if err != nil {
		return "", fmt.Errorf("payclient: %w", err)
	}
	return t, nil
}

// onlyOnce is a body that the transport cannot send again by itself: a nonce is
// used once.
type onlyOnce struct{ io.Reader }

// unsigned are the refusals that come before anybody is known to sign for.
var unsigned = map[int]bool{http.StatusUnauthorized: true, http.StatusRequestEntityTooLarge: true, http.StatusTooManyRequests: true}

// maxAnswer bounds an answer.
const maxAnswer = 1 << 20

// try sends a request once. Only an answer whose signature holds is one; that
// the request itself was not believed is said without a signature.
func (c *Client) try(ctx context.Context, method, target, key string, body []byte) (int, []byte, error) {
	sent, resp, err := c.send(ctx, method, target, key, body)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	answer, err := c.read(sent, resp)
	return resp.StatusCode, answer, err
}

// send signs a request and sends it.
func (c *Client) send(ctx context.Context, method, target, key string, body []byte) (signing.MerchantRequest, *http.Response, error) {
	sent := signing.MerchantRequest{Merchant: c.opt.Merchant, Key: c.opt.Key, Method: method, Target: target,
		Timestamp: strconv.FormatInt(c.opt.Now().Unix(), 10), Nonce: signing.Nonce(), IdempotencyKey: key, Body: body}
	signature, err := c.opt.Sign.Sign(sent.Text())
	if err != nil {
		return sent, nil, fmt.Errorf("payclient: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.opt.BaseURL+target, onlyOnce{bytes.NewReader(body)})
	if err != nil {
		return sent, nil, fmt.Errorf("payclient: %w", err)
	}
	req.ContentLength = int64(len(body))
	for name, value := range map[string]string{merchantapi.HeaderMerchant: sent.Merchant, merchantapi.HeaderKey: sent.Key,
		merchantapi.HeaderTimestamp: sent.Timestamp, merchantapi.HeaderNonce: sent.Nonce, merchantapi.HeaderSignature: signature, merchantapi.HeaderOnce: key} {
		if value != "" {
			req.Header.Set(name, value)
		}
	}
	if len(body) > 0 {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.opt.HTTP.Do(req)
	if err != nil {
		return sent, nil, fmt.Errorf("payclient: %w", err)
	}
	return sent, resp, nil
}

// read reads an answer and checks who gave it.
func (c *Client) read(sent signing.MerchantRequest, resp *http.Response) ([]byte, error) {
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("payclient: %w", err)
	}
	if err := c.verify(sent, resp, signing.MerchantAnswer{Body: answer}); err != nil && !unsigned[resp.StatusCode] {
		return nil, err
	}
	return answer, nil
}

func (c *Client) verify(sent signing.MerchantRequest, resp *http.Response, said signing.MerchantAnswer) error {
	said.Nonce, said.Timestamp, said.Status = sent.Nonce, resp.Header.Get(merchantapi.HeaderTimestamp), resp.StatusCode
	if err := c.opt.Verify.Verify(said.Text(), resp.Header.Get(merchantapi.HeaderSignature)); err != nil {
		return fmt.Errorf("payclient: the answer is not the server's: %w", err)
	}
	return nil
}

// problem reads what an answer says that is none.
func (c *Client) problem(sent signing.MerchantRequest, resp *http.Response) error {
	answer, err := c.read(sent, resp)
	if err != nil {
		return err
	}
	return problemOf(answer)
}

// problemOf reads a problem.
func problemOf(answer []byte) error {
	p := &merchantapi.Problem{}
	if err := json.Unmarshal(answer, p); err != nil {
		return fmt.Errorf("payclient: read the answer: %w", err)
	}
	return p
}
