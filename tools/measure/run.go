package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

func cores() int { return runtime.GOMAXPROCS(0) }

// result is one measured run.
type result struct {
	wall, cpu        time.Duration
	peak             int64
	parquet          int64 // bytes of both record files
	statement, local int64 // rows
	stdout           []byte
}

// run runs a program to its end and measures it. Differences (exit code 10) are
// what the programs are run for.
func run(name string, args ...string) (result, error) {
	var r result
	cmd := exec.Command(name, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	began := time.Now()
	err := cmd.Run()
	r.wall = time.Since(began)
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 10) {
		return r, fmt.Errorf("%s: %w\n%s", filepath.Base(name), err, stderr.Bytes())
	}
	usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return r, errors.New("this system does not say what a process used")
	}
	r.peak = usage.Maxrss << 10
	r.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	r.stdout = stdout.Bytes()
	return r, nil
}

// compare runs tieout as a user would, and checks what it found.
func compare(tieout, data, out string) (result, error) {
	if err := os.RemoveAll(out); err != nil {
		return result{}, err
	}
	r, err := run(tieout, "compare", "--json", "--channel", "wechat", "--statement", filepath.Join(data, "statement.csv"), "--local", filepath.Join(data, "local.csv"), "--out", out)
	if err != nil {
		return r, err
	}
	if r.parquet, err = sizes(out, "statement.parquet", "local.parquet"); err != nil {
		return r, err
	}
	return r, check(data, &r)
}

func sizes(dir string, names ...string) (sum int64, err error) {
	for _, name := range names {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			return 0, err
		}
		sum += info.Size()
	}
	return sum, nil
}

// classes says in which class the words of truth.json must be counted.
var classes = map[string]string{"channel_only": "CHANNEL_ONLY", "local_only": "LOCAL_ONLY", "amount_mismatch": "AMOUNT_MISMATCH",
	"missed_notification": "STATUS_MISMATCH_LOCAL_BEHIND", "carried_forward": "LOCAL_IN_TRANSIT", "matched": "MATCHED", "cross_cutoff_matched": "MATCHED"}

func truthOf(data string) (map[string]int64, error) {
	body, err := os.ReadFile(filepath.Join(data, "truth.json"))
	if err != nil {
		return nil, err
	}
	truth := map[string]int64{}
	if err := json.Unmarshal(body, &truth); err != nil {
		return nil, fmt.Errorf("truth.json: %w", err)
	}
	return truth, nil
}

// check compares the counts with the truth: each class exactly, and no class
// that was not planted.
func check(data string, r *result) error {
	var said struct {
		Statement struct{ Rows int64 }
		Export    struct{ Rows int64 }
		Totals    []struct {
			Class    string
			Outcomes int64
		}
	}
	if err := json.Unmarshal(r.stdout, &said); err != nil {
		return fmt.Errorf("read the answer of compare: %w", err)
	}
	truth, err := truthOf(data)
	if err != nil {
		return err
	}
	want, got := map[string]int64{}, map[string]int64{}
	for word, class := range classes {
		want[class] += truth[word]
	}
	for _, t := range said.Totals {
		got[t.Class] += t.Outcomes
	}
	for class := range got {
		want[class] += 0
	}
	for class, n := range want {
		if got[class] != n {
			return fmt.Errorf("class %s: planted %d, found %d", class, n, got[class])
		}
	}
	r.statement, r.local = said.Statement.Rows, said.Export.Rows
	return nil
}
