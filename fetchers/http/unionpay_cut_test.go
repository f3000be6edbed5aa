package http

import (
	"bytes"
	"io"
	nethttp "net/http"
	"slices"
	"strings"
	"testing"

	"tieout/schemas"
)

// cutPlaces returns lengths of an answer that ends too early: in each of its
// fields and at each border between two.
func cutPlaces(whole []byte) []int {
	places := []int{0, 1, 6, len(whole) / 2, len(whole)/2 + 1, len(whole)/2 + 2, len(whole)/2 + 3, len(whole) - 1}
	for i, c := range whole {
		if c == '&' || c == '=' {
			places = append(places, i, i+1, i+2)
		}
	}
	return slices.DeleteFunc(places, func(at int) bool { return at >= len(whole) })
}

// TestFaultD2_UnionPayCutWithoutLength: nothing but the missing end says that
// the answer was cut, and so it is fetched again; a signature that is missing
// for that reason is no forgery.
func TestFaultD2_UnionPayCutWithoutLength(t *testing.T) {
	content := fileContent(t, zipped(t, strings.Repeat("row\n", 500)))
	s := newUnionPayServer(t)
	var sample []byte
	cut := -1
	s.reply = func(w nethttp.ResponseWriter, asked map[string]string) bool {
		sample = s.signed(asked, map[string]string{"respCode": "00", "respMsg": "成功", "fileName": "x.zip", "fileContent": content})
		body := sample
		if cut >= 0 && len(s.asked) == 1 {
			body = sample[:cut]
		}
		raw(t, w, "HTTP/1.1 200 OK\r\nConnection: close", body)
		return true
	}
	u := s.client()
	var whole box
	if _, err := u.Fetch(t.Context(), unionPayRequest, whole.keep); err != nil {
		t.Fatal(err)
	}
	unsigned := bytes.Index(sample, []byte("&signature="))
	for _, cut = range cutPlaces(sample) {
		s.asked = nil
		var b box
		got, err := u.Fetch(t.Context(), unionPayRequest, b.keep)
		if cut == unsigned { // it ends where an unsigned answer ends
			wantFault(t, err, "E-3012")
			b.wantNone(t)
			continue
		}
		if err != nil || got.State != schemas.FetchFetched || len(s.asked) != 2 {
			t.Fatalf("cut to %d of %d bytes, …%q: %v after %d calls", cut, len(sample), sample[max(cut-20, 0):cut], err, len(s.asked))
		}
		b.wantOnly(t, []byte(content))
	}
}

// TestUnionPay_Unfinished: fields come in any order, and a file may be the last.
func TestUnionPay_Unfinished(t *testing.T) {
	content := fileContent(t, zipped(t, strings.Repeat("row\n", 500)))
	head := "version=5.1.0&signMethod=01&respCode=00&fileContent="
	u := newUnionPayServer(t).client()
	for n := range len(content) {
		if !u.unfinished(head + content[:n]) {
			t.Fatalf("a file cut to %d of %d characters is taken for whole", n, len(content))
		}
	}
	for text, want := range map[string]bool{
		head + content: false,
		head + content + "&signature=" + strings.Repeat("A", 343): true,
		head + content + "&signature=" + strings.Repeat("A", 344): false,
		"signature=QUJD&" + head + content[:9]:                    false,
		"respCode=00&version=5.1.0&signMethod=01":                 false,
		"respCode=00&version=5.1":                                 true,
		"signMethod=01&respCode=00&version=5.1":                   true,
		"signMethod=01&respCode=00&version=6":                     false,
		"respCode=0":                                              true,
		"":                                                        true,
		"<html>busy</html>":                                       false,
		`{"code":1}`:                                              false,
		"respCode=00&respCode=01&vers":                            false,
		"respCode=00&<script>":                                    false,
		"version=5.1.0&signMethod=01&respCode=00&signPubKeyCert=-----BEGIN CERTIFICATE-----\nMII": true,
		"version=5.1.0&signMethod=01&respCode=00&respMsg=":                                        false,
	} {
		if got := u.unfinished(text); got != want {
			t.Errorf("unfinished(%.80q) = %t", text, got)
		}
	}
}

// TestFaultD2_UnionPayCutAgainAndAgain ends as a cut file, not as a broken
// trust: nobody has to look for keys.
func TestFaultD2_UnionPayCutAgainAndAgain(t *testing.T) {
	s := newUnionPayServer(t)
	content := fileContent(t, zipped(t, strings.Repeat("row\n", 500)))
	s.reply = func(w nethttp.ResponseWriter, asked map[string]string) bool {
		whole := s.signed(asked, map[string]string{"respCode": "00", "fileContent": content})
		raw(t, w, "HTTP/1.1 200 OK\r\nConnection: close", whole[:len(whole)/2])
		return true
	}
	var b box
	got, err := s.client().Fetch(t.Context(), unionPayRequest, b.keep)
	wantFault(t, err, "E-2112", "bytes without its end")
	b.wantNone(t)
	if got.State != schemas.FetchFailed || len(s.asked) < 2 || len(s.asked) > 10 {
		t.Errorf("%s after %d calls", got.State, len(s.asked))
	}
	if strings.Contains(everything(err), s.asked[0]["signature"]) {
		t.Error("our signature shows")
	}
}

// TestUnionPay_UnsignedIsNoCut: an answer that is whole and carries no
// signature, or a wrong one, is refused at once, however its end is told.
func TestUnionPay_UnsignedIsNoCut(t *testing.T) {
	content := fileContent(t, zipped(t, strings.Repeat("row\n", 500)))
	fields := map[string]string{"respCode": "00", "fileContent": content}
	unsigned := func(a []byte) []byte { return a[:bytes.Index(a, []byte("&signature="))] }
	inOrder := func(a []byte, first ...string) []byte { // these fields first, in the order given
		parts := strings.Split(string(a), "&")
		slices.SortStableFunc(parts, func(x, y string) int {
			at := func(p string) int {
				name, _, _ := strings.Cut(p, "=")
				if i := slices.Index(first, name); i >= 0 {
					return i
				}
				return len(first)
			}
			return at(x) - at(y)
		})
		return []byte(strings.Join(parts, "&"))
	}
	for name, change := range map[string]func([]byte) []byte{
		"sorted": unsigned,
		"file last": func(a []byte) []byte {
			return append(inOrder(bytes.Replace(unsigned(a), []byte("fileContent="+content+"&"), nil, 1)), "&fileContent="+content...)
		},
		"wrong signature":    func(a []byte) []byte { return append(unsigned(a), "&signature="+strings.Repeat("QUJD", 114)+"QUI="...) },
		"signature in front": func(a []byte) []byte { return inOrder(append(unsigned(a), "&signature=QUJD"...), "signature") },
	} {
		for _, head := range []string{"", "HTTP/1.1 200 OK\r\nConnection: close"} {
			s := newUnionPayServer(t)
			s.reply = func(w nethttp.ResponseWriter, asked map[string]string) bool {
				body := change(s.signed(asked, fields))
				if head == "" {
					w.Write(body)
				} else {
					raw(t, w, head, body)
				}
				return true
			}
			var b box
			_, err := s.client().Fetch(t.Context(), unionPayRequest, b.keep)
			wantFault(t, err, "E-3012")
			b.wantNone(t)
			if len(s.asked) != 1 {
				t.Errorf("%s: asked %d times", name, len(s.asked))
			}
		}
	}
	// With a length that holds, even a half answer is what the server meant.
	s := newUnionPayServer(t)
	s.reply = func(w nethttp.ResponseWriter, asked map[string]string) bool {
		io.WriteString(w, "respCode=00&fileContent=eJ")
		return true
	}
	_, err := s.client().Fetch(t.Context(), unionPayRequest, new(box).keep)
	wantFault(t, err, "E-3012")
}
