package main

import "testing"

// A million rows on each side, in one run, in bounded memory, every planted
// difference found and no other.
func TestT15_AMillionRowsEachSide(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute; run without -short")
	}
	if err := measure(1_000_000, "", "", 512<<20, 1); err != nil {
		t.Fatal(err)
	}
}
