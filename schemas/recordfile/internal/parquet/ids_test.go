package parquet

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// idPages are pages of ids of many kinds; wanted is whether they are to be
// packed without a search.
func idPages() []idPage {
	r := rand.New(rand.NewPCG(5, 11))
	return []idPage{
		makeIDs("a channel's numbers", 8192, true, func(i int) string { return fmt.Sprintf("42000%05d20261120%010d", r.IntN(1e5), i) }),
		makeIDs("a day ends", 8192, true, func(i int) string { return fmt.Sprintf("42000%05d202611%02d%010d", r.IntN(1e5), 20+i/5000, i) }),
		makeIDs("no prefix", 8192, true, func(i int) string { return fmt.Sprintf("%05d20261120%010d", r.IntN(1e5), i) }),
		makeIDs("a fixed end", 8192, true, func(i int) string { return fmt.Sprintf("20261120%08d0000000000001234", r.IntN(1e8)) }),
		makeIDs("few", 300, true, func(i int) string { return fmt.Sprintf("42000%05d20261120%010d", r.IntN(1e5), i) }),
		makeIDs("more than a block a page", 20_000, true, func(i int) string { return fmt.Sprintf("%06d00000000000000000000000000000001", r.IntN(1e6)) }),
		makeIDs("some of another kind", 8192, true, func(i int) string {
			if i%700 < 2 {
				return fmt.Sprintf("42000%023d", r.Int64())
			}
			return fmt.Sprintf("42000%05d20261120%010d", r.IntN(1e5), i)
		}),
		makeIDs("another kind first", 8192, true, func(i int) string {
			if i < 20 {
				return fmt.Sprintf("42000%023d", r.Int64())
			}
			return fmt.Sprintf("42000%05d20261120%010d", r.IntN(1e5), i)
		}),
		makeIDs("another kind last", 8192, true, func(i int) string {
			if i > 8190 {
				return fmt.Sprintf("42000%023d", r.Int64())
			}
			return fmt.Sprintf("42000%05d20261120%010d", r.IntN(1e5), i)
		}),
		makeIDs("one of another prefix", 8192, false, func(i int) string {
			return fmt.Sprintf("%05d%05d20261120%010d", 42000+i/8191, r.IntN(1e5), i)
		}),
		makeIDs("a row in twenty", 8192, true, func(i int) string {
			if i%20 != 7 {
				return ""
			}
			return fmt.Sprintf("50300%05d20261120%010d", r.IntN(1e5), i)
		}),
		makeIDs("a merchant's numbers", 8192, true, func(i int) string { return fmt.Sprintf("M20261120%012d%04d", i, r.IntN(1e4)) }),
		makeIDs("a counter", 8192, false, func(i int) string { return fmt.Sprintf("R%d", i) }),
		makeIDs("one number", 8192, false, func(i int) string { return "M2026112000000000000001" }),
		makeIDs("UUIDs", 8192, false, func(i int) string { return fmt.Sprintf("%016x-%016x", r.Uint64(), r.Uint64()) }),
		makeIDs("of all lengths", 8192, false, func(i int) string { return fmt.Sprint(r.Uint64N(1<<r.IntN(64))) + "-20261120-" + fmt.Sprint(i) }),
		makeIDs("long", 2000, false, func(i int) string { return fmt.Sprintf("%0100d%020d", i, r.Int64()) }),
		makeIDs("two", 2, false, func(i int) string { return fmt.Sprint(i) }),
	}
}

type idPage struct {
	name   string
	wanted bool
	ids    Texts
}

func makeIDs(name string, n int, wanted bool, id func(int) string) idPage {
	p := idPage{name: name, wanted: wanted}
	for i := range n {
		p.ids.Bytes = append(p.ids.Bytes, id(i)...)
		p.ids.Ends = append(p.ids.Ends, uint32(len(p.ids.Bytes)))
	}
	return p
}

// endIDs packs a page as the writer of records does, without its presence.
func endIDs(t testing.TB, ids *Texts) (page Page, values int) {
	w, err := NewChunkWriter()
	if err != nil {
		t.Fatal(err)
	}
	start := uint32(0)
	for _, end := range ids.Ends {
		if end != start {
			values++
		}
		start = end
	}
	w.EndIDs(ids.Ends, ids.Bytes)
	page = w.pages[0]
	if page.Body == nil {
		page.Body = w.zstd.EncodeAll(w.Body, nil)
	}
	return page, values
}

func TestIDsArePackedAndReadBack(t *testing.T) {
	dec, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range idPages() {
		t.Run(c.name, func(t *testing.T) {
			page, values := endIDs(t, &c.ids)
			want, err := dec.DecodeAll(page.Body, nil)
			if err != nil || len(want) != page.Size {
				t.Fatalf("zstd reads %d bytes of %d, %v", len(want), page.Size, err)
			}
			var f frameReader
			body, ok := f.read(page.Body, make([]byte, 0, page.Size+spareRoom), page.Size)
			if ok && !bytes.Equal(body, want) {
				t.Fatal("the frame is read otherwise than zstd reads it")
			}
			if ok != c.wanted {
				t.Errorf("read without zstd: %v", ok)
			}
			flags := make([]uint8, len(c.ids.Ends))
			for i := range flags {
				flags[i] = uint8(min(1, len(c.ids.At(i))))
			}
			var got Texts
			if err := got.Deltas(want, len(flags), values, flags); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got.Bytes, c.ids.Bytes) || !slices.Equal(got.Ends, c.ids.Ends) {
				t.Error("the ids are others")
			}
			old := zstdSize(t, &c.ids)
			if len(page.Body) > old+old/3 {
				t.Errorf("%d bytes, zstd packs into %d", len(page.Body), old)
			}
			t.Logf("%.2f bytes each, zstd %.2f", float64(len(page.Body))/float64(values), float64(old)/float64(values))
		})
	}
}

func zstdSize(t testing.TB, ids *Texts) int {
	w, err := NewChunkWriter()
	if err != nil {
		t.Fatal(err)
	}
	return len(w.zstd.EncodeAll(new(textPacker).Append(nil, ids.Ends, ids.Bytes), nil))
}

// A frame that is read although a byte of it is another is read as zstd reads
// it.
func TestDamagedFramesAreReadAsZstdReadsThem(t *testing.T) {
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(7, 7))
	var f frameReader
	for _, c := range idPages() {
		c.ids.Ends = c.ids.Ends[:min(400, len(c.ids.Ends))]
		c.ids.Bytes = c.ids.Bytes[:c.ids.Ends[len(c.ids.Ends)-1]]
		page, _ := endIDs(t, &c.ids)
		buf := make([]byte, 0, page.Size+spareRoom)
		for range 1000 {
			frame := bytes.Clone(page.Body)
			at := r.IntN(len(frame))
			if r.IntN(2) == 0 { // where the blocks say what they are
				at = r.IntN(min(len(frame), 600))
			}
			frame[at] ^= 1 << r.IntN(8)
			body, ok := f.read(frame, buf, page.Size)
			if !ok {
				continue
			}
			if want, err := dec.DecodeAll(frame, nil); err != nil || !bytes.Equal(body, want) {
				t.Fatalf("%s: byte %d: %d bytes, zstd reads %d, %v", c.name, at, len(body), len(want), err)
			}
		}
	}
}

// What the frame reader takes, zstd's own takes as well, and reads the same.
func FuzzFrameRead(f *testing.F) {
	for _, c := range idPages() {
		c.ids.Ends = c.ids.Ends[:min(300, len(c.ids.Ends))]
		c.ids.Bytes = c.ids.Bytes[:c.ids.Ends[len(c.ids.Ends)-1]]
		page, _ := endIDs(f, &c.ids)
		f.Add(page.Body, uint32(page.Size))
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(1<<20))
	if err != nil {
		f.Fatal(err)
	}
	var r frameReader
	f.Fuzz(func(t *testing.T, frame []byte, size uint32) {
		if size > 1<<19 {
			return
		}
		buf := bytes.Repeat([]byte{0xa5}, int(size)+spareRoom+8)
		body, ok := r.read(frame, buf[:0:len(buf)-8], int(size))
		if string(buf[len(buf)-8:]) != "\xa5\xa5\xa5\xa5\xa5\xa5\xa5\xa5" {
			t.Fatal("bytes behind the room are written")
		}
		if !ok {
			return
		}
		want, err := dec.DecodeAll(frame, nil)
		if err != nil || !bytes.Equal(body, want) {
			t.Fatalf("%d bytes, zstd reads %d, %v", len(body), len(want), err)
		}
	})
}

// All ids come back, whatever they are.
func FuzzIDs(f *testing.F) {
	f.Add([]byte("42000"), []byte("20261120000000"), uint64(1), uint8(5), uint8(3), uint8(100))
	f.Add([]byte(""), []byte("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), uint64(1), uint8(9), uint8(6), uint8(3))
	dec, err := zstd.NewReader(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, prefix, middle []byte, seed uint64, own, end, odd uint8) {
		r := rand.New(rand.NewPCG(seed, 1))
		digits := func(to []byte, n uint8) []byte {
			for range n % 24 {
				to = append(to, byte('0'+r.IntN(10)))
			}
			return to
		}
		var ids Texts
		for i := range 600 {
			id := digits(append([]byte("i"), prefix...), own)
			id = digits(append(id, middle...), end)
			if odd > 0 && i%int(odd) == int(seed%uint64(odd)) {
				id[r.IntN(len(id))] ^= 1
			}
			if ids.Bytes = append(ids.Bytes, id...); len(ids.Bytes) > 1<<18 {
				return
			}
			ids.Ends = append(ids.Ends, uint32(len(ids.Bytes)))
		}
		page, values := endIDs(t, &ids)
		u, err := NewUnpacker()
		if err != nil {
			t.Fatal(err)
		}
		body, err := u.Unpack(&page, Zstd)
		if err != nil {
			t.Fatal(err)
		}
		if want, err := dec.DecodeAll(page.Body, nil); err != nil || !bytes.Equal(body, want) {
			t.Fatal("zstd reads otherwise", err)
		}
		var got Texts
		if err := got.Deltas(body, values, values, nil); err != nil || !bytes.Equal(got.Bytes, ids.Bytes) {
			t.Fatal("other ids", err)
		}
	})
}

// Values of up to 32 bytes are put together in registers, longer ones are
// copied, and both may follow each other.
func TestTextsOfAllLengthsAreJoined(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 9))
	var want Texts
	var flags []uint8
	var last []byte
	values := 0
	for range 20_000 {
		flags = append(flags, uint8(min(1, r.IntN(5))))
		if flags[len(flags)-1] != 0 {
			values++
			v := bytes.Clone(last[:r.IntN(len(last)+1)])
			for n := 1 + r.IntN(1+r.IntN(70)); n > 0 && len(v) < 90; n-- {
				v = append(v, byte('a'+r.IntN(3)))
			}
			last = v
			want.Bytes = append(want.Bytes, v...)
		}
		want.Ends = append(want.Ends, uint32(len(want.Bytes)))
	}
	var got Texts
	if err := got.Deltas(new(textPacker).Append(nil, want.Ends, want.Bytes), len(flags), values, flags); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes, want.Bytes) || !slices.Equal(got.Ends, want.Ends) {
		t.Error("texts differ")
	}
}
