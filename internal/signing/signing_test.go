package signing

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

var signedAt = time.Unix(1763700000, 0)

func testKey(t testing.TB) *rsa.PrivateKey {
	t.Helper()
	key, err := ParsePrivateKey(testFile(t, "merchant_pkcs1.pem"))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func testFile(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// known gives the answer of an independent implementation; see testdata/README.md.
func known(t testing.TB, name string) string {
	t.Helper()
	for line := range strings.Lines(string(testFile(t, "known.txt"))) {
		if n, answer, _ := strings.Cut(strings.TrimSpace(line), " "); n == name {
			return answer
		}
	}
	t.Fatalf("no known answer %q", name)
	return ""
}

var alipayBill = map[string]string{
	"app_id": "2021000000000001", "biz_content": `{"bill_date":"2026-11-20","bill_type":"trade"}`, "charset": "utf-8", "format": "JSON",
	"method": "alipay.data.dataservice.bill.downloadurl.query", "sign_type": "RSA2", "timestamp": "2026-11-21 10:00:00", "version": "1.0", "app_auth_token": "",
}

var alipayNotice = map[string]string{"app_id": "2021000000000001", "out_trade_no": "A1", "subject": "伞 + 鞋", "total_amount": "88.88",
	"trade_status": "TRADE_SUCCESS", "sign_type": "RSA2", "buyer_pay_amount": ""}

func unionPayFields(v UnionPayVersion) map[string]string {
	return map[string]string{"version": string(v), "certId": "68759663125", "encoding": "UTF-8", "fileType": "00", "merId": "700000000000001",
		"settleDate": "1120", "signMethod": "01", "txnTime": "20261121100000", "reserved": ""}
}

const alipayValue = `{"code":"10000","msg":"Success","bill_download_url":"https:\/\/dwbillcenter.alipay.com\/x?a=\"b\""}`

func TestKnownAnswers(t *testing.T) {
	key := testKey(t)
	const path = "/v3/bill/tradebill?bill_date=2026-11-20&bill_type=ALL&tar_type=GZIP"
	for name, sign := range map[string]func() (string, error){
		"wechat_request": func() (string, error) {
			a, err := SignWeChatRequest(key, "1900000001", "0A1B", "GET", path, nil, signedAt, "593BEC0C930BF1AFEB40B4A08C8FB242")
			return a.Signature, err
		},
		"wechat_message": func() (string, error) {
			s, err := SignWeChatMessage(key, "0A1B", []byte(`{"code":"OK"}`), signedAt, "nonce-1")
			return s.Signature, err
		},
		"wechat_resource": func() (string, error) {
			return SealWeChat([]byte("0123456789abcdef0123456789ABCDEF"), "nonce-of-12b", "transaction", []byte(`{"amount":{"total":100}}`))
		},
		"alipay_request": func() (string, error) { return SignAlipayRequest(key, alipayBill) },
		"alipay_notify":  func() (string, error) { return SignAlipayNotify(key, alipayNotice) },
		"alipay_response": func() (string, error) {
			body, err := EncodeAlipayResponse(key, alipayBill["method"], []byte(alipayValue))
			if err != nil {
				return "", err
			}
			r, err := ParseAlipayResponse(alipayBill["method"], body)
			return r.Sign, err
		},
		"unionpay_510": func() (string, error) { return SignUnionPay(UnionPay510, key, unionPayFields(UnionPay510)) },
		"unionpay_500": func() (string, error) { return SignUnionPay(UnionPay500, key, unionPayFields(UnionPay500)) },
	} {
		got, err := sign()
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if want := known(t, name); got != want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, want)
		}
	}
}

func TestWeChatRequestRoundTrip(t *testing.T) {
	key := testKey(t)
	auth, err := SignWeChatRequest(key, "1900000001", "0A1B2C", "POST", "/v3/x?a=%20", []byte(`{"a":1}`), signedAt, Nonce())
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := ParseWeChatAuth(auth.Header())
	if err != nil || parsed != auth {
		t.Fatalf("parsed %+v, %v; want %+v", parsed, err, auth)
	}
	ok := func(method, path, body string, now time.Time) error {
		return parsed.Verify(&key.PublicKey, method, path, []byte(body), now)
	}
	if err := ok("POST", "/v3/x?a=%20", `{"a":1}`, signedAt.Add(299*time.Second)); err != nil {
		t.Errorf("untouched: %v", err)
	}
	for name, err := range map[string]error{
		"method": ok("GET", "/v3/x?a=%20", `{"a":1}`, signedAt),
		"path":   ok("POST", "/v3/x?a=+", `{"a":1}`, signedAt),
		"body":   ok("POST", "/v3/x?a=%20", `{"a": 1}`, signedAt),
	} {
		if !errors.Is(err, ErrSignature) {
			t.Errorf("changed %s: %v, want ErrSignature", name, err)
		}
	}
	var skew *ClockError
	if err := ok("POST", "/v3/x?a=%20", `{"a":1}`, signedAt.Add(5*time.Minute)); !errors.As(err, &skew) || skew.Skew != -5*time.Minute {
		t.Errorf("five minutes late: %v", err)
	}
}

func TestParseWeChatAuth_Malformed(t *testing.T) {
	good := WeChatAuth{"1", "2", "3", "4", "5"}.Header()
	if _, err := ParseWeChatAuth(good); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"", "Bearer x", strings.Replace(good, "RSA2048", "RSA1024", 1), good + `,mchid="9"`, good + `,x="y"`,
		strings.Replace(good, `mchid="1",`, "", 1), strings.Replace(good, `"1"`, `""`, 1), strings.Replace(good, `"1"`, `1`, 1)} {
		if a, err := ParseWeChatAuth(bad); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q gave %+v, %v", bad, a, err)
		}
	}
}

func TestWeChatMessage(t *testing.T) {
	key := testKey(t)
	keys := PublicKeys{"0A1B": &key.PublicKey, "PUB_KEY_ID_0123": &key.PublicKey}
	body := []byte(`{"id":"1"}`)
	for _, serial := range []string{"0A1B", "a1b", "PUB_KEY_ID_0123"} {
		s, err := SignWeChatMessage(key, serial, body, signedAt, "n")
		if err != nil {
			t.Fatal(err)
		}
		h := http.Header{}
		s.SetHeaders(h)
		if err := WeChatStampOf(h).Verify(keys, body, signedAt.Add(-299*time.Second)); err != nil {
			t.Errorf("serial %s: %v", serial, err)
		}
	}
	good, _ := SignWeChatMessage(key, "0A1B", body, signedAt, "n")
	for name, c := range map[string]struct {
		change func(*WeChatStamp)
		body   string
		now    time.Time
		want   error
	}{
		"unsigned":      {func(s *WeChatStamp) { s.Signature = "" }, `{"id":"1"}`, signedAt, ErrUnsigned},
		"unknown key":   {func(s *WeChatStamp) { s.Serial = "FF" }, `{"id":"1"}`, signedAt, ErrUnknownKey},
		"no key":        {func(s *WeChatStamp) { s.Serial = "" }, `{"id":"1"}`, signedAt, ErrUnknownKey},
		"other body":    {func(*WeChatStamp) {}, `{"id":"2"}`, signedAt, ErrSignature},
		"other nonce":   {func(s *WeChatStamp) { s.Nonce = "m" }, `{"id":"1"}`, signedAt, ErrSignature},
		"probe":         {func(s *WeChatStamp) { s.Signature = "WECHATPAY/SIGNTEST/" + s.Signature }, `{"id":"1"}`, signedAt, ErrSignature},
		"no timestamp":  {func(s *WeChatStamp) { s.Timestamp = "" }, `{"id":"1"}`, signedAt, ErrMalformed},
		"bad timestamp": {func(s *WeChatStamp) { s.Timestamp = "1763700000.0" }, `{"id":"1"}`, signedAt, ErrMalformed},
		"old":           {func(*WeChatStamp) {}, `{"id":"1"}`, signedAt.Add(5 * time.Minute), new(ClockError)},
	} {
		s := good
		c.change(&s)
		err := s.Verify(keys, []byte(c.body), c.now)
		var skew *ClockError
		if clock := errors.As(c.want, &skew); clock && !errors.As(err, &skew) || !clock && !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestWeChatResource(t *testing.T) {
	key := []byte("0123456789abcdef0123456789ABCDEF")
	sealed := known(t, "wechat_resource")
	plain, err := OpenWeChat(key, "nonce-of-12b", "transaction", sealed)
	if err != nil || string(plain) != `{"amount":{"total":100}}` {
		t.Fatalf("%q, %v", plain, err)
	}
	for name, err := range map[string]error{
		"other key":   second(OpenWeChat([]byte("0123456789abcdef0123456789ABCDEE"), "nonce-of-12b", "transaction", sealed)),
		"other data":  second(OpenWeChat(key, "nonce-of-12b", "refund", sealed)),
		"other nonce": second(OpenWeChat(key, "nonce-of-12c", "transaction", sealed)),
		"cut":         second(OpenWeChat(key, "nonce-of-12b", "transaction", sealed[:len(sealed)-4])),
	} {
		if !errors.Is(err, ErrSignature) {
			t.Errorf("%s: %v, want ErrSignature", name, err)
		}
	}
	if _, err := OpenWeChat(key, "short", "", sealed); !errors.Is(err, ErrMalformed) {
		t.Errorf("short nonce: %v", err)
	}
	if _, err := OpenWeChat(key[:31], "nonce-of-12b", "", sealed); err == nil {
		t.Error("a key of 31 bytes was taken")
	}
}

func second[T any](_ T, err error) error { return err }

func TestAlipaySignTypeStaysInRequestsOnly(t *testing.T) {
	if s := string(AlipayRequestString(alipayBill)); !strings.Contains(s, "sign_type=RSA2") || strings.Contains(s, "app_auth_token") {
		t.Errorf("request string %q", s)
	}
	if s := string(AlipayNotifyString(alipayNotice)); strings.Contains(s, "sign_type") || strings.Contains(s, "buyer_pay_amount") {
		t.Errorf("notify string %q", s)
	}
	key := testKey(t)
	signed := map[string]string{"sign": known(t, "alipay_notify")}
	for k, v := range alipayNotice {
		signed[k] = v
	}
	if err := VerifyAlipayNotify(&key.PublicKey, signed); err != nil {
		t.Error(err)
	}
	form, err := Form([]byte(EncodeForm(signed)))
	if err != nil || VerifyAlipayNotify(&key.PublicKey, form) != nil {
		t.Errorf("through a form: %v", err)
	}
	signed["total_amount"] = "88.89"
	if err := VerifyAlipayNotify(&key.PublicKey, signed); !errors.Is(err, ErrSignature) {
		t.Errorf("changed amount: %v", err)
	}
	delete(signed, "sign")
	if err := VerifyAlipayNotify(&key.PublicKey, signed); !errors.Is(err, ErrUnsigned) {
		t.Errorf("no signature: %v", err)
	}
}

func TestAlipayResponse_ExactSourceBytes(t *testing.T) {
	key := testKey(t)
	const method = "alipay.trade.query"
	for _, value := range []string{alipayValue, `{ "code" : "10000" , "subject":"}],\"sign\":\"x\"" }`, `{"a":{"b":[1,{"c":"\u4f1e"}]}}`, `{}`} {
		body, err := EncodeAlipayResponse(key, method, []byte(value))
		if err != nil {
			t.Fatal(err)
		}
		for _, form := range []string{string(body), "  " + strings.Replace(string(body), `,"sign":`, "\n,\t\"sign\" : ", 1) + "\r\n"} {
			r, err := ParseAlipayResponse(method, []byte(form))
			if err != nil || string(r.Value) != value || r.Verify(&key.PublicKey) != nil {
				t.Errorf("%s: value %s, %v, verify %v", form, r.Value, err, r.Verify(&key.PublicKey))
			}
		}
		tampered := strings.Replace(string(body), "{", "{ ", 2)
		if r, err := ParseAlipayResponse(method, []byte(tampered)); err == nil && r.Verify(&key.PublicKey) == nil {
			t.Errorf("a blank more inside the value was not noticed: %s", tampered)
		}
	}
}

func TestAlipayResponse_Refusals(t *testing.T) {
	for name, body := range map[string]string{
		"value twice":    `{"alipay_trade_query_response":{"code":"1"},"alipay_trade_query_response":{"code":"2"},"sign":"x"}`,
		"sign twice":     `{"alipay_trade_query_response":{},"sign":"x","sign":"y"}`,
		"other method":   `{"alipay_trade_pay_response":{},"sign":"x"}`,
		"behind":         `{"alipay_trade_query_response":{},"sign":"x"}{}`,
		"cut":            `{"alipay_trade_query_response":{"code":"1"`,
		"not an object":  `[1]`,
		"html":           `<html>`,
		"sign is number": `{"alipay_trade_query_response":{},"sign":1}`,
	} {
		if r, err := ParseAlipayResponse("alipay.trade.query", []byte(body)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
	r, err := ParseAlipayResponse("alipay.trade.query", []byte(`{"error_response":{"code":"40002"}}`))
	if err != nil || !r.IsError || r.Sign != "" {
		t.Errorf("error_response: %+v, %v", r, err)
	}
}

func TestForm_RepeatedField(t *testing.T) {
	if f, err := Form([]byte("a=1&b=2&a=3")); !errors.Is(err, ErrMalformed) {
		t.Errorf("%v, %v", f, err)
	}
}

func TestUnionPayAnswer(t *testing.T) {
	f, err := UnionPayAnswer([]byte("respCode=00&fileContent=eJw+/a b==&respMsg=a b&signature=x y=\r\n"))
	if err != nil || f["fileContent"] != "eJw+/a+b==" || f["respMsg"] != "a b" || f["signature"] != "x+y=" {
		t.Errorf("%q, %v", f, err)
	}
	for _, bad := range []string{"", "a=1&a=2", "<html>", "a=1&&b=2", "=1"} {
		if f, err := UnionPayAnswer([]byte(bad)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q: %v, %v", bad, f, err)
		}
	}
	again, err := UnionPayAnswer(EncodeUnionPayAnswer(f))
	if err != nil || len(again) != len(f) || again["fileContent"] != f["fileContent"] || again["signature"] != f["signature"] {
		t.Errorf("round trip: %v, %v", again, err)
	}
}

// authority is a small certificate authority in the manner of UnionPay's.
func authority(t *testing.T, key *rsa.PrivateKey, leafCN string, notAfter time.Time) (roots *x509.CertPool, leaf string) {
	t.Helper()
	root := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "root"}, NotBefore: signedAt.Add(-time.Hour),
		NotAfter: signedAt.Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	rootDER, err := x509.CreateCertificate(rand.Reader, root, root, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, _ := x509.ParseCertificate(rootDER)
	sub := &x509.Certificate{SerialNumber: big.NewInt(68759663125), Subject: pkix.Name{CommonName: leafCN}, NotBefore: signedAt.Add(-time.Hour), NotAfter: notAfter}
	der, err := x509.CreateCertificate(rand.Reader, sub, parsed, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	roots = x509.NewCertPool()
	roots.AddCert(parsed)
	return roots, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func TestUnionPay510(t *testing.T) {
	key := testKey(t)
	const cn = "041@Z12@中国银联股份有限公司@00040000:SIGN@1"
	roots, leaf := authority(t, key, cn, signedAt.Add(time.Hour))
	_, expired := authority(t, key, cn, signedAt.Add(-time.Minute))
	_, other := authority(t, key, "041@Z12@另一家公司@1@1", signedAt.Add(time.Hour))
	trust := UnionPayTrust{Version: UnionPay510, Roots: roots}
	sign := func(cert string) map[string]string {
		f := unionPayFields(UnionPay510)
		f["signPubKeyCert"] = cert
		f["signature"], _ = SignUnionPay(UnionPay510, key, f)
		return f
	}
	if err := trust.Verify(sign(leaf), signedAt); err != nil {
		t.Fatal(err)
	}
	byAnswer, err := UnionPayAnswer(EncodeUnionPayAnswer(sign(leaf)))
	if err != nil || trust.Verify(byAnswer, signedAt) != nil {
		t.Errorf("through an answer: %v, %v", err, trust.Verify(byAnswer, signedAt))
	}
	for name, c := range map[string]struct {
		trust  UnionPayTrust
		fields map[string]string
		change func(map[string]string)
		want   error
	}{
		"changed field":        {trust, sign(leaf), func(f map[string]string) { f["settleDate"] = "1121" }, ErrSignature},
		"added field":          {trust, sign(leaf), func(f map[string]string) { f["respCode"] = "00" }, ErrSignature},
		"unsigned":             {trust, sign(leaf), func(f map[string]string) { delete(f, "signature") }, ErrUnsigned},
		"no certificate":       {trust, sign(""), nil, ErrUnsigned},
		"expired":              {trust, sign(expired), nil, ErrUnknownKey},
		"another organisation": {trust, sign(other), nil, ErrUnknownKey},
		"another root":         {UnionPayTrust{Version: UnionPay510, Roots: x509.NewCertPool()}, sign(leaf), nil, ErrUnknownKey},
		"no root":              {UnionPayTrust{Version: UnionPay510}, sign(leaf), nil, ErrUnknownKey},
		"garbage certificate":  {trust, sign("x"), nil, ErrMalformed},
		"downgrade":            {trust, sign(leaf), func(f map[string]string) { f["version"] = "5.0.0" }, ErrSignature},
	} {
		if c.change != nil {
			c.change(c.fields)
		}
		if err := c.trust.Verify(c.fields, signedAt); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestUnionPay500(t *testing.T) {
	key := testKey(t)
	f := unionPayFields(UnionPay500)
	f["signature"] = known(t, "unionpay_500")
	trust := UnionPayTrust{Version: UnionPay500, Keys: PublicKeys{"68759663125": &key.PublicKey}}
	if err := trust.Verify(f, signedAt); err != nil {
		t.Error(err)
	}
	if err := (UnionPayTrust{Version: UnionPay500, Keys: PublicKeys{"1": &key.PublicKey}}).Verify(f, signedAt); !errors.Is(err, ErrUnknownKey) {
		t.Errorf("unknown certId: %v", err)
	}
	// A 5.0.0 message cannot talk a 5.1.0 account into SHA-1.
	if err := (UnionPayTrust{Version: UnionPay510, Keys: trust.Keys}).Verify(f, signedAt); err == nil {
		t.Error("a downgraded message was believed")
	}
}

func TestKeys(t *testing.T) {
	key := testKey(t)
	pkcs8, err := ParsePrivateKey(testFile(t, "merchant_pkcs8.pem"))
	if err != nil || !pkcs8.Equal(key) {
		t.Errorf("PKCS #8: %v", err)
	}
	lines := strings.Split(strings.TrimSpace(string(testFile(t, "merchant_pkcs8.pem"))), "\n")
	bare, err := ParsePrivateKey([]byte(strings.Join(lines[1:len(lines)-1], "\r\n")))
	if err != nil || !bare.Equal(key) {
		t.Errorf("bare base64: %v", err)
	}
	both := append(testFile(t, "merchant_cert.pem"), testFile(t, "merchant_pkcs1.pem")...)
	if k, err := ParsePrivateKey(both); err != nil || !k.Equal(key) {
		t.Errorf("behind a certificate: %v", err)
	}
	for _, name := range []string{"merchant_pub.pem", "merchant_cert.pem"} {
		if pub, err := ParsePublicKey(testFile(t, name)); err != nil || !pub.Equal(&key.PublicKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
	certs, err := ParseCertificates(append(testFile(t, "merchant_cert.pem"), testFile(t, "merchant_cert.pem")...))
	if err != nil || len(certs) != 2 {
		t.Fatalf("%d certificates, %v", len(certs), err)
	}
	if hex, dec := SerialHex(certs[0]), SerialDecimal(certs[0]); hex != "A1B2C3D4E5F60718293" || dec != "47724914708969405121171" {
		t.Errorf("serial %s, %s", hex, dec)
	}
}

func TestKeys_ErrorsHoldNoKey(t *testing.T) {
	secret := string(testFile(t, "merchant_pkcs1.pem"))
	for name, text := range map[string]string{
		"1024 bits": string(testFile(t, "small_pkcs1.pem")), "cut": secret[:800], "not a key": "hello", "empty": "",
		"public only": string(testFile(t, "merchant_pub.pem")), "damaged": strings.Replace(secret, "A", "B", 40),
	} {
		_, err := ParsePrivateKey([]byte(text))
		if err == nil {
			t.Errorf("%s was taken", name)
			continue
		}
		for _, line := range strings.Split(secret, "\n")[1:] {
			if len(line) > 20 && strings.Contains(err.Error(), line[:20]) {
				t.Errorf("%s: the error shows the key: %v", name, err)
			}
		}
	}
}

func FuzzParseAlipayResponse(f *testing.F) {
	f.Add([]byte(`{"alipay_trade_query_response":{"code":"10000"},"sign":"eA=="}`))
	f.Add([]byte(`{"error_response":{"code":"40002"}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := ParseAlipayResponse("alipay.trade.query", body)
		if err == nil && !strings.Contains(string(body), string(r.Value)) {
			t.Errorf("the value %q is no substring of %q", r.Value, body)
		}
	})
}

func FuzzParseWeChatAuth(f *testing.F) {
	f.Add(WeChatAuth{"1", "2", "3", "4", "5"}.Header())
	f.Fuzz(func(t *testing.T, header string) {
		a, err := ParseWeChatAuth(header)
		if err != nil {
			return
		}
		if b, err := ParseWeChatAuth(a.Header()); err != nil || a != b {
			t.Errorf("%q: %+v, then %+v, %v", header, a, b, err)
		}
	})
}
