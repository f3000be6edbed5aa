package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"tieout/internal/fault"
	"tieout/internal/paycore"
	"tieout/internal/store"
)

// benchCoreCmd takes payments from many clients at once.
type benchCoreCmd struct {
	Store   string `default:"sqlite" enum:"sqlite" help:"Where the books are kept: sqlite."`
	Seconds int    `default:"10" help:"How long."`
	Clients int    `default:"128" help:"Clients at work at the same time; each waits for one answer before it asks again."`
	Keep    string `placeholder:"DIR" help:"Folder that keeps the database; default: a temporary one that is removed."`
}

// coreSteps are what one payment goes through; each is on disk before the next.
var coreSteps = [...]string{"create", "pay", "notify"}

// coreResult is what was reached; --json prints it.
type coreResult struct {
	Store    string        `json:"store"`
	Machine  machine       `json:"machine"`
	Clients  int           `json:"clients"`
	Wall     time.Duration `json:"wall_ns"`
	Payments int           `json:"payments"`
	Rate     float64       `json:"payments_per_second"`
	Steps    []coreStep    `json:"steps"` // the last one is all together
	Unproven int           `json:"unproven"`
}

// coreStep is how long one step took.
type coreStep struct {
	Name string        `json:"name"`
	P50  time.Duration `json:"p50_ns"`
	P99  time.Duration `json:"p99_ns"`
}

// Validate is called by kong.
func (c *benchCoreCmd) Validate() error {
	if c.Seconds < 1 || c.Clients < 1 {
		return errors.New("--seconds and --clients are above zero")
	}
	return nil
}

// Run is called by kong.
func (c *benchCoreCmd) Run(a *app) error {
	dir, remove, err := (&benchNightCmd{Keep: c.Keep}).folder()
	if err != nil {
		return err
	}
	defer remove()
	for _, old := range []string{"core.db", "core.db-wal", "core.db-shm"} {
		if err := os.Remove(filepath.Join(dir, old)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fault.New("E-4101", fault.V{"path": filepath.Join(dir, old), "reason": err.Error()}, err)
		}
	}
	db, err := store.Open(a.ctx, filepath.Join(dir, "core.db"), a.now, true)
	if err != nil {
		return err
	}
	defer db.Close()
	defer debug.SetGCPercent(debug.SetGCPercent(serverGC))
	took, wall, err := c.payments(a.ctx, paycore.New(db, paycore.Rates{"wechat": {"wechat-main": {PPM: 6000}}}, a.now))
	if err != nil {
		return err
	}
	r := &coreResult{Store: c.Store, Machine: thisMachine(), Clients: c.Clients, Wall: wall, Payments: len(took), Rate: float64(len(took)) / wall.Seconds(), Steps: stepsOf(took)}
	proofs, err := db.VerifyBooks(a.ctx)
	if err != nil {
		return err
	}
	for _, p := range proofs {
		if !p.OK {
			r.Unproven++
		}
	}
	a.result = resultLine{Changed: "none"}
	if a.cli.JSON {
		return a.printJSON(r)
	}
	return r.print(a)
}

// took is how long each step of one payment took.
type took [len(coreSteps)]time.Duration

// payments lets the clients take payments until the time is over. It is
// measured by the real clock, whatever clock the books have.
func (c *benchCoreCmd) payments(ctx context.Context, core *paycore.Core) (all []took, wall time.Duration, err error) {
	var next atomic.Int64
	each := make([][]took, c.Clients)
	begun, length := time.Now(), time.Duration(c.Seconds)*time.Second
	group, ctx := errgroup.WithContext(ctx)
	for i := range each {
		group.Go(func() error {
			for time.Since(begun) < length {
				t, err := onePayment(ctx, core, strconv.FormatInt(next.Add(1), 10))
				if err != nil {
					return err
				}
				each[i] = append(each[i], t)
			}
			return nil
		})
	}
	err = group.Wait()
	return slices.Concat(each...), time.Since(begun), err
}

// onePayment opens an order, starts a payment of it, and receives the
// notification that it is paid: order, payment, journal, log, notice to the
// merchant, and the notification itself.
func onePayment(ctx context.Context, core *paycore.Core, no string) (t took, err error) {
	merchant := "M" + no[len(no)-1:]
	order := paycore.CreateOrder{Merchant: merchant, OrderNo: "O" + no, AmountMinor: 8800, Currency: "CNY", NotifyURL: "https://merchant.example/notify"}
	pay := paycore.CreatePayment{Merchant: merchant, OrderNo: order.OrderNo, PayNo: "P" + no, Channel: "wechat", Account: "wechat-main",
		AmountMinor: order.AmountMinor, Currency: order.Currency, TradeType: "NATIVE"}
	paid := paycore.MarkPaid{PayNo: pay.PayNo, ChannelRef: "42000" + no, AmountMinor: pay.AmountMinor, Currency: pay.Currency, By: paycore.ByNotice}
	notification := paycore.Notification{Channel: pay.Channel, Account: pay.Account, ID: "N" + no, Digest: "D" + no,
		Raw: fmt.Appendf(nil, "%0800s", no), ReceivedAt: time.Now().UnixMicro()} // as long as a channel's
	at := time.Now()
	for i, step := range [len(coreSteps)]func() (paycore.Effect, error){
		func() (paycore.Effect, error) { return doOne(ctx, core, order) },
		func() (paycore.Effect, error) { return doOne(ctx, core, pay) },
		func() (paycore.Effect, error) {
			r, err := core.Receive(ctx, notification, paid)
			return r.Effect, err
		},
	} {
		effect, err := step()
		if err != nil {
			return t, err
		}
		if effect != paycore.Done {
			return t, fmt.Errorf("%s of payment %s: %s", coreSteps[i], no, effect)
		}
		end := time.Now()
		t[i], at = end.Sub(at), end
	}
	return t, nil
}

func doOne(ctx context.Context, core *paycore.Core, c paycore.Command) (paycore.Effect, error) {
	r, err := core.Do(ctx, c)
	if err != nil {
		return "", err
	}
	return r[0].Effect, nil
}

// stepsOf finds the percentiles of each step, and of all together.
func stepsOf(all []took) []coreStep {
	var steps []coreStep
	for i, name := range coreSteps {
		steps = append(steps, percentiles(name, all, func(t took) time.Duration { return t[i] }))
	}
	return append(steps, percentiles("all", all, func(t took) (sum time.Duration) {
		for _, d := range t {
			sum += d
		}
		return sum
	}))
}

func percentiles(name string, all []took, of func(took) time.Duration) coreStep {
	if len(all) == 0 {
		return coreStep{Name: name}
	}
	sorted := make([]time.Duration, len(all))
	for i, t := range all {
		sorted[i] = of(t)
	}
	slices.Sort(sorted)
	return coreStep{Name: name, P50: sorted[len(sorted)/2], P99: sorted[len(sorted)*99/100]}
}

func (r *coreResult) print(a *app) error {
	fmt.Fprintln(a.out, r.Machine)
	t := newTable(1, 2)
	t.add(a.tr("step", "步骤"), "p50 ms", "p99 ms")
	ms := func(d time.Duration) string { return strconv.FormatFloat(float64(d)/1e6, 'f', 1, 64) }
	for _, s := range r.Steps {
		t.add(s.Name, ms(s.P50), ms(s.P99))
	}
	if err := t.print(a.out, "  "); err != nil {
		return err
	}
	a.say(fmt.Sprintf("%.0f payments/s: %d in %.1f s by %d clients on %s, each step on disk before it was answered; %s", r.Rate, r.Payments, r.Wall.Seconds(), r.Clients, r.Store, counted(r.Unproven, "proof")+" not holding"),
		fmt.Sprintf("每秒 %.0f 笔：%d 个客户端在 %.1f 秒内完成 %d 笔（%s），每一步均在落盘后才应答；未通过的校验 %d 项", r.Rate, r.Clients, r.Wall.Seconds(), r.Payments, r.Store, r.Unproven))
	return nil
}
