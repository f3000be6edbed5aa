package signing

import (
	"bytes"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"strings"
)

// AlipayRequestString is what a request to the Alipay gateway signs: all
// non-empty parameters except sign, with sign_type, sorted, raw values.
func AlipayRequestString(params map[string]string) []byte { return canonical(params, "sign") }

// AlipayNotifyString is what an asynchronous notification signs: the decoded
// fields without sign and, other than in a request, without sign_type.
func AlipayNotifyString(params map[string]string) []byte {
	return canonical(params, "sign", "sign_type")
}

// SignAlipayRequest returns the sign parameter (RSA2) of a request.
func SignAlipayRequest(key *rsa.PrivateKey, params map[string]string) (string, error) {
	return signSHA256(key, AlipayRequestString(params))
}

// VerifyAlipayRequest checks a request on the gateway's side.
func VerifyAlipayRequest(pub *rsa.PublicKey, params map[string]string) error {
	return verifySHA256(pub, AlipayRequestString(params), params["sign"])
}

// SignAlipayNotify returns the sign field of a notification.
func SignAlipayNotify(key *rsa.PrivateKey, params map[string]string) (string, error) {
	return signSHA256(key, AlipayNotifyString(params))
}

// VerifyAlipayNotify checks the decoded fields of a notification with Alipay's
// public key. The field sign_type does not choose the algorithm: it is RSA2.
func VerifyAlipayNotify(pub *rsa.PublicKey, params map[string]string) error {
	return verifySHA256(pub, AlipayNotifyString(params), params["sign"])
}

// AlipayResponse is an answer of the gateway, taken apart without decoding it.
type AlipayResponse struct {
	Value   []byte // exact source bytes of the value of <method>_response, or of error_response
	Sign    string // "" if the answer has none
	CertSN  string // alipay_cert_sn in certificate mode
	IsError bool   // the gateway refused the request before the service saw it
}

// ParseAlipayResponse takes an answer apart. method is the request's method,
// such as "alipay.trade.query".
func ParseAlipayResponse(method string, body []byte) (AlipayResponse, error) {
	var r AlipayResponse
	members, err := objectMembers(body)
	if err != nil {
		return r, err
	}
	value, ok := members[responseKey(method)]
	if !ok {
		value, r.IsError = members["error_response"]
		if !r.IsError {
			return r, fmt.Errorf("%w: the answer has no %s", ErrMalformed, responseKey(method))
		}
	}
	r.Value = value
	for name, into := range map[string]*string{"sign": &r.Sign, "alipay_cert_sn": &r.CertSN} {
		if raw, ok := members[name]; ok && json.Unmarshal(raw, into) != nil {
			return r, fmt.Errorf("%w: %s is not a text", ErrMalformed, name)
		}
	}
	return r, nil
}

// Verify checks the signature over the exact source bytes of the value: escapes
// and blanks stay as they were sent.
func (r AlipayResponse) Verify(pub *rsa.PublicKey) error { return verifySHA256(pub, r.Value, r.Sign) }

// EncodeAlipayResponse signs a value (JSON text, used as it is) and writes the
// gateway's answer to method.
func EncodeAlipayResponse(key *rsa.PrivateKey, method string, value []byte) ([]byte, error) {
	sign, err := signSHA256(key, value)
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, `{"%s":%s,"sign":"%s"}`, responseKey(method), value, sign), nil
}

// EncodeAlipayCertResponse is EncodeAlipayResponse in certificate mode: sn names
// the certificate of the key.
func EncodeAlipayCertResponse(key *rsa.PrivateKey, sn, method string, value []byte) ([]byte, error) {
	sign, err := signSHA256(key, value)
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, `{"%s":%s,"alipay_cert_sn":"%s","sign":"%s"}`, responseKey(method), value, sn, sign), nil
}

func responseKey(method string) string { return strings.ReplaceAll(method, ".", "_") + "_response" }

// objectMembers returns the source bytes of the value of each member of a JSON
// object. A repeated member is refused: a verifier and a reader that pick
// different ones would disagree about what was signed.
func objectMembers(body []byte) (map[string]json.RawMessage, error) {
	if !json.Valid(body) { // whole, so that nothing can hide behind the object
		return nil, fmt.Errorf("%w: it is not JSON", ErrMalformed)
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, fmt.Errorf("%w: it is not a JSON object", ErrMalformed)
	}
	members := map[string]json.RawMessage{}
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
		}
		name := t.(string) // a key of valid JSON is a text
		if _, twice := members[name]; twice {
			return nil, fmt.Errorf("%w: the member %.40q is there twice", ErrMalformed, name)
		}
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
		}
		members[name] = raw
	}
	return members, nil
}
