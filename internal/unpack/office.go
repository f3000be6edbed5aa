package unpack

import (
	"archive/zip"
	"bytes"
	"io"
)

// Office documents are never read. What a spreadsheet program has saved is not
// what the channel sent: long numbers and dates are changed, and an amount may
// be the stored value of a formula that nobody computed again. They are known
// by their first bytes or by the names in their directory, before anything is
// unpacked.

// oleMagic begins the compound files of Office 97 to 2003, and today's
// encrypted workbooks ([MS-CFB], 2.2).
const oleMagic = "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"

func startsOLE(r io.ReaderAt) bool {
	var magic [len(oleMagic)]byte
	n, _ := r.ReadAt(magic[:], 0) // too short is no compound file either
	return bytes.Equal(magic[:n], []byte(oleMagic))
}

// isOffice tells the packages of Office Open XML (ECMA-376 part 2, 10.1.2) and
// of OpenDocument (part 3, 2.2) by the entries that each of them must have.
func isOffice(files []*zip.File) bool {
	var types, manifest, content bool
	for _, f := range files {
		switch f.Name {
		case "[Content_Types].xml":
			types = true
		case "META-INF/manifest.xml":
			manifest = true
		case "content.xml":
			content = true
		}
	}
	return types || manifest && content
}

// office is the refusal of a document.
func office() error { return &refusal{id: "E-2445", values: map[string]any{}} }
