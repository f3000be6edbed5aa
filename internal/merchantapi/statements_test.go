package merchantapi_test

import (
	"net/http"
	"strings"
	"testing"

	"tieout/internal/payclient"
)

// A statement is the merchant's own, of a day that is proven, signed as a whole
// and not held in memory by the client.
func TestStatement(t *testing.T) {
	w := newWorld(t)
	w.bills.body = strings.Repeat("payment,O1,,4200,SUCCESS,8800\r\n", 100_000) // larger than any other answer may be
	for _, merchant := range []string{"M01", "M02"} {
		var got strings.Builder
		if err := w.client(merchant).Statement(t.Context(), "2026-11-19", &got); err != nil || got.String() != w.bills.body+merchant {
			t.Errorf("%s: got %d bytes, %v", merchant, got.Len(), err)
		}
	}
	for date, want := range map[string]string{"2026-11-20": "E-6428", "2026-11-18": "E-6428", "2026-02-30": "E-6413", "20261119": "E-6413", "2026-11-19x": "E-6413"} {
		var got strings.Builder
		if err := w.client("M01").Statement(t.Context(), date, &got); code(err) != want || got.Len() > 0 {
			t.Errorf("%s: %v, %d bytes", date, err, got.Len())
		}
	}
	if err := w.client("M03").Statement(t.Context(), "2026-11-19", &strings.Builder{}); code(err) != "E-6411" {
		t.Errorf("without the permission: %v", err)
	}
	if n := w.bills.open.Load(); n != 0 {
		t.Errorf("%d files are open", n)
	}
}

func TestStatement_ChangedOnItsWay(t *testing.T) {
	w := newWorld(t)
	c := w.client("M01", func(o *payclient.Options) {
		o.HTTP = &http.Client{Transport: between(func(_ *http.Response, b []byte) []byte {
			return []byte(strings.Replace(string(b), "kind", "king", 1))
		})}
	})
	if err := c.Statement(t.Context(), "2026-11-19", &strings.Builder{}); err == nil || !strings.Contains(err.Error(), "the answer is not the server's") {
		t.Errorf("got %v", err)
	}
}

// Who has it already is told so.
func TestStatement_Unchanged(t *testing.T) {
	w := newWorld(t)
	const target = "/v1/statements/2026-11-19"
	first := w.send(http.MethodGet, target, w.signedHeader(http.MethodGet, target, "", ""), "")
	tag := first.Header.Get("ETag")
	if first.StatusCode != http.StatusOK || len(tag) != 66 || first.Header.Get("Content-Type") != "text/csv; charset=utf-8" ||
		first.Header.Get("Content-Disposition") != `attachment; filename="statement-2026-11-19.csv"` || first.ContentLength != int64(len(w.bills.body)+3) {
		t.Errorf("HTTP %d %v", first.StatusCode, first.Header)
	}
	for given, want := range map[string]int{tag: http.StatusNotModified, `"another"`: http.StatusOK} {
		h := w.signedHeader(http.MethodGet, target, "", "")
		h.Set("If-None-Match", given)
		if r := w.send(http.MethodGet, target, h, ""); r.StatusCode != want || r.Header.Get("ETag") != tag {
			t.Errorf("%s: HTTP %d, ETag %s", given, r.StatusCode, r.Header.Get("ETag"))
		}
	}
	if n := w.bills.open.Load(); n != 0 {
		t.Errorf("%d files are open", n)
	}
}
