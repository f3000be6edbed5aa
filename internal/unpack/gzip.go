package unpack

import (
	"bufio"
	"compress/zlib"
	"encoding/base64"
	"io"
	"strings"

	"github.com/klauspost/compress/gzip"
)

// openGzip unpacks a gzip file of exactly one member (RFC 1952). A reader that
// takes a second member as a continuation doubles the rows of a file that a
// server sent twice in one body.
func (o *opening) openGzip(l layer, depth int) error {
	packed := bufio.NewReader(io.NewSectionReader(l.r, 0, l.size))
	z, err := gzip.NewReader(packed)
	if err != nil {
		return err
	}
	z.Multistream(false)
	s := &spool{o: o}
	if err := o.unpackTo(s, z); err != nil {
		s.Close()
		return err
	}
	if _, err := packed.ReadByte(); err != io.EOF {
		s.Close()
		return refused("bytes behind the first gzip member")
	}
	return o.inside(layer{strings.TrimSuffix(l.name, ".gz"), l.nonUTF8, s.reader(), s.size, s}, depth)
}

// openBase64ZlibZip takes off the two text-safe layers around a zip file
// (UnionPay 5.1.0, field fileContent).
func (o *opening) openBase64ZlibZip(l layer, depth int) error {
	packed := bufio.NewReader(base64.NewDecoder(base64.StdEncoding, io.NewSectionReader(l.r, 0, l.size)))
	z, err := zlib.NewReader(packed)
	if err != nil {
		return err
	}
	s := &spool{o: o}
	defer s.Close()
	if err := o.unpackTo(s, z); err != nil {
		return err
	}
	switch _, err := packed.ReadByte(); {
	case err == nil:
		return refused("bytes behind the zlib stream")
	case err != io.EOF:
		return err
	}
	return o.openZip(layer{name: l.name, r: s.reader(), size: s.size}, depth, false)
}
