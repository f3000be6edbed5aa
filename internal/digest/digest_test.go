package digest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

func fileOf(t testing.TB, body []byte) *os.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, body, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func someBytes(n int) []byte {
	body := make([]byte, n)
	rand.NewChaCha8([32]byte{7}).Read(body)
	return body
}

func TestFile(t *testing.T) {
	const most = 9 << 20
	body := someBytes(most)
	f := fileOf(t, body)
	for _, size := range []int{0, 1, 4095, 4096, 4097, 4<<20 - 1, 4 << 20, 4<<20 + 1, 8 << 20, most} {
		got, err := File(f, int64(size))
		want := sha256.Sum256(body[:size])
		if err != nil || got != hex.EncodeToString(want[:]) {
			t.Errorf("%d bytes: %s, %v", size, got, err)
		}
	}
	if at, err := f.Seek(0, io.SeekCurrent); err != nil || at != 0 {
		t.Errorf("the file stands at %d, %v", at, err)
	}
}

// A file that is shorter than it was is an error, wherever it ends.
func TestFileCutShort(t *testing.T) {
	for _, have := range []int{0, 1, 4096, 4 << 20, 5 << 20, 6<<20 - 1} {
		if got, err := File(fileOf(t, make([]byte, have)), 6<<20); err == nil {
			t.Errorf("%d bytes of 6 MiB: %s", have, got)
		}
	}
}

// What cannot be mapped is read.
func TestFileThatCannotBeMapped(t *testing.T) {
	f, err := os.Open("/proc/self/cmdline")
	if err != nil {
		t.Skip("no file here that cannot be mapped")
	}
	defer f.Close()
	body, err := os.ReadFile("/proc/self/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	want := sha256.Sum256(body)
	if got, err := File(f, int64(len(body))); err != nil || got != hex.EncodeToString(want[:]) {
		t.Errorf("%s, %v", got, err)
	}
}

func BenchmarkFile(b *testing.B) {
	const size = 64 << 20
	f := fileOf(b, bytes.Repeat([]byte("4200001234\n"), size/11+1)[:size])
	b.SetBytes(size)
	for b.Loop() {
		if _, err := File(f, size); err != nil {
			b.Fatal(err)
		}
	}
}
