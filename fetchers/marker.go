package fetchers

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"path"
	"strings"

	"tieout/internal/fault"
)

// maxMarker bounds the size of a marker file.
const maxMarker = 64 << 10

// hasher makes the digest of a marker kind, nil for those without one. MD5 and
// SHA-1 are what the channels write; they guard against accidents.
func (k MarkerKind) hasher() hash.Hash {
	switch k {
	case MarkerMD5:
		return md5.New()
	case MarkerSHA1:
		return sha1.New()
	case MarkerSHA256:
		return sha256.New()
	}
	return nil
}

// parseDigest finds the digest of a file in the text of its marker: the bare
// hash, or lines of "hash  name" and "hash *name" as md5sum writes them. name
// is the name on the wire; a folder in front of it does not matter. alone says
// that the marker may hold a bare hash, because it stands for this file only.
// The digest is returned in lower case.
func parseDigest(text []byte, kind MarkerKind, name string, alone bool) (string, error) {
	digits := 2 * kind.hasher().Size()
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	found := ""
	for n, line := range bytes.Split(text, []byte("\n")) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			continue
		}
		sum, file, named := strings.Cut(string(line), " ")
		sum = strings.ToLower(sum)
		if _, err := hex.DecodeString(sum); err != nil || len(sum) != digits {
			return "", fmt.Errorf("line %d is not a %s of %d hexadecimal digits: %s", n+1, kind, digits, fault.Quote(string(line)))
		}
		file = strings.TrimPrefix(strings.TrimSpace(file), "*")
		switch {
		case !named && !alone:
			return "", fmt.Errorf("line %d holds no file name, but the marker stands for several files", n+1)
		case named && path.Base(strings.ReplaceAll(file, "\\", "/")) != name:
			continue
		case found != "" && found != sum:
			return "", errors.New("it holds two different digests for this file")
		}
		found = sum
	}
	if found == "" {
		return "", errors.New("it holds no digest for this file")
	}
	return found, nil
}
