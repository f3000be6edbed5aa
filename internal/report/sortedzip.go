package report

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"errors"
	"hash/crc32"
	"io"
	"io/fs"
	"slices"
	"strings"
)

// sortedZip writes a zip file whose parts stand in the order of their names
// and bear no time, so that the same workbook gives the same bytes. Parts are
// kept packed until the end.
type sortedZip struct {
	out   io.Writer
	parts []*zipPart
	to    *flate.Writer // packs the last part
}

// zipPart is one packed part.
type zipPart struct {
	name   string
	packed bytes.Buffer
	to     *flate.Writer
	crc    uint32
	size   uint64
}

// Create implements excelize.ZipWriter. The part ends where the next begins.
func (z *sortedZip) Create(name string) (io.Writer, error) {
	if err := z.endPart(); err != nil {
		return nil, err
	}
	p := &zipPart{name: name}
	if z.to == nil {
		var err error
		if z.to, err = flate.NewWriter(&p.packed, flate.BestSpeed); err != nil {
			return nil, err
		}
	} else {
		z.to.Reset(&p.packed)
	}
	p.to = z.to
	z.parts = append(z.parts, p)
	return p, nil
}

func (z *sortedZip) endPart() error {
	if len(z.parts) == 0 {
		return nil
	}
	return z.to.Close()
}

// Write packs the part.
func (p *zipPart) Write(b []byte) (int, error) {
	p.crc = crc32.Update(p.crc, crc32.IEEETable, b)
	p.size += uint64(len(b))
	return p.to.Write(b)
}

// AddFS implements excelize.ZipWriter; nothing here calls it.
func (z *sortedZip) AddFS(fs.FS) error { return errors.ErrUnsupported }

// Close writes the file.
func (z *sortedZip) Close() error {
	if err := z.endPart(); err != nil {
		return err
	}
	slices.SortFunc(z.parts, func(a, b *zipPart) int { return strings.Compare(a.name, b.name) })
	w := zip.NewWriter(z.out)
	for _, p := range z.parts {
		to, err := w.CreateRaw(&zip.FileHeader{Name: p.name, Method: zip.Deflate, CRC32: p.crc, CompressedSize64: uint64(p.packed.Len()), UncompressedSize64: p.size})
		if err != nil {
			return err
		}
		if _, err := p.packed.WriteTo(to); err != nil {
			return err
		}
	}
	return w.Close()
}
