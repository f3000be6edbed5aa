package match

// prefetch asks the processor to have the line of a byte in its cache, to be
// written to. It waits for nothing, and changes nothing. A processor that does
// not know the instruction passes over it.
//
//go:noescape
func prefetch(p *byte)
