package channels

import (
	"os"
	"slices"
	"testing"
)

func TestAll_EveryFolderIsInTheList(t *testing.T) {
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	var folders []string
	for _, e := range entries {
		if e.IsDir() && e.Name() != "testdata" {
			folders = append(folders, e.Name())
		}
	}
	if len(folders) == 0 {
		t.Fatal("no channel folder found")
	}
	if got := list[:]; !slices.Equal(got, folders) {
		t.Errorf("the list is %v, the folders are %v", got, folders)
	}
	defs, err := All()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range defs {
		if d.Day().Zone == nil {
			t.Errorf("%s: no zone", d.Name)
		}
	}
}
