package merchantapi_test

import (
	"fmt"
	"slices"
	"testing"

	"golang.org/x/sync/errgroup"

	"tieout/internal/merchantapi"
	"tieout/internal/paycore"
	"tieout/internal/settlement"
)

// receivers opens wallets and registers their holders.
func (w *world) receivers(names ...string) {
	w.t.Helper()
	for _, n := range names {
		r, err := w.core.Do(w.t.Context(), paycore.OpenEntity{ID: n, Kind: "USER", Name: n},
			paycore.OpenAccount{Entity: n, Currency: "CNY", Controls: paycore.Controls{TransferIn: true, TransferOut: true, Active: true}})
		if err != nil || r[1].Effect != paycore.Done {
			w.t.Fatal(r, err)
		}
		if _, err := w.client("M01").AddReceiver(w.t.Context(), "register-"+n, merchantapi.NewReceiver{Receiver: n, Relation: "supplier"}); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *world) workSplits() {
	w.t.Helper()
	if _, err := w.db.WorkSplits(w.t.Context(), map[string]*settlement.Contract{}); err != nil {
		w.t.Fatal(err)
	}
}

func TestSplit_FromHoldToRelease(t *testing.T) {
	w := newWorld(t)
	w.receivers("U1", "U2")
	c, ctx := w.client("M01"), t.Context()
	if _, err := c.CreateOrder(ctx, "create-O1", newOrder("O1")); err != nil {
		t.Fatal(err)
	}
	if h, err := c.HoldForSplit(ctx, "hold-O1-1", "O1"); err != nil || h.State != "HELD" {
		t.Fatal(h, err)
	}
	want := merchantapi.NewSplit{Shares: []merchantapi.NewShare{{Receiver: "U1", AmountMinor: 1000}, {Receiver: "U2", AmountMinor: 2000}}}
	s, err := c.Split(ctx, "split-O1-1", "O1", want) // before the payment
	if err != nil || s.State != "PROCESSING" || s.AmountMinor != 3000 {
		t.Fatal(s, err)
	}
	if again, err := c.Split(ctx, "split-O1-1", "O1", want); err != nil || again.SplitNo != s.SplitNo {
		t.Errorf("the same again: %+v, %v", again, err)
	}
	if _, err := c.Split(ctx, "split-O1-2", "O1", merchantapi.NewSplit{Shares: want.Shares[:1]}); code(err) != "E-6419" {
		t.Errorf("above the ceiling: %v", err)
	}
	p, err := c.Pay(ctx, "paid-by-O1", "O1", merchantapi.NewPayment{Channel: "wechat"})
	if err != nil {
		t.Fatal(err)
	}
	w.paid(p.PayNo)
	w.workSplits()
	if s, err = c.SplitOf(ctx, s.SplitNo); err != nil || s.State != "FINISHED" || s.DoneMinor != 3000 || len(s.Shares) != 2 || s.Shares[0].State != "SUCCESS" {
		t.Fatalf("%+v, %v", s, err)
	}
	r, err := c.ReturnSplit(ctx, "back-O1-1", s.SplitNo, merchantapi.NewSplitReturn{Receiver: "U1", AmountMinor: 400})
	if err != nil || r.State != "SUCCESS" {
		t.Fatal(r, err)
	}
	if again, err := c.SplitReturnOf(ctx, r.ReturnNo); err != nil || *again != *r {
		t.Errorf("%+v, %v", again, err)
	}
	if _, err := c.ReturnSplit(ctx, "back-O1-2", s.SplitNo, merchantapi.NewSplitReturn{Receiver: "U1", AmountMinor: 601}); code(err) != "E-6419" {
		t.Errorf("more than he got: %v", err)
	}
	if h, err := c.ReleaseRest(ctx, "release-O1", "O1"); err != nil || h.State != "RELEASED" {
		t.Fatal(h, err)
	}
	if _, err := c.Split(ctx, "split-O1-3", "O1", merchantapi.NewSplit{Shares: []merchantapi.NewShare{{Receiver: "U1", AmountMinor: 1}}}); code(err) != "E-6419" {
		t.Errorf("after the release: %v", err)
	}
	if _, err := c.RemoveReceiver(ctx, "remove-U1", "U1"); err != nil {
		t.Error(err)
	}
}

// Nobody sees or moves another merchant's splits, and nobody without leave.
func TestSplit_OnlyOnesOwn(t *testing.T) {
	w := newWorld(t)
	w.receivers("U1")
	w.paidOrder("M01", "O1")
	one := merchantapi.NewSplit{Shares: []merchantapi.NewShare{{Receiver: "U1", AmountMinor: 10}}}
	s, err := w.client("M01").Split(t.Context(), "split-O1-1", "O1", one)
	if err != nil {
		t.Fatal(err)
	}
	w.workSplits()
	back := merchantapi.NewSplitReturn{Receiver: "U1", AmountMinor: 1}
	for merchant, want := range map[string]string{"M02": "E-6416", "M03": "E-6411"} {
		c := w.client(merchant)
		_, err1 := c.SplitOf(t.Context(), s.SplitNo)
		_, err2 := c.ReturnSplit(t.Context(), "back-other-1", s.SplitNo, back)
		_, err3 := c.ReleaseRest(t.Context(), "release-other", "O1")
		_, err4 := c.Split(t.Context(), "split-other", "O1", one)
		if got := []string{code(err1), code(err2), code(err3), code(err4)}; !slices.Equal(got, []string{want, want, want, want}) {
			t.Errorf("%s: %v", merchant, got)
		}
	}
}

// Sixty-four clients return the same share: never more than was received.
func TestSplit_RacingReturns(t *testing.T) {
	w := newWorld(t)
	w.receivers("U1")
	w.paidOrder("M01", "O1")
	s, err := w.client("M01").Split(t.Context(), "split-O1-1", "O1", merchantapi.NewSplit{Shares: []merchantapi.NewShare{{Receiver: "U1", AmountMinor: 1000}}})
	if err != nil {
		t.Fatal(err)
	}
	w.workSplits()
	var group errgroup.Group
	for i := range 64 {
		group.Go(func() error {
			_, err := w.client("M01").ReturnSplit(t.Context(), fmt.Sprintf("back-%06d", i), s.SplitNo, merchantapi.NewSplitReturn{Receiver: "U1", AmountMinor: 100})
			if err != nil && code(err) != "E-6419" {
				return err
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	if s, err = w.client("M01").SplitOf(t.Context(), s.SplitNo); err != nil || s.ReturnedMinor != 1000 || s.Shares[0].ReturnedMinor != 1000 {
		t.Errorf("%+v, %v", s, err)
	}
}
