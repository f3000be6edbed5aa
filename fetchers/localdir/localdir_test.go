package localdir_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"tieout/fetchers"
	"tieout/fetchers/conformance"
	"tieout/fetchers/localdir"
	"tieout/internal/bizday"
	"tieout/schemas"
)

var request = schemas.StatementRequest{Channel: "bank", Account: "80001", Date: bizday.Make(2026, 11, 20), Statement: "BANK"}

func TestConformance(t *testing.T) {
	for name, marker := range map[string]fetchers.Marker{
		"marker=none": {}, "marker=ok": {Kind: fetchers.MarkerOK}, "marker=md5": {Kind: fetchers.MarkerMD5},
	} {
		t.Run(name, func(t *testing.T) {
			conformance.Run(t, func(t *testing.T, _ *conformance.Proxy) *conformance.Subject {
				drop := conformance.NewDrop(t, marker)
				src, err := localdir.New(localdir.Config{Root: drop.Dir, Spec: drop.Spec(), Limits: conformance.Limits(), Now: time.Now})
				if err != nil {
					t.Fatal(err)
				}
				s := drop.Subject(src)
				s.NoLine = true
				return s
			})
		})
	}
}

func source(t *testing.T, root string) *fetchers.FileSource {
	t.Helper()
	src, err := localdir.New(localdir.Config{Root: root, Now: time.Now,
		Spec: fetchers.FileSpec{Name: "{merchant}_{yyyymmdd}.txt", Marker: fetchers.Marker{Kind: fetchers.MarkerOK}}})
	if err != nil {
		t.Fatal(err)
	}
	return src
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// A link, a folder or a pipe under the right name is never opened; a pipe would
// also hang whoever opens it.
func TestAttack03_OnlyRegularFiles(t *testing.T) {
	for name, make := range map[string]func(path, secret string) error{
		"symlink out":      func(path, secret string) error { return os.Symlink(secret, path) },
		"symlink in":       func(path, _ string) error { return os.Symlink("other.txt", path) },
		"folder":           func(path, _ string) error { return os.Mkdir(path, 0o700) },
		"pipe":             func(path, _ string) error { return syscall.Mkfifo(path, 0o600) },
		"dangling symlink": func(path, _ string) error { return os.Symlink("nowhere", path) },
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			secret := filepath.Join(t.TempDir(), "secret")
			write(t, secret, "not ours")
			write(t, filepath.Join(root, "other.txt"), "another file")
			write(t, filepath.Join(root, "80001_20261120.txt.ok"), "")
			if err := make(filepath.Join(root, "80001_20261120.txt"), secret); err != nil {
				t.Fatal(err)
			}
			_, err := source(t, root).Fetch(t.Context(), request, conformance.KeepNothing(t))
			conformance.WantFault(t, err, "E-2126")
		})
	}
}

// A folder on the way that is a link out of the root leads nowhere.
func TestAttack03_FolderLinkOutOfRoot(t *testing.T) {
	root, outside := t.TempDir(), t.TempDir()
	write(t, filepath.Join(outside, "80001_20261120.txt"), "not ours")
	write(t, filepath.Join(outside, "80001_20261120.txt.ok"), "")
	if err := os.Symlink(outside, filepath.Join(root, "in")); err != nil {
		t.Fatal(err)
	}
	src := source(t, root)
	src.Spec.Dir = "in"
	got, err := src.Fetch(t.Context(), request, conformance.KeepNothing(t))
	if err == nil {
		t.Fatalf("it was followed: %+v", got)
	}
}

// A root that is gone (a share that is not mounted) is not an empty day.
func TestRootMissing(t *testing.T) {
	src := source(t, filepath.Join(t.TempDir(), "not-mounted"))
	src.Spec.Empty = fetchers.EmptyNoFile
	src.Spec.Ready = func(bizday.Date) time.Time { return time.Unix(0, 0) }
	_, err := src.Fetch(t.Context(), request, conformance.KeepNothing(t))
	conformance.WantFault(t, err, "E-3124")
	if fetchers.ClassOf(err) != fetchers.Later {
		t.Errorf("class %s; want later", fetchers.ClassOf(err))
	}
}

// That a file was processed is known by its content, so a folder that we cannot
// write to is no matter, and nothing in it is touched.
func TestFaultD03_NothingIsMoved(t *testing.T) {
	root := t.TempDir()
	write(t, filepath.Join(root, "80001_20261120.txt"), "a|b\r\n")
	write(t, filepath.Join(root, "80001_20261120.txt.ok"), "")
	before := listing(t, root)
	if err := os.Chmod(root, 0o500); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(root, 0o700)
	for range 2 {
		got, err := source(t, root).Fetch(t.Context(), request, conformance.KeepAnything)
		if err != nil || got.State != schemas.FetchFetched {
			t.Fatalf("state %s, error %v", got.State, err)
		}
	}
	if after := listing(t, root); after != before {
		t.Errorf("the folder changed:\n%s\n%s", before, after)
	}
}

func listing(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, info.Name()+" "+info.Mode().String()+" "+info.ModTime().String())
	}
	return strings.Join(lines, "\n")
}

func TestConfigMistakes(t *testing.T) {
	_, err := localdir.New(localdir.Config{Root: "relative", Spec: fetchers.FileSpec{Name: "{mercant}.txt"}})
	if err == nil || !strings.Contains(err.Error(), "E-7823") || !strings.Contains(err.Error(), "E-7822") {
		t.Errorf("not every mistake is named: %v", err)
	}
}
