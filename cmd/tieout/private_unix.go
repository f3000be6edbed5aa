//go:build unix

package main

import "golang.org/x/sys/unix"

// keepPrivate makes every file of this process readable by its owner alone,
// the database's too, and keeps its memory, which holds keys and passwords,
// from being written anywhere when it dies.
func keepPrivate() error {
	unix.Umask(0o077)
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return err
	}
	return undumpable()
}
