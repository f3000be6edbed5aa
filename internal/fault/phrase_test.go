package fault

import (
	"fmt"
	"io/fs"
	"regexp"
	"strings"
	"testing"
)

var named = regexp.MustCompile(`\{[a-z]+\}`)

// Each phrase has both languages, the same values in both, and says enough not
// to be taken for another one: filled with values, its English comes out as
// its own Chinese.
func TestPhrases(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range Phrases() {
		if p.EN == "" || p.ZH == "" {
			t.Errorf("%+v lacks a language", p)
		}
		if seen[p.EN] {
			t.Errorf("%q stands there twice", p.EN)
		}
		seen[p.EN] = true
		en, zh := p.EN, p.ZH
		for i, name := range named.FindAllString(p.EN, -1) {
			if !strings.Contains(p.ZH, name) {
				t.Errorf("%q: %s is not in %q", p.EN, name, p.ZH)
			}
			value := fmt.Sprint(9001 + i)
			en, zh = strings.ReplaceAll(en, name, value), strings.ReplaceAll(zh, name, value)
		}
		if extra := named.FindString(zh); extra != "" {
			t.Errorf("%q: %s is only in the Chinese", p.EN, extra)
		}
		if strings.Contains(p.EN, "}{") || len(strings.TrimSpace(named.ReplaceAllString(p.EN, ""))) < 3 {
			t.Errorf("%q says too little to be found", p.EN)
		}
		if got := Translate(Chinese, en); got != zh {
			t.Errorf("Translate(%q)\n got %s\nwant %s", en, got, zh)
		}
		if got := Translate(English, en); got != en {
			t.Errorf("in English %q became %q", en, got)
		}
	}
}

func TestTranslate(t *testing.T) {
	for in, want := range map[string]string{
		"":                               "",
		"not a phrase of ours, nor that": "not a phrase of ours, nor that",
		"12 rows":                        "12 行",
		"88.00, 12 rows":                 "88.00，12 行",
		"detail: exactly 100 times less: the unit is not the one that the channel documents (yuan, fen); last row: line 4, byte 90": "detail：恰为百分之一：单位与渠道文档不符（元、分）；最后一行：第 4 行，字节位置 90",
		"line 3: an empty amount":             "第 3 行：金额为空",
		"open /data/x.csv: permission denied": "open /data/x.csv：没有权限",
		`Only the statement has CNY 88.00 under "T1" (SUCCESS, no time given); no row of that number is in our books.`: `仅账单有 CNY 88.00（单号 "T1"）（SUCCESS，未注明时间）；我方没有该单号。`,
		// What is quoted came from a file and stays, whatever it says.
		`this line stands behind the summary: "12 rows, an empty amount"`: `汇总之后还有："12 rows, an empty amount"`,
		`"not a date", not a date`:                                        `"not a date"，不是日期`,
		`"no column x, 12 rows"`:                                          `"no column x, 12 rows"`,
	} {
		if got := Translate(Chinese, in); got != want {
			t.Errorf("Translate(%q)\n got %s\nwant %s", in, got, want)
		}
	}
}

// A text that comes with its translation keeps it on the way through a result.
func TestBoth(t *testing.T) {
	text := Text{EN: "rows of an unknown kind", ZH: "未知类型的行"}
	if en, zh := Translate(English, text.Both()), Translate(Chinese, text.Both()); en != text.EN || zh != text.ZH {
		t.Errorf("got %q and %q", en, zh)
	}
	if got := Translate(English, "a tab\tof a file"); got != "a tab\tof a file" {
		t.Errorf("a text with a tab became %q", got)
	}
	f := New("E-2431", V{"channel": "wechat", "file": "12 rows", "why": text.Both()}, nil)
	if got := f.Message(Chinese); !strings.Contains(got, text.ZH) || strings.Contains(got, text.EN) {
		t.Error(got)
	}
	if got := f.Message(English); !strings.Contains(got, text.EN) || strings.Contains(got, text.ZH) {
		t.Error(got)
	}
	if got := f.Message(Chinese); !strings.Contains(got, "12 rows") {
		t.Errorf("the name of a file was translated: %s", got)
	}
}

// A message that was kept in English comes out as if it had been made in
// Chinese, whatever row of the table it is.
func TestRetell(t *testing.T) {
	for _, row := range Table() {
		v := V{}
		for _, text := range []Text{row.What, row.Which, row.Changed, row.Do} {
			for _, name := range regexp.MustCompile(`\{([a-z0-9_]+)\}`).FindAllStringSubmatch(text.EN, -1) {
				v[name[1]] = "9" + name[1]
			}
		}
		for _, cause := range []error{nil, fs.ErrPermission, New("E-4101", V{}, nil)} {
			f := New(row.ID, v, cause)
			if got, want := Retell(Chinese, f.Message(English)), f.Message(Chinese); got != want {
				t.Errorf("%s\n got %s\nwant %s", row.ID, got, want)
			}
		}
	}
	for _, text := range []string{"", "Every row of both sides agrees.", "E-9999 no such row"} {
		if got := Retell(English, text); got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
}
