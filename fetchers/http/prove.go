package http

import (
	"bufio"
	"bytes"
	"crypto/sha1" //nolint:gosec // the digest that WeChat Pay publishes; a transfer check, not a security boundary
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/gzip"

	"tieout/schemas"
)

// shape is what a statement file looks like at its beginning.
type shape uint8

const (
	csvFile shape = iota + 1 // text, or text in one gzip member
	zipFile
)

// fits tells a statement from an error page that came with status 200.
func (s shape) fits(head []byte, contentType string) bool {
	if strings.Contains(strings.ToLower(contentType), "html") {
		return false
	}
	switch s {
	case zipFile:
		return bytes.HasPrefix(head, []byte("PK\x03\x04")) || bytes.HasPrefix(head, []byte("PK\x05\x06"))
	default:
		text := bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), " \t\r\n")
		return len(text) > 0 && !bytes.ContainsAny(text[:1], "<{[\x00")
	}
}

// proving passes a body on and checks it meanwhile: EOF comes out only if the
// digest and the end of the archive hold.
type proving struct {
	src  io.Reader
	link link

	bytes  int64
	digest *unpackedDigest // nil if the channel announces none
	tail   []byte          // the last bytes of a zip

	sha1   string // computed; "" without a digest
	unpack error  // why the file could not be unpacked for the digest
	cutOff bool   // a zip without its end
	failed error  // what Read returned instead of EOF
	ended  bool
}

var errUnproven = errors.New("the downloaded bytes are not proven whole")

func prove(src io.Reader, l link, maxUnpacked int64) *proving {
	p := &proving{src: src, link: l}
	if l.sha1 != "" {
		p.digest = startDigest(maxUnpacked)
	}
	return p
}

func (p *proving) Read(b []byte) (int, error) {
	if p.failed != nil {
		return 0, p.failed
	}
	n, err := p.src.Read(b)
	p.bytes += int64(n)
	if p.digest != nil {
		p.digest.write(b[:n])
	}
	if p.link.shape == zipFile {
		p.tail = append(p.tail, b[:n]...)
		if len(p.tail) > 2*maxZipEnd {
			p.tail = append(p.tail[:0], p.tail[len(p.tail)-maxZipEnd:]...)
		}
	}
	if err == io.EOF {
		err = p.end()
	}
	return n, err
}

// end judges the whole; asked once more it says the same.
func (p *proving) end() error {
	if !p.ended {
		p.ended = true
		if p.digest != nil {
			p.sha1, p.unpack = p.digest.sum()
		}
		p.cutOff = p.link.shape == zipFile && !endsZip(p.tail, p.bytes)
		if p.cutOff || p.sha1 != p.link.sha1 {
			p.failed = errUnproven
		}
	}
	if p.failed != nil {
		return p.failed
	}
	return io.EOF
}

// stop ends the digest of a body that was not read to its end.
func (p *proving) stop() {
	if p.digest != nil {
		p.digest.sum()
	}
}

func (p *proving) proofs(size int64) []schemas.Proof {
	var proofs []schemas.Proof
	if size >= 0 {
		proofs = append(proofs, schemas.Proof{Name: "transfer.bytes", OK: p.bytes == size, Want: fmt.Sprint(size), Got: fmt.Sprint(p.bytes)})
	}
	if p.link.sha1 != "" {
		proofs = append(proofs, schemas.Proof{Name: "digest.sha1", OK: p.sha1 == p.link.sha1, Want: p.link.sha1, Got: p.sha1, Note: "over the unpacked file, as the channel announced it"})
	}
	if p.link.shape == zipFile {
		end := schemas.Proof{Name: "archive.end", OK: !p.cutOff, Want: "present", Got: "present"}
		if p.cutOff {
			end.Got = "missing"
		}
		proofs = append(proofs, end)
	}
	return proofs
}

// maxZipEnd is the size of a zip's end record with the longest comment
// (APPNOTE.TXT 4.3.16).
const maxZipEnd = 22 + 1<<16 - 1

// endsZip tells whether the last bytes of a file of the given size are the end
// record of a zip whose directory lies where the record says.
func endsZip(tail []byte, size int64) bool {
	for end := tail; ; {
		i := bytes.LastIndex(end, []byte("PK\x05\x06"))
		if i < 0 {
			return false
		}
		end = tail[:i]
		r := tail[i:]
		if len(r) < 22 || len(r) != 22+int(binary.LittleEndian.Uint16(r[20:])) {
			continue
		}
		dirSize, dirAt := int64(binary.LittleEndian.Uint32(r[12:])), int64(binary.LittleEndian.Uint32(r[16:]))
		if dirAt == 1<<32-1 || dirAt+dirSize == size-int64(len(r)) { // the first: zip64, its own record is in front
			return true
		}
	}
}

// unpackedDigest computes the SHA-1 of a file that may be in one gzip member,
// beside the reading, in constant memory.
type unpackedDigest struct {
	pipe *io.PipeWriter
	done chan struct{}
	hex  string
	err  error
}

func startDigest(maxUnpacked int64) *unpackedDigest {
	r, w := io.Pipe()
	d := &unpackedDigest{pipe: w, done: make(chan struct{})}
	go func() {
		defer close(d.done)
		defer func() {
			if v := recover(); v != nil { // foreign bytes reach the unpacker
				d.hex, d.err = "", fmt.Errorf("unpacking panicked: %v", v)
			}
			r.CloseWithError(io.ErrClosedPipe) // frees a writer that is still at it
		}()
		d.hex, d.err = sha1OfUnpacked(r, maxUnpacked)
	}()
	return d
}

// write never fails: what goes wrong shows in sum.
func (d *unpackedDigest) write(p []byte) { _, _ = d.pipe.Write(p) }

// sum ends the stream and waits; may be called again.
func (d *unpackedDigest) sum() (string, error) {
	d.pipe.Close()
	<-d.done
	return d.hex, d.err
}

// sha1OfUnpacked hashes text as it is, and gzip after unpacking: exactly one
// member with nothing behind it, of at most max bytes and 200 times its packed
// size (beyond the first MiB).
func sha1OfUnpacked(r io.Reader, max int64) (string, error) {
	packed := &counting{r: r}
	src := bufio.NewReaderSize(packed, 64<<10)
	h := sha1.New() //nolint:gosec // see the import
	if magic, _ := src.Peek(2); string(magic) != "\x1f\x8b" {
		_, err := io.Copy(h, src)
		return hex.EncodeToString(h.Sum(nil)), err
	}
	z, err := gzip.NewReader(src)
	if err != nil {
		return "", fmt.Errorf("unpack gzip: %w", err)
	}
	z.Multistream(false)
	var n int64
	buf := make([]byte, 64<<10)
	for {
		k, err := z.Read(buf)
		h.Write(buf[:k])
		n += int64(k)
		if n > max || n > 1<<20 && n/200 > packed.n {
			return "", fmt.Errorf("unpack gzip: %d bytes from %d are too many", n, packed.n)
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return "", fmt.Errorf("unpack gzip: %w", err)
		}
	}
	if _, err := src.ReadByte(); err != io.EOF {
		return "", errors.New("unpack gzip: something follows behind the first member")
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

type counting struct {
	r io.Reader
	n int64
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}
