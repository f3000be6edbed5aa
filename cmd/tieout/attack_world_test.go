package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tieout/internal/money"
	"tieout/internal/store"
)

// shop is a small merchant whose statements come into a folder and whose books
// are CSV files: everything that an attacker can write is in a text of theirs.
type shop struct {
	dir  string
	rows []billRow
	own  []string // lines of our export
}

// billRow is one payment in a WeChat bill; amount in fen.
type billRow struct {
	order, product, packet string
	amount                 int64
	unbooked               bool // our books do not have it
}

const shopDate = "2025-11-20"

// afternoon is the clock: the day after the bill date, in Shanghai.
func afternoon() time.Time { return time.Date(2025, 11, 21, 4, 0, 0, 0, time.UTC) }

func newShop(t *testing.T, rows ...billRow) *shop {
	t.Helper()
	s := &shop{dir: t.TempDir(), rows: rows}
	for _, dir := range []string{"in", "export", "secrets"} {
		if err := os.Mkdir(filepath.Join(s.dir, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	s.write(t, "in/bill_20251120.csv", s.bill(t))
	s.write(t, "in/bill_20251120.csv.ok", nil)
	s.write(t, "export/wechat-main-2025-11-20.csv", s.export())
	s.write(t, "tieout.yaml", []byte(`version: 1
data: ./data
lang: zh
local: {source: csv, path: "./export/{account}-{date}.csv"}
accounts:
  - name: wechat-main
    channel: wechat
    merchant: "1900000109"
    statements: ["TRADE:ALL"]
    fetch: {via: localdir, dir: `+filepath.Join(s.dir, "in")+`, file: "bill_{yyyymmdd}.csv", marker: ok}
`))
	return s
}

func (s *shop) write(t *testing.T, name string, body []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), body, 0o600); err != nil {
		t.Fatal(err)
	}
}

// bill writes the statement, in the header of the channel's own sample.
func (s *shop) bill(t *testing.T) []byte {
	t.Helper()
	sample, err := os.ReadFile(filepath.Join("..", "..", "schemas", "channels", "wechat", "testdata", "raw", "all-current.csv"))
	if err != nil {
		t.Fatal(err)
	}
	header, rest, _ := bytes.Cut(sample, []byte("\r\n"))
	_, rest, _ = bytes.Cut(rest, []byte("\n总"))
	labels, _, found := bytes.Cut(rest, []byte("\r\n"))
	if !found {
		t.Fatal("the sample has no summary")
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\r\n", header)
	var sum, fees int64
	for i, r := range s.rows {
		yuan, fee := money.FormatScaled(r.amount, 2), r.amount*6 // 0.6 %, in 1e-5 yuan
		sum, fees = sum+r.amount, fees+fee
		cells := []string{"2025-11-20 09:00:01", "wx1", "1900000109", "0", "", fmt.Sprintf("4200001820251120%012d", i), r.order, "o1", "JSAPI", "SUCCESS", "OTHERS", "CNY",
			yuan, "0.00", "0", "0", "0.00", "0.00", "", "", r.product, r.packet, money.FormatScaled(fee, 5), "0.60%", yuan, "0.00", ""}
		b.WriteString("`" + strings.Join(cells, ",`") + "\r\n")
	}
	fmt.Fprintf(&b, "总%s\r\n`%d,`%s,`0.00,`0.00,`%s,`%s,`0.00\r\n", labels, len(s.rows), money.FormatScaled(sum, 2), money.FormatScaled(fees, 5), money.FormatScaled(sum, 2))
	return b.Bytes()
}

// export writes our side in the documented layout.
func (s *shop) export() []byte {
	var b bytes.Buffer
	b.WriteString("kind,order_no,refund_no,channel_txn_id,status,amount_minor,currency,fee_minor,created_at,completed_at\n")
	for i, r := range s.rows {
		if !r.unbooked {
			fmt.Fprintf(&b, "payment,%s,,4200001820251120%012d,SUCCESS,%d,CNY,%d,2025-11-20T01:00:00Z,2025-11-20T01:00:00Z\n", r.order, i, r.amount, (r.amount*6+500)/1000)
		}
	}
	for _, line := range s.own {
		b.WriteString(line + "\n")
	}
	return b.Bytes()
}

// said is what one command printed and how it ended.
type said struct {
	code     int
	out, err string
}

// program runs a command as main does, within the test.
func program(args ...string) said {
	var out, errs bytes.Buffer
	code := run(args, strings.NewReader(""), &out, &errs, afternoon, store.NetworkOf)
	return said{code, out.String(), errs.String()}
}

func (s *shop) tieout(args ...string) said {
	return program(append([]string{"--config", filepath.Join(s.dir, "tieout.yaml")}, args...)...)
}

// compare runs compare over the shop's two files into the folder out.
func (s *shop) compare(lang string) said {
	return program("compare", "--lang", lang, "--channel", "wechat", "--statement", filepath.Join(s.dir, "in", "bill_20251120.csv"),
		"--local", filepath.Join(s.dir, "export", "wechat-main-2025-11-20.csv"), "--out", filepath.Join(s.dir, "out"))
}

// files reads every file below a folder, by its path there.
func files(t *testing.T, root string) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		body, err := os.ReadFile(path)
		name, _ := filepath.Rel(root, path)
		all[name] = body
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
