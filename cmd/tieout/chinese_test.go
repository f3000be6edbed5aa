package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// unpacked writes the files of a script into a folder.
func unpacked(t *testing.T, script string) string {
	t.Helper()
	archive, err := txtar.ParseFile(filepath.Join("testdata", "script", script+".txtar"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, f := range archive.Files {
		path := filepath.Join(dir, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, f.Data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// replace writes a copy of a file with other words in it.
func replace(t *testing.T, from, to string, words ...string) {
	t.Helper()
	body, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, []byte(strings.NewReplacer(words...).Replace(string(body))), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

var (
	// fixedWords are the same in every language: what a file, a person or a
	// configuration wrote, commands, and the line for cron.
	fixedWords   = regexp.MustCompile("\"[^\"]*\"|`[^`]*`|(?m)^RESULT .*$")
	englishProse = regexp.MustCompile(`[A-Za-z]+(?: [a-z]+){2,}`)
)

// Whoever works in Chinese reads no English sentence, whatever is wrong with a
// statement, an export, a configuration or a key.
func TestChineseOutputHoldsNoEnglish(t *testing.T) {
	describe, config, compare, bank := unpacked(t, "channel_describe"), unpacked(t, "config_check"), unpacked(t, "compare"), unpacked(t, "own_bank")
	books, bill := filepath.Join(compare, "books.csv"), filepath.Join(compare, "bill.csv")
	replace(t, filepath.Join(bank, "mybank", "channel.yaml"), filepath.Join(bank, "wrong.yaml"), "type: amount", "type: amout", `cut_off: "00:00"`, `cut_off: "2500"`)
	for _, c := range []struct {
		code int
		says string
		args []string
	}{
		{21, "文件写明 CNY 88.01（8801 最小货币单位），实际 CNY 88.00", []string{"channel", "describe", filepath.Join(describe, "fen.csv")}},
		{21, "文件在此之前已结束", []string{"channel", "describe", filepath.Join(describe, "cut.csv")}},
		{21, "有非数字字符", []string{"channel", "describe", filepath.Join(describe, "rejected.csv")}},
		{24, "文件", []string{"channel", "describe", filepath.Join(describe, "error.json")}},
		{78, "必须为 1", []string{"--config", filepath.Join(config, "bad.yaml"), "config", "check"}},
		{78, "首次出现在第 2 行", []string{"--config", filepath.Join(config, "twice.yaml"), "config", "check"}},
		{78, "的类型不符", []string{"--config", filepath.Join(config, "types.yaml"), "config", "check"}},
		{78, "YAML 语法错误", []string{"--config", filepath.Join(config, "broken.yaml"), "config", "check"}},
		{78, "不是 PEM 格式的 RSA 私钥", []string{"--config", filepath.Join(config, "good.yaml"), "channel", "check"}},
		{78, "可选值：skip, id", []string{"channel", "describe", "--definition", filepath.Join(bank, "wrong.yaml"), bill}},
		{78, "不在可选值之内：alipay", []string{"--config", filepath.Join(bank, "nobody.yaml"), "config", "check"}},
		{10, "渠道已成功，我方未知", []string{"compare", "--channel", "wechat", "--statement", bill, "--local", books, "--out", filepath.Join(compare, "out")}},
		{21, "本地文件有", []string{"compare", "--channel", "wechat", "--statement", bill, "--local", filepath.Join(compare, "badrow.csv"), "--out", filepath.Join(compare, "held")}},
		{24, "缺少所需的列", []string{"compare", "--channel", "wechat", "--statement", bill, "--local", filepath.Join(compare, "columns.csv"), "--out", filepath.Join(compare, "held")}},
		{64, "没有渠道", []string{"compare", "--channel", "wechta", "--statement", bill, "--local", books}},
		{64, "未知选项", []string{"status", "--bogus"}},
		{64, "2006-01-02", []string{"channel", "describe", "--date", "soon", bill}},
	} {
		t.Run(strings.ReplaceAll(c.says, "/", "_"), func(t *testing.T) {
			got := program(append([]string{"--lang", "zh"}, c.args...)...)
			text := got.out + got.err
			if got.code != c.code || !strings.Contains(text, c.says) {
				t.Errorf("code %d, want %d with %q in:\n%s", got.code, c.code, c.says, text)
			}
			if rest := englishProse.FindString(fixedWords.ReplaceAllString(text, "")); rest != "" {
				t.Errorf("%q in:\n%s", rest, text)
			}
		})
	}
	list, err := os.ReadFile(filepath.Join(compare, "out", "differences.csv"))
	if err != nil {
		t.Fatal(err)
	}
	if text := string(list); !strings.Contains(text, "我方没有该单号") || englishProse.MatchString(text) {
		t.Errorf("differences.csv says:\n%s", text)
	}
}
