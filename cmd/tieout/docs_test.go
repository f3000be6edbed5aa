package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"tieout/internal/fault"
	"tieout/internal/store"
	"tieout/schemas/channels"
)

// pages reads what people are told about the program.
func pages(t *testing.T) map[string]string {
	t.Helper()
	files := []string{"../../README.md", "../../README.zh-CN.md"}
	more, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	adr, err := filepath.Glob("../../docs/adr/*.md")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, f := range slices.Concat(files, more, adr) {
		body, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all[f] = string(body)
	}
	return all
}

// The runbook has one entry for each exit code, in order, and none besides.
func TestRunbook_OneEntryAnExitCode(t *testing.T) {
	body := pages(t)["../../docs/runbook.md"]
	var entries []int
	for _, m := range regexp.MustCompile(`(?m)^## (\d+)$`).FindAllStringSubmatch(body, -1) {
		code, err := strconv.Atoi(m[1])
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, code)
	}
	var want []int
	for code := range exitCodes {
		want = append(want, code)
	}
	slices.Sort(want)
	if !slices.Equal(entries, want) {
		t.Errorf("the runbook has entries %v, the program ends with %v", entries, want)
	}
}

// Every fault ends with a published code.
func TestFaults_EndWithPublishedCodes(t *testing.T) {
	for _, row := range fault.Table() {
		if _, ok := exitCodes[row.ID.Exit()]; !ok {
			t.Errorf("%s ends with %d, which the help does not list", row.ID, row.ID.Exit())
		}
	}
}

// A fault id that a page names exists, so that people who look it up find it.
func TestDocs_FaultsExist(t *testing.T) {
	known := map[string]bool{}
	for _, row := range fault.Table() {
		known[string(row.ID)] = true
	}
	for file, body := range pages(t) {
		for _, id := range regexp.MustCompile(`\bE-\d{2,5}\b`).FindAllString(body, -1) {
			if !known[id] {
				t.Errorf("%s names %s, which is not in the fault table", file, id)
			}
		}
	}
}

// commandLine finds commands in indented blocks and between back-ticks.
var commandLine = regexp.MustCompile("(?m)^ {4}(?:go run \\./cmd/|/usr/bin/time -v bin/)?tieout (-{0,2}[a-z].*)$|`tieout (-{0,2}[a-z][^`]*)`")

// Every command line of the pages is one that the program understands.
func TestDocs_CommandsAreUnderstood(t *testing.T) {
	n := 0
	for file, body := range pages(t) {
		for _, m := range commandLine.FindAllStringSubmatch(body, -1) {
			line := m[1] + m[2]
			if strings.Contains(line, "--help") || strings.Contains(line, "…") {
				continue
			}
			n++
			err := understood(shellWords(line))
			if m[2] != "" && err != nil && (strings.HasPrefix(err.Error(), "missing flags") || strings.HasPrefix(err.Error(), `expected "<`)) {
				continue // the name of a command, in a sentence
			}
			if err != nil {
				t.Errorf("%s: tieout %s: %v", file, line, err)
			}
		}
	}
	if n < 30 {
		t.Errorf("only %d command lines were found in the pages", n)
	}
}

// understood parses a command line and runs nothing. Files that a page names
// need not be there.
func understood(args []string) error {
	a := &app{cli: &CLI{}, ctx: context.Background(), now: time.Now, networkOf: store.NetworkOf, out: io.Discard, err: io.Discard}
	parser, err := kong.New(a.cli, kong.Name("tieout"), kong.Bind(a), kong.Exit(func(int) {}), kong.Writers(io.Discard, io.Discard))
	if err != nil {
		return err
	}
	if _, err = parser.Parse(args); err != nil && strings.Contains(err.Error(), "no such file") {
		return nil
	}
	return err
}

// shellWords cuts a line as a shell does, as far as the pages need it; a
// comment ends it.
func shellWords(line string) []string {
	var words []string
	for _, m := range regexp.MustCompile(`"([^"]*)"|(\S+)`).FindAllStringSubmatch(line, -1) {
		if strings.HasPrefix(m[2], "#") || m[2] == ">" || m[2] == "|" || m[2] == "&" {
			break
		}
		words = append(words, m[1]+m[2])
	}
	return words
}

// The page about definitions lists every key that a definition may have.
func TestDocs_EveryKeyOfADefinition(t *testing.T) {
	body := pages(t)["../../docs/adding-a-channel.md"]
	seen := map[reflect.Type]bool{}
	var walk func(reflect.Type)
	walk = func(typ reflect.Type) {
		for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice || typ.Kind() == reflect.Map {
			typ = typ.Elem()
		}
		if typ.Kind() != reflect.Struct || seen[typ] {
			return
		}
		seen[typ] = true
		for i := range typ.NumField() {
			key := typ.Field(i).Tag.Get("yaml")
			if key == "" {
				continue
			}
			if !regexp.MustCompile(`\b` + key + `\b`).MatchString(body) {
				t.Errorf("the page does not say what the key %s of a %s means", key, typ.Name())
			}
			walk(typ.Field(i).Type)
		}
	}
	walk(reflect.TypeFor[channels.Definition]())
}

// Links lead somewhere, and the pages speak of no machine but the reader's.
func TestDocs_LinksAndPaths(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#]+)(?:#[^)]*)?\)`)
	machine := regexp.MustCompile(`(?:^|[\s"'(])/(?:work|root|tmp)/`)
	for file, body := range pages(t) {
		for _, m := range link.FindAllStringSubmatch(body, -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(file), m[1])); err != nil {
				t.Errorf("%s links to %s, which is not there", file, m[1])
			}
		}
		if m := machine.FindString(body); m != "" {
			t.Errorf("%s holds the path %q of one machine", file, m)
		}
	}
}
