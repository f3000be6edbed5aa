//go:build crashpoints

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"tieout/internal/channelsim"
)

const (
	serverKills   = 50
	serverClients = 16
)

// tieout serve is killed with SIGKILL at the n-th answer that it gives to one
// of many clients, and started again. The books are proven each time, all that
// was acknowledged is there, every request gives the answer that it gave, and
// in the end the channels have had every effect once.
func TestServerKilledUnderLoad(t *testing.T) {
	kills := serverKills
	if testing.Short() {
		kills = 5
	}
	h := newHunted(t)
	for n := range kills {
		if wrong := h.life(t); len(wrong) > 0 {
			t.Fatalf("after %d kills:\n%s", n, strings.Join(wrong, "\n"))
		}
	}
	if wrong := h.finish(t); len(wrong) > 0 {
		t.Error(strings.Join(wrong, "\n"))
	}
}

// hunted is a site whose server is killed again and again.
type hunted struct {
	rnd      *rand.Rand
	clock    *demoClock
	sim      *channelsim.Sim
	dir      string
	web      *http.Client
	round    int64
	shoppers []*shopper
}

func newHunted(t *testing.T) *hunted {
	t.Helper()
	h := &hunted{rnd: rand.New(rand.NewPCG(50, 0x6b696c6c)), clock: &demoClock{}}
	h.clock.set(serveClock())
	var err error
	if h.sim, err = channelsim.Start(t.Context(), channelsim.Options{Now: h.clock.now, Seed: 50}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.sim.Close() })
	address := freePort(t)
	dir, secret := newServeSite(t, h.sim, address)
	h.dir = dir
	transport := &http.Transport{MaxIdleConnsPerHost: serverClients}
	t.Cleanup(transport.CloseIdleConnections)
	h.web = &http.Client{Transport: transport}
	for i := range serverClients {
		s, err := newShopper(h.sim, h.clock.now, "http://"+address, secret, h.web, fmt.Sprintf("K%d", i), 50<<8+uint64(i))
		if err != nil {
			t.Fatal(err)
		}
		h.shoppers = append(h.shoppers, s)
	}
	return h
}

// start starts the server some seconds after it ended, so that no payer is late,
// and delivers what the channels could not.
func (h *hunted) start(t *testing.T) *serverProcess {
	t.Helper()
	h.clock.set(h.clock.now().Add(20 * time.Second))
	h.round++
	h.web.CloseIdleConnections()
	p := startServerAt(t, h.dir, h.clock.now())
	if _, err := h.sim.DeliverDue(t.Context(), h.clock.now()); err != nil {
		t.Fatal(err)
	}
	return p
}

// life is from one start to the next kill.
func (h *hunted) life(t *testing.T) (wrong []string) {
	t.Helper()
	p := h.start(t)
	for _, s := range h.shoppers {
		for _, tr := range s.look() {
			wrong = append(wrong, s.kept(t.Context(), tr)...)
		}
	}
	var dead atomic.Bool
	var answers atomic.Int64
	kill := func() {
		dead.Store(true)
		if err := p.cmd.Process.Kill(); err != nil {
			t.Error(err)
		}
	}
	last := int64(h.rnd.IntN(100))
	if last == 0 || len(wrong) > 0 {
		kill()
	}
	var load errgroup.Group
	for _, s := range h.shoppers {
		load.Go(func() error {
			return s.shop(t.Context(), dead.Load, func() int64 { return h.round }, func() {
				if answers.Add(1) == last {
					kill()
				}
			})
		})
	}
	err := load.Wait()
	if !dead.Load() {
		kill()
	}
	p.cmd.Wait() //nolint:errcheck // it was killed
	if err != nil {
		wrong = append(wrong, err.Error())
	}
	return append(wrong, h.verified()...)
}

// verified is what tieout verify says of what lies on the disk.
func (h *hunted) verified() (wrong []string) {
	cmd := exec.Command("tieout", "--config", filepath.Join(h.dir, "tieout.yaml"), "verify")
	cmd.Env = append(os.Environ(), clockVariable+"="+h.clock.now().Format(time.RFC3339))
	if out, err := cmd.CombinedOutput(); err != nil {
		return []string{fmt.Sprintf("verify: %v\n%s", err, out)}
	}
	return nil
}

// finish lets everything end that was begun, and compares it with the channels.
func (h *hunted) finish(t *testing.T) (wrong []string) {
	t.Helper()
	for range 5 {
		p := h.start(t)
		open, err := h.end(t.Context())
		if err != nil {
			wrong = append(wrong, err.Error())
		}
		for _, s := range h.shoppers {
			for _, tr := range s.trades {
				wrong = append(wrong, s.kept(t.Context(), tr)...)
			}
		}
		p.stop(t)
		if open == 0 || len(wrong) > 0 {
			break
		}
	}
	for _, s := range h.shoppers {
		wrong = append(wrong, s.once()...)
	}
	return append(wrong, h.verified()...)
}

// end goes on with what is open for some seconds; a payment of which nobody
// told us may take another start.
func (h *hunted) end(ctx context.Context) (open int, err error) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for range 50 {
		h.round++
		open = 0
		for _, s := range h.shoppers {
			n, err := s.goOn(ctx, h.round)
			if err != nil {
				return open, err
			}
			open += n
		}
		if open == 0 {
			break
		}
		<-tick.C
	}
	return open, nil
}
