package merchantapi_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"tieout/internal/merchantapi"
	"tieout/internal/payclient"
	"tieout/internal/signing"
)

// signedHeader signs a request of M01 as a client does.
func (w *world) signedHeader(method, target, key, body string) http.Header {
	w.t.Helper()
	req := signing.MerchantRequest{Merchant: "M01", Key: "k1", Method: method, Target: target, Timestamp: strconv.FormatInt(w.clock.now().Unix(), 10),
		Nonce: signing.Nonce(), IdempotencyKey: key, Body: []byte(body)}
	signature, err := secrets["M01"].Sign(req.Text())
	if err != nil {
		w.t.Fatal(err)
	}
	h := http.Header{}
	h.Set(merchantapi.HeaderMerchant, req.Merchant)
	h.Set(merchantapi.HeaderKey, req.Key)
	h.Set(merchantapi.HeaderTimestamp, req.Timestamp)
	h.Set(merchantapi.HeaderNonce, req.Nonce)
	h.Set(merchantapi.HeaderSignature, signature)
	h.Set(merchantapi.HeaderOnce, key)
	h.Set("Content-Type", "application/json")
	return h
}

const orderBody = `{"order_no":"O1","amount_minor":10000,"currency":"CNY"}`

// codeOf reads the code of an answer.
func codeOf(t *testing.T, r *http.Response) string {
	t.Helper()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	var p merchantapi.Problem
	if err := json.Unmarshal(body, &p); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	if p.Status != 0 && (p.Status != r.StatusCode || p.Title == "" || p.Do == "" || p.Changed == "" || r.Header.Get("Content-Type") != "application/problem+json") {
		t.Errorf("HTTP %d with %s as %s", r.StatusCode, body, r.Header.Get("Content-Type"))
	}
	return p.Code
}

// A request that is changed in any part that was signed is not believed, has no
// effect, and is not told why; the log knows.
func TestAttack24_RequestIsForgedOrReplayed(t *testing.T) {
	w := newWorld(t)
	for name, c := range map[string]struct {
		change func(h http.Header)
		body   string
		class  string
	}{
		"body":        {func(http.Header) {}, strings.Replace(orderBody, "10000", "1", 1), "the signature does not fit"},
		"nonce":       {func(h http.Header) { h.Set(merchantapi.HeaderNonce, "another") }, orderBody, "the signature does not fit"},
		"no nonce":    {func(h http.Header) { h.Del(merchantapi.HeaderNonce) }, orderBody, "the nonce is missing or too long"},
		"once":        {func(h http.Header) { h.Set(merchantapi.HeaderOnce, "another-key") }, orderBody, "the signature does not fit"},
		"merchant":    {func(h http.Header) { h.Set(merchantapi.HeaderMerchant, "M02") }, orderBody, "the signature does not fit"},
		"nobody":      {func(h http.Header) { h.Set(merchantapi.HeaderMerchant, "M99") }, orderBody, "no such merchant or key"},
		"no key":      {func(h http.Header) { h.Del(merchantapi.HeaderKey) }, orderBody, "no such merchant or key"},
		"unsigned":    {func(h http.Header) { h.Del(merchantapi.HeaderSignature) }, orderBody, "there is no signature"},
		"not base64":  {func(h http.Header) { h.Set(merchantapi.HeaderSignature, "%%") }, orderBody, "the signature does not fit"},
		"algorithm":   {func(h http.Header) { h.Set(merchantapi.HeaderKey, "r1") }, orderBody, "the signature does not fit"},
		"algorithm 2": {func(h http.Header) { h.Set(merchantapi.HeaderKey, "s1") }, orderBody, "the signature does not fit"},
		"time":        {func(h http.Header) { h.Set(merchantapi.HeaderTimestamp, "1") }, orderBody, "behind the local clock"},
		"not a time":  {func(h http.Header) { h.Set(merchantapi.HeaderTimestamp, "now") }, orderBody, "the message is malformed"},
		"second copy": {func(http.Header) {}, orderBody, "the nonce was used before"},
	} {
		h := w.signedHeader(http.MethodPost, "/v1/orders", "create-order-1", orderBody)
		if name == "second copy" { // the first was asked for a number that is not there, so that it had no effect
			h = w.signedHeader(http.MethodGet, "/v1/orders/O9", "", "")
			if r := w.send(http.MethodGet, "/v1/orders/O9", h.Clone(), ""); codeOf(t, r) != "E-6416" {
				t.Fatalf("the first copy: %d", r.StatusCode)
			}
			if r := w.send(http.MethodGet, "/v1/orders/O9", h, ""); r.StatusCode != http.StatusUnauthorized {
				t.Errorf("a replay: %d", r.StatusCode)
			}
		} else {
			c.change(h)
			r := w.send(http.MethodPost, "/v1/orders", h, c.body)
			if got := codeOf(t, r); r.StatusCode != http.StatusUnauthorized || got != "E-6410" || r.Header.Get(merchantapi.HeaderSignature) != "" {
				t.Errorf("%s: HTTP %d %s", name, r.StatusCode, got)
			}
		}
		if !strings.Contains(w.log.String(), c.class) {
			t.Errorf("%s: the log does not say %q", name, c.class)
		}
	}
	if n := w.orders(); n != 0 {
		t.Errorf("%d orders were made", n)
	}
}

// The algorithm is that of the named key: a signature by another one, good for
// its own key, is worth nothing under this one.
func TestAttack23_AlgorithmIsTheKeys(t *testing.T) {
	w := newWorld(t)
	signers := map[string]signing.Signer{"k1": secrets["M01"], "r1": signing.RSAPrivate{Key: w.rsa}, "s1": signing.SM2Private{Key: w.sm2}}
	for named := range signers {
		for by, signer := range signers {
			req := signing.MerchantRequest{Merchant: "M01", Key: named, Method: http.MethodGet, Target: "/v1/orders/O1", Timestamp: strconv.FormatInt(w.clock.now().Unix(), 10), Nonce: signing.Nonce()}
			signature, err := signer.Sign(req.Text())
			if err != nil {
				t.Fatal(err)
			}
			h := http.Header{}
			for name, value := range map[string]string{merchantapi.HeaderMerchant: req.Merchant, merchantapi.HeaderKey: named, merchantapi.HeaderTimestamp: req.Timestamp,
				merchantapi.HeaderNonce: req.Nonce, merchantapi.HeaderSignature: signature} {
				h.Set(name, value)
			}
			want := http.StatusUnauthorized
			if named == by {
				want = http.StatusNotFound // believed: there is no such order
			}
			if r := w.send(http.MethodGet, "/v1/orders/O1", h, ""); r.StatusCode != want {
				t.Errorf("signed by %s under the name %s: %d, want %d", by, named, r.StatusCode, want)
			}
		}
	}
}

// A request of 4 min 59 s ago is taken, one of 5 min 1 s is not; its nonce is
// known for as long as the request could be taken.
func TestAttack24_WindowAndMemory(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		later time.Duration
		want  int
	}{{299 * time.Second, http.StatusNotFound}, {301 * time.Second, http.StatusUnauthorized}, {-299 * time.Second, http.StatusNotFound}, {-301 * time.Second, http.StatusUnauthorized}} {
		h := w.signedHeader(http.MethodGet, "/v1/orders/O1", "", "")
		w.clock.add(c.later)
		if r := w.send(http.MethodGet, "/v1/orders/O1", h, ""); r.StatusCode != c.want {
			t.Errorf("%s later: %d", c.later, r.StatusCode)
		}
		w.clock.add(-c.later)
	}
	w.clock.add(299 * time.Second) // our clock is ahead of the merchant's …
	h := w.signedHeader(http.MethodGet, "/v1/orders/O1", "", "")
	w.clock.add(-299 * time.Second) // … no, behind it: the request stays good for ten minutes
	for i, want := range []int{http.StatusNotFound, http.StatusUnauthorized, http.StatusUnauthorized} {
		if r := w.send(http.MethodGet, "/v1/orders/O1", h.Clone(), ""); r.StatusCode != want {
			t.Errorf("copy %d: %d", i, r.StatusCode)
		}
		w.clock.add(299 * time.Second)
	}
}

// Text that another reader would read otherwise is refused.
func TestAttack13_JSONWithTwoReadings(t *testing.T) {
	w := newWorld(t)
	for name, body := range map[string]string{
		"twice":          `{"order_no":"O1","amount_minor":10000,"amount_minor":1,"currency":"CNY"}`,
		"other case":     `{"order_no":"O1","amount_minor":10000,"Amount_Minor":1,"currency":"CNY"}`,
		"case alone":     `{"order_no":"O1","Amount_minor":10000,"currency":"CNY"}`,
		"escaped":        `{"order_no":"O1","amount_minor":10000,"\u0061mount_minor":1,"currency":"CNY"}`,
		"fraction":       `{"order_no":"O1","amount_minor":100.5,"currency":"CNY"}`,
		"exponent":       `{"order_no":"O1","amount_minor":1e4,"currency":"CNY"}`,
		"beyond int64":   `{"order_no":"O1","amount_minor":9223372036854775808,"currency":"CNY"}`,
		"text as number": `{"order_no":"O1","amount_minor":"10000","currency":"CNY"}`,
		"behind":         `{"order_no":"O1","amount_minor":10000,"currency":"CNY"}{}`,
		"deep":           strings.Repeat(`{"a":`, 5000) + "1" + strings.Repeat("}", 5000),
		"list":           `[{"order_no":"O1","amount_minor":10000,"currency":"CNY"}]`,
		"cut off":        `{"order_no":"O1","amount_minor":10000,"currency":"CNY"`,
	} {
		r := w.send(http.MethodPost, "/v1/orders", w.signedHeader(http.MethodPost, "/v1/orders", "create-order-1", body), body)
		if got := codeOf(t, r); got != "E-6413" || r.StatusCode/100 != 4 {
			t.Errorf("%s: HTTP %d %s", name, r.StatusCode, got)
		}
	}
	// Every unit counts, also above what a float holds.
	const large = `{"order_no":"O2","amount_minor":9007199254740993,"currency":"CNY"}`
	r := w.send(http.MethodPost, "/v1/orders", w.signedHeader(http.MethodPost, "/v1/orders", "create-order-2", large), large)
	if r.StatusCode != http.StatusOK {
		t.Errorf("a large amount: %s", codeOf(t, r))
	}
	if o, err := w.db.Order(t.Context(), "M01", "O2"); err != nil || o == nil || o.AmountMinor != 9007199254740993 {
		t.Errorf("got %+v, %v", o, err)
	}
	if n := w.orders(); n != 1 {
		t.Errorf("%d orders were made", n)
	}
}

// Numbers are ASCII: what looks alike is not taken for the same.
func TestAttack09_NumbersThatLookAlike(t *testing.T) {
	w := newWorld(t)
	for _, no := range []string{"О1" /* Cyrillic */, "O1\u200b", "\u202eO1", "O１", "O1\x00", "O/1", "", strings.Repeat("O", 65)} {
		_, err := w.client("M01").CreateOrder(t.Context(), "create-order-1", newOrder(no))
		if code(err) != "E-6413" {
			t.Errorf("%q: got %v", no, err)
		}
	}
	body := "{\"order_no\":\"O\xc0\xaf1\",\"amount_minor\":10000,\"currency\":\"CNY\"}"
	if r := w.send(http.MethodPost, "/v1/orders", w.signedHeader(http.MethodPost, "/v1/orders", "create-order-1", body), body); codeOf(t, r) != "E-6413" {
		t.Errorf("bytes that are not UTF-8: %d", r.StatusCode)
	}
}

func TestAttack28_BodyTooLarge(t *testing.T) {
	w := newWorld(t)
	body := `{"order_no":"` + strings.Repeat("O", 64<<10) + `"}`
	r := w.send(http.MethodPost, "/v1/orders", w.signedHeader(http.MethodPost, "/v1/orders", "create-order-1", body), body)
	if got := codeOf(t, r); r.StatusCode != http.StatusRequestEntityTooLarge || got != "E-6415" {
		t.Errorf("HTTP %d %s", r.StatusCode, got)
	}
	for _, kind := range []string{"text/plain", "application/x-www-form-urlencoded", "", "application/json/x", "application/cbor"} {
		h := w.signedHeader(http.MethodPost, "/v1/orders", "create-order-1", orderBody)
		h.Set("Content-Type", kind)
		if r := w.send(http.MethodPost, "/v1/orders", h, orderBody); codeOf(t, r) != "E-6414" || r.StatusCode != http.StatusUnsupportedMediaType {
			t.Errorf("%q: HTTP %d", kind, r.StatusCode)
		}
	}
	h := w.signedHeader(http.MethodPost, "/v1/orders", "create-order-1", orderBody)
	h.Set("Content-Encoding", "gzip")
	if r := w.send(http.MethodPost, "/v1/orders", h, orderBody); codeOf(t, r) != "E-6414" {
		t.Errorf("compressed: HTTP %d", r.StatusCode)
	}
}

// A merchant whose second is used up waits; the others do not.
func TestAttack28_TooManyRequests(t *testing.T) {
	w := newWorld(t)
	c := w.client("M04")
	for i, want := range []string{"E-6416", "E-6416", "E-6416", "E-6412"} {
		if _, err := c.Order(t.Context(), "O1"); code(err) != want {
			t.Errorf("request %d: got %v, want %s", i, err, want)
		}
	}
	if _, err := w.client("M01").Order(t.Context(), "O1"); code(err) != "E-6416" {
		t.Errorf("another merchant: %v", err)
	}
}

// Nobody sees, pays, closes or refunds what is another's, and cannot tell that
// it is there.
func TestAttack29_AnotherMerchantsNumbers(t *testing.T) {
	w := newWorld(t)
	payNo := w.paidOrder("M01", "O1")
	r, err := w.client("M01").Refund(t.Context(), "refund-01", payNo, merchantapi.NewRefund{AmountMinor: 1, Currency: "CNY"})
	if err != nil {
		t.Fatal(err)
	}
	c := w.client("M02")
	for what, got := range map[string]func() error{
		"order":   func() error { _, err := c.Order(t.Context(), "O1"); return err },
		"payment": func() error { _, err := c.Payment(t.Context(), payNo); return err },
		"refund":  func() error { _, err := c.RefundOf(t.Context(), r.RefundNo); return err },
		"pay": func() error {
			_, err := c.Pay(t.Context(), "pay-key-1", "O1", merchantapi.NewPayment{Channel: "wechat"})
			return err
		},
		"close": func() error { _, err := c.CloseOrder(t.Context(), "close-01", "O1"); return err },
		"give back": func() error {
			_, err := c.Refund(t.Context(), "refund-02", payNo, merchantapi.NewRefund{AmountMinor: 1, Currency: "CNY"})
			return err
		},
	} {
		if err := got(); code(err) != "E-6416" {
			t.Errorf("%s: got %v", what, err)
		}
	}
	if p, err := w.db.Payment(t.Context(), payNo); err != nil || p.RefundedMinor != 1 {
		t.Errorf("got %+v, %v", p, err)
	}
	// Nothing in a number of ours tells the next one.
	seen := map[string]bool{}
	for _, no := range []string{"O2", "O3"} {
		seen[w.paidOrder("M01", no)[:8]] = true
	}
	if len(seen) != 2 {
		t.Errorf("numbers begin alike: %v", seen)
	}
}

// A merchant without a permission is refused by every operation that there is.
func TestAttack29_PermissionOfEveryOperation(t *testing.T) {
	w := newWorld(t)
	c := w.client("M03")
	for what, got := range map[string]func() error{
		"create order": func() error { _, err := c.CreateOrder(t.Context(), "create-order", newOrder("O1")); return err },
		"query order":  func() error { _, err := c.Order(t.Context(), "O1"); return err },
		"close":        func() error { _, err := c.CloseOrder(t.Context(), "close-order", "O1"); return err },
		"pay": func() error {
			_, err := c.Pay(t.Context(), "pay-order-1", "O1", merchantapi.NewPayment{Channel: "wechat"})
			return err
		},
		"query payment": func() error { _, err := c.Payment(t.Context(), "P1"); return err },
		"refund": func() error {
			_, err := c.Refund(t.Context(), "refund-order", "P1", merchantapi.NewRefund{AmountMinor: 1, Currency: "CNY"})
			return err
		},
		"query refund":     func() error { _, err := c.RefundOf(t.Context(), "R1"); return err },
		"query notices":    func() error { _, err := c.Notices(t.Context(), "DEAD"); return err },
		"query transfer":   func() error { _, err := c.TransferOf(t.Context(), "T1"); return err },
		"query withdrawal": func() error { _, err := c.Withdrawal(t.Context(), "W1"); return err },
		"resend":           func() error { _, err := c.Resend(t.Context(), "resend-key", "E1"); return err },
	} {
		if err := got(); code(err) != "E-6411" {
			t.Errorf("%s: got %v", what, err)
		}
	}
	if n := w.orders(); n != 0 {
		t.Errorf("%d orders were made", n)
	}
}

// Fields that are ours to set cannot be sent.
func TestAttack33_FieldsThatAreOurs(t *testing.T) {
	w := newWorld(t)
	for _, extra := range []string{`"state":"PAID"`, `"paid_by":"P1"`, `"merchant":"M02"`, `"created_at":"2026-01-01T00:00:00Z"`, `"$schema":"x"`} {
		body := orderBody[:len(orderBody)-1] + "," + extra + "}"
		r := w.send(http.MethodPost, "/v1/orders", w.signedHeader(http.MethodPost, "/v1/orders", "create-order-1", body), body)
		if got := codeOf(t, r); got != "E-6413" {
			t.Errorf("%s: HTTP %d %s", extra, r.StatusCode, got)
		}
	}
	if r := w.send(http.MethodGet, "/v1/orders/O1?merchant=M02", w.signedHeader(http.MethodGet, "/v1/orders/O1?merchant=M02", "", ""), ""); codeOf(t, r) != "E-6413" {
		t.Errorf("a query: HTTP %d", r.StatusCode)
	}
	payNo := w.paidOrder("M01", "O2")
	body := `{"amount_minor":1,"currency":"CNY","refund_no":"R1"}`
	target := "/v1/payments/" + payNo + "/refunds"
	if r := w.send(http.MethodPost, target, w.signedHeader(http.MethodPost, target, "refund-001", body), body); codeOf(t, r) != "E-6413" {
		t.Errorf("a refund number: HTTP %d", r.StatusCode)
	}
	for _, bad := range []string{"http://merchant.example/n", "https://user:pw@merchant.example/n", "javascript:alert(1)", "//merchant.example", "https://"} {
		o := newOrder("O3")
		o.NotifyURL = bad
		if _, err := w.client("M01").CreateOrder(t.Context(), "create-order-3", o); code(err) != "E-6413" {
			t.Errorf("%s: got %v", bad, err)
		}
	}
	if n := w.orders(); n != 1 {
		t.Errorf("%d orders, want one", n)
	}
}

// No operation that there is takes a member that its document does not name.
func TestAttack33_EveryBodyIsClosed(t *testing.T) {
	r := newWorld(t).send(http.MethodGet, "/openapi.json", http.Header{}, "")
	type schema struct {
		Ref                  string `json:"$ref"`
		Type                 any
		AdditionalProperties any
		Properties           map[string]*schema
		Items                *schema
	}
	var doc struct {
		Paths map[string]map[string]struct {
			RequestBody struct {
				Content map[string]struct{ Schema *schema }
			}
		}
		Components struct{ Schemas map[string]*schema }
	}
	if err := json.NewDecoder(r.Body).Decode(&doc); err != nil {
		t.Fatal(err)
	}
	bodies := 0
	var closed func(where string, s *schema)
	closed = func(where string, s *schema) {
		if name, ok := strings.CutPrefix(s.Ref, "#/components/schemas/"); ok {
			s = doc.Components.Schemas[name]
		}
		if s.Type == "object" && s.AdditionalProperties != false {
			t.Errorf("%s takes anything", where)
		}
		for name, p := range s.Properties {
			closed(where+"."+name, p)
		}
		if s.Items != nil {
			closed(where+"[]", s.Items)
		}
	}
	for path, methods := range doc.Paths {
		for method, op := range methods {
			for _, c := range op.RequestBody.Content {
				bodies++
				closed(method+" "+path, c.Schema)
			}
		}
	}
	if bodies < 8 {
		t.Errorf("only %d operations take a body", bodies)
	}
}

// An answer that was changed on its way, or belongs to another request, is no
// answer.
func TestAnswersAreSigned(t *testing.T) {
	w := newWorld(t)
	c := w.client("M01")
	if _, err := c.CreateOrder(t.Context(), "create-order-1", newOrder("O1")); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*http.Response, []byte) []byte{
		"body": func(_ *http.Response, b []byte) []byte {
			return []byte(strings.Replace(string(b), "PAYING", "PAID", 1))
		},
		"status": func(r *http.Response, b []byte) []byte { r.StatusCode = http.StatusNotFound; return b },
		"time":   func(r *http.Response, b []byte) []byte { r.Header.Set(merchantapi.HeaderTimestamp, "1"); return b },
		"none":   func(r *http.Response, b []byte) []byte { r.Header.Del(merchantapi.HeaderSignature); return b },
	} {
		tries := 0
		forged := w.client("M01", func(o *payclient.Options) {
			o.HTTP = &http.Client{Transport: between(func(r *http.Response, b []byte) []byte { tries++; return change(r, b) })}
		})
		if o, err := forged.Order(t.Context(), "O1"); err == nil || !strings.Contains(err.Error(), "the answer is not the server's") || tries != 5 {
			t.Errorf("%s: got %+v, %v after %d tries", name, o, err, tries)
		}
	}
}

// between changes answers on their way.
type between func(*http.Response, []byte) []byte

func (f between) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	resp.Body = io.NopCloser(strings.NewReader(string(f(resp, body))))
	return resp, err
}

// The answer to a request that is lost is asked for again, and the request is
// done once.
func TestClientAsksAgain(t *testing.T) {
	w := newWorld(t)
	lost := 0
	c := w.client("M01", func(o *payclient.Options) {
		o.HTTP = &http.Client{Transport: between(func(r *http.Response, b []byte) []byte {
			if lost++; lost < 4 {
				return b[:len(b)/2]
			}
			return b
		})}
	})
	if o, err := c.CreateOrder(t.Context(), "create-order-1", newOrder("O1")); err != nil || o.OrderNo != "O1" || lost != 4 {
		t.Errorf("got %+v, %v after %d answers", o, err, lost)
	}
	if n := w.orders(); n != 1 {
		t.Errorf("%d orders", n)
	}
}

// The document is OpenAPI 3.1, names every operation with its bodies, and the
// page that shows it brings everything with it.
func TestDocument(t *testing.T) {
	w := newWorld(t)
	r := w.send(http.MethodGet, "/openapi.json", http.Header{}, "")
	var doc struct {
		OpenAPI string
		Paths   map[string]map[string]struct {
			OperationID string
			Responses   map[string]any
		}
	}
	if err := json.NewDecoder(r.Body).Decode(&doc); err != nil || !strings.HasPrefix(doc.OpenAPI, "3.1") {
		t.Fatalf("got %q, %v", doc.OpenAPI, err)
	}
	var ids []string
	for _, methods := range doc.Paths {
		for _, op := range methods {
			ids = append(ids, op.OperationID)
			if op.Responses["200"] == nil || op.Responses["default"] == nil {
				t.Errorf("%s: answers %v", op.OperationID, op.Responses)
			}
		}
	}
	if len(ids) != 23 {
		t.Errorf("operations %v", ids)
	}
	page := w.send(http.MethodGet, "/docs", http.Header{}, "")
	body, err := io.ReadAll(page.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range append(ids[:0:0], "/v1/orders/{order_no}/payments", "E-6418", "NewRefund", "amount_minor") {
		if !strings.Contains(string(body), want) {
			t.Errorf("the page does not show %s", want)
		}
	}
	for _, foreign := range []string{"http://", "https://", "<script", "@import", "url("} {
		if strings.Contains(string(body), foreign) {
			t.Errorf("the page holds %s", foreign)
		}
	}
	for target, want := range map[string]int{"/v1/nothing": http.StatusNotFound, "/v1/orders": http.StatusMethodNotAllowed} {
		if r := w.send(http.MethodGet, target, w.signedHeader(http.MethodGet, target, "", ""), ""); r.StatusCode != want || codeOf(t, r) != "E-6417" {
			t.Errorf("%s: %d", target, r.StatusCode)
		}
	}
}

// Neither the log nor an answer repeats what a request held, whatever is wrong
// with it.
func TestAttack27_RequestsAreNotRepeated(t *testing.T) {
	const secret = "CANARY-27"
	w := newWorld(t)
	for name, send := range map[string]func() *http.Response{
		"forged": func() *http.Response {
			h := w.signedHeader(http.MethodPost, "/v1/orders?token="+secret, "key-"+secret, secret)
			h.Set(merchantapi.HeaderSignature, secret)
			return w.send(http.MethodPost, "/v1/orders?token="+secret, h, secret)
		},
		"not documented": func() *http.Response {
			body := `{"order_no":"O1","amount_minor":"` + secret + `","currency":"CNY"}`
			return w.send(http.MethodPost, "/v1/orders", w.signedHeader(http.MethodPost, "/v1/orders", "create-order-1", body), body)
		},
		"not JSON": func() *http.Response {
			return w.send(http.MethodPost, "/v1/orders", w.signedHeader(http.MethodPost, "/v1/orders", "create-order-2", "{"+secret), "{"+secret)
		},
	} {
		r := send()
		body, err := io.ReadAll(r.Body)
		if err != nil || r.StatusCode < 400 || strings.Contains(string(body), secret) {
			t.Errorf("%s: HTTP %d %s, %v", name, r.StatusCode, body, err)
		}
	}
	if said := w.log.String(); said == "" || strings.Contains(said, secret) {
		t.Errorf("the log says %s", said)
	}
}
