package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"strings"
)

// siteConfig is a site with one account whose statements lie in a folder, and
// whose transactions are a CSV file.
const siteConfig = `version: 1
data: data
lang: en
local: {source: csv, path: local.csv}
accounts:
  - name: wechat-main
    channel: wechat
    merchant: "1900000109"
    statements: ["TRADE:ALL"]
    fetch: {via: localdir, dir: inbox, file: "{merchant}-{yyyymmdd}.csv", marker: ok}
`

// rerun measures a whole night of a site, and the same night matched again.
func (m *measurement) rerun() error {
	tieout, err := m.build()
	if err != nil {
		return err
	}
	if err := m.synthetic(tieout); err != nil {
		return err
	}
	site := filepath.Join(m.work, "site")
	if err := m.site(site); err != nil {
		return err
	}
	var nights, reruns []result
	for n := range m.runs {
		if err := os.RemoveAll(filepath.Join(site, "data")); err != nil {
			return err
		}
		night, err := m.nightly(tieout, site, "run")
		if err != nil {
			return err
		}
		again, err := m.nightly(tieout, site, "rerun", "--from", "match")
		if err != nil {
			return err
		}
		log.Printf("run %d of %d: night %6.2f s wall %6.2f s CPU, again from match %6.2f s wall %6.2f s CPU", n+1, m.runs,
			night.wall.Seconds(), night.cpu.Seconds(), again.wall.Seconds(), again.cpu.Seconds())
		nights, reruns = append(nights, night), append(reruns, again)
	}
	night, again := median(nights), median(reruns)
	var b strings.Builder
	fmt.Fprintf(&b, "%d payments, medians of %d runs in turns on %s:\n\n| | wall s | CPU s | peak MiB |\n|---|---:|---:|---:|\n", m.rows, m.runs, machine())
	for _, line := range []struct {
		name string
		result
	}{{"tieout run", night}, {"tieout rerun --from match", again}} {
		fmt.Fprintf(&b, "| %s | %.2f | %.2f | %d |\n", line.name, line.wall.Seconds(), line.cpu.Seconds(), line.peak>>20)
	}
	fmt.Fprintf(&b, "| ÷ | %.2f | %.2f | %.2f |", again.wall.Seconds()/night.wall.Seconds(), again.cpu.Seconds()/night.cpu.Seconds(), float64(again.peak)/float64(night.peak))
	if err := m.within(night); err != nil {
		return err
	}
	return m.write("rerun", b.String())
}

// site makes the folder of a site that gets the night's files.
func (m *measurement) site(dir string) error {
	if err := os.MkdirAll(filepath.Join(dir, "inbox"), 0o700); err != nil {
		return err
	}
	inbox := filepath.Join(dir, "inbox", "1900000109-20261120.csv")
	for name, body := range map[string]string{filepath.Join(dir, "tieout.yaml"): siteConfig, inbox + ".ok": ""} {
		if err := os.WriteFile(name, []byte(body), 0o600); err != nil {
			return err
		}
	}
	for from, to := range map[string]string{"statement.csv": inbox, "local.csv": filepath.Join(dir, "local.csv")} {
		if err := copyFile(filepath.Join(m.data, from), to); err != nil {
			return err
		}
	}
	return nil
}

// nightly runs a command of the site for the night, and checks what it found.
func (m *measurement) nightly(tieout, site string, args ...string) (result, error) {
	r, err := run(tieout, append([]string{"--config", filepath.Join(site, "tieout.yaml"), "--json"}, append(args, "--date", "2026-11-20")...)...)
	if err != nil {
		return r, err
	}
	var said struct {
		Runs []struct{ Matched, Breaks, Carried int64 }
	}
	if err := json.Unmarshal(r.stdout, &said); err != nil || len(said.Runs) != 1 {
		return r, fmt.Errorf("read the answer of %s: %d runs, %w", args[0], len(said.Runs), err)
	}
	truth, err := truthOf(m.data)
	if err != nil {
		return r, err
	}
	planted := [3]int64{truth["matched"] + truth["cross_cutoff_matched"],
		truth["channel_only"] + truth["local_only"] + truth["amount_mismatch"] + truth["missed_notification"], truth["carried_forward"]}
	if x := said.Runs[0]; [3]int64{x.Matched, x.Breaks, x.Carried} != planted {
		return r, fmt.Errorf("%s: matched, differences and carried: planted %d, found %+v", args[0], planted, x)
	}
	return r, nil
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
