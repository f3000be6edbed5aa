package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// contender is a program that does the night's work, with the names of the two
// Parquet files that it leaves.
type contender struct {
	name, script string
	parquet      [2]string
}

var contenders = []contender{
	{"tieout", "", [2]string{"statement.parquet", "local.parquet"}},
	{"DuckDB", "duckdb.mjs", [2]string{"statement.parquet", "local.parquet"}},
	{"ClickHouse", "clickhouse.mjs", [2]string{"ch_statement.parquet", "ch_local.parquet"}},
}

// peers measures all contenders on the same files, in turns, so that what
// disturbs one disturbs the others, and writes the medians as a table.
func (m *measurement) peers(dir string) error {
	if why := missing(dir); why != "" {
		log.Print("measure: the other engines are skipped: ", why)
		return nil
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	tieout, err := m.build()
	if err != nil {
		return err
	}
	if m.data == "" {
		if m.data, err = m.generate(dir); err != nil {
			return err
		}
	}
	if err := warm(m.data, "statement.csv", "local.csv"); err != nil {
		return err
	}
	all := make([][]result, len(contenders))
	for n := range m.runs {
		for i, c := range contenders {
			r, err := m.contend(c, tieout, dir)
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			log.Printf("run %d of %d: %-10s %6.2f s wall %6.2f s CPU %5d MiB", n+1, m.runs, c.name, r.wall.Seconds(), r.cpu.Seconds(), r.peak>>20)
			all[i] = append(all[i], r)
		}
	}
	medians := make([]result, len(all))
	for i := range all {
		medians[i] = median(all[i])
	}
	return m.write("peers "+strconv.Itoa(m.rows), m.contest(medians))
}

// missing says what of the scripts is not there, "" if nothing.
func missing(dir string) string {
	for _, name := range []string{"gen", "duckdb.mjs", "clickhouse.mjs"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			return "the folder holds no " + name
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "node_modules")); err != nil {
		return "their packages are not installed; run npm install in a copy of the folder"
	}
	if _, err := exec.LookPath("node"); err != nil {
		return "there is no node on the path"
	}
	return ""
}

// generate writes the peers' own files.
func (m *measurement) generate(dir string) (data string, err error) {
	program, data := filepath.Join(m.work, "gen"), filepath.Join(m.work, "data")
	build := exec.Command("go", "build", "-o", program, ".")
	build.Dir = filepath.Join(dir, "gen")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the generator: %w\n%s", err, out)
	}
	_, err = run(program, "-rows", strconv.Itoa(m.rows), "-out", data)
	return data, err
}

// warm reads files into the page cache.
func warm(dir string, names ...string) error {
	for _, name := range names {
		f, err := os.Open(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, f)
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
	return nil
}

func (m *measurement) contend(c contender, tieout, dir string) (result, error) {
	out := filepath.Join(m.work, "out")
	if c.script == "" {
		return compare(tieout, m.data, out)
	}
	if err := os.RemoveAll(out); err != nil {
		return result{}, err
	}
	if err := os.Mkdir(out, 0o700); err != nil {
		return result{}, err
	}
	r, err := run("node", filepath.Join(dir, c.script), m.data, out)
	if err != nil {
		return r, err
	}
	if r.parquet, err = sizes(out, c.parquet[0], c.parquet[1]); err != nil {
		return r, err
	}
	return r, m.checkCounts(r.stdout)
}

// checkCounts holds the counts that a script prints to the truth: as one list
// of pairs, or one pair a line.
func (m *measurement) checkCounts(stdout []byte) error {
	truth, err := truthOf(m.data)
	if err != nil {
		return err
	}
	text := string(bytes.TrimSpace(stdout))
	at := strings.Index(text, "[")
	if at < 0 {
		return errors.New("the script printed no counts")
	}
	if text = text[at:]; !strings.HasPrefix(text, "[[") {
		text = "[" + strings.Join(strings.Split(text, "\n"), ",") + "]"
	}
	var pairs [][2]any
	if err := json.Unmarshal([]byte(text), &pairs); err != nil {
		return fmt.Errorf("read the counts of the script: %w", err)
	}
	got := map[string]string{}
	for _, p := range pairs {
		got[fmt.Sprint(p[0])] = fmt.Sprint(p[1])
	}
	for word, class := range classes {
		if class != "MATCHED" && got[word] != strconv.FormatInt(truth[word], 10) {
			return fmt.Errorf("%s: planted %d, found %s", word, truth[word], got[word])
		}
	}
	return nil
}

// contest is the table: the medians, and tieout's share of each peer's.
func (m *measurement) contest(medians []result) string {
	var b strings.Builder
	r := medians[0]
	fmt.Fprintf(&b, "%d × %d rows, medians of %d runs in turns on %s:\n\n", r.statement, r.local, m.runs, machine())
	b.WriteString("| | wall s | CPU s | peak MiB | Parquet MB |\n|---|---:|---:|---:|---:|\n")
	for i, c := range contenders {
		x := medians[i]
		fmt.Fprintf(&b, "| %s | %.2f | %.2f | %d | %.1f |\n", c.name, x.wall.Seconds(), x.cpu.Seconds(), x.peak>>20, float64(x.parquet)/1e6)
	}
	for i, c := range contenders[1:] {
		x := medians[i+1]
		fmt.Fprintf(&b, "| tieout ÷ %s | %.2f | %.2f | %.2f | %.2f |\n", c.name, r.wall.Seconds()/x.wall.Seconds(), r.cpu.Seconds()/x.cpu.Seconds(),
			float64(r.peak)/float64(x.peak), float64(r.parquet)/float64(x.parquet))
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// machine names what the figures depend on.
func machine() string {
	cpu := "an unknown processor"
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(info)) {
			if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
				cpu = strings.TrimSpace(value)
				break
			}
		}
	}
	return fmt.Sprintf("%d cores of %s", cores(), cpu)
}
