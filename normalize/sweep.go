package normalize

// sweep is one pass over a text for the places where its cells and lines end,
// on processors that look at 64 bytes at once: the finder's two loops take four
// times as long, and cutting a WeChat row twice as long. It knows only rows in
// order. If some byte is not, the finder looks again, in its own way.
type sweep struct {
	text   *byte
	chunks int     // of 64 bytes
	last   uint64  // the bits of the last chunk that are text
	places *int32  // out: room for 64 a chunk
	above  *uint64 // out: of each chunk, the bits of the bytes above 0x7F

	first, second byte // what ends a cell
	mask          byte // of the second; 0 if there is none
	cr            byte // may stand before a line feed; LF if none may
	quote         byte // is odd; DEL, which is odd anyway, if quotes are not
	tab           byte // may stand before a delimiter or a line end; LF if it may not

	noted int    // out: places
	odd   uint64 // out: not 0 if some byte is odd
	high  uint64 // out: not 0 if some byte is above 0x7F
}

func newSweep(between []byte, quoted, trimsTabs, crlf bool) sweep {
	s := sweep{first: between[0], cr: '\n', quote: 0x7F, tab: '\n'}
	if len(between) == 2 {
		s.second, s.mask = between[1], 0xFF
	}
	if quoted {
		s.quote = '"'
	}
	if trimsTabs {
		s.tab = '\t'
	}
	if crlf {
		s.cr = '\r'
	}
	return s
}

// sweep finds the places of a text in order; if it is not, or if the processor
// cannot, it returns false.
func (f *finder) sweep(text []byte) bool {
	if !canSweep || len(text) == 0 {
		return false
	}
	s, n := &f.fast, len(f.hits)
	if len(f.places) < n*chunkSize {
		f.places = make([]int32, n*chunkSize)
	}
	_ = text[:len(text)+room]
	s.text, s.chunks, s.last, s.places, s.above = &text[0], n, ^uint64(0)>>uint(-len(text)&(chunkSize-1)), &f.places[0], &f.hits[0]
	sweepText(s)
	s.text, s.places, s.above = nil, nil, nil
	if s.odd != 0 {
		return false
	}
	f.noted = s.noted
	if s.high != 0 {
		f.allCharacters(text)
	}
	return true
}

// allCharacters looks at the characters of all chunks.
func (f *finder) allCharacters(text []byte) {
	open := uint64(0)
	for i, above := range f.hits {
		if above != 0 && !f.strange {
			at := i * chunkSize
			open = f.characters((*chunk)(text[at:at+len(chunk{})]), above, open)
		}
	}
}
