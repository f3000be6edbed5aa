package settlement

import (
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"tieout/internal/money"
	"tieout/internal/paycore"
)

// Of all pairs of states the documents take these moves, and no other.
func TestSplit_Moves(t *testing.T) {
	states := []SplitState{SplitProcessing, SplitFinished, SplitPending, SplitSuccess, SplitClosed, SplitHeld, SplitReleased}
	for _, c := range []struct {
		moves map[splitMove]bool
		want  string
	}{
		{splitMoves, "PROCESSING>FINISHED "}, {shareMoves, "PENDING>SUCCESS PENDING>CLOSED "},
		{returnMoves, "PROCESSING>SUCCESS PROCESSING>CLOSED "}, {holdMoves, "HELD>RELEASED "},
	} {
		got := ""
		for _, from := range states {
			for _, to := range states {
				state := from
				if err := step(&state, to, c.moves); (err == nil) != (state == to && from != to) {
					t.Errorf("%s to %s: %v, then %s", from, to, err, state)
				} else if err == nil {
					got += string(from) + ">" + string(to) + " "
				}
			}
		}
		if got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}

// What may be split never exceeds the ceiling, nor what is left after the fee.
func TestSplit_Limit(t *testing.T) {
	for _, c := range []struct{ paid, fee, ppm, want int64 }{
		{10000, 100, 300_000, 3000}, {9999, 0, 300_000, 2999}, {10000, 100, 1_000_000, 9900}, {100, 100, 300_000, 0}, {100, 101, 300_000, 0},
		{0, 0, 300_000, 0}, {-5, 0, 300_000, 0}, {10000, 0, 0, 0}, {1 << 62, 0, 1_000_000, 1 << 62},
	} {
		if got := (SplitFunds{PaidMinor: c.paid, FeeMinor: c.fee}).Limit(c.ppm); got != c.want {
			t.Errorf("%+v: got %d", c, got)
		}
	}
	rapid.Check(t, func(r *rapid.T) {
		f := SplitFunds{PaidMinor: rapid.Int64Range(1, 1<<62).Draw(r, "paid")}
		f.FeeMinor = rapid.Int64Range(0, f.PaidMinor).Draw(r, "fee")
		ppm := rapid.Int64Range(0, 1_000_000).Draw(r, "ppm")
		limit := f.Limit(ppm)
		above := func(minor int64) bool { // minor / paid > ppm / 10^6, exactly
			return new(big.Int).Mul(big.NewInt(minor), big.NewInt(1_000_000)).Cmp(new(big.Int).Mul(big.NewInt(f.PaidMinor), big.NewInt(ppm))) > 0
		}
		if limit < 0 || limit > f.PaidMinor-f.FeeMinor || above(limit) {
			r.Fatalf("limit %d", limit)
		}
		if limit < f.PaidMinor-f.FeeMinor && !above(limit+1) {
			r.Fatalf("limit %d is too low", limit)
		}
		f.TakenMinor = rapid.Int64Range(0, limit).Draw(r, "taken")
		more := &Split{AmountMinor: limit - f.TakenMinor, Shares: 1, Currency: "CNY"}
		if why := f.Refuses(ppm, more); why != "" && more.AmountMinor > 0 {
			r.Fatal(why)
		}
		if more.AmountMinor++; f.Refuses(ppm, more) == "" {
			r.Fatal("one more than the limit was taken")
		}
	})
}

// TestFaultB1: a sum shared among receivers by weights, and booked, is the sum
// to the last minor unit.
func TestFaultB1_RandomSplitsAddUp(t *testing.T) {
	key := func(s SplitShare) paycore.AccountKey {
		return paycore.AccountKey{Name: paycore.Wallet(s.Receiver), Currency: "CNY"}
	}
	open := &paycore.Account{Controls: paycore.Controls{TransferIn: true, Active: true}}
	shut := &paycore.Account{Controls: paycore.Controls{TransferIn: true}}
	rapid.Check(t, func(r *rapid.T) {
		amount := rapid.Int64Range(1, 1<<50).Draw(r, "amount")
		weights := rapid.SliceOfN(rapid.Int64Range(1, 1<<30), 1, 40).Draw(r, "weights")
		parts, err := money.Share(amount, weights)
		if err != nil {
			r.Fatal(err)
		}
		req := SplitRequest{Number: "S", Merchant: "M01", OrderNo: "O"}
		for i, p := range parts {
			if p > 0 {
				req.Shares = append(req.Shares, SplitShare{Receiver: string(rune('A' + i)), AmountMinor: p, State: SplitPending})
			}
		}
		s, err := req.New("CNY")
		if err != nil || s.AmountMinor != amount || req.Wrong() != "" {
			r.Fatal(s, err, req.Wrong())
		}
		gone := rapid.IntRange(0, len(req.Shares)).Draw(r, "gone")
		for i := range req.Shares {
			wallet := open
			if rapid.Bool().Draw(r, "shut") {
				wallet = shut
			}
			x := &req.Shares[i]
			if err := x.End(wallet, key(*x), i >= gone); err != nil {
				r.Fatal(err)
			}
			if err := s.Count(*x, 1); err != nil {
				r.Fatal(err)
			}
		}
		if s.State != SplitFinished || s.DoneMinor+s.ClosedMinor != amount {
			r.Fatalf("%+v", s)
		}
		entries := Shared(&s, req.Shares)
		if s.DoneMinor == 0 {
			if entries != nil {
				r.Fatalf("nothing moved, and %v is booked", entries)
			}
			return
		}
		if err := paycore.Balanced(entries); err != nil || entries[0].Minor != s.DoneMinor {
			r.Fatal(entries, err)
		}
	})
}

func TestSplit_WarnedTwice(t *testing.T) {
	h := NewHold("M01", "O1", SplitTerms{MaxPPM: 1, HoldDays: 30}, 0)
	var given []int
	for day := range 31 {
		if w := h.Warning(int64(day) * dayMicros); w != 0 {
			given, h.WarnedDays = append(given, day, w), w
		}
	}
	if len(given) != 4 || given[0] != 23 || given[1] != 7 || given[2] != 29 || given[3] != 1 {
		t.Errorf("got %v", given)
	}
	h.WarnedDays = 0
	if w := h.Warning(29 * dayMicros); w != 1 {
		t.Errorf("after a downtime: %d", w)
	}
}
