package store

import (
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// The database stays on the machine that works on it.
func TestFaultS5_NetworkFoldersAreKnown(t *testing.T) {
	for magic, want := range map[uint32]string{
		0x6969: "NFS", 0xFF534D42: "SMB", 0xFE534D42: "SMB", unix.EXT4_SUPER_MAGIC: "", unix.XFS_SUPER_MAGIC: "", unix.TMPFS_MAGIC: "", unix.OVERLAYFS_SUPER_MAGIC: "",
	} {
		if got := networkName(magic); got != want {
			t.Errorf("%#x: got %q, want %q", magic, got, want)
		}
	}
	dir := t.TempDir()
	for _, folder := range []string{dir, filepath.Join(dir, "not", "yet"), "not/yet", ""} {
		if got := NetworkOf(folder); got != "" {
			t.Errorf("%q of this machine lies on %s", folder, got)
		}
	}
}
