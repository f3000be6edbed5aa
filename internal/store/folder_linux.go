package store

import (
	"path/filepath"

	"golang.org/x/sys/unix"

	"tieout/internal/fault"
)

// refuseNetwork refuses a database in a folder that other machines may write
// (E-7899): the locks and the shared memory of the write-ahead log hold between
// the processes of one machine only (https://sqlite.org/wal.html).
func refuseNetwork(path string) error {
	var s unix.Statfs_t
	if err := unix.Statfs(filepath.Dir(path), &s); err != nil {
		return nil // opening says what is wrong with the folder
	}
	if name := networkName(uint32(s.Type)); name != "" {
		return fault.New("E-7899", fault.V{"path": path, "kind": name}, nil)
	}
	return nil
}

// networkName names a file system of other machines by its magic number in
// linux/magic.h; "" if it is none.
func networkName(magic uint32) string {
	switch magic {
	case unix.NFS_SUPER_MAGIC:
		return "NFS"
	case unix.SMB_SUPER_MAGIC, unix.CIFS_SUPER_MAGIC, unix.SMB2_SUPER_MAGIC:
		return "SMB"
	case unix.AFS_SUPER_MAGIC:
		return "AFS"
	case unix.CEPH_SUPER_MAGIC:
		return "Ceph"
	}
	return ""
}
