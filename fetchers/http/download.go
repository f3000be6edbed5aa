package http

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	nethttp "net/http"
	"net/url"

	"tieout/fetchers"
	"tieout/internal/fault"
	"tieout/internal/personal"
	"tieout/schemas"
)

// maxLinks is how many fresh links one Fetch asks for.
const maxLinks = 3

// link is a short-lived address of one file. It is used at once and never
// stored, logged or shown.
type link struct {
	url   *url.URL
	sign  func(*nethttp.Request) (secrets []string, err error) // nil: the token is in the address
	name  string                                               // our own name of the file
	shape shape
	sha1  string // over the unpacked bytes, as the channel announced it; "" if it announces none
	// refusal names an answer that a fresh link does not mend; nil, or a nil
	// result, means that it may.
	refusal func(status int, body []byte) error
}

// wanted is one statement file on its way.
type wanted struct {
	client *client
	who    subject
	keep   fetchers.Keep
	ask    func(ctx context.Context) (link, error) // a fresh link on every call
}

// fetch asks for a link and downloads, again with a fresh link when the link,
// the transfer or the digest fails. A second wrong digest is final.
func (w wanted) fetch(ctx context.Context) (schemas.FetchedFile, []schemas.Proof, error) {
	wrong := false
	var last error
	var at *url.URL
	for try := range maxLinks {
		if try > 0 {
			if err := w.client.sleep(ctx, try-1); err != nil {
				return schemas.FetchedFile{}, nil, w.who.broken(ctx, err, at)
			}
		}
		l, err := w.ask(ctx)
		if err != nil {
			return schemas.FetchedFile{}, nil, err
		}
		file, proofs, err := w.once(ctx, l)
		var retry *again
		if !errors.As(err, &retry) {
			return file, proofs, err
		}
		last, at = retry.err, l.url
		if fault.Of(last).ID == "E-2111" {
			if wrong {
				return schemas.FetchedFile{}, proofs, last
			}
			wrong = true
		}
		w.client.warn(ctx, "download is tried again with a fresh link", l.url, last)
	}
	return schemas.FetchedFile{}, nil, last
}

// maxPage bounds what is read of an answer that is no statement: an error page
// is small.
const maxPage = 1 << 20

// once downloads from one link. Errors wrapped in *again may be mended by a
// fresh link.
func (w wanted) once(ctx context.Context, l link) (schemas.FetchedFile, []schemas.Proof, error) {
	t, err := w.open(ctx, l)
	if err != nil {
		return schemas.FetchedFile{}, nil, err
	}
	defer t.close()
	src := bufio.NewReaderSize(t, 64<<10)
	head, err := src.Peek(512)
	if err != nil && err != io.EOF {
		return schemas.FetchedFile{}, nil, t.err
	}
	if !l.shape.fits(head, t.contentType) {
		wrong := w.who.fault("E-2110", nil, l.url, "head", personal.Quote(redact(string(head), l.url, t.sent...)))
		return schemas.FetchedFile{}, nil, &again{offer(ctx, w.keep, l.name, io.LimitReader(src, maxPage), wrong)}
	}
	p := prove(src, l, w.client.opt.Limits.MaxUnpacked)
	defer p.stop()
	used, err := w.keep(ctx, l.name, p)
	switch {
	case t.err != nil: // the transfer's own error, however Keep wrapped it
		return schemas.FetchedFile{}, nil, t.err
	case p.failed != nil:
		return schemas.FetchedFile{}, p.proofs(t.size), &again{w.judge(l, p)}
	case err != nil: // Keep's: the disk, not the network
		return schemas.FetchedFile{}, nil, err
	}
	file := schemas.FetchedFile{FileUsed: used, Place: place(l.url), At: w.client.opt.Now(), Resumes: t.resumes}
	if l.sha1 != "" {
		file.Digest = "sha1:" + l.sha1
	}
	return file, p.proofs(t.size), nil
}

// offer shows Keep what is no statement: it ends with the reason instead of EOF.
func offer(ctx context.Context, keep fetchers.Keep, name string, r io.Reader, reason error) error {
	_, _ = keep(ctx, name, io.MultiReader(r, failing{reason})) // it fails with the reason
	return reason
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// judge names what the bytes failed to prove.
func (w wanted) judge(l link, p *proving) error {
	if p.cutOff {
		return w.who.fault("E-2112", nil, l.url, "want", "the end of a zip archive", "got", fmt.Sprintf("%d bytes without it", p.bytes))
	}
	return w.who.fault("E-2111", p.unpack, l.url, "want", l.sha1, "got", p.sha1, "size", p.bytes)
}
