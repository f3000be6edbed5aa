package main

import (
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
)

// databases are the sources of exports, and the read that each is held against.
var databases = []struct{ source, title, bare, what string }{
	{"core", "the built-in core", "bare", "a bare scan of the table by the same driver"},
	{"postgres", "PostgreSQL", "copy", "`COPY … TO` a file"},
}

// exports runs the benchmarks of exports and writes the best time of each, which
// is what the machine can do when its neighbours rest.
func (m *measurement) exports() error {
	out, err := exec.Command("go", "test", "tieout/ledgerlink", "-run", "^$", "-bench", "^BenchmarkExport(Core|SQL)$/^source=(core|postgres)",
		"-benchtime", "1x", "-count", strconv.Itoa(m.runs), "-timeout", "60m").CombinedOutput()
	if err != nil {
		return fmt.Errorf("run the benchmarks: %w\n%s", err, out)
	}
	return m.write("exports", exportTable(string(out), m.runs))
}

var benchmarkLine = regexp.MustCompile(`(?m)^Benchmark\S*/source=(\w+)/read=(\w+)/rows=(\d+)\S*\s+\d+\s+(\d+) ns/op(?:\s+(\d+) cpu-ns/row)?`)

// exportTable is the table of what go test printed. The processor time is that
// of the own process: what a server needs is not in it.
func exportTable(out string, runs int) string {
	wall, cpu, rows := map[string]float64{}, map[string]float64{}, ""
	for _, line := range benchmarkLine.FindAllStringSubmatch(out, -1) {
		key := line[1] + " " + line[2]
		less(wall, key, line[4])
		less(cpu, key, line[5])
		rows = line[3]
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s rows, the best of %d runs on %s:\n\n| from | export s | the database's own read s | ÷ | of processor time ÷ | own read |\n|---|---:|---:|---:|---:|---|\n", rows, runs, machine())
	for _, d := range databases {
		export, bare := d.source+" export", d.source+" "+d.bare
		if wall[export] == 0 || wall[bare] == 0 {
			continue
		}
		fmt.Fprintf(&b, "| %s | %.2f | %.2f | %.2f | ", d.title, wall[export]/1e9, wall[bare]/1e9, wall[export]/wall[bare])
		if cpu[bare] > 0 {
			fmt.Fprintf(&b, "%.2f ", cpu[export]/cpu[bare])
		}
		fmt.Fprintf(&b, "| %s |\n", d.what)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// less keeps the least value of a key; a text that is no number is none.
func less(all map[string]float64, key, text string) {
	if v, err := strconv.ParseFloat(text, 64); err == nil && (all[key] == 0 || v < all[key]) {
		all[key] = v
	}
}
