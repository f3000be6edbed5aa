package lake

import (
	"os"
	"sync"
)

// Scratch is a file for what a stage does not hold in memory while it works. It
// is made at the first write, and gone with Close; a killed process leaves it
// to CleanTemp.
type Scratch struct {
	dir  string
	mu   sync.Mutex
	file *os.File
}

// NewScratch makes a scratch file in a folder.
func NewScratch(dir string) *Scratch { return &Scratch{dir: dir} }

// Scratch makes a scratch file in the folder of temporary files.
func (l *Lake) Scratch() *Scratch { return NewScratch(l.TempDir()) }

func (s *Scratch) open() (*os.File, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil {
		f, err := os.CreateTemp(s.dir, "scratch-*")
		if err != nil {
			return nil, ioFault(s.dir, err)
		}
		s.file = f
	}
	return s.file, nil
}

// WriteAt implements io.WriterAt.
func (s *Scratch) WriteAt(p []byte, at int64) (int, error) {
	f, err := s.open()
	if err != nil {
		return 0, err
	}
	n, err := f.WriteAt(p, at)
	if err != nil {
		return n, ioFault(f.Name(), err)
	}
	return n, nil
}

// ReadAt implements io.ReaderAt.
func (s *Scratch) ReadAt(p []byte, at int64) (int, error) {
	f, err := s.open()
	if err != nil {
		return 0, err
	}
	n, err := f.ReadAt(p, at)
	if err != nil {
		return n, ioFault(f.Name(), err)
	}
	return n, nil
}

// Close removes the file.
func (s *Scratch) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file != nil {
		s.file.Close() // nothing in it is kept
		os.Remove(s.file.Name())
		s.file = nil
	}
}
