package parquet

import (
	"errors"
	"fmt"
	"hash/crc32"
)

// Page is one page of a column chunk.
type Page struct {
	Dictionary bool
	Encoding   Encoding
	Rows       int    // values with NULLs; of a dictionary page, its entries
	Size       int    // of the body unpacked
	Body       []byte // as it lies in the file
}

// The types of pages.
const (
	dataPage       = 0
	dictionaryPage = 2
)

// append writes header and body. The checksum is over the body as it lies in
// the file.
func (p *Page) append(dst []byte) []byte {
	w := structWriter{to: &dst}
	kind := int32(dataPage)
	if p.Dictionary {
		kind = dictionaryPage
	}
	w.i32(1, kind)
	w.i32(2, int32(p.Size))
	w.i32(3, int32(len(p.Body)))
	w.i32(4, int32(crc32.ChecksumIEEE(p.Body)))
	if p.Dictionary {
		h := w.nested(7)
		h.i32(1, int32(p.Rows))
		h.i32(2, int32(p.Encoding))
		h.end()
	} else {
		h := w.nested(5)
		h.i32(1, int32(p.Rows))
		h.i32(2, int32(p.Encoding))
		h.i32(3, int32(RLE)) // levels of presence
		h.i32(4, int32(RLE)) // levels of repetition, of which there are none
		h.end()
	}
	w.end()
	return append(dst, p.Body...)
}

// ParsePages finds the pages of a column chunk and checks their sums. The
// pages must hold so many rows together; the dictionary page, if there is one,
// comes first.
func ParsePages(chunk []byte, codec Codec, rows int64) ([]Page, error) {
	var pages []Page
	for len(chunk) > 0 {
		p, n, err := parsePage(chunk)
		if err != nil {
			return nil, fmt.Errorf("page %d: %w", len(pages), err)
		}
		switch {
		case p.Dictionary && len(pages) > 0:
			return nil, fmt.Errorf("page %d is a second dictionary", len(pages))
		case codec == Uncompressed && p.Size != len(p.Body):
			return nil, fmt.Errorf("page %d has %d bytes, its header says %d", len(pages), len(p.Body), p.Size)
		case codec != Uncompressed && codec != Zstd:
			return nil, fmt.Errorf("codec %d is not known here", codec)
		}
		if !p.Dictionary {
			rows -= int64(p.Rows)
		}
		pages, chunk = append(pages, p), chunk[n:]
	}
	if rows != 0 {
		return nil, fmt.Errorf("the pages hold %d rows too few", rows)
	}
	return pages, nil
}

func parsePage(b []byte) (p Page, size int, err error) {
	in := &input{b: b}
	var pageType, unpacked, packed, sum, values, encoding int32
	var summed, described bool
	pageType = -1
	head := func(id int, k kind) bool {
		described = true
		return id == 1 && in.i32(k, &values) || id == 2 && in.i32(k, &encoding)
	}
	in.fields(func(id int, k kind) bool {
		switch {
		case id == 1:
			return in.i32(k, &pageType)
		case id == 2:
			return in.i32(k, &unpacked)
		case id == 3:
			return in.i32(k, &packed)
		case id == 4:
			summed = true
			return in.i32(k, &sum)
		case k == kindStruct && (id == 5 && pageType == dataPage || id == 7 && pageType == dictionaryPage):
			in.fields(head)
			return true
		}
		return false
	})
	switch {
	case in.err != nil:
		return p, 0, in.err
	case !described:
		return p, 0, fmt.Errorf("page type %d is not known here", pageType)
	case values < 0 || values > MaxPageRows:
		return p, 0, fmt.Errorf("%d values in a page", values)
	case unpacked < 0 || unpacked > MaxPage:
		return p, 0, errLarge
	case packed < 0 || int(packed) > len(in.b):
		return p, 0, errCut
	}
	body := in.b[:packed]
	if summed && crc32.ChecksumIEEE(body) != uint32(sum) {
		return p, 0, errors.New("checksum differs")
	}
	p = Page{Dictionary: pageType == dictionaryPage, Encoding: Encoding(encoding), Rows: int(values), Size: int(unpacked), Body: body}
	if p.Encoding == plainDictionary {
		if p.Encoding = RLEDictionary; p.Dictionary {
			p.Encoding = Plain
		}
	}
	if !p.Dictionary && p.Rows == 0 {
		return p, 0, errors.New("a page without rows")
	}
	return p, len(b) - len(in.b) + int(packed), nil
}
