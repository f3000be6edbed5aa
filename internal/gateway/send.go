package gateway

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"time"
)

// Link is how an account is reached.
type Link struct {
	Client    *http.Client // no redirects, no proxy of the environment, TLS 1.2 or newer, a limit on the time of a call
	Ask       Inquirer     // the account's active query
	NotifyURL string       // where the channel tells us
	Now       func() time.Time
}

// complete tells whether everything is there.
func (l Link) complete() bool {
	return l.Client != nil && l.Ask != nil && l.NotifyURL != "" && l.Now != nil
}

// maxAnswer bounds the body of an answer; real ones have a few KiB.
const maxAnswer = 256 << 10

// answer is what came back, whatever its status.
type answer struct {
	status int
	header http.Header
	body   []byte
	at     time.Time // our clock when it came
}

// send makes one call, once. Whatever keeps the whole answer from coming is
// ErrUnknown: the request may have arrived.
func (l Link) send(ctx context.Context, method string, to *url.URL, header http.Header, body []byte) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, method, to.String(), bytes.NewReader(body))
	if err != nil {
		return answer{}, unknown("make the request: %w", withoutURL(err))
	}
	req.Header = header
	resp, err := l.Client.Do(req)
	if err != nil {
		return answer{}, unknown("call %s: %w", to.Host, withoutURL(err))
	}
	defer resp.Body.Close()
	a := answer{status: resp.StatusCode, header: resp.Header}
	if a.body, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1)); err != nil {
		return answer{}, unknown("read the answer of %s: %w", to.Host, withoutURL(err))
	}
	if len(a.body) > maxAnswer {
		return answer{}, unknown("the answer of %s is larger than %d bytes", to.Host, maxAnswer)
	}
	a.at = l.Now()
	return a, nil
}

// withoutURL takes the address out of an error: its query may hold signatures.
func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// address reads a base URL of the configuration.
func address(text, otherwise string) (*url.URL, error) {
	if text == "" {
		text = otherwise
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.RawQuery != "" || u.User != nil {
		return nil, errors.New("a base URL is not scheme://host/path")
	}
	if u.Path == "" {
		u.Path = "/" // so that a joined path begins with it, signed and sent alike
	}
	return u, nil
}

// unsendable refuses, before anything is sent, what the channels cannot take.
// All of them are paid in yuan.
func unsendable(numbers *regexp.Regexp, currency string, amount int64, refs ...string) error {
	if currency != "CNY" || amount <= 0 || amount > maxFen {
		return &Refusal{Code: "AMOUNT", Reason: "the channel takes CNY above zero"}
	}
	for _, ref := range refs {
		if !numbers.MatchString(ref) {
			return &Refusal{Code: "NUMBER", Reason: "the channel does not take such a number: " + ref}
		}
	}
	return nil
}

// maxFen is what the narrowest amount field of the channels holds, 12 digits.
const maxFen = 999_999_999_999
