package config

import (
	"io/fs"
	"os"
	"path/filepath"
)

// path makes a relative path relative to the configuration's folder.
func (k *checker) path(p string) string {
	if p == "" || filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(k.dir, p)
}

// secret names a file that only its owner may read.
func (k *checker) secret(path, file string, needed bool) string {
	if file == "" {
		if needed {
			k.bad(path, "is needed")
		}
		return ""
	}
	return k.regular(path, file, 0o700)
}

func (k *checker) optional(path, file string) string {
	if file == "" {
		return ""
	}
	return k.regular(path, file, 0o777)
}

// regular checks that a named file is a regular one with no more rights than
// allowed.
func (k *checker) regular(path, file string, allowed fs.FileMode) string {
	full := k.path(file)
	st, err := os.Stat(full)
	switch {
	case err != nil:
		k.bad(path, "file %q is not there", file)
	case !st.Mode().IsRegular():
		k.bad(path, "%q is not a file", file)
	case st.Mode().Perm()&^allowed != 0:
		k.bad(path, "%q may be read by others: chmod 600", file)
	}
	return full
}
