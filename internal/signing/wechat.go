package signing

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// WeChatScheme is the scheme of WeChat Pay API v3 in the Authorization header.
const WeChatScheme = "WECHATPAY2-SHA256-RSA2048"

// WeChatMaxSkew is how far the time in a message may be from the local clock;
// at this distance it is refused.
const WeChatMaxSkew = 5 * time.Minute

// WeChatRequestString is what a request signs: five lines, each with its line
// feed, the last one too. pathQuery is the path with "?" and the query exactly
// as sent; body is empty for GET. (WeChat Pay API v3, "signature generation".)
func WeChatRequestString(method, pathQuery, timestamp, nonce string, body []byte) []byte {
	b := make([]byte, 0, len(method)+len(pathQuery)+len(timestamp)+len(nonce)+len(body)+5)
	for _, line := range [...]string{method, pathQuery, timestamp, nonce} {
		b = append(append(b, line...), '\n')
	}
	return append(append(b, body...), '\n')
}

// WeChatMessageString is what an answer or a notification signs: three lines,
// over the raw bytes of the body.
func WeChatMessageString(timestamp, nonce string, body []byte) []byte {
	b := make([]byte, 0, len(timestamp)+len(nonce)+len(body)+3)
	b = append(append(b, timestamp...), '\n')
	b = append(append(b, nonce...), '\n')
	return append(append(b, body...), '\n')
}

// WeChatAuth is the content of a request's Authorization header.
type WeChatAuth struct {
	MchID     string
	Serial    string // of the merchant's API certificate, upper-case hexadecimal
	Nonce     string
	Timestamp string // Unix seconds
	Signature string // base64
}

// SignWeChatRequest signs one request of a merchant.
func SignWeChatRequest(key *rsa.PrivateKey, mchID, serial, method, pathQuery string, body []byte, at time.Time, nonce string) (WeChatAuth, error) {
	a := WeChatAuth{MchID: mchID, Serial: serial, Nonce: nonce, Timestamp: strconv.FormatInt(at.Unix(), 10)}
	var err error
	a.Signature, err = signSHA256(key, WeChatRequestString(method, pathQuery, a.Timestamp, nonce, body))
	return a, err
}

// Header writes the value of the Authorization header.
func (a WeChatAuth) Header() string {
	return WeChatScheme + ` mchid="` + a.MchID + `",nonce_str="` + a.Nonce + `",timestamp="` + a.Timestamp +
		`",serial_no="` + a.Serial + `",signature="` + a.Signature + `"`
}

// ParseWeChatAuth reads the value of an Authorization header; the order of the
// pairs is free, each must be there once.
func ParseWeChatAuth(header string) (WeChatAuth, error) {
	var a WeChatAuth
	rest, ok := strings.CutPrefix(header, WeChatScheme+" ")
	if !ok {
		return a, fmt.Errorf("%w: the scheme is not %s", ErrMalformed, WeChatScheme)
	}
	into := map[string]*string{"mchid": &a.MchID, "nonce_str": &a.Nonce, "timestamp": &a.Timestamp, "serial_no": &a.Serial, "signature": &a.Signature}
	for pair := range strings.SplitSeq(rest, ",") {
		name, quoted, _ := strings.Cut(pair, "=")
		field := into[strings.TrimSpace(name)]
		if field == nil || *field != "" || len(quoted) < 3 || quoted[0] != '"' || quoted[len(quoted)-1] != '"' {
			return a, fmt.Errorf("%w: unknown, repeated or empty pair in Authorization", ErrMalformed)
		}
		*field = quoted[1 : len(quoted)-1]
	}
	for name, field := range into {
		if *field == "" {
			return a, fmt.Errorf("%w: Authorization has no %s", ErrMalformed, name)
		}
	}
	return a, nil
}

// Verify checks a request on the receiving side, with the merchant's public key.
func (a WeChatAuth) Verify(pub *rsa.PublicKey, method, pathQuery string, body []byte, now time.Time) error {
	if err := checkUnix(a.Timestamp, now, WeChatMaxSkew); err != nil {
		return err
	}
	return verifySHA256(pub, WeChatRequestString(method, pathQuery, a.Timestamp, a.Nonce, body), a.Signature)
}

// WeChatStamp is what the platform sends in headers beside an answer or a
// notification.
type WeChatStamp struct {
	Timestamp string // Wechatpay-Timestamp, Unix seconds
	Nonce     string // Wechatpay-Nonce
	Signature string // Wechatpay-Signature, base64
	Serial    string // Wechatpay-Serial: a platform certificate's serial, or PUB_KEY_ID_…
}

// WeChatStampOf reads the stamp out of headers; fields that are absent are "".
func WeChatStampOf(h http.Header) WeChatStamp {
	return WeChatStamp{Timestamp: h.Get("Wechatpay-Timestamp"), Nonce: h.Get("Wechatpay-Nonce"),
		Signature: h.Get("Wechatpay-Signature"), Serial: h.Get("Wechatpay-Serial")}
}

// SignWeChatMessage signs an answer or a notification as the platform does.
func SignWeChatMessage(key *rsa.PrivateKey, serial string, body []byte, at time.Time, nonce string) (WeChatStamp, error) {
	s := WeChatStamp{Timestamp: strconv.FormatInt(at.Unix(), 10), Nonce: nonce, Serial: serial}
	var err error
	s.Signature, err = signSHA256(key, WeChatMessageString(s.Timestamp, nonce, body))
	return s, err
}

// SetHeaders writes the stamp into headers.
func (s WeChatStamp) SetHeaders(h http.Header) {
	h.Set("Wechatpay-Timestamp", s.Timestamp)
	h.Set("Wechatpay-Nonce", s.Nonce)
	h.Set("Wechatpay-Signature", s.Signature)
	h.Set("Wechatpay-Signature-Type", WeChatScheme)
	h.Set("Wechatpay-Serial", s.Serial)
}

// Verify checks the raw bytes of an answer or a notification before anything
// parses them. Errors: ErrUnsigned, *ClockError, ErrUnknownKey, ErrSignature.
func (s WeChatStamp) Verify(keys PublicKeys, body []byte, now time.Time) error {
	if s.Signature == "" {
		return ErrUnsigned
	}
	pub, err := keys.Pick(s.Serial)
	if err != nil {
		return err
	}
	if err := checkUnix(s.Timestamp, now, WeChatMaxSkew); err != nil {
		return err
	}
	return verifySHA256(pub, WeChatMessageString(s.Timestamp, s.Nonce, body), s.Signature)
}

func checkUnix(timestamp string, now time.Time, limit time.Duration) error {
	sec, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || sec <= 0 || sec > 1<<40 {
		return fmt.Errorf("%w: the timestamp is not Unix seconds", ErrMalformed)
	}
	skew := time.Unix(sec, 0).Sub(now)
	if skew >= limit || skew <= -limit {
		return &ClockError{Skew: skew}
	}
	return nil
}

// SealWeChat encrypts the resource of a notification as the platform does:
// AEAD_AES_256_GCM, the key is the 32 ASCII bytes of the API v3 key, the nonce
// its 12 bytes; the result is base64 with the tag at its end.
func SealWeChat(apiV3Key []byte, nonce, associatedData string, plain []byte) (string, error) {
	gcm, err := weChatGCM(apiV3Key, nonce)
	if err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(gcm.Seal(nil, []byte(nonce), plain, []byte(associatedData))), nil
}

// OpenWeChat decrypts the resource of a notification, or returns ErrSignature
// when it was changed or the key is another one.
func OpenWeChat(apiV3Key []byte, nonce, associatedData, ciphertext string) ([]byte, error) {
	gcm, err := weChatGCM(apiV3Key, nonce)
	if err != nil {
		return nil, err
	}
	sealed, err := base64.StdEncoding.DecodeString(ciphertext)
	if err != nil {
		return nil, fmt.Errorf("%w: the ciphertext is not base64", ErrMalformed)
	}
	plain, err := gcm.Open(nil, []byte(nonce), sealed, []byte(associatedData))
	if err != nil {
		return nil, fmt.Errorf("%w: the encrypted resource does not open", ErrSignature)
	}
	return plain, nil
}

func weChatGCM(key []byte, nonce string) (cipher.AEAD, error) {
	if len(key) != 32 {
		return nil, errors.New("the API v3 key must have 32 bytes")
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("open AES-256: %w", err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("open AES-256-GCM: %w", err)
	}
	if len(nonce) != gcm.NonceSize() {
		return nil, fmt.Errorf("%w: the nonce of the resource must have %d bytes", ErrMalformed, gcm.NonceSize())
	}
	return gcm, nil
}

// SignWeChatJSAPI makes the fields that a page hands to WeChat's script so that
// its user pays what was prepared.
func SignWeChatJSAPI(key *rsa.PrivateKey, appID, prepayID string, at time.Time, nonce string) (map[string]string, error) {
	f := map[string]string{"appId": appID, "timeStamp": strconv.FormatInt(at.Unix(), 10), "nonceStr": nonce,
		"package": "prepay_id=" + prepayID, "signType": "RSA"}
	var err error
	f["paySign"], err = signSHA256(key, []byte(f["appId"]+"\n"+f["timeStamp"]+"\n"+f["nonceStr"]+"\n"+f["package"]+"\n"))
	return f, err
}
