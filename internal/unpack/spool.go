package unpack

import (
	"bytes"
	"io"
	"os"
)

// spool takes unpacked bytes: into memory while the budget of the opening
// lasts, then into a temporary file.
type spool struct {
	o    *opening
	mem  []byte
	file *os.File // nil while in memory
	size int64
	grew func(size int64) // nil if nobody waits
}

func (s *spool) Write(p []byte) (int, error) {
	s.size += int64(len(p))
	if s.file == nil {
		if s.o.held+int64(len(p)) <= s.o.limits.Memory {
			s.o.held += int64(len(p))
			s.mem = append(s.mem, p...)
			return len(p), nil
		}
		if err := s.spill(); err != nil {
			return 0, err
		}
	}
	n, err := s.file.Write(p)
	if s.grew != nil && err == nil {
		s.grew(s.size)
	}
	return n, err
}

// spill moves what is in memory to a temporary file. Its name goes away at
// once, so that not even a crash leaves the content of a statement behind.
func (s *spool) spill() error {
	f, err := s.o.temp()
	if err != nil {
		return err
	}
	s.file = f
	if err := os.Remove(f.Name()); err != nil {
		return err
	}
	_, err = f.Write(s.mem)
	s.o.held -= int64(len(s.mem))
	s.mem = nil
	return err
}

// reader returns what was written; nothing is written afterwards.
func (s *spool) reader() io.ReaderAt {
	if s.file != nil {
		return io.NewSectionReader(s.file, 0, s.size)
	}
	return bytes.NewReader(s.mem)
}

func (s *spool) Close() error {
	s.o.held -= int64(len(s.mem))
	s.mem = nil
	if s.file == nil {
		return nil
	}
	f := s.file
	s.file = nil
	return f.Close()
}
