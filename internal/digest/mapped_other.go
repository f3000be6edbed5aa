//go:build !linux

package digest

import (
	"hash"
	"os"
)

// mapped leaves all of the file to be read.
func mapped(hash.Hash, *os.File, int64) (done int64, err error) { return 0, nil }
