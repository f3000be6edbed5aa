//go:build crashpoints

package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"tieout/internal/channelsim"
	"tieout/internal/fault"
	"tieout/internal/signing"
	"tieout/internal/store"
)

const (
	powerWorlds  = 20  // sites, each with its own seed
	powerFailsIn = 100 // power failures of each, at any write or sync
	powerClients = 8
)

// The power fails under load: what was not synced is there, is gone or is torn.
// After each restart the books are proven, everything that was acknowledged is
// there, and every request gives the answer that it gave. In the end every
// effect was had once: at the channels, at the bank, in the books.
func TestSimulatedPowerFailures(t *testing.T) {
	worlds := powerWorlds
	if testing.Short() {
		worlds /= 10
	}
	var paid, fixed atomic.Int64
	t.Cleanup(func() {
		t.Logf("%d power failures in %d sites; %d batches were paid, %d fixes applied", worlds*powerFailsIn, worlds, paid.Load(), fixed.Load())
		if paid.Load() == 0 || fixed.Load() == 0 {
			t.Error("that proves nothing of them")
		}
	})
	for seed := range uint64(worlds) {
		t.Run(fmt.Sprintf("seed_%d", seed), func(t *testing.T) {
			t.Parallel()
			w := newPowerWorld(t, seed)
			for n := range powerFailsIn {
				if wrong := w.life(); len(wrong) > 0 {
					t.Fatalf("after %d power failures:\n%s", n, strings.Join(wrong, "\n"))
				}
			}
			if wrong := w.finish(); len(wrong) > 0 {
				t.Error(strings.Join(wrong, "\n"))
			}
			paid.Add(int64(len(w.operator.done)))
			fixed.Add(int64(len(w.operator.fixed)))
		})
	}
}

// The test bites: on a disk that says that it synced, and did not, acknowledged
// money is lost, and this is seen.
func TestSimulatedPowerFailures_Control(t *testing.T) {
	w := newPowerWorld(t, 1)
	w.disk.lying = true
	for range 40 {
		if wrong := w.life(); len(wrong) > 0 {
			t.Logf("seen: %s", wrong[0])
			return
		}
	}
	t.Error("a disk that does not sync was not seen")
}

// powerWorld is a site in this process, its merchant's clients, the channels,
// and the disk under its database.
type powerWorld struct {
	t        *testing.T
	rnd      *rand.Rand
	clock    *demoClock
	sim      *channelsim.Sim
	disk     *disk
	dir      string
	app      *app
	site     *site // its configuration
	web      *http.Client
	served   atomic.Pointer[served]
	round    atomic.Int64
	shoppers []*shopper
	operator *operator
}

// served is the server as one process has it.
type served struct {
	site    site
	desk    desk
	handler http.Handler
	resume  func(context.Context) (int, error)
}

// The keys of the channels take a second to make; they are the same for all.
var simKeys = sync.OnceValues(channelsim.NewKeys)

func newPowerWorld(t *testing.T, seed uint64) *powerWorld {
	t.Helper()
	w := &powerWorld{t: t, rnd: rand.New(rand.NewPCG(seed, 0x70)), clock: &demoClock{}, operator: newOperator(seed)}
	w.clock.set(serveClock())
	keys, err := simKeys()
	if err != nil {
		t.Fatal(err)
	}
	if w.sim, err = channelsim.Start(t.Context(), channelsim.Options{Now: w.clock.now, Seed: seed, Keys: keys}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.sim.Close() })
	front := httptest.NewServer(w)
	t.Cleanup(front.Close)
	transport := &http.Transport{MaxIdleConnsPerHost: powerClients}
	t.Cleanup(transport.CloseIdleConnections)
	w.web = &http.Client{Transport: transport}
	var secret signing.HMACKey
	w.dir, secret = newServeSite(t, w.sim, strings.TrimPrefix(front.URL, "http://"))
	for i := range powerClients {
		s, err := newShopper(w.sim, w.clock.now, front.URL, secret, w.web, fmt.Sprintf("W%dS%d", seed, i), seed<<8+uint64(i))
		if err != nil {
			t.Fatal(err)
		}
		w.shoppers = append(w.shoppers, s)
	}
	if err := w.configure(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.site.close)
	w.disk = newDisk(t, filepath.Join(w.dir, "data"), seed)
	t.Cleanup(w.stop)
	return w
}

// ServeHTTP is the address of the site, whether it runs or not.
func (w *powerWorld) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	if s := w.served.Load(); s != nil {
		s.handler.ServeHTTP(rw, r)
		return
	}
	rw.WriteHeader(http.StatusBadGateway)
}

// configure reads the configuration, and makes the database; both are there
// for all lives.
func (w *powerWorld) configure() error {
	a := &app{cli: &CLI{Config: filepath.Join(w.dir, "tieout.yaml")}, ctx: context.Background(), now: w.clock.now, networkOf: store.NetworkOf, out: io.Discard, err: io.Discard, lang: fault.English}
	var err error
	if w.site, err = a.open(); err != nil {
		return err
	}
	w.app = a
	return w.site.db.Close()
}

// start opens the books, and makes all that works on them, as tieout serve does.
func (w *powerWorld) start() (err error) {
	s := &served{site: *w.site}
	if s.site.db, err = store.Open(context.Background(), w.site.databasePath(), w.clock.now, false); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			s.site.db.Close()
		}
	}()
	key, err := w.site.sealKey()
	if err != nil {
		return err
	}
	s.site.db.SealWith(key)
	s.site.accounts = slices.Clone(w.site.accounts)
	for i, acct := range s.site.accounts {
		if q, ok := acct.Query.(bookedTime); ok {
			s.site.accounts[i].Query = bookedTime{q.Querier, s.site.db}
		}
	}
	core := s.site.newCore(w.clock.now)
	if s.desk, err = s.site.newDesk(w.app, core, s.site.db); err != nil {
		return err
	}
	merchants, err := s.site.newMerchantAPI(w.clock.now, core, s.desk)
	if err != nil {
		return err
	}
	s.resume = merchants.Resume
	if s.handler, err = s.site.handler(core, merchants, nil); err != nil {
		return err
	}
	w.served.Store(s)
	return nil
}

func (w *powerWorld) stop() {
	if s := w.served.Swap(nil); s != nil {
		s.site.db.Close()
	}
}

// life is from one start to the next power failure. It returns what was wrong
// after the start.
func (w *powerWorld) life() (wrong []string) {
	if err := w.start(); err != nil {
		return []string{"start: " + err.Error()}
	}
	if wrong := w.proven(func(s *shopper) []*trade { return s.look() }); len(wrong) > 0 {
		return wrong
	}
	w.disk.failAfter(1 + w.rnd.IntN([]int{60, 60, 60, 600}[w.rnd.IntN(4)]))
	ctx := context.Background()
	var load errgroup.Group
	for _, s := range w.shoppers {
		load.Go(func() error { return s.shop(ctx, w.disk.failed, w.round.Load, func() {}) })
	}
	load.Go(func() error { return w.operate(ctx) })
	if err := load.Wait(); err != nil {
		return []string{"under load: " + err.Error()}
	}
	w.stop()
	if err := w.disk.restore(); err != nil {
		return []string{"restore: " + err.Error()}
	}
	return nil
}

// operate is everything that is not a client, until the power fails.
func (w *powerWorld) operate(ctx context.Context) error {
	s := w.served.Load()
	_, err := s.resume(ctx)
	for err == nil && !w.disk.failed() {
		err = w.pass(ctx, s, 2*time.Second) // a hundred lives are over before a payer is late
	}
	if w.disk.failed() {
		return nil
	}
	return err
}

// pass lets some time pass: the desk asks, the channels tell, people work.
func (w *powerWorld) pass(ctx context.Context, s *served, d time.Duration) error {
	w.clock.set(w.clock.now().Add(d))
	w.round.Add(1)
	if _, err := w.sim.DeliverDue(ctx, w.clock.now()); err != nil {
		return err
	}
	o := w.operator
	if from := w.shoppers[o.rnd.IntN(len(w.shoppers))]; o.rnd.IntN(2) == 0 {
		if t := from.unheard(); t != nil && t.channel == channelsim.WeChat {
			o.missed(t, w.clock.now())
		}
	}
	if err := o.fix(ctx, s.site.db); err != nil {
		return err
	}
	if err := o.settle(ctx, s.site.db); err != nil {
		return err
	}
	if o.rnd.IntN(8) == 0 {
		if err := o.checkpoint(ctx, s.site.databasePath()); err != nil {
			return err
		}
	}
	_, err := s.desk.Work(ctx)
	return err
}

// proven proves the books, and that of some trades nothing was lost.
func (w *powerWorld) proven(of func(*shopper) []*trade) (wrong []string) {
	ctx := context.Background()
	db := w.served.Load().site.db
	proofs, err := db.VerifyBooks(ctx)
	if err != nil {
		return []string{"verify: " + err.Error()}
	}
	for _, p := range proofs {
		if !p.OK {
			wrong = append(wrong, fmt.Sprintf("%s: %s, want %s (%s)", p.Name, p.Got, p.Want, p.Note))
		}
	}
	for _, s := range w.shoppers {
		for _, t := range of(s) {
			wrong = append(wrong, s.kept(ctx, t)...)
		}
	}
	return append(wrong, w.operator.kept(ctx, db)...)
}

// finish lets everything end that was begun, and compares the books with the
// channels and the bank.
func (w *powerWorld) finish() (wrong []string) {
	if err := w.start(); err != nil {
		return []string{"start: " + err.Error()}
	}
	if wrong := w.proven(func(s *shopper) []*trade { return s.look() }); len(wrong) > 0 {
		return wrong
	}
	ctx := context.Background()
	served := w.served.Load()
	if _, err := served.resume(ctx); err != nil {
		return []string{err.Error()}
	}
	for range 100 {
		if err := w.pass(ctx, served, 10*time.Second); err != nil {
			return []string{err.Error()}
		}
		open := 0
		for _, s := range w.shoppers {
			n, err := s.goOn(ctx, w.round.Load())
			if err != nil {
				return []string{err.Error()}
			}
			open += n
		}
		if open == 0 {
			break
		}
	}
	for _, s := range w.shoppers {
		wrong = append(wrong, s.once()...)
	}
	wrong = append(wrong, w.operator.once(ctx, served.site.db)...)
	return append(wrong, w.proven(func(s *shopper) []*trade { return s.trades })...)
}
