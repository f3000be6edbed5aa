package lake

import (
	"os"
	"testing"

	"tieout/internal/fault"
)

func TestScratchLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	s := NewScratch(dir)
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("before the first write there is %v", left)
	}
	if _, err := s.WriteAt([]byte("tie"), 4); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 3)
	if _, err := s.ReadAt(got, 4); err != nil || string(got) != "tie" {
		t.Errorf("%q, %v", got, err)
	}
	s.Close()
	s.Close()
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("after the last there is %v", left)
	}
	if _, err := NewScratch(dir+"/nowhere").WriteAt(got, 0); fault.Of(err).Exit() != 41 {
		t.Errorf("a folder that is not there: %v", err)
	}
}
