package main

import (
	"fmt"
	"strconv"
	"strings"
)

// memory is a budget in bytes for the whole process, such as "512MiB".
type memory int64

// minMemory is what one account at a time needs whatever its rows.
const minMemory = 256 << 20

// heap is what the Go heap is kept under: the rest is for stacks, code and what
// the collector has not given back yet.
func (m memory) heap() int64 { return int64(m) / 10 * 7 }

// tables is the share of it that a match may fill with rows.
func (m memory) tables() int64 { return int64(m) / 2 }

// UnmarshalText implements encoding.TextUnmarshaler: a whole number of MiB or
// GiB.
func (m *memory) UnmarshalText(text []byte) error {
	digits, unit := strings.CutSuffix(string(text), "MiB")
	size := int64(1 << 20)
	if !unit {
		digits, unit = strings.CutSuffix(string(text), "GiB")
		size = 1 << 30
	}
	n, err := strconv.ParseInt(digits, 10, 32)
	if !unit || err != nil {
		return fmt.Errorf("%q is not a size such as 512MiB or 2GiB", text)
	}
	if n*size < minMemory {
		return fmt.Errorf("%q is less than 256MiB", text)
	}
	*m = memory(n * size)
	return nil
}
