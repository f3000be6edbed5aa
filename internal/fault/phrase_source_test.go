package fault

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// speaking lists the folders whose texts reach people through results, proofs
// and values of messages. The files that are named say nothing to people.
var speaking = map[string]struct {
	errors bool // the texts of errors too: they become the reasons of messages
	silent string
}{
	"normalize":           {},
	"schemas/channels":    {errors: true},
	"match":               {},
	"resolve":             {silent: "text.go"}, // the table for maintainers
	"ledgerlink":          {errors: true, silent: "sql_dialect.go"},
	"fetchers":            {errors: true, silent: "client.go"},
	"internal/config":     {errors: true},
	"internal/signing":    {errors: true},
	"internal/unpack":     {errors: true},
	"internal/money":      {errors: true},
	"internal/paycore":    {silent: "subject.go"}, // a table in both languages
	"internal/settlement": {errors: true},
	"internal/gateway":    {errors: true},
	"internal/report":     {silent: "words.go words_rules.go listrow.go"}, // tables of their own; markup
	"internal/pipeline":   {},
	"cmd/tieout":          {silent: "help.go demo_settle.go demo_shop.go demo_traffic.go demo_truth.go demo_world.go cmd_demo.go cmd_schedule.go cmd_bench.go"}, // units and crontab are for machines
}

// apart are texts that no result shows: names in a protocol, defects of the
// program, and parts that stand-ins complete.
var apart = map[string]bool{
	"host key": true, "remote error": true, "RESULT code=7": true, "unknown host": true, "channel describe": true,
	"yaml: unmarshal errors:": true, "channel definition: 7": true, "channel definition 7: 7": true, "write biz_content of 7: 7": true,
	"tieout: core dumps cannot be switched off:": true, "parse the lines from 7 on: panic: 7": true, "defect while unpacking: 7": true, "notification not kept": true,
	"download is tried again with a fresh link":                                                                                         true,
	"alipay client: app id, partner number, private key and Alipay's public key are all needed":                                         true,
	"unionpay client: merchant number, certificate id, private key and UnionPay's certificates are all needed":                          true,
	"unionpay client: the query URL is not scheme://host/path":                                                                          true,
	"unionpay client: query URL: 7":                                                                                                     true,
	"wechat client: merchant number, certificate serial, private key and platform keys are all needed":                                  true,
	"alipay gateway: app id, keys, client, query, clock and notify URL are all needed":                                                  true,
	"unionpay gateway: merchant number, certificate id, key, certificates of 5.1.0, client, query, clock and notify URL are all needed": true,
	"wechat gateway: merchant number, app id, certificate serial, keys, client, query, clock and notify URL are all needed":             true,
	"alipay gateway: 7": true, "unionpay gateway: 7": true, "wechat gateway: 7": true, "a base URL is not scheme://host/path": true, "gateway desk: no clock is given": true, "gateway desk: the channel of account 7 voids no payments": true,
	"extra payment 7": true, "follow the log": true, "work on 7": true, "channel retry": true, "transfer return": true, "notify resend": true, "channel route": true, "ledger open": true, `Basic realm="tieout"`: true,
	"ahead of": true, "our books have": true, "the statement has": true, "our books": true, "the statement": true,
}

// standIns complete the texts that are put together from others.
var standIns = []*strings.Replacer{
	strings.NewReplacer("Only 7 7", "Only our books have 7", "7 under 7", `7 under "7"`, "7 of the channel", `"7" of the channel`, "7 did not show", "the statement did not show", "is in 7.", "is in the statement.",
		"7 for people.", "1 case waits for people.", "7 a look.", "1 warning wants a look.", "7 for the next", "1 row waits for the next",
		" A safety", "1 row waits for the next statement. A safety", "7 7 the local clock", "7 ahead of the local clock", " and 7 millionths", "7 and 7 millionths"),
	strings.NewReplacer("Only 7 7", "Only the statement has 7", "7 under 7", `7 under "7" of the channel`, "7 of the channel", `"7" of the channel`, "7 did not show", "our books did not show", "is in 7.", "is in our books.",
		"7 for people.", "7 cases wait for people.", "7 a look.", "7 warnings want a look.", "7 for the next", "7 rows wait for the next",
		" A safety", "Every row of both sides agrees. A safety", "7 7 the local clock", "7 behind the local clock", " and 7 millionths", "7 and 7 millionths"),
}

// Every text that our own code writes into a result has a translation. The
// sources are read: each text of a few English words must come out of Translate
// in Chinese, with something put where its values stand.
func TestEveryTextOfTheSourcesIsTranslated(t *testing.T) {
	found := 0
	for folder, rule := range speaking {
		err := filepath.WalkDir(filepath.Join("../..", folder), func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir() && (d.Name() == "testdata" || d.Name() == "conformance" || d.Name() == "faulty"):
				return filepath.SkipDir
			case !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
				return nil
			}
			if slices.Contains(strings.Fields(rule.silent), d.Name()) {
				return nil
			}
			files := token.NewFileSet()
			file, err := parser.ParseFile(files, path, nil, 0)
			if err != nil {
				return err
			}
			for _, text := range texts(file, rule.errors) {
				if apart[text.sample] {
					continue
				}
				for _, complete := range standIns {
					sample := complete.Replace(text.sample)
					said := Translate(Chinese, sample)
					if found++; english.MatchString(notProse.ReplaceAllString(said, "")) {
						t.Errorf("%s: %q comes out as %q", files.Position(text.at), sample, said)
					}
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if found < 300 {
		t.Fatalf("only %d texts found: the test looks at the wrong files", found)
	}
}

var (
	english  = regexp.MustCompile(`[A-Za-z]+(?: [a-z]+)+`)
	notProse = regexp.MustCompile("`[^`]*`|\"[^\"]*\"")
	verb     = regexp.MustCompile(`%%|%[-+# 0-9.]*[a-zA-Z]`)
)

type sourceText struct {
	at     token.Pos
	sample string
}

// texts returns the texts of a file, each as a whole: with the sums and the
// formats that it is part of.
func texts(file *ast.File, errors bool) []sourceText {
	var list []sourceText
	walk := func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ImportSpec, *ast.Field: // no text but tags
			return false
		case *ast.CallExpr:
			if name := called(n); unseen[name] || !errors && (name == "fmt.Errorf" || name == "errors.New") {
				return false
			}
		case ast.Expr:
			if sample, ok := sampleOf(n); ok {
				if english.MatchString(sample) {
					list = append(list, sourceText{n.Pos(), sample})
				}
				return false
			}
		}
		return true
	}
	ast.Inspect(file, walk)
	return list
}

// unseen are calls whose texts do not get into a result.
var unseen = map[string]bool{"panic": true, "a.tr": true, "a.say": true, "d.tr": true, "regexp.MustCompile": true, "strings.Contains": true, "strings.HasPrefix": true,
	"strings.TrimPrefix": true, "Info": true, "Warn": true, "Error": true, "log.Warn": true, "says": true, "template.HTML": true}

func called(c *ast.CallExpr) string {
	switch f := c.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		if x, ok := f.X.(*ast.Ident); ok {
			return x.Name + "." + f.Sel.Name
		}
		return f.Sel.Name
	}
	return ""
}

// sampleOf makes a text as it may come out: the verbs of a format and what is
// added to a literal become 7.
func sampleOf(n ast.Expr) (string, bool) {
	switch n := n.(type) {
	case *ast.BasicLit:
		if n.Kind != token.STRING {
			return "", false
		}
		s, err := strconv.Unquote(n.Value)
		return verb.ReplaceAllStringFunc(s, func(v string) string {
			if v == "%%" {
				return "%"
			}
			return "7"
		}), err == nil
	case *ast.BinaryExpr:
		if n.Op != token.ADD {
			return "", false
		}
		left, ok1 := sampleOf(n.X)
		right, ok2 := sampleOf(n.Y)
		if !ok1 {
			left = "7"
		}
		if !ok2 {
			right = "7"
		}
		return left + right, ok1 || ok2
	}
	return "", false
}
