package unpack

import (
	"archive/zip"
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"io/fs"
	"slices"

	"github.com/klauspost/compress/flate"

	"tieout/internal/fault"
)

// openZip unpacks a zip file (PKWARE APPNOTE 6.3) that is exactly its entries,
// one behind the other, followed by the directory: nothing before, between or
// under them, and each local header says what the directory says.
//
// The largest of the entries may come later, if it is large and l stays open.
func (o *opening) openZip(l layer, depth int, later bool) error {
	r, err := o.readDirectory(l)
	if err != nil {
		return err
	}
	for _, f := range r.File {
		if err := checkEntry(f); err != nil {
			return err
		}
	}
	if err := checkLayout(l, r.File); err != nil {
		return err
	}
	largest, place := -1, 0
	if later {
		largest = o.largest(r.File)
	}
	for i, f := range r.File {
		if i == largest {
			place = len(o.entries)
			continue
		}
		s := &spool{o: o}
		if err := o.unpackEntry(s, f); err != nil {
			s.Close()
			return err
		}
		if err := o.inside(layer{f.Name, f.NonUTF8, s.reader(), s.size, s}, depth); err != nil {
			return err
		}
	}
	if largest < 0 {
		return nil
	}
	return o.unpackBehind(r.File[largest], place, depth)
}

// readDirectory reads the list of entries and no more than directoryMax bytes
// for it: archive/zip goes on as long as there are headers, whatever the end
// record says.
func (o *opening) readDirectory(l layer) (*zip.Reader, error) {
	capped := &cappedReaderAt{r: l.r, left: directoryMax}
	r, err := zip.NewReader(capped, l.size)
	if errors.Is(err, errDirectory) {
		return nil, over("bytes of a zip directory", directoryMax)
	}
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return nil, err
	}
	capped.left = 1<<63 - 1
	if isOffice(r.File) {
		return nil, office()
	}
	if len(r.File) > o.limits.Entries-len(o.entries) {
		return nil, over("entries", o.limits.Entries)
	}
	names := make(map[string]bool, len(r.File))
	for _, f := range r.File {
		if names[f.Name] {
			return nil, refused("two entries with the name %s", fault.Quote(f.Name))
		}
		names[f.Name] = true
	}
	return r, nil
}

var errDirectory = errors.New("the directory is too large")

// cappedReaderAt fails once more than left bytes have been read.
type cappedReaderAt struct {
	r    io.ReaderAt
	left int64
}

func (c *cappedReaderAt) ReadAt(p []byte, off int64) (int, error) {
	if c.left -= int64(len(p)); c.left < 0 {
		return 0, errDirectory
	}
	return c.r.ReadAt(p, off)
}

// checkEntry refuses what is no plain file.
func checkEntry(f *zip.File) error {
	const encrypted = 1 | 1<<6 | 1<<13 // traditional, strong, masked headers
	name := fault.Quote(f.Name)
	switch mode := f.Mode(); {
	case f.Flags&encrypted != 0:
		return refused("the encrypted entry %s", name)
	case mode.IsDir():
		return refused("the folder %s", name)
	case mode&fs.ModeSymlink != 0:
		return refused("the symbolic link %s", name)
	case !mode.IsRegular():
		return refused("the special file %s", name)
	case f.Method != zip.Store && f.Method != zip.Deflate:
		return refused("the entry %s, packed by method %d", name, f.Method)
	case f.Name == "":
		return refused("an entry without a name")
	}
	return nil
}

// checkLayout walks the local headers in file order. Overlapping entries (the
// bomb that needs no nesting), hidden data and a header that disagrees with
// the directory all break the chain.
func checkLayout(l layer, files []*zip.File) error {
	type place struct {
		data int64
		f    *zip.File
	}
	places := make([]place, len(files))
	for i, f := range files {
		data, err := f.DataOffset()
		if err != nil {
			return err
		}
		places[i] = place{data, f}
	}
	slices.SortFunc(places, func(a, b place) int { return int(min(max(a.data-b.data, -1), 1)) })
	var at int64
	for _, p := range places {
		end, err := checkLocal(l.r, l.size, at, p.data, p.f)
		if err != nil {
			return err
		}
		at = end
	}
	var directory [4]byte
	if _, err := l.r.ReadAt(directory[:], at); err != nil {
		return io.ErrUnexpectedEOF
	}
	if s := string(directory[:]); s != "PK\x01\x02" && s != "PK\x05\x06" {
		return refused("bytes that belong to no entry, at offset %d", at)
	}
	return nil
}

// checkLocal compares the local header at an offset with the directory's word,
// and returns where the entry ends.
func checkLocal(r io.ReaderAt, size, at, data int64, f *zip.File) (end int64, err error) {
	const headerSize = 30
	var h [headerSize]byte
	if _, err := r.ReadAt(h[:], at); err != nil {
		return 0, io.ErrUnexpectedEOF
	}
	u16 := func(i int) uint16 { return binary.LittleEndian.Uint16(h[i:]) }
	u32 := func(i int) uint32 { return binary.LittleEndian.Uint32(h[i:]) }
	nameLen := int64(u16(26))
	if u32(0) != 0x04034b50 || at+headerSize+nameLen+int64(u16(28)) != data {
		return 0, refused("bytes that belong to no entry, or to two, before offset %d", data)
	}
	name := make([]byte, nameLen)
	if _, err := r.ReadAt(name, at+headerSize); err != nil {
		return 0, io.ErrUnexpectedEOF
	}
	if string(name) != f.Name {
		return 0, refused("the entry %s, which calls itself %s", fault.Quote(f.Name), fault.Quote(string(name)))
	}
	if f.CompressedSize64 > uint64(size-data) {
		return 0, io.ErrUnexpectedEOF
	}
	const later = 1 << 3 // sizes and checksum follow the data
	if u16(6) != f.Flags || u16(8) != f.Method {
		return 0, refused("the entry %s, whose two headers differ", fault.Quote(f.Name))
	}
	if f.Flags&later != 0 {
		return endBehindDescriptor(r, data+int64(f.CompressedSize64), f)
	}
	if u32(14) != f.CRC32 || !sameSize(u32(18), f.CompressedSize64) || !sameSize(u32(22), f.UncompressedSize64) {
		return 0, refused("the entry %s, whose two headers differ", fault.Quote(f.Name))
	}
	return data + int64(f.CompressedSize64), nil
}

// sameSize compares a 32-bit size field, whose highest value says that the
// real one stands in the zip64 extra field.
func sameSize(field uint32, size uint64) bool { return field == 1<<32-1 || uint64(field) == size }

// endBehindDescriptor finds the end of an entry whose sizes follow its data,
// with or without a signature, in 32 or 64 bits.
func endBehindDescriptor(r io.ReaderAt, at int64, f *zip.File) (int64, error) {
	var d [24]byte
	n, err := r.ReadAt(d[:], at)
	if err != nil && err != io.EOF {
		return 0, err
	}
	le, b, end := binary.LittleEndian, d[:n], at
	for range 2 { // as if without a signature, then with it
		if len(b) >= 20 && le.Uint32(b) == f.CRC32 && le.Uint64(b[4:]) == f.CompressedSize64 && le.Uint64(b[12:]) == f.UncompressedSize64 {
			return end + 20, nil
		}
		if len(b) >= 12 && le.Uint32(b) == f.CRC32 && uint64(le.Uint32(b[4:])) == f.CompressedSize64 && uint64(le.Uint32(b[8:])) == f.UncompressedSize64 {
			return end + 12, nil
		}
		if !bytes.HasPrefix(b, []byte("PK\x07\x08")) {
			break
		}
		b, end = b[4:], end+4
	}
	return 0, refused("the entry %s, whose sizes behind the data differ from the directory", fault.Quote(f.Name))
}

// unpackEntry unpacks one entry and compares its length and checksum with the
// directory.
func (o *opening) unpackEntry(s *spool, f *zip.File) error {
	raw, err := f.OpenRaw()
	if err != nil {
		return err
	}
	packed := bufio.NewReader(raw)
	sum := crc32.NewIEEE()
	var plain io.Reader = packed
	if f.Method == zip.Deflate {
		plain = flate.NewReader(packed)
	}
	if err := o.unpackTo(s, io.TeeReader(plain, sum)); err != nil {
		return err
	}
	if _, err := packed.ReadByte(); err != io.EOF {
		return refused("bytes behind the data of %s", fault.Quote(f.Name))
	}
	if uint64(s.size) != f.UncompressedSize64 {
		return damaged("the entry %s has %d bytes, its header says %d", fault.Quote(f.Name), s.size, f.UncompressedSize64)
	}
	if sum.Sum32() != f.CRC32 {
		return damaged("the checksum of the entry %s is wrong", fault.Quote(f.Name))
	}
	return nil
}
