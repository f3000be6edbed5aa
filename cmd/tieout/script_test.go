package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"tieout/internal/store"
)

// clockVariable sets the clock of the program in scripts, versionVariable makes
// it a release. They are read here, in the test binary alone: the program that
// people get has no such switch. networkVariable is a folder that shall lie on NFS.
const (
	clockVariable   = "TIEOUT_SCRIPT_NOW"
	versionVariable = "TIEOUT_SCRIPT_VERSION"
	networkVariable = "TIEOUT_SCRIPT_NFS"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"tieout": func() {
		version = os.Getenv(versionVariable)
		os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr, scriptClock(), scriptNetwork))
	}, "corefill": corefill, "download": download})
}

// scriptClock stands still, so that the same script prints the same times.
func scriptClock() func() time.Time {
	at, err := time.Parse(time.RFC3339, os.Getenv(clockVariable))
	if err != nil {
		fmt.Fprintln(os.Stderr, clockVariable+": "+err.Error())
		os.Exit(70)
	}
	return func() time.Time { return at }
}

// scriptNetwork is store.NetworkOf where the mount of a script counts as well.
func scriptNetwork(folder string) string {
	if mount := os.Getenv(networkVariable); mount != "" {
		if inside, err := filepath.Rel(mount, folder); err == nil && filepath.IsLocal(inside) {
			return "NFS"
		}
	}
	return store.NetworkOf(folder)
}

// TestScripts runs the command line as its users do: one script a command,
// named by its first word, and one a promise, named by its number.
func TestScripts(t *testing.T) {
	samples, err := filepath.Abs(filepath.Join("..", "..", "schemas", "channels"))
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("SAMPLES", samples)
			env.Setenv(clockVariable, "2025-11-22T03:00:00Z") // 11:00 in Shanghai
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits,
			"count": countFiles,
			"flip":  flip,
		},
	})
}

// exits runs a program and demands its exit code: exits 21 tieout run. What
// holds for every run of tieout is checked here too: the RESULT line, the four
// parts of messages, no secret in what is printed.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM [ARGUMENTS]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
	if args[1] == "tieout" {
		ts.Check(wellSaid(got, ts.ReadFile("stdout"), ts.ReadFile("stderr")))
	}
}

var (
	resultShape  = regexp.MustCompile(`^RESULT code=(\d+)(?: [a-z]+=\S+)*$`)
	messageShape = regexp.MustCompile(`^E-(\d+)\d\d `)
	placeholder  = regexp.MustCompile(`\{[a-z_]+\}`)
)

// canary is in every secret of the scripts.
const canary = "canary-5f1d"

// wellSaid checks what every run must keep to, whatever it was asked.
func wellSaid(code int, stdout, stderr string) error {
	if strings.Contains(stdout+stderr, canary) {
		return errors.New("a secret was printed")
	}
	if stderr == "" && code == 0 {
		return nil // --quiet and --help
	}
	lines := strings.Split(strings.TrimSuffix(stderr, "\n"), "\n")
	m := resultShape.FindStringSubmatch(lines[len(lines)-1])
	switch {
	case m == nil:
		return fmt.Errorf("the last line of stderr is %q, not a RESULT line", lines[len(lines)-1])
	case m[1] != strconv.Itoa(code):
		return fmt.Errorf("%q, but the exit code is %d", m[0], code)
	}
	for i, line := range lines[:len(lines)-1] {
		if !messageShape.MatchString(line) {
			continue
		}
		if i+3 >= len(lines)-1 {
			return fmt.Errorf("message %q does not have four parts", line)
		}
		if err := fourParts(lines[i : i+4]); err != nil {
			return err
		}
	}
	return nil
}

// fourParts checks one message: what, which, what was changed, what to do.
func fourParts(lines []string) error {
	changed, do := [2]string{"  Changed: ", "  变更："}, [2]string{"  Do: ", "  处理："}
	lang := 0
	if strings.HasPrefix(lines[2], changed[1]) {
		lang = 1
	}
	switch {
	case !strings.HasPrefix(lines[1], "  ") || strings.TrimSpace(lines[1]) == "":
		return fmt.Errorf("message %q does not say which: %q", lines[0], lines[1])
	case len(lines[2]) <= len(changed[lang]) || !strings.HasPrefix(lines[2], changed[lang]):
		return fmt.Errorf("message %q does not say what was changed: %q", lines[0], lines[2])
	case len(lines[3]) <= len(do[lang]) || !strings.HasPrefix(lines[3], do[lang]):
		return fmt.Errorf("message %q does not say what to do: %q", lines[0], lines[3])
	}
	for _, line := range lines {
		if p := placeholder.FindString(line); p != "" {
			return fmt.Errorf("message %q has no value for %s", line, p)
		}
	}
	return nil
}

// countFiles demands how many files match a pattern: count 2 out/*.html.
func countFiles(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: count N PATTERN")
	}
	files, err := filepath.Glob(ts.MkAbs(args[1]))
	ts.Check(err)
	if strconv.Itoa(len(files)) != args[0] {
		ts.Fatalf("%d files %s, want %s", len(files), args[1], args[0])
	}
}

// flip changes one bit of the only file that matches a pattern, as a bad disk
// would: flip 'data/lake/raw/*'.
func flip(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: flip PATTERN")
	}
	files, err := filepath.Glob(ts.MkAbs(args[0]))
	ts.Check(err)
	if len(files) != 1 {
		ts.Fatalf("%d files match %s, want one", len(files), args[0])
	}
	body, err := os.ReadFile(files[0])
	ts.Check(err)
	body[len(body)/2] ^= 1
	ts.Check(os.Chmod(files[0], 0o600)) // the lake keeps its files read-only
	ts.Check(os.WriteFile(files[0], body, 0o400))
}
