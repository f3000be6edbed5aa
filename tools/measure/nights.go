package main

import (
	"encoding/json"
	"fmt"
	"log"
	"strconv"
	"strings"
	"time"
)

// nightKinds are the channels, and the skews of the first.
var nightKinds = [][2]string{{"wechat", ""}, {"alipay", ""}, {"unionpay", ""}, {"bankdemo", ""},
	{"wechat", "merchant"}, {"wechat", "amounts"}, {"wechat", "prefix"}, {"wechat", "duplicates"}}

// night is what tieout bench night says of one.
type night struct {
	Rows  [2]int64
	Steps []struct {
		Name  string
		Wall  time.Duration `json:"wall_ns"`
		CPU   time.Duration `json:"cpu_ns"`
		Bytes int64
	}
	Wall time.Duration `json:"wall_ns"`
	CPU  time.Duration `json:"cpu_ns"`
	Peak int64         `json:"peak_bytes"`
}

// cpuByte is how many nanoseconds of processor time a byte of the statement
// takes, with its unpacking; where our own file is read meanwhile, a byte of
// both.
func (n *night) cpuByte() float64 {
	var cpu time.Duration
	var bytes int64
	for _, s := range n.Steps {
		switch {
		case s.Name == "open":
			cpu += s.CPU
		case strings.Contains(s.Name, "normalize"):
			cpu, bytes = cpu+s.CPU, bytes+s.Bytes
		}
	}
	if bytes == 0 {
		return 0
	}
	return float64(cpu) / float64(bytes)
}

// nights measures tieout bench night for every channel and skew, in turns, and
// writes the medians as a table.
func (m *measurement) nights() error {
	tieout, err := m.build()
	if err != nil {
		return err
	}
	all := make([][]*night, len(nightKinds))
	for n := range m.runs {
		for i, kind := range nightKinds {
			x, err := runNight(tieout, m.rows, kind)
			if err != nil {
				return err
			}
			log.Printf("run %d of %d: %-8s %-10s %6.2f s wall %6.2f s CPU %5d MiB", n+1, m.runs, kind[0], kind[1], x.Wall.Seconds(), x.CPU.Seconds(), x.Peak>>20)
			all[i] = append(all[i], x)
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d payments a night, medians of %d runs in turns on %s; ÷ is against the first line:\n\n", m.rows, m.runs, machine())
	b.WriteString("| channel | skew | wall s | CPU s | CPU ÷ | peak MiB | statement, ns of CPU a byte | speed ÷ |\n|---|---|---:|---:|---:|---:|---:|---:|\n")
	cpu := func(x *night) float64 { return x.CPU.Seconds() }
	for i, kind := range nightKinds {
		wall, peak := middle(all[i], func(x *night) float64 { return x.Wall.Seconds() }), middle(all[i], func(x *night) int64 { return x.Peak })
		fmt.Fprintf(&b, "| %s | %s | %.2f | %.2f | %.2f | %d | %.2f | %.2f |\n", kind[0], kind[1], wall, middle(all[i], cpu), middle(all[i], cpu)/middle(all[0], cpu),
			peak>>20, middle(all[i], (*night).cpuByte), middle(all[0], (*night).cpuByte)/middle(all[i], (*night).cpuByte))
	}
	return m.write("nights", strings.TrimSuffix(b.String(), "\n"))
}

func runNight(tieout string, rows int, kind [2]string) (*night, error) {
	r, err := run(tieout, "--json", "bench", "night", "--rows", strconv.Itoa(rows), "--channel", kind[0], "--skew", kind[1])
	if err != nil {
		return nil, err
	}
	n := &night{}
	if err := json.Unmarshal(r.stdout, n); err != nil {
		return nil, fmt.Errorf("read the answer of bench night: %w", err)
	}
	return n, nil
}
