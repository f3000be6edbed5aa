package conformance

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Program finds a daemon's program. If it is missing the test is skipped, or
// fails when TIEOUT_REQUIRE_DAEMONS is 1. Short tests leave daemons out.
func Program(t testing.TB, name, from string) string {
	t.Helper()
	if testing.Short() {
		Missing(t, "daemons are left out of short tests")
	}
	for _, path := range []string{name, "/usr/sbin/" + name, "/usr/lib/openssh/" + name} {
		if found, err := exec.LookPath(path); err == nil {
			return found
		}
	}
	Missing(t, name+" is not installed (Debian package "+from+")")
	return ""
}

// Missing skips the test with a reason, or fails it when daemons are required.
func Missing(t testing.TB, reason string) {
	t.Helper()
	if os.Getenv("TIEOUT_REQUIRE_DAEMONS") == "1" {
		t.Fatal(reason)
	}
	t.Skip(reason)
}

// Daemon starts a program in the foreground and waits until addr accepts
// connections. It is killed with all its children when the test ends; what it
// said is shown if the test failed.
func Daemon(t testing.TB, addr string, command string, args ...string) {
	t.Helper()
	var said lockedBuffer
	cmd := exec.Command(command, args...)
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", command, err)
	}
	ended := make(chan struct{})
	go func() {
		cmd.Wait() // how it ends says nothing: it is killed below
		close(ended)
	}()
	t.Cleanup(func() {
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		<-ended
		if t.Failed() {
			t.Logf("%s said:\n%s", command, said.String())
		}
	})
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(15 * time.Second)
	for {
		if conn, err := net.Dial("tcp", addr); err == nil {
			conn.Close()
			return
		}
		select {
		case <-tick.C:
		case <-ended:
			t.Fatalf("%s ended: %s", command, said.String())
		case <-deadline:
			t.Fatalf("%s does not listen at %s: %s", command, addr, said.String())
		}
	}
}

// FreeAddr is an address on loopback that was free a moment ago.
func FreeAddr(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// WriteFile writes the configuration of a daemon and returns its path.
func WriteFile(t testing.TB, path string, lines ...string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
