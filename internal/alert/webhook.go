package alert

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// shape is how one kind of robot wants its request, and how it answers.
type shape struct {
	// request makes the body and, where the kind signs in the address or in
	// headers, changes those.
	request func(p *Place, a *Alert, now time.Time, u *url.URL, h http.Header) (any, error)
	// answer says what an HTTP 200 with this body means.
	answer func(body []byte) error
}

var shapes = map[string]shape{
	DingTalk: {dingTalk, codeIn("errcode", 130101)},
	WeCom:    {weCom, codeIn("errcode", 45009)},
	Feishu:   {feishu, codeIn("code", 9499, 11232)},
	Slack:    {slack, func([]byte) error { return nil }},
	JSON:     {generic, func([]byte) error { return nil }},
}

type text struct {
	Content string `json:"content"`
}

// dingTalk: DingTalk Open Platform, "custom robot", message type text; the
// signature is HMAC-SHA256 of "timestamp\nsecret" under the secret, base64, in
// the address with the timestamp in milliseconds.
func dingTalk(p *Place, a *Alert, now time.Time, u *url.URL, _ http.Header) (any, error) {
	if p.Key != "" {
		at := strconv.FormatInt(now.UnixMilli(), 10)
		q := u.Query()
		q.Set("timestamp", at)
		q.Set("sign", base64.StdEncoding.EncodeToString(mac(p.Key, at+"\n"+p.Key)))
		u.RawQuery = q.Encode()
	}
	return struct {
		MsgType string `json:"msgtype"`
		Text    text   `json:"text"`
	}{"text", text{a.Text()}}, nil
}

// weCom: WeCom developer centre, "group robot", message type text: at most 2048
// bytes.
func weCom(_ *Place, a *Alert, _ time.Time, _ *url.URL, _ http.Header) (any, error) {
	return struct {
		MsgType string `json:"msgtype"`
		Text    text   `json:"text"`
	}{"text", text{cut(a.Text(), 2048)}}, nil
}

// feishu: Feishu Open Platform, "custom bot"; the signature is HMAC-SHA256 of
// nothing under "timestamp\nsecret", base64, in the body with the timestamp in
// seconds.
func feishu(p *Place, a *Alert, now time.Time, _ *url.URL, _ http.Header) (any, error) {
	body := struct {
		Timestamp string `json:"timestamp,omitempty"`
		Sign      string `json:"sign,omitempty"`
		MsgType   string `json:"msg_type"`
		Content   struct {
			Text string `json:"text"`
		} `json:"content"`
	}{MsgType: "text"}
	// Feishu reads <at …> tags in text; without brackets there is none.
	body.Content.Text = strings.NewReplacer("<", "＜", ">", "＞").Replace(a.Text())
	if p.Key != "" {
		body.Timestamp = strconv.FormatInt(now.Unix(), 10)
		body.Sign = base64.StdEncoding.EncodeToString(mac(body.Timestamp+"\n"+p.Key, ""))
	}
	return body, nil
}

// slack: Slack API, "incoming webhooks"; & < > are the characters that make
// links and mentions.
func slack(_ *Place, a *Alert, _ time.Time, _ *url.URL, _ http.Header) (any, error) {
	return struct {
		Text   string `json:"text"`
		Mrkdwn bool   `json:"mrkdwn"`
	}{strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(a.Text()), false}, nil
}

// generic posts the alert itself. With a key, the header Tieout-Signature is
// "t=<unix seconds>,v1=<hex HMAC-SHA256 of seconds, a point and the body>".
func generic(p *Place, a *Alert, now time.Time, _ *url.URL, h http.Header) (any, error) {
	body, err := json.Marshal(a)
	if err != nil {
		return nil, err
	}
	if p.Key != "" {
		at := strconv.FormatInt(now.Unix(), 10)
		h.Set("Tieout-Signature", "t="+at+",v1="+hex.EncodeToString(mac(p.Key, at+"."+string(body))))
	}
	return json.RawMessage(body), nil
}

func mac(key, data string) []byte {
	m := hmac.New(sha256.New, []byte(key))
	m.Write([]byte(data))
	return m.Sum(nil)
}

// cut shortens text to a number of bytes, between characters.
func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	const dots = "…"
	n := most - len(dots)
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + dots
}

// codeIn reads robots that answer 200 with a code of their own: 0 is success,
// the busy ones ask to come back later.
func codeIn(field string, busy ...int) func([]byte) error {
	return func(body []byte) error {
		var m map[string]json.RawMessage
		if err := json.Unmarshal(body, &m); err != nil {
			return fmt.Errorf("the answer is not JSON (%d bytes)", len(body))
		}
		code, err := strconv.Atoi(string(m[field]))
		if err != nil {
			return fmt.Errorf("the answer has no %s", field)
		}
		if code == 0 {
			return nil
		}
		for _, b := range busy {
			if code == b {
				return fmt.Errorf("%w: %s %d, too many messages", errAgain, field, code)
			}
		}
		var why string
		for _, name := range []string{"errmsg", "msg"} {
			if json.Unmarshal(m[name], &why) == nil && why != "" {
				break
			}
		}
		return fmt.Errorf("%s %d: %s", field, code, why)
	}
}

// poster posts to robots.
type poster struct{ client *http.Client }

func newPoster() poster {
	return poster{&http.Client{
		Timeout: 10 * time.Second,
		// A robot does not redirect; an address that does is not the one that
		// was set up.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			TLSClientConfig:       &tls.Config{MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout:   5 * time.Second,
			ResponseHeaderTimeout: 8 * time.Second,
			DisableKeepAlives:     true,
		},
	}}
}

func (c poster) send(ctx context.Context, s shape, p *Place, a *Alert, now time.Time) error {
	u, err := url.Parse(p.URL)
	if err != nil {
		return fmt.Errorf("%w: the address cannot be read", errSetUp)
	}
	if u.Scheme != "https" && !(u.Scheme == "http" && loopback(u.Hostname())) {
		return fmt.Errorf("%w: the address is not https", errSetUp)
	}
	h := http.Header{"Content-Type": {"application/json; charset=utf-8"}, "User-Agent": {"tieout"}}
	msg, err := s.request(p, a, now, u, h)
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	body, err := encode(msg)
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("%w: the address cannot be used", errSetUp)
	}
	req.Header = h
	res, err := c.client.Do(req)
	if err != nil {
		return fmt.Errorf("%w: %w", errAgain, withoutURL(err))
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	if err != nil {
		return fmt.Errorf("%w: read the answer: %w", errAgain, withoutURL(err))
	}
	switch {
	case res.StatusCode == http.StatusTooManyRequests || res.StatusCode >= 500:
		return fmt.Errorf("%w: HTTP %d", errAgain, res.StatusCode)
	case res.StatusCode < 200 || res.StatusCode > 299:
		return fmt.Errorf("HTTP %d", res.StatusCode)
	}
	return s.answer(answer)
}

// encode writes JSON as it is read by people: & < > stay as they are.
func encode(v any) ([]byte, error) {
	if raw, ok := v.(json.RawMessage); ok {
		return raw, nil
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return b.Bytes(), err
}

// withoutURL takes the address, which holds a token, out of an error of the
// HTTP client.
func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
