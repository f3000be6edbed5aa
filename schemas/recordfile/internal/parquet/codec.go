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

	pages  []Page // Body is set if it is a frame already
	ends   []int  // in Body
	packed []byte
	sample []byte
	zstd   *zstd.Encoder
	texts  textPacker
	frame  frameWriter
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
	w.end(Page{Dictionary: dictionary, Encoding: e, Rows: rows, Size: len(w.Body) - w.start()})
}

// EndTexts ends a page of texts, an empty one a NULL; which are present has
// been written.
func (w *ChunkWriter) EndTexts(ends []uint32, text []byte) {
	w.Body = w.texts.Append(w.Body, ends, text)
	w.End(false, DeltaByteArray, len(ends))
}

// endFrame ends a page whose body, of so many bytes unpacked, is in the frame
// already.
func (w *ChunkWriter) endFrame(e Encoding, rows, size int) {
	w.Body = append(w.Body[:w.start()], w.frame.out...)
	w.end(Page{Encoding: e, Rows: rows, Size: size, Body: w.Body[w.start():]})
}

func (w *ChunkWriter) end(p Page) {
	w.pages, w.ends = append(w.pages, p), append(w.ends, len(w.Body))
}

// start is where the page begins.
func (w *ChunkWriter) start() int {
	if n := len(w.ends); n > 0 {
		return w.ends[n-1]
	}
	return 0
}

// Flush appends the pages to dst and describes them. They are compressed if
// that makes the largest a tenth smaller at least: bit-packed numbers gain
// nothing from it and would pay on each reading. What is not compressed is
// stored in zstd's frame, because some readers take one codec for all row
// groups of a column.
func (w *ChunkWriter) Flush(dst []byte) ([]byte, Chunk) {
	var c Chunk
	c.Codec = Zstd
	largest, pays := w.sampleLargest()
	start := len(dst)
	for i := range w.pages {
		p := &w.pages[i]
		switch {
		case p.Body != nil:
		case !pays:
			w.frame.begin(len(w.body(i)))
			w.frame.raw(w.body(i), true)
			p.Body = w.frame.out
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

// sampleLargest compresses the largest page that is no frame yet, to see
// whether it pays.
func (w *ChunkWriter) sampleLargest() (largest int, pays bool) {
	largest = -1
	for i, p := range w.pages {
		if p.Body == nil && (largest < 0 || p.Size > w.pages[largest].Size) {
			largest = i
		}
	}
	if largest < 0 {
		return largest, false
	}
	body := w.body(largest)
	w.sample = w.zstd.EncodeAll(body, w.sample[:0])
	return largest, len(w.sample) <= len(body)-len(body)/10
}

// stored finds so many bytes in a frame of one raw block.
func stored(frame []byte, size int) (body []byte, ok bool) {
	const head = frameStart + blockStart
	if len(frame) != head+size || size > blockMost || string(frame[:len(frameHead)]) != frameHead {
		return nil, false
	}
	content := binary.LittleEndian.Uint32(frame[len(frameHead):])
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
	frame frameReader
	zstd  *zstd.Decoder
	buf   []byte
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
	if cap(u.buf) < room+spareRoom {
		u.buf = make([]byte, 0, room+room/4+spareRoom)
	}
	if body, ok := u.frame.read(p.Body, u.buf, p.Size); ok {
		return body, nil
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
