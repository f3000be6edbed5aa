package main

import (
	"archive/zip"
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"tieout/schemas"
	"tieout/schemas/recordfile"
)

// numbers of invented people, in the forms in which they stand in texts.
var numbersOfPeople = []string{
	"6222021234567890128", "4111 1111 1111 1111", "4111-1111-1111-1111", // cards
	"11010519491231002X",           // resident identity number
	"13812345678", "138-1234-5678", // mobile phones
	"cvv2:937", "CVC：4821", `"cvn":"739"`, // security codes
}

// Numbers of people that strangers write into texts are hidden before anything
// is kept: only the raw file, as the channel sent it, still has them.
func TestAttack36_NumbersOfPeople(t *testing.T) {
	text := "谢谢 " + strings.Join(numbersOfPeople, " 与 ")
	s := newShop(t,
		billRow{order: "A-1", product: cell(text), packet: cell(text), amount: 100},
		billRow{order: "A-2", product: cell(text), packet: cell(text), amount: 200, unbooked: true},
		billRow{order: "A 3 " + text, product: "坏", amount: 300, unbooked: true},         // a reject that shows its value
		billRow{order: "A-4", product: cell(text) + "\x00", amount: 400, unbooked: true}, // one more, in the text itself
	)
	prints := map[string]said{
		"compare":  s.compare("zh"),
		"run":      s.tieout("run", "--date", shopDate),
		"describe": program("channel", "describe", filepath.Join(s.dir, "in", "bill_20251120.csv")),
		"json":     program("--json", "channel", "describe", filepath.Join(s.dir, "in", "bill_20251120.csv")),
		"cases":    s.tieout("--json", "case", "list"),
		"explain":  s.tieout("explain", "A-2"),
		"status":   s.tieout("--json", "status", "--date", shopDate),
	}
	// A file that nobody knows shows its beginning.
	s.write(t, "unknown.csv", []byte("number,"+strings.Join(numbersOfPeople, ",")+"\r\n"))
	prints["unknown"] = program("channel", "describe", filepath.Join(s.dir, "unknown.csv"))

	for name, r := range prints {
		for _, n := range numbersOfPeople {
			if hasNumber([]byte(r.out+r.err), n) {
				t.Errorf("%s prints %s:\n%s%s", name, n, r.out, r.err)
			}
		}
	}
	for _, name := range []string{"compare", "run"} {
		if prints[name].code != 10 {
			t.Errorf("%s ends with %d:\n%s%s", name, prints[name].code, prints[name].out, prints[name].err)
		}
	}
	kept := 0
	for name, body := range files(t, s.dir) {
		switch {
		case strings.HasPrefix(name, "in/"), strings.HasPrefix(name, "data/lake/raw/"), name == "unknown.csv":
			continue // as the channel sent them
		case strings.HasSuffix(name, "records.parquet"), strings.HasSuffix(name, "statement.parquet"):
			body = texts(t, filepath.Join(s.dir, name))
			if bytes.Contains(body, []byte("622202*********0128")) {
				kept++
			}
		case strings.HasSuffix(name, ".xlsx"):
			body = unzipped(t, body)
		case strings.HasSuffix(name, "rejects.csv") && !bytes.Contains(body, []byte("622202*********0128")):
			t.Errorf("%s does not show the rejected value:\n%s", name, body)
		}
		for _, n := range numbersOfPeople {
			if hasNumber(body, n) {
				t.Errorf("%s holds %s", name, n)
			}
		}
	}
	if kept == 0 {
		t.Error("no record file shows the hidden card number: was anything read?")
	}
}

// hasNumber looks for the digits that must not be there: of a security code
// together with its word.
func hasNumber(body []byte, number string) bool {
	return bytes.Contains(body, []byte(number)) || bytes.Contains(body, []byte(strings.ReplaceAll(number, `"`, "&#34;"))) ||
		bytes.Contains(body, []byte(strings.ReplaceAll(number, `"`, `""`))) || bytes.Contains(body, []byte(strings.ReplaceAll(number, `"`, `\"`)))
}

// texts reads what a record file holds as text.
func texts(t *testing.T, path string) []byte {
	t.Helper()
	f, err := recordfile.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var b bytes.Buffer
	err = f.Read(t.Context(), recordfile.Keys|recordfile.Refs|recordfile.Wide, func(_ int64, batch *schemas.Batch) error {
		for _, column := range []schemas.Text{batch.MerchantRef, batch.RefundRef, batch.ChannelRef, batch.ChannelRefundRef, batch.StatusRaw,
			batch.TradeType, batch.Bank, batch.Product, batch.Remark} {
			b.Write(column.Bytes)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// unzipped joins the parts of a workbook.
func unzipped(t *testing.T, body []byte) []byte {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(body), int64(len(body)))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.ReadFrom(r); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}
