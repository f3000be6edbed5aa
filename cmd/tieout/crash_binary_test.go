//go:build crashpoints

package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tieout/internal/paycore"
	"tieout/internal/store"
)

// buildTieout builds the program with its crash points.
func buildTieout(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "tieout")
	if out, err := exec.Command("go", "build", "-tags", "crashpoints", "-o", bin, ".").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return bin
}

// deadly is a folder with a configuration, a statement, and our books in the
// built-in core: the site of a program that gets killed.
type deadly struct {
	bin, dir string
}

const deadlyConfig = `version: 1
data: ./data
lang: en
local: {source: core}
accounts:
  - name: shop
    channel: wechat
    merchant: "1900000109"
    statements: ["TRADE:ALL"]
    fetch: {via: localdir, dir: ./in, file: "bill_{yyyymmdd}.csv", %s}
`

// newDeadly writes the folder. Our books miss one payment of the statement,
// have one that it lacks, and one with another amount: three postings to
// suspense.
func newDeadly(t *testing.T, bin, waiting string) *deadly {
	t.Helper()
	d := &deadly{bin: bin, dir: t.TempDir()}
	s := &shop{dir: d.dir, rows: []billRow{
		{order: "T1", product: "tea", amount: 8800}, {order: "T2", product: "tea", amount: 1200}, {order: "T3", product: "tea", amount: 501}}}
	for _, dir := range []string{"in", "data"} {
		if err := os.Mkdir(filepath.Join(d.dir, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	s.write(t, "in/bill_20251120.csv", s.bill(t))
	s.write(t, "in/bill_20251120.csv.ok", nil)
	s.write(t, "tieout.yaml", []byte(fmt.Sprintf(deadlyConfig, waiting)))
	d.keepBooks(t)
	return d
}

// keepBooks fills the payment core of the folder.
func (d *deadly) keepBooks(t *testing.T) {
	t.Helper()
	db, err := store.Open(context.Background(), d.database(), afternoon, true)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	at := time.Date(2025, 11, 20, 2, 0, 0, 0, time.UTC).UnixMicro()
	var commands []paycore.Command
	for no, minor := range map[string]int64{"T1": 8800, "T3": 500, "T9": 700} {
		commands = append(commands, paycore.CreatePayment{Merchant: "M01", OrderNo: "O-" + no, PayNo: no, Channel: "wechat", Account: "shop", AmountMinor: minor, Currency: "CNY", At: at},
			paycore.MarkPaid{PayNo: no, AmountMinor: minor, Currency: "CNY", PaidAt: at, By: paycore.ByAnswer})
	}
	results, err := paycore.New(db, paycore.Rates{}, afternoon).Do(context.Background(), commands...)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range results {
		if r.Effect != paycore.Done {
			t.Fatalf("%+v: %+v", commands[i], r)
		}
	}
}

func (d *deadly) database() string { return filepath.Join(d.dir, "data", "tieout.db") }

// fork is a copy of the folder as the disk holds it.
func (d *deadly) fork(t *testing.T) *deadly {
	t.Helper()
	c := &deadly{bin: d.bin, dir: filepath.Join(t.TempDir(), "site")}
	if err := os.CopyFS(c.dir, os.DirFS(d.dir)); err != nil {
		t.Fatal(err)
	}
	return c
}

// command is one call of the program; env may hold a crash point.
func (d *deadly) command(env []string, args ...string) *exec.Cmd {
	cmd := exec.Command(d.bin, args...)
	cmd.Dir = d.dir
	cmd.Env = append(os.Environ(), env...)
	return cmd
}

// run calls the program and returns its exit code, or -1 if a signal ended it.
func (d *deadly) run(t *testing.T, env []string, args ...string) (code int, out string) {
	t.Helper()
	body, err := d.command(env, args...).CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if err == nil {
		return 0, string(body)
	}
	return exit.ExitCode(), string(body)
}

// night runs the day, and dies where crash says ("name:n"; "" is nowhere).
func (d *deadly) night(t *testing.T, crash string) (code int, out string) {
	t.Helper()
	var env []string
	if crash != "" {
		env = []string{"TIEOUT_CRASH=" + crash}
	}
	return d.run(t, env, "run", "--date", shopDate)
}

// expireLeases is the minute after which a dead holder's lease ends.
func (d *deadly) expireLeases(t *testing.T) {
	t.Helper()
	d.query(t, `UPDATE lease SET expires_at = 0 RETURNING name`)
}

// query returns one text a row.
func (d *deadly) query(t *testing.T, query string) []string {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+d.database()+"?_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.Query(query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// end is what the night came to, without its times: cases, fixes, money, the
// current run, and the files of the stages that decide anything.
func (d *deadly) end(t *testing.T) string {
	t.Helper()
	var all []string
	for _, query := range []string{
		`SELECT 'run ' || run_id || ' ' || stale FROM current_run`,
		`SELECT 'attempt ' || id || ' ' || state || ' ' || verdict || ' ' || exit_code || ' ' || digest FROM run ORDER BY id`,
		`SELECT 'statement ' || version || ' ' || digest || ' ' || accepted FROM statement`,
		`SELECT 'case ' || id || ' ' || key || ' ' || state || ' ' || class || ' ' || suspend_minor || ' ' || evidence FROM recon_case ORDER BY id`,
		`SELECT 'fix ' || key || ' ' || kind || ' ' || state FROM case_fix ORDER BY key`,
		`SELECT 'in the books ' || key || ' ' || amount_minor || ' ' || txn FROM fix ORDER BY key`,
		`SELECT 'posting ' || txn || ' ' || account || ' ' || amount_minor FROM posting ORDER BY txn, leg`,
		`SELECT 'payment ' || pay_no || ' ' || state FROM payment ORDER BY pay_no`,
	} {
		all = append(all, d.query(t, query)...)
	}
	for _, stage := range []string{"normalize", "export", "match", "query", "resolve"} {
		dir := filepath.Join(d.dir, "data", "lake", "runs", shopDate, "shop", "a0001", stage)
		manifest, err := os.ReadFile(filepath.Join(dir, "manifest.json"))
		if err != nil {
			t.Error(err)
		}
		all = append(all, stage+" "+string(manifest))
	}
	return strings.Join(all, "\n")
}

// halfWritten lists what lies in the lake's folder for such files.
func (d *deadly) halfWritten(t *testing.T) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(filepath.Join(d.dir, "data", "lake", "tmp"), func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			all = append(all, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
