package main

import "testing"

func TestMemorySizes(t *testing.T) {
	for text, want := range map[string]memory{"256MiB": 256 << 20, "2GiB": 2 << 30, "100MiB": 0, "512MB": 0, "": 0, "MiB": 0, "-1GiB": 0, "1e9MiB": 0} {
		var m memory
		err := m.UnmarshalText([]byte(text))
		if m != want || (err == nil) != (want > 0) {
			t.Errorf("%q is %d, %v; want %d", text, m, err, want)
		}
	}
}
