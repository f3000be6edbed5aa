//go:build crashpoints

package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A night that is told to stop does so within ten seconds, says where, and the
// same command finishes it.
func TestFaultK2_ToldToStop(t *testing.T) {
	bin := buildTieout(t)
	for _, c := range []struct {
		signal syscall.Signal
		code   int
	}{{syscall.SIGTERM, 143}, {syscall.SIGINT, 130}} {
		t.Run(c.signal.String(), func(t *testing.T) {
			// Without a marker, it waits an hour between two looks at the file.
			d := newDeadly(t, bin, "poll: 1h")
			cmd := d.command(nil, "run", "--date", shopDate)
			var out bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &out
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() { ended <- cmd.Wait() }()
			d.waitForStage(t, "fetch", ended)
			if err := cmd.Process.Signal(c.signal); err != nil {
				t.Fatal(err)
			}
			select {
			case err := <-ended:
				var exit *exec.ExitError
				if !errors.As(err, &exit) || exit.ExitCode() != c.code {
					t.Errorf("ended with %v, want exit %d:\n%s", err, c.code, out.String())
				}
			case <-time.After(10 * time.Second):
				cmd.Process.Kill()
				<-ended
				t.Fatalf("it did not stop:\n%s", out.String())
			}
			for _, part := range []string{"fetch", fmt.Sprintf("RESULT code=%d", c.code)} {
				if !strings.Contains(out.String(), part) {
					t.Errorf("it does not say %q:\n%s", part, out.String())
				}
			}
			if err := os.WriteFile(filepath.Join(d.dir, "tieout.yaml"), []byte(fmt.Sprintf(deadlyConfig, "marker: ok")), 0o600); err != nil {
				t.Fatal(err)
			}
			if code, out := d.night(t, ""); code != 10 {
				t.Errorf("the rerun: exit %d\n%s", code, out)
			}
			if code, out := d.run(t, nil, "verify", "--date", shopDate, "--read-data"); code != 0 {
				t.Errorf("verify: exit %d\n%s", code, out)
			}
		})
	}
}

// waitForStage returns when the run is in a stage.
func (d *deadly) waitForStage(t *testing.T, stage string, ended <-chan error) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	late := time.After(time.Minute)
	for {
		select {
		case err := <-ended:
			t.Fatalf("it ended before it was told to: %v", err)
		case <-late:
			t.Fatal("the run never began")
		case <-tick.C:
			if got := d.query(t, `SELECT stage FROM run WHERE state = 'RUNNING'`); len(got) == 1 && got[0] == stage {
				return
			}
		}
	}
}
