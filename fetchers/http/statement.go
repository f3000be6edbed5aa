package http

import (
	"errors"
	"net/url"
	"time"

	"tieout/schemas"
)

// errNoFile ends a download before it began: the channel's answer was a state.
var errNoFile = errors.New("the channel has no file for this day")

// beijing is the zone of the three channels' clocks and days; it has had no
// daylight saving time since 1991.
var beijing = time.FixedZone("UTC+8", 8*60*60)

// applied is the answer to an application for a statement.
type applied struct {
	state  schemas.FetchState // "" if there is a link
	detail string
	proofs []schemas.Proof
	link   link
}

// fetched puts the parts of one Fetch together.
func (a applied) fetched(file schemas.FetchedFile, proofs []schemas.Proof, err error) (schemas.Fetched, error) {
	got := schemas.Fetched{State: a.state, Detail: a.detail, Proofs: append(a.proofs, proofs...)}
	switch {
	case errors.Is(err, errNoFile):
		return got, nil
	case err != nil:
		got.State = schemas.FetchFailed
	default:
		got.State = schemas.FetchFetched
	}
	if file.SHA256 != "" {
		got.Files = []schemas.FetchedFile{file}
	}
	return got, err
}

// signatureProof says whether the channel's answer was signed. A signature that
// is there and does not hold is an error, never a proof. An unsigned refusal is
// believed as far as TLS goes, and shown.
func signatureProof(signed bool) schemas.Proof {
	p := schemas.Proof{Name: "answer.signature", OK: signed, Want: "signed by the channel", Got: "signed by the channel"}
	if !signed {
		p.Advisory, p.Got, p.Note = true, "no signature", "the answer is authenticated by TLS alone"
	}
	return p
}

// parseLink reads a download address. Its error never holds the address.
func parseLink(text string) (*url.URL, error) {
	if len(text) > 4096 {
		return nil, errors.New("the download address is longer than 4096 bytes")
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Opaque != "" || u.Fragment != "" {
		return nil, errors.New("the download address is not an absolute URL")
	}
	return u, nil
}
