// Command measure runs the program as a user would, on files that hold a known
// truth, and writes what it took between marks of the pages. It fails when
// anything else than the truth is found.
//
// One day of a million payments, into the README:
//
//	go run ./tools/measure -rows 1000000 -pages README.md,README.zh-CN.md
//
// The same files through tieout and through the SQL of other engines, in turns;
// the folder holds gen, duckdb.mjs and clickhouse.mjs, with their packages
// installed:
//
//	go run ./tools/measure -peers DIR -rows 1000000 -pages docs/benchmarks.md
//
// Nights of every channel and skew:
//
//	go run ./tools/measure -nights -rows 1000000 -pages docs/benchmarks.md
//
// A night of a whole site, and the same night matched again:
//
//	go run ./tools/measure -rerun -rows 1000000 -pages docs/benchmarks.md
//
// Exports of a million rows, beside what the databases themselves need:
//
//	go run ./tools/measure -exports -pages docs/benchmarks.md
package main

import (
	"cmp"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

func main() {
	log.SetFlags(0)
	var m measurement
	flag.IntVar(&m.rows, "rows", 1_000_000, "payments of the day")
	flag.IntVar(&m.runs, "runs", 5, "runs; the median counts")
	flag.Int64Var(&m.limit, "limit", 512<<20, "bytes of peak memory that tieout must not pass; 0: no limit")
	flag.StringVar(&m.data, "data", "", "folder with statement.csv, local.csv and truth.json; empty: make them")
	pages := flag.String("pages", "", "files to write the result into, separated by commas; empty: print only")
	peers := flag.String("peers", os.Getenv("PEERS"), "folder of the other engines' scripts; the environment variable PEERS is its default")
	nights := flag.Bool("nights", false, "measure a night of every channel and skew")
	rerun := flag.Bool("rerun", false, "measure a night of a site, and the same night matched again")
	exports := flag.Bool("exports", false, "measure exports from databases; PostgreSQL is the one that TIEOUT_TEST_POSTGRES names")
	flag.Parse()
	work, err := os.MkdirTemp("", "tieout-measure-*")
	if err != nil {
		log.Fatal("measure: ", err)
	}
	m.work, m.pages = work, strings.FieldsFunc(*pages, func(c rune) bool { return c == ',' })
	switch {
	case *nights:
		err = m.nights()
	case *exports:
		err = m.exports()
	case *rerun:
		err = m.rerun()
	case *peers != "":
		err = m.peers(*peers)
	default:
		err = m.day()
	}
	if err := cmp.Or(err, os.RemoveAll(work)); err != nil {
		log.Fatal("measure: ", err)
	}
}

// measurement is what is measured, and where.
type measurement struct {
	rows, runs int
	limit      int64
	data, work string
	pages      []string
}

// build makes the program.
func (m *measurement) build() (tieout string, err error) {
	tieout = filepath.Join(m.work, "tieout")
	if out, err := exec.Command("go", "build", "-o", tieout, "tieout/cmd/tieout").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return tieout, nil
}

// day measures tieout compare on one day, and writes a line into the READMEs.
func (m *measurement) day() error {
	tieout, err := m.build()
	if err != nil {
		return err
	}
	if err := m.synthetic(tieout); err != nil {
		return err
	}
	var all []result
	for range m.runs {
		r, err := compare(tieout, m.data, filepath.Join(m.work, "out"))
		if err != nil {
			return err
		}
		all = append(all, r)
	}
	r := median(all)
	line := fmt.Sprintf("%d × %d rows: %.1f s wall, %.1f s CPU, %d MiB peak memory on %d cores; every planted difference found, no other",
		r.statement, r.local, r.wall.Seconds(), r.cpu.Seconds(), r.peak>>20, cores())
	if err := m.within(r); err != nil {
		return err
	}
	return m.write("measured", line)
}

// synthetic makes the files of a night, if none are given.
func (m *measurement) synthetic(tieout string) error {
	if m.data != "" {
		return nil
	}
	m.data = filepath.Join(m.work, "night")
	_, err := run(tieout, "--quiet", "bench", "night", "--rows", fmt.Sprint(m.rows), "--keep", m.data)
	return err
}

// write prints a result, and puts it between the marks of a name in the pages.
func (m *measurement) write(name, text string) error {
	fmt.Println(text)
	for _, page := range m.pages {
		if err := insert(page, name, text); err != nil {
			return err
		}
	}
	return nil
}

// within holds the memory of a run to the limit.
func (m *measurement) within(r result) error {
	if m.limit > 0 && r.peak > m.limit {
		return fmt.Errorf("peak memory of %d bytes is above the limit of %d", r.peak, m.limit)
	}
	return nil
}

// median takes each figure's own median.
func median(all []result) result {
	r := all[0]
	r.wall = middle(all, func(x result) time.Duration { return x.wall })
	r.cpu = middle(all, func(x result) time.Duration { return x.cpu })
	r.peak = middle(all, func(x result) int64 { return x.peak })
	return r
}

func middle[R any, T cmp.Ordered](all []R, of func(R) T) T {
	var values []T
	for _, r := range all {
		values = append(values, of(r))
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// insert puts text between the marks of a name in a page.
func insert(file, name, text string) error {
	body, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	begin, end := "<!-- "+name+" -->", "<!-- /"+name+" -->"
	before, rest, ok := strings.Cut(string(body), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		return fmt.Errorf("%s has no marks %s … %s", file, begin, end)
	}
	return os.WriteFile(file, []byte(before+begin+"\n"+text+"\n"+end+after), 0o644)
}
