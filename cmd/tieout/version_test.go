package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// Two builds that are no releases have two names, the same build always one.
func TestProgramNamesItsBuild(t *testing.T) {
	if a, b := buildName(), buildName(); a != b || len(a) != len("dev-")+12 {
		t.Errorf("%q and %q", a, b)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	id := buildID(exe)
	if len(id) == 0 {
		t.Skip("not an ELF file")
	}
	body, err := os.ReadFile(exe)
	if err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(t.TempDir(), "tieout")
	at := bytes.Index(body, id) + len(id) - 2
	body[at] ^= 1
	if err := os.WriteFile(other, body, 0o600); err != nil {
		t.Fatal(err)
	}
	if buildOf(exe) == buildOf(other) {
		t.Error("another build id has the same name")
	}
	if err := os.WriteFile(other, []byte("no ELF"), 0o600); err != nil {
		t.Fatal(err)
	}
	if sum := buildOf(other); len(sum) != 64 || sum == buildOf(exe) {
		t.Errorf("another file is %q", sum)
	}
}
