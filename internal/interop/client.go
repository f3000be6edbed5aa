package interop

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// Client asks the other side.
type Client struct {
	link *Link
	url  string
	http *http.Client
}

// NewClient makes a client; transport may be nil. It follows no redirects.
func NewClient(link *Link, url string, transport http.RoundTripper) *Client {
	return &Client{link, url, &http.Client{Transport: transport, Timeout: 20 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// Ask sends a business part and reads the one of the answer. An error means that
// nobody knows what came of it: ask by the number.
func (c *Client) Ask(ctx context.Context, kind string, part, into any) error {
	text, err := json.Marshal(part)
	if err != nil {
		return fmt.Errorf("interop: %w", err)
	}
	sent, err := c.link.seal(kind, "", text)
	if err != nil {
		return fmt.Errorf("interop: %w", err)
	}
	if text, err = json.Marshal(sent); err != nil {
		return fmt.Errorf("interop: %w", err)
	}
	answer, err := c.post(ctx, text)
	if err != nil {
		return fmt.Errorf("interop: %s: %w", kind, err)
	}
	got, plain, err := c.link.open(answer)
	if err != nil {
		return fmt.Errorf("interop: the answer is not believed: %w", err)
	}
	if got.ReplyTo != sent.MessageID || got.Kind != kind+answered {
		return fmt.Errorf("interop: the answer to %s is one to something else", kind)
	}
	if err := read(plain, into); err != nil {
		return fmt.Errorf("interop: read the answer: %w", err)
	}
	return nil
}

func (c *Client) post(ctx context.Context, text []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("answered with status %d", resp.StatusCode)
	}
	return io.ReadAll(io.LimitReader(resp.Body, maxMessage))
}
