package parquet

import (
	"encoding/binary"
	"fmt"

	"github.com/klauspost/compress/zstd"
)

// ChunkWriter collects the pages of one column chunk. One goroutine uses it,
// for chunk after chunk.
type ChunkWriter struct {
	Body []byte // the caller appends the next page's body, unpacked, and calls End

	pages  []Page // Body not set
	ends   []int  // in Body
	packed []byte
	sample []byte
	zstd   *zstd.Encoder
}

// NewChunkWriter makes an empty one. Pages have checksums of their own, so
// zstd's is left out.
func NewChunkWriter() (*ChunkWriter, error) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false))
	if err != nil {
		return nil, err
	}
	return &ChunkWriter{zstd: enc}, nil
}

// End ends a page of so many rows (or dictionary entries).
func (w *ChunkWriter) End(dictionary bool, e Encoding, rows int) {
	size := len(w.Body)
	if n := len(w.ends); n > 0 {
		size -= w.ends[n-1]
	}
	w.pages, w.ends = append(w.pages, Page{Dictionary: dictionary, Encoding: e, Rows: rows, Size: size}), append(w.ends, len(w.Body))
}

// Flush appends the pages to dst and describes them. They are compressed if
// that makes the largest a tenth smaller at least: bit-packed numbers gain
// nothing from it and would pay on each reading. What is not compressed is
// stored in zstd's frame, because some readers take one codec for all row
// groups of a column.
func (w *ChunkWriter) Flush(dst []byte) ([]byte, Chunk) {
	var c Chunk
	c.Codec = Zstd
	largest := w.largest()
	body := w.body(largest)
	w.sample = w.zstd.EncodeAll(body, w.sample[:0])
	pays := len(w.sample) <= len(body)-len(body)/10
	start := len(dst)
	for i := range w.pages {
		p := &w.pages[i]
		switch {
		case !pays:
			w.packed = appendStored(w.packed[:0], w.body(i))
			p.Body = w.packed
		case i == largest:
			p.Body = w.sample
		default:
			w.packed = w.zstd.EncodeAll(w.body(i), w.packed[:0])
			p.Body = w.packed
		}
		before := len(dst)
		dst = p.append(dst)
		c.Uncompressed += int64(len(dst) - before - len(p.Body) + p.Size)
		if p.Dictionary {
			c.Dictionary = int64(len(dst) - before)
		}
		c.use(p.Encoding)
	}
	c.use(RLE)
	c.Compressed = int64(len(dst) - start)
	w.pages, w.ends, w.Body = w.pages[:0], w.ends[:0], w.Body[:0]
	return dst, c
}

// A zstd frame of bytes as they are: its head, the size of the content in four
// bytes, and blocks of at most 128 KiB behind three bytes each.
const (
	storedHead  = "\x28\xb5\x2f\xfd\xa0" // one segment, and a content size of four bytes
	storedBlock = 128 << 10
	lastOfFrame = 1
)

// appendStored appends a zstd frame of bytes as they are.
func appendStored(dst, body []byte) []byte {
	dst = append(dst, storedHead...)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(body)))
	for {
		n := min(len(body), storedBlock)
		head := uint32(n) << 3
		if n == len(body) {
			head |= lastOfFrame
		}
		dst = append(dst, byte(head), byte(head>>8), byte(head>>16))
		dst = append(dst, body[:n]...)
		if body = body[n:]; len(body) == 0 {
			return dst
		}
	}
}

// stored finds so many bytes in a frame that appendStored made of one block.
func stored(frame []byte, size int) (body []byte, ok bool) {
	const head = len(storedHead) + 4 + 3
	if len(frame) != head+size || size > storedBlock || string(frame[:len(storedHead)]) != storedHead {
		return nil, false
	}
	content := binary.LittleEndian.Uint32(frame[len(storedHead):])
	block := binary.LittleEndian.Uint32(frame[head-4:]) >> 8
	return frame[head:], content == uint32(size) && block == uint32(size)<<3|lastOfFrame
}

func (w *ChunkWriter) body(i int) []byte {
	start := 0
	if i > 0 {
		start = w.ends[i-1]
	}
	return w.Body[start:w.ends[i]]
}

func (w *ChunkWriter) largest() int {
	largest := 0
	for i := range w.pages {
		if w.pages[i].Size > w.pages[largest].Size {
			largest = i
		}
	}
	return largest
}

// use notes an encoding.
func (c *Chunk) use(e Encoding) {
	for _, have := range c.Encodings {
		if have == e {
			return
		}
	}
	c.Encodings = append(c.Encodings, e)
}

// Unpacker unpacks the bodies of pages.
type Unpacker struct {
	zstd *zstd.Decoder
	buf  []byte
}

// NewUnpacker makes one for one goroutine.
func NewUnpacker() (*Unpacker, error) {
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(MaxPage), zstd.WithDecodeAllCapLimit(true))
	if err != nil {
		return nil, err
	}
	return &Unpacker{zstd: dec}, nil
}

// slack is the room behind the body that lets the decoder copy 16 bytes at a
// time without a look at the end: 7 % less time.
const slack = 16

// Unpack returns the body; it stays valid until the next call.
func (u *Unpacker) Unpack(p *Page, codec Codec) ([]byte, error) {
	if codec == Uncompressed {
		return p.Body, nil
	}
	if body, ok := stored(p.Body, p.Size); ok {
		return body, nil
	}
	room := min(p.Size+slack, MaxPage)
	if cap(u.buf) < room {
		u.buf = make([]byte, 0, room+room/4)
	}
	out, err := u.zstd.DecodeAll(p.Body, u.buf[:0:room])
	if err != nil {
		return nil, err
	}
	if len(out) != p.Size {
		return nil, fmt.Errorf("a page unpacks to %d bytes, its header says %d", len(out), p.Size)
	}
	return out, nil
}
