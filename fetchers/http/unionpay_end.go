package http

import (
	"compress/zlib"
	"encoding/base64"
	"errors"
	"io"
	"strings"

	"tieout/internal/signing"
)

// errUnfinished says that a body stops in the middle, and that nothing but its
// content could tell.
var errUnfinished = errors.New("the answer stops in the middle")

// signatureChars is the length of the shortest signature there is.
const signatureChars = (signing.MinKeyBits/8 + 2) / 3 * 4

// finished refuses an answer of UnionPay that was cut on its way, so that it is
// asked for again. A server that closes the connection instead of announcing a
// length makes half an answer look like a whole one without a signature, and
// that would be reported as broken trust. An answer whose length was announced
// is never taken for cut, and neither is one that has all that a whole answer
// has but the signature: it stays unsigned, and unsigned is refused for good.
func (u *UnionPay) finished(body []byte, announced bool) error {
	if announced || !u.unfinished(strings.TrimRight(string(body), "\r\n")) {
		return nil
	}
	return errUnfinished
}

// unfinished looks at an answer without knowing its length.
func (u *UnionPay) unfinished(body string) bool {
	whole, last := "", body
	if i := strings.LastIndexByte(body, '&'); i >= 0 {
		whole, last = body[:i], body[i+1:]
	}
	name, value, named := strings.Cut(last, "=")
	if strings.Trim(name, fieldChars) != "" {
		return false // no field begins like this: it is something else
	}
	fields := map[string]string{}
	if whole != "" {
		var err error
		if fields, err = signing.UnionPayAnswer([]byte(whole)); err != nil {
			return false
		}
	}
	if fields["signature"] != "" {
		return false // it will hold or not
	}
	if !named || value == "" && name == "signature" {
		return true
	}
	fields[name] = value
	for _, must := range []string{"version", "signMethod", "respCode"} {
		if fields[must] == "" {
			return true
		}
	}
	switch name {
	case "signature":
		return len(value) < signatureChars
	case "version":
		return strings.HasPrefix(string(u.config.Trust.Version), value) && value != string(u.config.Trust.Version)
	case "signPubKeyCert":
		return !strings.HasSuffix(strings.TrimSpace(value), "-----END CERTIFICATE-----")
	case "fileContent":
		return endsEarly(strings.ReplaceAll(value, " ", "+"), u.opt.Limits.MaxUnpacked)
	}
	return false
}

const fieldChars = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"

// endsEarly tells base64 of a zlib stream that lacks its end from any other
// text; it looks at no more than max unpacked bytes.
func endsEarly(text string, max int64) bool {
	z, err := zlib.NewReader(base64.NewDecoder(base64.StdEncoding, strings.NewReader(text)))
	if err == nil {
		_, err = io.Copy(io.Discard, io.LimitReader(z, max))
	}
	return errors.Is(err, io.ErrUnexpectedEOF)
}
