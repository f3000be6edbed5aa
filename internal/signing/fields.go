package signing

import (
	"bytes"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
)

// canonical joins the non-empty fields as k=v with "&", sorted by the bytes of
// the key, values raw, without the named ones.
func canonical(fields map[string]string, without ...string) []byte {
	var b bytes.Buffer
	writeCanonical(&b, fields, without...)
	return b.Bytes()
}

// writeCanonical is canonical without a copy of the values: one of them may be
// a whole file. The writer must not fail.
func writeCanonical(w io.StringWriter, fields map[string]string, without ...string) {
	keys := make([]string, 0, len(fields))
	for k, v := range fields {
		if v != "" && !slices.Contains(without, k) {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	for i, k := range keys {
		if i > 0 {
			w.WriteString("&")
		}
		w.WriteString(k)
		w.WriteString("=")
		w.WriteString(fields[k])
	}
}

// Form reads an application/x-www-form-urlencoded body into its fields. A
// repeated field is ErrMalformed: which of the two the signer meant is unknown.
func Form(body []byte) (map[string]string, error) {
	values, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, fmt.Errorf("%w: the form does not decode", ErrMalformed)
	}
	return Fields(values)
}

// Fields takes form values as a map of single values; see Form.
func Fields(values url.Values) (map[string]string, error) {
	fields := make(map[string]string, len(values))
	for k, v := range values {
		if len(v) != 1 {
			return nil, fmt.Errorf("%w: the field %.40q is there %d times", ErrMalformed, k, len(v))
		}
		fields[k] = v[0]
	}
	return fields, nil
}

// EncodeForm writes fields as application/x-www-form-urlencoded, sorted.
func EncodeForm(fields map[string]string) string {
	values := make(url.Values, len(fields))
	for k, v := range fields {
		values.Set(k, v)
	}
	return values.Encode()
}

// UnionPayAnswer reads a synchronous answer of UnionPay, k=v&k=v without
// percent encoding: only the first "=" of a pair separates, and blanks that a
// form decoder on the way made of the "+" of base64 are mapped back in the
// fields that hold base64.
func UnionPayAnswer(body []byte) (map[string]string, error) {
	fields := map[string]string{}
	for pair := range strings.SplitSeq(strings.TrimRight(string(body), "\r\n"), "&") {
		k, v, ok := strings.Cut(pair, "=")
		if !ok || k == "" {
			return nil, fmt.Errorf("%w: a part of the answer is not k=v", ErrMalformed)
		}
		if _, twice := fields[k]; twice {
			return nil, fmt.Errorf("%w: the field %.40q is there twice", ErrMalformed, k)
		}
		if k == "fileContent" || k == "signature" {
			v = strings.ReplaceAll(v, " ", "+")
		}
		fields[k] = v
	}
	return fields, nil
}

// EncodeUnionPayAnswer writes what UnionPayAnswer reads.
func EncodeUnionPayAnswer(fields map[string]string) []byte {
	b := canonical(fields, "signature")
	if s := fields["signature"]; s != "" {
		if len(b) > 0 {
			b = append(b, '&')
		}
		b = append(append(b, "signature="...), s...)
	}
	return b
}
