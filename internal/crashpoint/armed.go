//go:build crashpoints

package crashpoint

import (
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

var (
	mu   sync.Mutex
	hook func(name string)
	seen = map[string]int{}
)

// Arm installs the function that Hit calls, for simulations in one process;
// nil takes it away.
func Arm(f func(name string)) {
	mu.Lock()
	defer mu.Unlock()
	hook = f
	clear(seen)
}

// died is what Until panics with.
type died struct{}

// Until runs do and dies at its n-th point (-1: nowhere), as a process would: what
// stands behind is not done. It reports the points that were passed and whether it
// died. For simulations in one process; any other panic goes on.
func Until(n int, do func()) (points []string, dead bool) {
	Arm(func(name string) {
		points = append(points, name)
		if len(points)-1 == n {
			panic(died{})
		}
	})
	defer Arm(nil)
	defer func() {
		if r := recover(); r != nil {
			if _, dead = r.(died); !dead {
				panic(r)
			}
		}
	}()
	do()
	return points, false
}

// Hit counts the point; it kills the process with SIGKILL when TIEOUT_CRASH is
// "name:n" and this is the n-th time. TIEOUT_CRASH_LOG names a file to which
// every point is appended, so that a test can learn them all.
func Hit(name string) {
	mu.Lock()
	seen[name]++
	n, f := seen[name], hook
	mu.Unlock()
	if f != nil {
		f(name)
		return
	}
	if path := os.Getenv("TIEOUT_CRASH_LOG"); path != "" {
		if w, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err == nil {
			w.WriteString(name + ":" + strconv.Itoa(n) + "\n")
			w.Close()
		}
	}
	want, count, ok := strings.Cut(os.Getenv("TIEOUT_CRASH"), ":")
	if ok && want == name && count == strconv.Itoa(n) {
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
}
