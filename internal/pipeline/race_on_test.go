//go:build race

package pipeline_test

// underRace: the race detector makes a night ten times slower.
const underRace = true
