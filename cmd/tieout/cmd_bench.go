package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"runtime/trace"
	"strconv"
	"strings"
	"time"

	"tieout/internal/bizday"
	"tieout/internal/fault"
	"tieout/internal/pipeline"
	"tieout/schemas"
)

// benchCmd measures the program on the machine that it runs on.
type benchCmd struct {
	Core  benchCoreCmd  `cmd:"" help:"Take payments from many clients at once, each step on disk before it is answered."`
	Night benchNightCmd `cmd:"" help:"Write a synthetic night, compare it as tieout compare does, and show what each step took."`
}

// benchNightCmd writes a night and compares its two sides.
type benchNightCmd struct {
	Rows    int64  `default:"1000000" help:"Payments of the night; one in twenty is refunded."`
	Channel string `default:"wechat" enum:"wechat,alipay,unionpay,bankdemo" help:"Whose layout the statement has: wechat, alipay, unionpay or bankdemo."`
	Skew    string `default:"" enum:",merchant,amounts,prefix,duplicates" help:"What the night has too much of: merchant, amounts, prefix or duplicates."`
	Keep    string `placeholder:"DIR" help:"Folder that keeps the files, the truth and the reports; default: a temporary one that is removed."`
	Trace   string `placeholder:"FILE" help:"Write an execution trace for go tool trace; each step is a task in it."`
}

// benchDate is the bill date of every night.
var benchDate = bizday.Make(2026, 11, 20)

// Run is called by kong.
func (c *benchNightCmd) Run(a *app) error {
	dir, remove, err := c.folder()
	if err != nil {
		return err
	}
	defer remove()
	stop, err := c.trace()
	if err != nil {
		return err
	}
	m := newMeter(a.now)
	result, err := c.night(a, dir, m)
	if err := cmp.Or(err, stop()); err != nil {
		return err
	}
	switch {
	case a.cli.JSON:
		err = a.printJSON(result)
	case !a.cli.Quiet:
		err = result.print(a)
	}
	if err != nil {
		return err
	}
	if limit := int64(a.cli.Memory); result.Peak > limit {
		return fault.New("E-7003", fault.V{"peak": result.Peak, "limit": limit}, nil)
	}
	return nil
}

// night writes, compares and checks.
func (c *benchNightCmd) night(a *app, dir string, m *meter) (*benchResult, error) {
	compare := compareCmd{Channel: c.Channel, Out: filepath.Join(dir, "out")}
	def, err := compare.definition()
	if err != nil {
		return nil, err
	}
	m.Begin(stepWrite)
	files, truth, err := writeNight(a.ctx, dir, c.Channel, c.Skew, c.Rows, benchDate, def.Day())
	if err != nil {
		return nil, err
	}
	m.End(stepWrite, nil)
	runtime.GC() // what follows starts as a process of its own would
	debug.FreeOSMemory()
	compare.Statement, compare.Local = []string{files.Statement}, files.Local
	w, err := compare.compare(a, m)
	if err != nil {
		return nil, err
	}
	if w.failed != nil {
		return nil, w.failed
	}
	if err := checkTruth(truth, w.report.Totals); err != nil {
		return nil, err
	}
	a.result = resultLine{Date: benchDate.String(), Channel: c.Channel, Changed: "none"}
	return c.result(dir, files, w, m)
}

// folder makes the folder of the night; remove leaves what is to be kept.
func (c *benchNightCmd) folder() (dir string, remove func(), err error) {
	if c.Keep != "" {
		if err := os.MkdirAll(c.Keep, 0o700); err != nil {
			return "", nil, fault.New("E-4101", fault.V{"path": c.Keep, "reason": err.Error()}, err)
		}
		return c.Keep, func() {}, nil
	}
	dir, err = os.MkdirTemp("", "tieout-night-*")
	if err != nil {
		return "", nil, fault.New("E-4101", fault.V{"path": os.TempDir(), "reason": err.Error()}, err)
	}
	return dir, func() { os.RemoveAll(dir) }, nil
}

// trace starts the execution trace if one is asked for.
func (c *benchNightCmd) trace() (stop func() error, err error) {
	if c.Trace == "" {
		return func() error { return nil }, nil
	}
	f, err := os.Create(c.Trace)
	if err == nil {
		err = trace.Start(f)
	}
	if err != nil {
		return nil, fault.New("E-4101", fault.V{"path": c.Trace, "reason": err.Error()}, err)
	}
	return func() error {
		trace.Stop()
		if err := f.Close(); err != nil {
			return fault.New("E-4101", fault.V{"path": c.Trace, "reason": err.Error()}, err)
		}
		return nil
	}, nil
}

// benchResult is what a night took; --json prints it.
type benchResult struct {
	Channel  string               `json:"channel"`
	Skew     string               `json:"skew,omitempty"`
	Machine  machine              `json:"machine"`
	Rows     [2]int64             `json:"rows"` // of the statement, of ours
	Steps    []benchStep          `json:"steps"`
	Wall     time.Duration        `json:"wall_ns"` // of all steps but writing the night
	CPU      time.Duration        `json:"cpu_ns"`
	Peak     int64                `json:"peak_bytes"`
	Files    []schemas.FileUsed   `json:"files"`
	Totals   []schemas.ClassTotal `json:"totals"`
	Verdict  schemas.Verdict      `json:"verdict"`
	Unproven int                  `json:"unproven"` // proofs that do not hold
}

// benchStep is what one step took, and what went through it. Steps that overlap
// are one: a process does not tell whose time it was.
type benchStep struct {
	Name  string        `json:"name"`
	Wall  time.Duration `json:"wall_ns"`
	CPU   time.Duration `json:"cpu_ns"`
	Rows  int64         `json:"rows"`
	Bytes int64         `json:"bytes"`
	Peak  int64         `json:"peak_bytes"` // of the process so far
}

func (c *benchNightCmd) result(dir string, files nightFiles, w *comparison, m *meter) (*benchResult, error) {
	r := &benchResult{Channel: c.Channel, Skew: c.Skew, Machine: thisMachine(), Rows: [2]int64{files.StatementRows, files.LocalRows}, Totals: w.report.Totals, Verdict: w.report.Verdict}
	size := map[string]int64{}
	for _, path := range []string{files.Statement, files.Local, filepath.Join(w.dir, "statement.parquet"), filepath.Join(w.dir, "local.parquet"), filepath.Join(w.dir, "outcomes.parquet")} {
		info, err := os.Stat(path)
		if err != nil {
			return nil, fault.New("E-4101", fault.V{"path": path, "reason": err.Error()}, err)
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return nil, fmt.Errorf("name %s: %w", path, err)
		}
		size[filepath.Base(path)] = info.Size()
		r.Files = append(r.Files, schemas.FileUsed{Name: name, Size: info.Size()})
	}
	both := files.StatementRows + files.LocalRows
	through := map[string][2]int64{ // rows and bytes that go into a step
		stepWrite:               {both, files.StatementBytes + files.LocalBytes},
		stepOpen:                {files.StatementRows, size[filepath.Base(files.Statement)]},
		pipeline.StageNormalize: {files.StatementRows, files.StatementBytes},
		pipeline.StageExport:    {files.LocalRows, files.LocalBytes},
		pipeline.StageMatch:     {both, size["statement.parquet"] + size["local.parquet"]},
	}
	for _, step := range m.taken() {
		for _, name := range strings.Split(step.Name, stepJoin) {
			step.Rows, step.Bytes = step.Rows+through[name][0], step.Bytes+through[name][1]
		}
		if step.Name != stepWrite {
			r.Wall, r.CPU = r.Wall+step.Wall, r.CPU+step.CPU
		}
		r.Peak = step.Peak
		r.Steps = append(r.Steps, step)
	}
	for _, p := range w.report.Proofs {
		if !p.OK {
			r.Unproven++
		}
	}
	return r, nil
}

func (r *benchResult) print(a *app) error {
	fmt.Fprintln(a.out, r.Machine)
	t := newTable(1, 2, 3, 4, 5, 6)
	t.add(a.tr("step", "步骤"), a.tr("wall s", "耗时 s"), "CPU s", a.tr("busy %", "核占用 %"), a.tr("rows/s", "行/s"), "MB/s", a.tr("peak MiB", "峰值 MiB"))
	all := benchStep{Name: a.tr("all but write", "合计（不含 write）"), Wall: r.Wall, CPU: r.CPU, Rows: r.Rows[0] + r.Rows[1], Peak: r.Peak}
	for _, s := range append(r.Steps, all) {
		t.add(s.Name, fmt.Sprintf("%.2f", s.Wall.Seconds()), fmt.Sprintf("%.2f", s.CPU.Seconds()),
			over(100*s.CPU.Seconds()/float64(r.Machine.Cores), s.Wall), over(float64(s.Rows), s.Wall), over(float64(s.Bytes)/1e6, s.Wall), strconv.FormatInt(s.Peak>>20, 10))
	}
	if err := t.print(a.out, "  "); err != nil {
		return err
	}
	t = newTable(1, 2)
	for _, f := range r.Files {
		rows := r.Rows[0]
		if strings.HasSuffix(f.Name, "local.csv") || strings.HasSuffix(f.Name, "local.parquet") {
			rows = r.Rows[1]
		}
		t.add(f.Name, strconv.FormatInt(f.Size, 10), fmt.Sprintf(a.tr("%.1f bytes a row", "每行 %.1f 字节"), float64(f.Size)/float64(max(rows, 1))))
	}
	if err := t.print(a.out, "  "); err != nil {
		return err
	}
	if err := printTotals(a, r.Totals); err != nil {
		return err
	}
	a.say(fmt.Sprintf("%d × %d rows of %s: every planted difference found, no other; %s", r.Rows[0], r.Rows[1], r.Channel, counted(r.Unproven, "proof")+" not holding"),
		fmt.Sprintf("%s %d × %d 行：全部植入差异均已找到，无其他差异；未通过的校验 %d 项", r.Channel, r.Rows[0], r.Rows[1], r.Unproven))
	return nil
}

// over is an amount in a second; nothing, if there was no time or no amount.
func over(amount float64, wall time.Duration) string {
	if wall <= 0 || amount == 0 {
		return ""
	}
	return strconv.FormatFloat(amount/wall.Seconds(), 'f', 0, 64)
}

// machine is what the figures depend on.
type machine struct {
	CPU    string `json:"cpu"`
	Cores  int    `json:"cores"`
	System string `json:"system"`
	Go     string `json:"go"`
}

func (m machine) String() string {
	return fmt.Sprintf("%s, %s, %s, %s", m.CPU, counted(m.Cores, "core"), m.System, m.Go)
}

func thisMachine() machine {
	m := machine{CPU: runtime.GOARCH, Cores: runtime.GOMAXPROCS(0), System: runtime.GOOS + "/" + runtime.GOARCH, Go: runtime.Version()}
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil { // not Linux: the architecture must do
		return m
	}
	for line := range strings.Lines(string(info)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
			m.CPU = fault.Safe(strings.TrimSpace(value), 80)
			break
		}
	}
	return m
}
