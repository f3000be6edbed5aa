// Command measure runs `tieout compare` on one generated day and writes the time
// and the peak memory that it took into the README, between two marks.
//
//	go run ./tools/measure -rows 1000000 -readme README.md,README.zh-CN.md
//
// With -data it measures files that are there: statement.csv (a WeChat Pay ALL
// bill), local.csv (the documented layout) and truth.json (how often each
// difference was planted). It fails when compare finds anything else than the
// truth says, or takes more memory than -limit.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	log.SetFlags(0)
	rows := flag.Int("rows", 1_000_000, "payments of the day")
	data := flag.String("data", "", "folder with statement.csv, local.csv and truth.json; empty: make them")
	readme := flag.String("readme", "", "files to write the result into, separated by commas; empty: print only")
	limit := flag.Int64("limit", 512<<20, "bytes of peak memory that must not be passed")
	runs := flag.Int("runs", 3, "runs; the median counts")
	flag.Parse()
	if err := measure(*rows, *data, *readme, *limit, *runs); err != nil {
		log.Fatal("measure: ", err)
	}
}

func measure(rows int, data, readme string, limit int64, runs int) error {
	work, err := os.MkdirTemp("", "tieout-measure-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	if data == "" {
		data = work
		if err := generate(data, rows, 1); err != nil {
			return err
		}
	}
	tieout := filepath.Join(work, "tieout")
	if out, err := exec.Command("go", "build", "-o", tieout, "tieout/cmd/tieout").CombinedOutput(); err != nil {
		return fmt.Errorf("build: %w\n%s", err, out)
	}
	var all []result
	for range runs {
		r, err := once(tieout, data, filepath.Join(work, "out"))
		if err != nil {
			return err
		}
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b result) int { return int(a.wall - b.wall) })
	r := all[len(all)/2]
	line := fmt.Sprintf("%d × %d rows: %.1f s wall, %.1f s CPU, %d MiB peak memory on %d cores; every planted difference found, no other",
		r.statement, r.local, r.wall.Seconds(), r.cpu.Seconds(), r.rss>>20, r.cores)
	fmt.Println(line)
	if r.rss > limit {
		return fmt.Errorf("peak memory of %d bytes is above the limit of %d", r.rss, limit)
	}
	for _, file := range strings.FieldsFunc(readme, func(c rune) bool { return c == ',' }) {
		if err := insert(file, line); err != nil {
			return err
		}
	}
	return nil
}

// result is one measured run.
type result struct {
	wall, cpu        time.Duration
	rss              int64
	statement, local int64
	cores            int
}

// once runs compare as a user would, and checks what it found.
func once(tieout, data, out string) (result, error) {
	var r result
	if err := os.RemoveAll(out); err != nil {
		return r, err
	}
	cmd := exec.Command(tieout, "compare", "--json", "--channel", "wechat", "--statement", filepath.Join(data, "statement.csv"), "--local", filepath.Join(data, "local.csv"), "--out", out)
	var stdout bytes.Buffer
	cmd.Stdout = &stdout
	began := time.Now()
	err := cmd.Run()
	r.wall = time.Since(began)
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 10) {
		return r, fmt.Errorf("compare: %w", err)
	}
	usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return r, errors.New("this system does not say what a process used")
	}
	r.rss = usage.Maxrss << 10
	r.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	r.cores = cores()
	return r, check(data, stdout.Bytes(), &r)
}

// classes says in which class the words of truth.json must be counted.
var classes = map[string]string{"channel_only": "CHANNEL_ONLY", "local_only": "LOCAL_ONLY", "amount_mismatch": "AMOUNT_MISMATCH",
	"missed_notification": "STATUS_MISMATCH_LOCAL_BEHIND", "carried_forward": "LOCAL_IN_TRANSIT", "matched": "MATCHED", "cross_cutoff_matched": "MATCHED"}

// check compares the counts with the truth: each class exactly, and no class
// that was not planted.
func check(data string, stdout []byte, r *result) error {
	var said struct {
		Statement struct{ Rows int64 }
		Export    struct{ Rows int64 }
		Totals    []struct {
			Class    string
			Outcomes int64
		}
	}
	if err := json.Unmarshal(stdout, &said); err != nil {
		return fmt.Errorf("read the answer of compare: %w", err)
	}
	body, err := os.ReadFile(filepath.Join(data, "truth.json"))
	if err != nil {
		return err
	}
	truth := map[string]int64{}
	if err := json.Unmarshal(body, &truth); err != nil {
		return fmt.Errorf("truth.json: %w", err)
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

// The marks between which the result stands.
const (
	markBegin = "<!-- measured -->"
	markEnd   = "<!-- /measured -->"
)

func insert(file, line string) error {
	body, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(body), markBegin)
	_, after, ok2 := strings.Cut(rest, markEnd)
	if !ok || !ok2 {
		return fmt.Errorf("%s has no marks %s … %s", file, markBegin, markEnd)
	}
	return os.WriteFile(file, []byte(before+markBegin+"\n"+line+"\n"+markEnd+after), 0o644)
}
