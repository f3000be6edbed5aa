//go:build tools

// Package benchstat pins the program that compares two runs of the benchmarks.
// It is a module of its own, so that its dependencies stay out of the program's.
package benchstat

import _ "golang.org/x/perf/cmd/benchstat"
