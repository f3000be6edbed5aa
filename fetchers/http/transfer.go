package http

import (
	"context"
	"errors"
	"fmt"
	"io"
	nethttp "net/http"

	"tieout/internal/fault"
)

// maxResumes is how often one transfer is continued before it starts anew.
const maxResumes = 8

// transfer reads one body and continues it after a break, where the server can
// prove that it is still the same file: a strong ETag, asked for with If-Range,
// and a 206 that begins at the byte we want. Otherwise its error is *again, and
// the download starts from its first byte.
type transfer struct {
	client *client
	who    subject
	link   link
	parent context.Context // of the whole download

	ctx         context.Context // of the current request
	cancel      context.CancelCauseFunc
	body        io.ReadCloser
	contentType string
	etag        string // strong ones only
	size        int64  // of the whole file; -1 if the server does not say
	got         int64
	resumes     int
	sent        []string // credentials of the last request, for redact
	err         error    // why it ended, if not by EOF; final
}

// open makes the first request on a link.
func (w wanted) open(ctx context.Context, l link) (*transfer, error) {
	t := &transfer{client: w.client, who: w.who, link: l, parent: ctx}
	if err := w.client.guard.check(l.url); err != nil {
		return nil, w.who.broken(ctx, err, l.url)
	}
	resp, err := t.get("")
	if err != nil {
		t.close()
		return nil, err
	}
	if err := t.begin(resp); err != nil {
		t.close()
		return nil, err
	}
	return t, nil
}

// begin judges the first answer.
func (t *transfer) begin(resp *nethttp.Response) error {
	switch s := resp.StatusCode; {
	case s >= 300 && s < 400:
		return t.who.redirected(t.link.url, s)
	case s != nethttp.StatusOK:
		return t.refused(s)
	}
	t.contentType, t.size = resp.Header.Get("Content-Type"), resp.ContentLength
	if tag := resp.Header.Get("ETag"); len(tag) > 2 && tag[0] == '"' && tag[len(tag)-1] == '"' {
		t.etag = tag
	}
	if t.size > t.client.opt.Limits.MaxBytes {
		return t.tooLarge()
	}
	return nil
}

func (t *transfer) refused(status int) error {
	body := make([]byte, 4096)
	n, _ := io.ReadFull(t.body, body) // whatever came: it is only judged and shown
	body = body[:n]
	if t.link.refusal != nil {
		if err := t.link.refusal(status, body); err != nil {
			return err
		}
	}
	said := fmt.Sprintf("HTTP %d %s", status, fault.Quote(redact(string(body), t.link.url, t.sent...)))
	return &again{t.who.fault("E-3113", nil, t.link.url, "tries", maxLinks, "reason", said)}
}

// get sends the request and makes its body the current one; rng is "" or the
// value of Range.
func (t *transfer) get(rng string) (*nethttp.Response, error) {
	t.close()
	t.ctx, t.cancel = context.WithCancelCause(t.parent)
	req, err := nethttp.NewRequestWithContext(t.ctx, nethttp.MethodGet, t.link.url.String(), nil)
	if err != nil {
		return nil, t.who.fault("E-3011", nil, t.link.url, "reason", "the address does not parse")
	}
	t.client.always(req)
	req.Header.Set("Accept", "*/*")
	if rng != "" {
		req.Header.Set("Range", rng)
		req.Header.Set("If-Range", t.etag)
	}
	if t.link.sign != nil {
		if t.sent, err = t.link.sign(req); err != nil {
			return nil, fmt.Errorf("sign download from %s: %w", place(t.link.url), err)
		}
	}
	resp, err := t.client.file.Do(req)
	if err != nil {
		return nil, t.broke(err)
	}
	t.body = t.client.watch(t.ctx, t.cancel, resp.Body)
	return resp, nil
}

// Read gives the bytes of the whole file in order, across continuations. Its
// last error is a fault, *again around one, or io.EOF.
func (t *transfer) Read(p []byte) (int, error) {
	if t.err != nil {
		return 0, t.err
	}
	for {
		n, err := t.body.Read(p)
		t.got += int64(n)
		switch {
		case t.got > t.client.opt.Limits.MaxBytes:
			t.err = t.tooLarge()
			return n, t.err
		case err == nil:
			return n, nil
		case err == io.EOF && (t.size < 0 || t.got == t.size):
			return n, io.EOF
		case err == io.EOF:
			err = io.ErrUnexpectedEOF
		}
		if t.err = t.resume(err); t.err != nil || n > 0 {
			return n, t.err
		}
	}
}

// resume continues after cause; an error means that it could not. What hung or
// trickled is not continued: it would do so again at every continuation.
func (t *transfer) resume(cause error) error {
	named := t.broke(fmt.Errorf("%d of %s bytes received: %w", t.got, t.sizeText(), cause))
	var retry *again
	if !errors.As(named, &retry) || fault.Of(named).ID == "E-3111" || t.etag == "" || t.got == 0 || t.resumes == maxResumes {
		return named
	}
	if err := t.client.sleep(t.parent, 0); err != nil {
		return t.broke(err)
	}
	t.resumes++
	resp, err := t.get(fmt.Sprintf("bytes=%d-", t.got))
	if err != nil {
		return err
	}
	if t.continues(resp) {
		return nil
	}
	return &again{t.who.fault("E-3113", nil, t.link.url, "tries", maxLinks, "reason", "the file changed while it was downloaded")}
}

// continues tells whether an answer is the rest of the same file. A 200 means
// that the file changed, or that the server cannot do ranges.
func (t *transfer) continues(resp *nethttp.Response) bool {
	if resp.StatusCode != nethttp.StatusPartialContent {
		return false
	}
	if tag := resp.Header.Get("ETag"); tag != "" && tag != t.etag {
		return false
	}
	var first, last, total int64
	n, err := fmt.Sscanf(resp.Header.Get("Content-Range"), "bytes %d-%d/%d", &first, &last, &total)
	if err != nil || n != 3 || first != t.got || last != total-1 || t.size >= 0 && total != t.size {
		return false
	}
	t.size = total
	return true
}

// broke names what the network did; *again if a fresh link may mend it.
func (t *transfer) broke(err error) error {
	named := t.who.broken(t.ctx, err, t.link.url, t.sent...)
	var f *fault.Error
	if t.parent.Err() == nil && errors.As(named, &f) && f.Exit() == 31 {
		return &again{named}
	}
	return named
}

func (t *transfer) sizeText() string {
	if t.size < 0 {
		return "an unknown number of"
	}
	return fmt.Sprint(t.size)
}

func (t *transfer) tooLarge() error {
	return t.who.fault("E-2113", nil, t.link.url, "limit", t.client.opt.Limits.MaxBytes)
}

func (t *transfer) close() {
	if t.cancel != nil {
		t.cancel(nil)
	}
	if t.body != nil {
		t.body.Close()
		t.body = nil
	}
}
