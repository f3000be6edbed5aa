//go:build unix

package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"golang.org/x/sys/unix"
)

// TestAttack37_NoSecretOnTheCommandLine: no option takes a secret, so that none
// can stand in the list of processes or in the shell's history.
func TestAttack37_NoSecretOnTheCommandLine(t *testing.T) {
	parser, err := kong.New(&CLI{})
	if err != nil {
		t.Fatal(err)
	}
	options := 0
	var walk func(n *kong.Node)
	walk = func(n *kong.Node) {
		for _, f := range n.Flags {
			options++
			for _, word := range []string{"pass", "secret", "token", "key", "dsn", "credential", "pin"} {
				if strings.Contains(f.Name, word) {
					t.Errorf("%s --%s", n.FullPath(), f.Name)
				}
			}
		}
		for _, c := range n.Children {
			walk(c)
		}
	}
	walk(parser.Model.Node)
	if options < 20 {
		t.Errorf("only %d options were looked at", options)
	}
}

// TestAttack37_SecretsStayInTheirFiles: whatever goes wrong, and with every
// command that reads the configuration, a secret is printed and kept nowhere.
func TestAttack37_SecretsStayInTheirFiles(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := closed.Addr().String()
	closed.Close()
	secrets := map[string]string{
		"ftp":        canary + "-ftp\n",
		"sftp.pem":   "-----BEGIN PRIVATE KEY-----\n" + canary + "\n-----END PRIVATE KEY-----\n",
		"dsn":        "postgres://reader:" + canary + "-dsn@" + address + "/books\n",
		"broken-dsn": "postgres://reader:" + canary + "-dsn@[::/books?%zz\n",
		"hook":       "http://" + address + "/send?access_token=" + canary + "-hook\n",
	}
	const csvSide, folder = `local: {source: csv, path: "./export/{account}-{date}.csv"}`, "fetch: {via: localdir"
	ftp := `fetch: {via: ftp, address: "` + address + `", user: u, password_file: secrets/ftp, tls: true, allow_loopback: true, dir: /out, file: "x.csv"}` + "\n"
	books := func(file string) string {
		return "local:\n  source: postgres\n  dsn_file: secrets/" + file + "\n  query: SELECT 1 AS kind, :from AS a, :to AS b"
	}
	for name, c := range map[string]struct {
		change func(conf string) string
		exit   int // of the run
	}{
		"ftp": {func(conf string) string { return conf[:strings.Index(conf, folder)] + ftp }, 31},
		"wrong key": {func(conf string) string {
			return conf[:strings.Index(conf, folder)] + strings.Replace(ftp, "via: ftp", `via: sftp, private_key_file: secrets/sftp.pem, host_key: "SHA256:`+strings.Repeat("A", 43)+`"`, 1)
		}, 78},
		"database":        {func(conf string) string { return strings.Replace(conf, csvSide, books("dsn"), 1) }, 31},
		"broken database": {func(conf string) string { return strings.Replace(conf, csvSide, books("broken-dsn"), 1) }, 78},
		"alerts": {func(conf string) string {
			return conf + "alerts: [{name: ops, kind: wecom, url_file: secrets/hook, exits: [10]}]\n"
		}, 10},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t, billRow{order: "A-1", product: "好", amount: 100}, billRow{order: "A-2", product: "好", amount: 100, unbooked: true})
			for file, body := range secrets {
				s.write(t, filepath.Join("secrets", file), []byte(body))
			}
			conf, err := os.ReadFile(filepath.Join(s.dir, "tieout.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			s.write(t, "tieout.yaml", []byte(c.change(string(conf))))
			for _, args := range [][]string{{"config", "check"}, {"config", "show"}, {"--json", "config", "show"}, {"channel", "check", "--date", shopDate},
				{"run", "--date", shopDate}, {"--json", "status", "--date", shopDate}, {"schedule", "--print", "crontab"}, {"verify"}} {
				got := s.tieout(args...)
				if strings.Contains(got.out+got.err, canary) {
					t.Errorf("%v prints a secret:\n%s%s", args, got.out, got.err)
				}
				if args[0] == "config" && got.code != 0 || args[0] == "run" && got.code != c.exit {
					t.Errorf("%v ends with %d:\n%s%s", args, got.code, got.out, got.err)
				}
			}
			for file, body := range files(t, s.dir) {
				if !strings.HasPrefix(file, "secrets/") && bytes.Contains(body, []byte(canary)) {
					t.Errorf("%s holds a secret", file)
				}
			}
		})
	}
}

// TestAttack37_ReadableSecretIsRefused: a secret that others may read is a
// mistake of the configuration, before anything is opened.
func TestAttack37_ReadableSecretIsRefused(t *testing.T) {
	s := newShop(t, billRow{order: "A-1", product: "好", amount: 100})
	s.write(t, "secrets/hook", []byte("https://example.com/?t="+canary))
	conf, err := os.ReadFile(filepath.Join(s.dir, "tieout.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	s.write(t, "tieout.yaml", append(conf, "alerts: [{name: ops, kind: wecom, url_file: secrets/hook}]\n"...))
	for mode, want := range map[os.FileMode]int{0o600: 0, 0o400: 0, 0o640: 78, 0o604: 78, 0o666: 78} {
		if err := os.Chmod(filepath.Join(s.dir, "secrets", "hook"), mode); err != nil {
			t.Fatal(err)
		}
		got := s.tieout("config", "check")
		if got.code != want || strings.Contains(got.err, canary) {
			t.Errorf("mode %o: ends with %d, want %d: %s", mode, got.code, want, got.err)
		}
		if _, err := os.Stat(filepath.Join(s.dir, "data")); err == nil {
			t.Error("the data folder was made")
		}
	}
}

// TestAttack37_Private runs the start of main in a process of its own.
func TestAttack37_Private(t *testing.T) {
	if os.Getenv("TIEOUT_TEST_PRIVATE") != "" {
		unix.Umask(0)
		if err := keepPrivate(); err != nil {
			t.Fatal(err)
		}
		var limit unix.Rlimit
		if err := unix.Getrlimit(unix.RLIMIT_CORE, &limit); err != nil {
			t.Fatal(err)
		}
		fmt.Printf("core %d %d umask %o\n", limit.Cur, limit.Max, unix.Umask(0o077))
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestAttack37_Private$")
	cmd.Env = append(os.Environ(), "TIEOUT_TEST_PRIVATE=1")
	out, err := cmd.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("core 0 0 umask 77\n")) {
		t.Errorf("%v: %s", err, out)
	}
	body, err := os.ReadFile("main.go")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(body, []byte("func main() {\n\tif err := keepPrivate()")) {
		t.Error("main does not begin with keepPrivate")
	}
}

// TestAttack37_FilesOfTheOwner: what a night writes can be read by its owner
// alone, even under the most open umask, and nothing of it lies in the folder
// for temporary files that all users share.
func TestAttack37_FilesOfTheOwner(t *testing.T) {
	s := newShop(t, billRow{order: "A-1", product: "好", amount: 100}, billRow{order: "A-2", product: "好", amount: 100, unbooked: true})
	shared := t.TempDir()
	t.Setenv("TMPDIR", shared)
	defer unix.Umask(unix.Umask(0))
	if got := s.tieout("run", "--date", shopDate); got.code != 10 {
		t.Fatalf("run ends with %d:\n%s%s", got.code, got.out, got.err)
	}
	if got := s.compare("zh"); got.code != 10 {
		t.Fatalf("compare ends with %d:\n%s%s", got.code, got.out, got.err)
	}
	looked := 0
	for _, root := range []string{"data", "out"} {
		err := filepath.WalkDir(filepath.Join(s.dir, root), func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			st, err := d.Info()
			if err != nil {
				return err
			}
			looked++
			if filepath.Base(path) == "tieout.db" || strings.HasPrefix(filepath.Base(path), "tieout.db-") {
				return nil // SQLite chooses its mode; main sets the umask, and the folder is closed
			}
			if st.Mode().Perm()&0o077 != 0 {
				t.Errorf("%s has mode %o", path, st.Mode().Perm())
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if looked < 20 {
		t.Errorf("only %d files", looked)
	}
	if left, err := os.ReadDir(shared); err != nil || len(left) > 0 {
		t.Errorf("left in the shared folder: %v, %v", left, err)
	}
}
