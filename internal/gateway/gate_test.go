package gateway_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tieout/internal/gateway"
	"tieout/internal/paycore"
	"tieout/schemas"
)

// memory is books and tasks without a disk, for tests of time.
type memory struct {
	mu    sync.Mutex
	tasks map[string]gateway.Task
}

// Payment knows every payment; its account is what its number begins with.
func (m *memory) Payment(_ context.Context, no string) (*paycore.Payment, error) {
	return &paycore.Payment{PayNo: no, Account: no[:4], AmountMinor: 1, Currency: "CNY", State: paycore.Paying, CreatedAt: time.Now().UnixMicro()}, nil
}

func (m *memory) Refund(context.Context, string) (*paycore.Refund, error) { return nil, nil }

func (m *memory) Do(context.Context, ...paycore.Command) ([]paycore.Result, error) {
	return nil, errors.New("no command is expected")
}

func (m *memory) Intend(_ context.Context, t gateway.Task) (gateway.Task, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if old, ok := m.tasks[t.Number]; ok {
		return old, nil
	}
	m.tasks[t.Number] = t
	return t, nil
}

func (m *memory) ClaimTasks(_ context.Context, account string, now time.Time, lease time.Duration, limit int) ([]gateway.Task, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []gateway.Task
	for no, t := range m.tasks {
		if t.Account == account && t.State != gateway.Done && t.Next <= now.UnixMicro() && len(list) < limit {
			t.Next, t.Version = now.Add(lease).UnixMicro(), t.Version+1
			m.tasks[no] = t
			list = append(list, t)
		}
	}
	return list, nil
}

func (m *memory) SaveTask(_ context.Context, t gateway.Task) (gateway.Task, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.tasks[t.Number].Version != t.Version {
		return t, false, nil
	}
	t.Version++
	m.tasks[t.Number] = t
	return t, true, nil
}

func (m *memory) KeepPrepaid(_ context.Context, _, prepaid string) (string, error) {
	return prepaid, nil
}

func (m *memory) Follow(context.Context, map[string]time.Duration, int) (int, error) { return 0, nil }

// counted is a channel that counts calls; a sick one answers none of them.
type counted struct {
	sick  atomic.Bool
	calls atomic.Int64
	most  atomic.Int64 // under way at a time
	now   atomic.Int64
}

func (c *counted) answer(ctx context.Context) error {
	c.calls.Add(1)
	n := c.now.Add(1)
	defer c.now.Add(-1)
	for most := c.most.Load(); n > most && !c.most.CompareAndSwap(most, n); most = c.most.Load() {
	}
	if c.sick.Load() {
		<-ctx.Done()
		return fmt.Errorf("%w: %w", gateway.ErrUnknown, ctx.Err())
	}
	return nil
}

func (c *counted) Prepay(ctx context.Context, o gateway.Order) (gateway.Prepaid, error) {
	return gateway.Prepaid{CodeURL: o.PayNo}, c.answer(ctx)
}
func (c *counted) Close(ctx context.Context, _ string) error { return c.answer(ctx) }
func (c *counted) Refund(ctx context.Context, _ gateway.RefundRequest) (schemas.QueryAnswer, error) {
	return schemas.QueryAnswer{}, c.answer(ctx)
}
func (c *counted) Query(ctx context.Context, _ schemas.Kind, no, _ string, _ time.Time) (schemas.QueryAnswer, error) {
	return schemas.QueryAnswer{Key: no, Asked: true}, c.answer(ctx)
}

// One channel hangs: its callers are told at once that it takes no calls, and a
// payment at the other takes no time at all, also while the workers of the first
// are stuck.
func TestSickChannelStarvesNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sick, well := &counted{}, &counted{}
		sick.sick.Store(true)
		m := &memory{tasks: map[string]gateway.Task{}}
		desk := must(gateway.NewDesk(m, m, m, map[string]gateway.Account{"sick": {Channel: sick, Calls: 4}, "well": {Channel: well, Calls: 4}},
			gateway.Options{Now: time.Now, Call: 20 * time.Second, Lost: 5, Cool: time.Minute}))(t)
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { desk.Run(ctx) })
		begin := time.Now()
		var busy, unknown atomic.Int64
		var callers sync.WaitGroup
		for i := range 100 {
			callers.Go(func() {
				_, err := desk.Pay(ctx, fmt.Sprintf("sick%04d", i), gateway.Payer{})
				switch {
				case errors.Is(err, gateway.ErrBusy):
					busy.Add(1)
					if d := time.Since(begin); d != 0 {
						t.Errorf("told after %s that the channel takes no calls", d)
					}
				case errors.Is(err, gateway.ErrUnknown):
					unknown.Add(1)
				default:
					t.Errorf("sick: %v", err)
				}
			})
		}
		synctest.Wait()
		for i := range 100 {
			if _, err := desk.Pay(ctx, fmt.Sprintf("well%04d", i), gateway.Payer{}); err != nil {
				t.Fatal(err)
			}
		}
		if d := time.Since(begin); d != 0 {
			t.Errorf("100 payments at the other channel took %s", d)
		}
		callers.Wait()
		if unknown.Load() != 4 || busy.Load() != 96 || sick.most.Load() != 4 {
			t.Errorf("%d calls hung and %d were turned away, %d at a time", unknown.Load(), busy.Load(), sick.most.Load())
		}

		// A fifth call without an answer closes the account; after the pause one
		// is let through, and when it is answered, all are.
		_, err := desk.Pay(ctx, "sick0200", gateway.Payer{})
		if !errors.Is(err, gateway.ErrUnknown) || desk.Healthy("sick") || !desk.Healthy("well") {
			t.Errorf("%v; sick is healthy: %v, well: %v", err, desk.Healthy("sick"), desk.Healthy("well"))
		}
		before := sick.calls.Load()
		if _, err = desk.Pay(ctx, "sick0201", gateway.Payer{}); !errors.Is(err, gateway.ErrBusy) || sick.calls.Load() != before {
			t.Errorf("a closed account was called: %v", err)
		}
		sick.sick.Store(false)
		time.Sleep(80 * time.Second) // a call of the workers that began before may have hung until now, and begun another pause
		synctest.Wait()              // and they may be the ones to try
		if !desk.Healthy("sick") {
			t.Error("after the pause no payment would be sent over the account, to find out that it is well")
		}
		if _, err = desk.Pay(ctx, "sick0202", gateway.Payer{}); err != nil || !desk.Healthy("sick") {
			t.Errorf("after the pause: %v", err)
		}
		stop()
		running.Wait()
	})
}
