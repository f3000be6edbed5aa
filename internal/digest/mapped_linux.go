package digest

import (
	"fmt"
	"hash"
	"io"
	"os"
	"runtime/debug"
	"syscall"
)

// window is how much of a file is mapped at a time.
const window = 4 << 20

// mapped hashes a file as far as it can be mapped.
func mapped(h hash.Hash, f *os.File, size int64) (done int64, err error) {
	for done < size {
		n := min(window, size-done)
		bytes, err := syscall.Mmap(int(f.Fd()), done, int(n), syscall.PROT_READ, syscall.MAP_SHARED|syscall.MAP_POPULATE)
		if err != nil {
			return done, whole(f, done) // such a file cannot be mapped; the rest is read
		}
		err = hashMapped(h, bytes)
		if unmapped := syscall.Munmap(bytes); err == nil {
			err = unmapped
		}
		if err != nil {
			return done, &os.PathError{Op: "read", Path: f.Name(), Err: err}
		}
		done += n
	}
	return done, whole(f, done)
}

// whole refuses a file that has been cut short: behind its end, the last page
// holds zeros.
func whole(f *os.File, size int64) error {
	info, err := f.Stat()
	if err == nil && info.Size() < size {
		err = &os.PathError{Op: "read", Path: f.Name(), Err: io.ErrUnexpectedEOF}
	}
	return err
}

// hashMapped hashes mapped memory. Where the file has been cut short meanwhile,
// or the disk fails, there is none: that is an error, not the program's end.
func hashMapped(h hash.Hash, bytes []byte) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("a part of the file is gone: %v", p)
		}
	}()
	h.Write(bytes)
	return nil
}
