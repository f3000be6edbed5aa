package store

import (
	"errors"
	"io/fs"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// NetworkOf names the file system of other machines that a folder lies on, or
// will when it is made; "" if it lies on none. There no database may stand that
// is worked on: its locks and the shared memory of its write-ahead log hold
// between the processes of one machine only (https://sqlite.org/wal.html).
func NetworkOf(folder string) string {
	var s unix.Statfs_t
	err := unix.Statfs(folder, &s)
	for errors.Is(err, fs.ErrNotExist) && folder != filepath.Dir(folder) {
		folder = filepath.Dir(folder)
		err = unix.Statfs(folder, &s)
	}
	if err != nil {
		return "" // opening says what is wrong with the folder
	}
	return networkName(uint32(s.Type))
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
