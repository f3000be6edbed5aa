package pipeline_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tieout/internal/fault"
	"tieout/internal/lake"
	"tieout/internal/pipeline"
	"tieout/internal/store"
)

func globRun(t *testing.T, l *lake.Lake, r store.Run) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(l.RunDir(r.BillDate.String(), r.Account, r.Attempt, "*"), "*"))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// flipByte changes one bit in the middle of a file; an empty file gets a byte.
// The result puts it back.
func flipByte(t *testing.T, path string) (undo func()) {
	t.Helper()
	body, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	changed := bytes.Clone(body)
	if len(changed) == 0 {
		changed = []byte{'\n'}
	} else {
		changed[len(changed)/2] ^= 1
	}
	write := func(b []byte) {
		if err := os.Chmod(path, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, info.Mode()); err != nil {
			t.Fatal(err)
		}
	}
	write(changed)
	return func() { write(body) }
}

// corrupt tells whether verify finds the damage and names the stage or file.
func (w *world) corrupt(path string) bool {
	w.t.Helper()
	proofs, err := w.pipe.Verify(context.Background(), []pipeline.Account{w.acct}, day1, day1, true)
	if err != nil {
		return fault.Of(err).Exit() == 42
	}
	for _, p := range proofs {
		if !p.OK && (strings.Contains(p.Got, filepath.Base(path)) || strings.Contains(p.Got, filepath.Base(filepath.Dir(path)))) {
			return true
		}
	}
	return false
}

// replayNames tells whether a replay of the first day refuses to go on and names
// the file.
func (w *world) replayNames(path string) bool {
	w.t.Helper()
	_, err := w.pipe.Replay(context.Background(), w.acct, day1)
	if err == nil {
		return false
	}
	f := fault.Of(err)
	if f.Exit() != 42 {
		w.t.Errorf("replay with a damaged %s ends with %d: %v", path, f.Exit(), err)
	}
	return strings.Contains(f.Message(fault.English), filepath.Base(path))
}
