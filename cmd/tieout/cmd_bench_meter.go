package main

import (
	"context"
	"runtime/trace"
	"sync"
	"time"
)

// stepWrite is writing the night; it is no step of a comparison.
const stepWrite = "write"

// stepJoin stands between the names of steps that overlapped.
const stepJoin = " ∥ "

// meter measures steps: the clock, and what the system says that the process
// used. It may be called from several goroutines.
type meter struct {
	now func() time.Time

	mu    sync.Mutex
	tasks map[string]*trace.Task // of the steps at work
	steps []benchStep
	began time.Time
	used  time.Duration
}

func newMeter(now func() time.Time) *meter {
	return &meter{now: now, tasks: map[string]*trace.Task{}}
}

// Begin implements steps. A step that begins while another is at work joins it.
func (m *meter) Begin(step string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.tasks) == 0 {
		m.steps = append(m.steps, benchStep{Name: step})
		m.began = m.now()
		m.used, _ = processUse()
	} else {
		m.steps[len(m.steps)-1].Name += stepJoin + step
	}
	_, m.tasks[step] = trace.NewTask(context.Background(), step)
}

// End implements steps.
func (m *meter) End(step string, _ map[string]int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tasks[step].End()
	if delete(m.tasks, step); len(m.tasks) > 0 {
		return
	}
	s := &m.steps[len(m.steps)-1]
	used, peak := processUse()
	s.Wall, s.CPU, s.Peak = m.now().Sub(m.began), used-m.used, peak
}

// finish implements steps.
func (m *meter) finish() {}

// taken are the steps in order.
func (m *meter) taken() []benchStep {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.steps
}
