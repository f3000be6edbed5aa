package recordfile

import (
	"slices"

	"tieout/schemas"
	"tieout/schemas/recordfile/internal/parquet"
)

// packer packs the columns of a row group, one after the other. Each chunk
// becomes one page.
type packer struct {
	*parquet.ChunkWriter
	columns []*schemas.Text // of a text column, a chunk each
	runs    []runs          // of a constant column
	words   words
	codes   []uint8
	counts  []int  // of the codes of each chunk
	mask    []byte // bit i: row i has a value
}

func newPacker() (*packer, error) {
	w, err := parquet.NewChunkWriter()
	if err != nil {
		return nil, err
	}
	return &packer{ChunkWriter: w}, nil
}

// presence writes which rows have a value; a page without any is done with it.
func (p *packer) presence(rows, present int) (more bool) {
	p.Body = parquet.AppendPresence(p.Body, rows, present, p.mask)
	if present == 0 {
		p.End(false, parquet.Plain, rows)
	}
	return present > 0
}

// writeIDs packs texts that differ, but mostly not much from the one before.
func (p *packer) writeIDs(chunks []*schemas.Text) {
	for _, t := range chunks {
		if p.presence(t.Len(), p.siftTexts(t)) {
			p.EndIDs(t.Ends, t.Bytes)
		}
	}
}

// writeTexts packs texts by what they share with the text before.
func (p *packer) writeTexts(chunks []*schemas.Text) {
	for _, t := range chunks {
		if p.presence(t.Len(), p.siftTexts(t)) {
			p.EndTexts(t.Ends, t.Bytes)
		}
	}
}

// writeFewTexts packs texts as a dictionary if a row group has only a few.
func (p *packer) writeFewTexts(chunks []*schemas.Text) {
	p.words.reset()
	p.codes, p.counts = p.codes[:0], p.counts[:0]
	for _, t := range chunks {
		var few bool
		before := len(p.codes)
		if p.codes, few = p.words.encode(p.codes, t); !few {
			p.writeTexts(chunks)
			return
		}
		p.counts = append(p.counts, len(p.codes)-before)
	}
	p.endDictionary()
	codes := p.codes
	for i, t := range chunks {
		present := p.counts[i]
		if present > 0 && present < t.Len() {
			p.markTexts(t)
		}
		if p.presence(t.Len(), present) {
			p.endCodes(codes[:present], t.Len())
		}
		codes = codes[present:]
	}
}

// writeRuns packs a constant column.
func (p *packer) writeRuns() {
	p.words.reset()
	p.codes = p.codes[:0]
	for _, chunk := range p.runs {
		from := 0
		for _, r := range chunk {
			if r.value != "" {
				code, few := p.words.code([]byte(r.value))
				if !few {
					p.writeTexts(spelledOut(p.runs))
					return
				}
				p.codes = appendSame(p.codes, code, r.end-from)
			}
			from = r.end
		}
	}
	p.endDictionary()
	codes := p.codes
	for _, chunk := range p.runs {
		rows, present := p.siftRuns(chunk)
		if p.presence(rows, present) {
			p.endCodes(codes[:present], rows)
		}
		codes = codes[present:]
	}
}

// siftRuns does for runs what siftTexts does for texts.
func (p *packer) siftRuns(chunk runs) (rows, present int) {
	from := 0
	for _, r := range chunk {
		if r.value != "" {
			present += r.end - from
		}
		from = r.end
	}
	if rows = from; present == 0 || present == rows {
		return rows, present
	}
	p.mask = noBits(p.mask, rows)
	from = 0
	for _, r := range chunk {
		for ; from < r.end; from++ {
			if r.value != "" {
				p.mask[from>>3] |= 1 << (from & 7)
			}
		}
	}
	return rows, present
}

// spelledOut repeats each value as often as it stands: the rare case of a row
// group with rows of hundreds of files.
func spelledOut(chunks []runs) []*schemas.Text {
	texts := make([]*schemas.Text, len(chunks))
	for i, chunk := range chunks {
		texts[i] = &schemas.Text{}
		for _, r := range chunk {
			for texts[i].Len() < r.end {
				texts[i].AppendString(r.value)
			}
		}
	}
	return texts
}

func (p *packer) endDictionary() {
	if p.words.len() == 0 {
		return // all rows are NULL: pages say so themselves
	}
	for i := range p.words.len() {
		p.Body = parquet.AppendPlainText(p.Body, p.words.at(i))
	}
	p.End(true, parquet.Plain, p.words.len())
}

func (p *packer) endCodes(codes []uint8, rows int) {
	p.Body = parquet.AppendCodes(p.Body, codes, uint8(p.words.len()-1))
	p.End(false, parquet.RLEDictionary, rows)
}

// see notes which values there are.
func see[E word](seen *[256]bool, values []E) {
	for _, v := range values {
		seen[uint8(v)] = true
	}
}

// writeWords writes the names of the values that there are, and gives their
// codes. Nothing is hashed: the value itself leads to its code.
func writeWords[E word](p *packer, seen *[256]bool) (codes *[256]uint8) {
	p.words.reset()
	codes = new([256]uint8)
	for v := 1; v < 256; v++ {
		if seen[v] {
			codes[v] = uint8(p.words.len())
			p.words.add([]byte(E(v).String()))
		}
	}
	p.endDictionary()
	return codes
}

func writeCodes[E word](p *packer, values []E, codes *[256]uint8) {
	p.codes = slices.Grow(p.codes[:0], len(values))
	if slices.Contains(values, 0) {
		p.mask = noBits(p.mask, len(values))
		for i, v := range values {
			if v != 0 {
				p.mask[i>>3] |= 1 << (i & 7)
				p.codes = append(p.codes, codes[uint8(v)])
			}
		}
	} else {
		p.codes = p.codes[:len(values)]
		for i, v := range values {
			p.codes[i] = codes[uint8(v)]
		}
	}
	if p.presence(len(values), len(p.codes)) {
		p.endCodes(p.codes, len(values))
	}
}

// writeNumbers packs the values that are not absent, mostly all.
func writeNumbers[T ~int32 | ~int64](p *packer, values []T, absent T) {
	present := values
	if slices.Contains(values, absent) {
		p.mask = noBits(p.mask, len(values))
		present = make([]T, 0, len(values))
		for i, v := range values {
			if v != absent {
				p.mask[i>>3] |= 1 << (i & 7)
				present = append(present, v)
			}
		}
	}
	writePresent(p, len(values), present)
}

// writeFlagged packs the values whose flag is set, mostly all.
func (p *packer) writeFlagged(values []int64, valid []bool) {
	present := values
	if slices.Contains(valid, false) {
		p.mask = noBits(p.mask, len(values))
		present = make([]int64, 0, len(values))
		for i, ok := range valid {
			if ok {
				p.mask[i>>3] |= 1 << (i & 7)
				present = append(present, values[i])
			}
		}
	}
	writePresent(p, len(values), present)
}

func writePresent[T ~int32 | ~int64](p *packer, rows int, present []T) {
	if p.presence(rows, len(present)) {
		p.Body = parquet.AppendInts(p.Body, present)
		p.End(false, parquet.DeltaBinary, rows)
	}
}

// siftTexts counts the texts that are present, and notes which they are if
// not all or none.
func (p *packer) siftTexts(t *schemas.Text) (present int) {
	if len(t.Bytes) == 0 {
		return 0
	}
	start := uint32(0)
	for _, end := range t.Ends {
		if end != start {
			present++
		}
		start = end
	}
	if present > 0 && present < t.Len() {
		p.markTexts(t)
	}
	return present
}

// markTexts notes which texts are present.
func (p *packer) markTexts(t *schemas.Text) {
	p.mask = noBits(p.mask, t.Len())
	start := uint32(0)
	for i, end := range t.Ends {
		if end != start {
			p.mask[i>>3] |= 1 << (i & 7)
		}
		start = end
	}
}

// noBits gives a mask for n rows in the memory of an old one.
func noBits(mask []byte, n int) []byte {
	mask = slices.Grow(mask[:0], (n+7)/8)[:(n+7)/8]
	clear(mask)
	return mask
}

func appendSame(codes []uint8, code uint8, n int) []uint8 {
	at := len(codes)
	codes = slices.Grow(codes, n)[:at+n]
	for i := range codes[at:] {
		codes[at+i] = code
	}
	return codes
}
