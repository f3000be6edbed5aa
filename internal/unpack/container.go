package unpack

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"fmt"
	"io"
)

// Container is the way in which a raw file is packed.
type Container uint8

// The containers.
const (
	Auto  Container = iota // found out by the first bytes
	Plain                  // not packed
	Gzip                   // exactly one member, with nothing behind it
	Zip
	Base64ZlibZip // UnionPay fileTransfer: base64 of a zlib stream of a zip file
)

var containerNames = [...]string{"auto", "plain", "gzip", "zip", "base64-zlib-zip"}

func (c Container) String() string { return containerNames[c] }

// ParseContainer reads what String writes.
func ParseContainer(s string) (Container, error) {
	for i, name := range containerNames {
		if name == s {
			return Container(i), nil
		}
	}
	return Auto, fmt.Errorf("container %.40q is none of %q", s, containerNames)
}

// UnmarshalText reads what String writes.
func (c *Container) UnmarshalText(b []byte) (err error) {
	*c, err = ParseContainer(string(b))
	return err
}

// MarshalText writes the name.
func (c Container) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// Sniff tells the container by its first bytes; what it does not know is Plain.
// The error is that of r.
func Sniff(r io.ReaderAt, size int64) (Container, error) {
	head := make([]byte, min(size, 1024))
	if _, err := r.ReadAt(head, 0); err != nil && err != io.EOF {
		return Plain, err
	}
	switch {
	case bytes.HasPrefix(head, []byte("PK\x03\x04")), bytes.HasPrefix(head, []byte("PK\x05\x06")):
		return Zip, nil
	case bytes.HasPrefix(head, []byte("\x1f\x8b")):
		return Gzip, nil
	case startsBase64ZlibZip(head):
		return Base64ZlibZip, nil
	}
	return Plain, nil
}

// startsBase64ZlibZip looks for the first bytes of a zip file behind both
// layers: a text that merely resembles base64 does not inflate to "PK".
func startsBase64ZlibZip(head []byte) bool {
	if len(head) == 0 || head[0] != 'e' { // the first six bits of every zlib header in use, 0x78
		return false
	}
	z, err := zlib.NewReader(base64.NewDecoder(base64.StdEncoding, bytes.NewReader(head)))
	if err != nil {
		return false
	}
	var magic [2]byte
	_, err = io.ReadFull(z, magic[:])
	return err == nil && string(magic[:]) == "PK"
}
