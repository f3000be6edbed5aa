//go:build crashpoints

package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"tieout/internal/interop"
	"tieout/internal/paycore"
	"tieout/internal/store"
)

const (
	interopKills   = 6
	interopClients = 8
	interopFunds   = 1_000_000
)

// tieout serve is killed with SIGKILL at the n-th answer that it gives to a
// clearing organisation, which asks for debits and refunds of one wallet on
// several lines, and started again. All that was acknowledged is there, the same
// number gives the same answer, and in the end everything was done once.
func TestInteropKilledUnderLoad(t *testing.T) {
	kills := interopKills
	if testing.Short() {
		kills = 2
	}
	dir, _, ask := interopSite(t)
	interopCommand(t, dir, 0, "interop", "list") // makes the database
	fundWallet(t, dir, "alice", interopFunds)
	interopCommand(t, dir, 0, "interop", "apply", "alice", "--number", "A1", "--organisation", "nucc", "--by", "chen")
	o := &callers{t: t, ask: ask, rnd: rand.New(rand.NewPCG(20, 0x6e756363))}
	for range kills {
		p := startServerAt(t, dir, serveClock())
		o.asksAgain(o.fresh)
		o.fresh = nil
		o.load(int64(1+o.rnd.IntN(60)), p)
		interopCommand(t, dir, 0, "verify")
		if t.Failed() {
			t.FailNow()
		}
	}
	stop := startServer(t, dir)
	o.asksAgain(o.calls) // what has no answer gets one now
	o.asksAgain(o.calls)
	stop()
	o.once(dir)
	interopCommand(t, dir, 0, "verify")
	interopCommand(t, dir, 0, "control", "run", "--whole")
}

// call is what the organisation asks under one number, and what it was told.
type call struct {
	kind   string
	number string
	minor  int64
	debit  *call // of a refund
	part   any
	told   *interop.Answer // nil: it does not know
}

// callers are the lines of the organisation.
type callers struct {
	t   *testing.T
	ask *interop.Client

	mu    sync.Mutex
	rnd   *rand.Rand
	calls []*call
	fresh []*call // asked since the last start
}

// next is a call that has no answer yet, one that has, a new debit, or a new
// refund of one: maybe of a failed one, or of more than is left.
func (o *callers) next() *call {
	o.mu.Lock()
	defer o.mu.Unlock()
	var c *call
	if n := len(o.calls); n > 0 {
		c = o.calls[o.rnd.IntN(n)]
	}
	switch draw := o.rnd.IntN(8); {
	case c != nil && (c.told == nil || draw == 0):
	case c != nil && draw < 4 && c.kind == interop.KindDebit:
		c = &call{kind: interop.KindRefund, number: fmt.Sprint("R", len(o.calls)), minor: 1 + o.rnd.Int64N(c.minor), debit: c}
		c.part = interop.Refund{Number: c.number, Debit: c.debit.number, AmountMinor: c.minor, Currency: "CNY"}
		o.calls = append(o.calls, c)
	default:
		payee := []string{"Noodles", "Noodles", "Noodles", "Grand Casino"}[o.rnd.IntN(4)]
		c = &call{kind: interop.KindDebit, number: fmt.Sprint("T", len(o.calls)), minor: 1 + o.rnd.Int64N(30)}
		c.part = interop.Debit{Number: c.number, Token: "tok-A1", AmountMinor: c.minor, Currency: "CNY", Payee: payee}
		o.calls = append(o.calls, c)
	}
	o.fresh = append(o.fresh, c)
	return c
}

// says asks, and compares what is said with what was said before.
func (o *callers) says(c *call) error {
	var a interop.Answer
	if err := o.ask.Ask(o.t.Context(), c.kind, c.part, &a); err != nil {
		return err
	}
	a.RefundedMinor = 0 // grows with refunds
	o.mu.Lock()
	defer o.mu.Unlock()
	if c.told != nil && *c.told != a || a.Result != interop.Success && a.Result != interop.Failed || a.Number != c.number || a.AmountMinor != c.minor {
		o.t.Errorf("%s %s was answered %+v, and now %+v", c.kind, c.number, c.told, a)
	}
	c.told = &a
	return nil
}

// asksAgain asks for everything once more, under the same numbers.
func (o *callers) asksAgain(calls []*call) {
	for _, c := range calls {
		if err := o.says(c); err != nil {
			o.t.Errorf("%s %s: %v", c.kind, c.number, err)
		}
	}
}

// load asks on all lines until the server has given so many answers, and is
// killed.
func (o *callers) load(last int64, p *serverProcess) {
	var dead atomic.Bool
	var answers atomic.Int64
	var lines sync.WaitGroup
	for range interopClients {
		lines.Go(func() {
			for bad := 0; !dead.Load(); {
				err := o.says(o.next())
				if bad++; err == nil {
					bad = 0
				}
				if bad == refusals && !dead.Load() {
					o.t.Error(err)
					dead.Store(true)
				}
				if err == nil && answers.Add(1) == last {
					dead.Store(true)
					if err := p.cmd.Process.Kill(); err != nil {
						o.t.Error(err)
					}
				}
			}
		})
	}
	lines.Wait()
	p.cmd.Process.Kill() //nolint:errcheck // it is dead already
	p.cmd.Wait()         //nolint:errcheck // it was killed
}

// once compares what the organisation was told with the books.
func (o *callers) once(dir string) {
	o.t.Helper()
	db, err := store.Open(o.t.Context(), filepath.Join(dir, "data", "tieout.db"), serveClock, false)
	if err != nil {
		o.t.Fatal(err)
	}
	defer db.Close()
	holds, ends, back := int64(interopFunds), map[string]int{}, map[string]int64{}
	debits := 0
	for _, c := range o.calls {
		ends[c.kind+" "+c.told.Result+c.told.Reason]++
		switch {
		case c.kind == interop.KindDebit:
			if debits++; c.told.Result == interop.Success {
				holds -= c.minor
			}
		case c.told.Result == interop.Success:
			holds += c.minor
			back[c.debit.number] += c.minor
		}
	}
	for _, want := range []string{"debit SUCCESS", "debit FAILEDRISK", "refund SUCCESS", "refund FAILEDDEBIT"} {
		if !testing.Short() && ends[want] == 0 {
			o.t.Errorf("nothing ended as %s: %v", want, ends)
		}
	}
	wallet, err1 := db.Account(o.t.Context(), paycore.AccountKey{Name: paycore.Wallet("alice"), Currency: "CNY"})
	list, err2 := db.Debits(o.t.Context(), "", len(o.calls)+1)
	if err := errors.Join(err1, err2); err != nil || wallet.AvailableMinor != holds || len(list) != debits {
		o.t.Fatalf("alice has %+v and %d debits, %v; the organisation was told %d and %d", wallet, len(list), err, holds, debits)
	}
	for _, d := range list {
		if d.RefundedMinor != back[d.Number] {
			o.t.Errorf("%s gave back %d, the organisation was told %d", d.Number, d.RefundedMinor, back[d.Number])
		}
	}
	o.t.Log(strings.Trim(fmt.Sprint(ends), "map[]"))
}
