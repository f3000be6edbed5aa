package parquet

// The bounds of what is packed as ids: bytes of all, and of what each has that
// is not in the one before, on average. With more there are words in it, and
// with less it is a counter; both are better searched.
const (
	leastIDs = 4 << 10
	leastOwn = 2
	mostOwn  = 9
)

// EndIDs ends a page of ids, an empty one a NULL; which are present has been
// written. Ids differ, so nothing is to be gained by the search for what has
// been there before, which is most of the work of zstd, but by what neighbours
// have in common.
func (w *ChunkWriter) EndIDs(ends []uint32, text []byte) {
	if len(text) >= leastIDs && w.endPattern(ends, text) {
		return
	}
	w.Body = w.texts.Append(w.Body, ends, text)
	n, tail := len(w.texts.rest), len(w.texts.tail)
	if len(text) < leastIDs || tail < leastOwn*n || tail > mostOwn*n {
		w.End(false, DeltaByteArray, len(ends))
		return
	}
	body := w.Body[w.start():]
	w.frame.begin(len(body))
	w.frame.raw(body[:len(body)-tail], false)
	w.frame.coded(body[len(body)-tail:])
	w.endFrame(DeltaByteArray, len(ends), len(body))
}

// endPattern ends a page of ids that have a pattern.
func (w *ChunkWriter) endPattern(ends []uint32, text []byte) bool {
	size, ok := oneSize(ends)
	if !ok {
		return false
	}
	p, ok := findPattern(text, size)
	if !ok {
		return false
	}
	before, n := len(w.Body), len(text)/size
	w.Body = appendStep(w.Body, 0, p.prefix, n)
	w.Body = appendStep(w.Body, size, p.tail(), n)
	if size, ok = w.frame.pack(w.Body[w.start():], text, p); !ok {
		w.Body = w.Body[:before]
		return false
	}
	w.endFrame(DeltaByteArray, len(ends), size)
	return true
}

// oneSize returns the length of the values that are present, if all have one.
func oneSize(ends []uint32) (size int, ok bool) {
	start, first := uint32(0), uint32(0)
	for _, end := range ends {
		if end == start {
			continue
		}
		if start == 0 {
			first = end
		}
		if end-start != first {
			return 0, false
		}
		start = end
	}
	return int(first), first > 0
}
