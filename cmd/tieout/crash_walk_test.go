//go:build crashpoints

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The built program is killed with SIGKILL at every crash point of a night, and
// the night is run again; on every third point that run is killed as well. The
// end is that of a night without a crash.
func TestT16_KilledAtEveryPoint(t *testing.T) {
	base := newDeadly(t, buildTieout(t), "marker: ok")
	points, want := walked(t, base)
	t.Logf("%d points", len(points))
	for n, point := range points {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			d := base.fork(t)
			killed(t, d, point)
			if n == 0 {
				checkLeased(t, d)
			}
			d.expireLeases(t)
			if n%3 == 0 {
				second := points[(n*7+len(points)/2)%len(points)]
				if code, out := d.night(t, second); code != -1 && code != 10 && code != 0 {
					t.Fatalf("the second night, killed at %s, ended with %d:\n%s", second, code, out)
				}
				d.expireLeases(t)
			}
			checkRecovered(t, d, want)
		})
	}
}

// walked runs a night without a crash: it returns all points that it passed,
// each as "name:n", and its end.
func walked(t *testing.T, base *deadly) (points []string, end string) {
	t.Helper()
	log := filepath.Join(t.TempDir(), "points")
	whole := base.fork(t)
	if code, out := whole.run(t, []string{"TIEOUT_CRASH_LOG=" + log}, "run", "--date", shopDate); code != 10 {
		t.Fatalf("exit %d:\n%s", code, out)
	}
	body, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	points = strings.Fields(string(body))
	if len(points) < 60 {
		t.Fatalf("only %d crash points: %q", len(points), points)
	}
	return points, whole.end(t)
}

// killed runs a night that dies at a point.
func killed(t *testing.T, d *deadly, point string) {
	t.Helper()
	if code, out := d.night(t, point); code != -1 {
		t.Fatalf("it was not killed at %s: exit %d\n%s", point, code, out)
	}
}

// checkLeased looks at what the next night says while the dead one's lease
// still runs.
func checkLeased(t *testing.T, d *deadly) {
	t.Helper()
	code, out := d.night(t, "")
	if code != 40 || !strings.Contains(out, "E-4080") || !strings.Contains(out, " pid ") {
		t.Errorf("exit %d:\n%s", code, out)
	}
}

// checkRecovered runs the night to its end and looks at all that it left.
func checkRecovered(t *testing.T, d *deadly, want string) {
	t.Helper()
	// After a crash behind the publication the day is final already.
	if code, out := d.night(t, ""); code != 10 && !(code == 0 && strings.Contains(out, "already final")) {
		t.Fatalf("exit %d:\n%s", code, out)
	}
	if got := d.end(t); got != want {
		t.Errorf("another end:\n%s\nwant\n%s", got, want)
	}
	if left := d.halfWritten(t); len(left) > 0 {
		t.Errorf("left half-written: %q", left)
	}
	if code, out := d.run(t, nil, "verify", "--date", shopDate, "--read-data"); code != 0 {
		t.Errorf("verify: exit %d\n%s", code, out)
	}
}
