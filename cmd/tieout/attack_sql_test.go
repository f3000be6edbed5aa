package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// queriesMade are the only places that make the text of a query while the
// program runs, each with the reason why no value can be in it.
var queriesMade = map[string]string{
	"internal/store DB.Cases":             "the clauses of CaseFilter.query: constants and numbered placeholders",
	"internal/store books.exportRows":     "two tables of constants",
	"internal/store books.totals":         "two names of tables, constants",
	"internal/store settler.insertShares": "one statement of constants for each number of rows",
	"internal/store books.follow":         "three statements of constants",
	"internal/store DB.ListTasks":         "numbered placeholders, as many as there are states",
	"internal/store DB.SealBalances":      "a table of constants",
	"internal/store DB.ExportLocal":       "two tables of constants",
	"internal/store books.lookup":         "two tables of constants",
	"internal/store books.hits":           "the checks of internal/control: a table of constants, their names made numbered placeholders",
	"internal/store DB.VerifyBooks":       "a table of constants",
	"internal/store connection.take":      "the query that it is given, its numbered placeholders made plain ones",
	"ledgerlink SQLConfig.check":          "the queries of the configuration are looked at, not asked",
	"ledgerlink SQL.Export":               "the query of the configuration",
	"ledgerlink SQL.Lookup":               "the query of the configuration",
	"ledgerlink SQL.watermark":            "the query of the configuration",
	"ledgerlink SQL.snapshot":             "a table of constants",
	"ledgerlink SQL.rows":                 "the query of the configuration, its named parameters made placeholders",
	"ledgerlink SQL.hasFees":              "the query of the configuration, its named parameters made placeholders",
	"ledgerlink SQL.totals":               "the query of the configuration, with column names of the configuration, quoted",
}

// TestAttack12_QueriesAreConstants: what a database is asked is a constant of
// the program, or made of constants in one of a few named places; values are
// always bound.
func TestAttack12_QueriesAreConstants(t *testing.T) {
	used := map[string]bool{}
	checked := 0
	for _, pkg := range checkedPackages(t, "tieout/internal/store", "tieout/ledgerlink", "tieout/internal/paycore", "tieout/internal/pipeline", "tieout/cmd/tieout") {
		for _, f := range pkg.files {
			for _, decl := range f.Decls {
				fn, ok := decl.(*ast.FuncDecl)
				if !ok || fn.Body == nil {
					continue
				}
				where := strings.TrimPrefix(pkg.types.Path(), "tieout/") + " " + nameOf(fn)
				ast.Inspect(fn.Body, func(n ast.Node) bool {
					call, ok := n.(*ast.CallExpr)
					if !ok {
						return true
					}
					arg := queryArgument(pkg.info, call)
					if arg == nil {
						return true
					}
					checked++
					if !constantText(pkg.info, fn, arg) {
						if queriesMade[where] == "" {
							t.Errorf("%s: %s makes the text of a query: %s", pkg.fset.Position(arg.Pos()), where, types.ExprString(arg))
						}
						used[where] = true
					}
					return true
				})
			}
		}
	}
	if checked < 100 {
		t.Errorf("only %d queries were looked at", checked)
	}
	for where := range queriesMade {
		if !used[where] {
			t.Errorf("%s makes no query any more: take it off the list", where)
		}
	}
}

// constantText tells whether an expression is made of constants and of what
// the function was given as a query or as a part of one.
func constantText(info *types.Info, fn *ast.FuncDecl, e ast.Expr) bool {
	if sum, ok := e.(*ast.BinaryExpr); ok && sum.Op == token.ADD {
		return constantText(info, fn, sum.X) && constantText(info, fn, sum.Y)
	}
	return info.Types[e].Value != nil || passedOn(info, fn, e)
}

// queryArgument returns the argument for a parameter named query or where, of
// type string, as database/sql and our own wrappers call them.
func queryArgument(info *types.Info, call *ast.CallExpr) ast.Expr {
	sig, ok := info.Types[call.Fun].Type.(*types.Signature)
	if !ok {
		return nil
	}
	for i := range sig.Params().Len() {
		p := sig.Params().At(i)
		if basic, ok := p.Type().(*types.Basic); ok && isQuery(p.Name()) && basic.Kind() == types.String && i < len(call.Args) {
			return call.Args[i]
		}
	}
	return nil
}

// passedOn tells whether an argument is the function's own parameter named
// query, or a local constant in disguise: a variable that is only ever given
// constants.
func passedOn(info *types.Info, fn *ast.FuncDecl, arg ast.Expr) bool {
	id, ok := arg.(*ast.Ident)
	if !ok {
		return false
	}
	v, ok := info.Uses[id].(*types.Var)
	if !ok {
		return false
	}
	for _, field := range fn.Type.Params.List {
		for _, name := range field.Names {
			if info.Defs[name] == v {
				return isQuery(v.Name())
			}
		}
	}
	return onlyConstants(info, fn, v)
}

func isQuery(parameter string) bool { return parameter == "query" || parameter == "where" }

func onlyConstants(info *types.Info, fn *ast.FuncDecl, v *types.Var) bool {
	given, constant := 0, true
	ast.Inspect(fn.Body, func(n ast.Node) bool {
		a, ok := n.(*ast.AssignStmt)
		if !ok {
			return true
		}
		for i, left := range a.Lhs {
			id, ok := left.(*ast.Ident)
			if !ok || info.ObjectOf(id) != v {
				continue
			}
			given++
			constant = constant && len(a.Lhs) == len(a.Rhs) && info.Types[a.Rhs[min(i, len(a.Rhs)-1)]].Value != nil
		}
		return true
	})
	return given > 0 && constant
}

func nameOf(fn *ast.FuncDecl) string {
	if fn.Recv == nil {
		return fn.Name.Name
	}
	return strings.TrimPrefix(types.ExprString(fn.Recv.List[0].Type), "*") + "." + fn.Name.Name
}

// checkedPackage is a package with its types.
type checkedPackage struct {
	fset  *token.FileSet
	files []*ast.File
	types *types.Package
	info  *types.Info
}

// checkedPackages parses and type-checks packages of this module.
func checkedPackages(t *testing.T, paths ...string) []checkedPackage {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-deps", "-export", "-json=ImportPath,Dir,GoFiles,Export"}, paths...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	type listed struct {
		ImportPath, Dir, Export string
		GoFiles                 []string
	}
	exports := map[string]string{}
	var ours []listed
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		exports[p.ImportPath] = p.Export
		if slices.Contains(paths, p.ImportPath) {
			ours = append(ours, p)
		}
	}
	fset := token.NewFileSet()
	imports := importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) })
	var all []checkedPackage
	for _, p := range ours {
		c := checkedPackage{fset: fset, info: &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Uses: map[*ast.Ident]types.Object{}, Defs: map[*ast.Ident]types.Object{}}}
		for _, name := range p.GoFiles {
			f, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			c.files = append(c.files, f)
		}
		conf := types.Config{Importer: imports}
		if c.types, err = conf.Check(p.ImportPath, fset, c.files, c.info); err != nil {
			t.Fatalf("%s: %v", p.ImportPath, err)
		}
		all = append(all, c)
	}
	if len(all) != len(paths) {
		t.Fatalf("%d of %d packages", len(all), len(paths))
	}
	return all
}

// sqlTexts end a query early where a value is written into one.
var sqlTexts = []string{`'); DROP TABLE recon_case; --`, `x' OR '1'='1`, `"; DELETE FROM run; --`, `\'; UPDATE recon_case SET state='DONE'; --`, `$1`, `?`, `:account`, `%s`, "/*", "x\x00y"}

// TestAttack12_SQLInTexts: texts that are SQL come back as they went in, and
// every table is as it was.
func TestAttack12_SQLInTexts(t *testing.T) {
	var rows []billRow
	for i, text := range sqlTexts[:len(sqlTexts)-1] {
		rows = append(rows, billRow{order: fmt.Sprintf("Q-%d", i), product: cell(text), packet: cell(text), amount: int64(100 + i), unbooked: true})
	}
	s := newShop(t, append(rows, billRow{order: "Q-ok", product: "好", amount: 1})...)
	number := `Q'OR'1'='1';--`
	s.own = []string{"payment," + number + ",,42,SUCCESS,500,CNY,3,2025-11-20T01:00:00Z,2025-11-20T01:00:00Z"}
	s.write(t, "export/wechat-main-2025-11-20.csv", s.export())
	if got := s.tieout("run", "--date", shopDate); got.code != 10 {
		t.Fatalf("run ends with %d:\n%s%s", got.code, got.out, got.err)
	}
	cases := openCases(t, s)
	if want := len(rows) + 1; len(cases) != want {
		t.Fatalf("%d cases, want %d", len(cases), want)
	}
	if got := s.tieout("explain", number); got.code != 0 || !strings.Contains(got.out, number) || strings.Contains(got.out, "Q-ok") {
		t.Errorf("explain %s ends with %d:\n%s%s", number, got.code, got.out, got.err)
	}
	id := cases[0]
	for _, text := range sqlTexts[:len(sqlTexts)-1] {
		for _, args := range [][]string{
			{"case", "comment", id, text, "--by", text},
			{"case", "assign", id, text, "--by", text},
			{"case", "show", text}, {"explain", text}, {"case", "list", "--account", text}, {"case", "list", "--owner", text},
			{"case", "approve", text}, {"status", "--account", text},
		} {
			got := s.tieout(args...)
			if got.code == 70 || got.code == 40 || got.code == 42 || strings.Contains(got.err, "SQL") || strings.Contains(got.err, "syntax") {
				t.Errorf("%q: ends with %d: %s", args, got.code, got.err)
			}
		}
		got := s.tieout("--json", "case", "show", id)
		quoted, _ := json.Marshal(text)
		if !strings.Contains(got.out, string(quoted)) && !strings.Contains(got.out, text) {
			t.Errorf("the comment %q did not come back:\n%s", text, got.out)
		}
	}
	if again := openCases(t, s); !slices.Equal(again, cases) {
		t.Errorf("cases were %v and are %v", cases, again)
	}
	if got := s.tieout("verify"); got.code != 0 {
		t.Errorf("verify ends with %d:\n%s%s", got.code, got.out, got.err)
	}
}

func openCases(t *testing.T, s *shop) []string {
	t.Helper()
	got := s.tieout("--json", "case", "list")
	var list []struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal([]byte(got.out), &list); err != nil {
		t.Fatalf("case list: %v: %s%s", err, got.out, got.err)
	}
	var ids []string
	for _, c := range list {
		ids = append(ids, c.ID)
	}
	slices.Sort(ids)
	return ids
}
