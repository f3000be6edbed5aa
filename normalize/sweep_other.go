//go:build !amd64

package normalize

var canSweep = false

func sweepText(*sweep) { panic("normalize: no sweep on this processor") }
