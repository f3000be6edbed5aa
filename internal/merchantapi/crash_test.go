//go:build crashpoints

package merchantapi_test

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"sync/atomic"
	"testing"

	"tieout/internal/crashpoint"
	"tieout/internal/merchantapi"
)

// The server dies between the books and the channel, or between the channel and
// the answer: the client asks again with the same key, and everything is done
// once.
func TestFaultA2_CrashWithinARequest(t *testing.T) {
	for _, point := range []string{"api.kept", "api.finished"} {
		t.Run(point, func(t *testing.T) {
			w := newWorld(t)
			w.http.Config.ErrorLog = log.New(io.Discard, "", 0)
			c := w.client("M01")
			if _, err := c.CreateOrder(t.Context(), "create-O1", newOrder("O1")); err != nil {
				t.Fatal(err)
			}
			var died atomic.Int64
			dieOnce := func(name string) {
				if name == point && died.Add(1) == 1 {
					panic(http.ErrAbortHandler)
				}
			}
			crashpoint.Arm(dieOnce)
			defer crashpoint.Arm(nil)
			p, err := c.Pay(t.Context(), "pay-key-1", "O1", merchantapi.NewPayment{Channel: "wechat"})
			if err != nil || p.Prepaid == nil || died.Load() < 2 {
				t.Fatalf("got %+v, %v; passed %d times", p, err, died.Load())
			}
			w.paid(p.PayNo)
			died.Store(0)
			r, err := c.Refund(t.Context(), "refund-01", p.PayNo, merchantapi.NewRefund{AmountMinor: 100, Currency: "CNY"})
			if err != nil || died.Load() < 2 {
				t.Fatalf("got %+v, %v; passed %d times", r, err, died.Load())
			}
			o, err := c.Order(t.Context(), "O1")
			if err != nil || len(o.Payments) != 1 || o.Payments[0].RefundedMinor != 100 || len(w.desk.prepaid) != 1 || len(w.desk.refunds) != 1 {
				t.Errorf("got %+v, %v; the channel was asked for %v and %v", o, err, w.desk.prepaid, w.desk.refunds)
			}
			proofs, err := w.db.VerifyBooks(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, proof := range proofs {
				if !proof.OK {
					t.Error(fmt.Sprint(proof))
				}
			}
		})
	}
}
