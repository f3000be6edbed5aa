package parquet

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func TestNumbersRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for width := range 65 {
		for _, n := range []int{0, 1, 2, 63, 64, 65, 257, 300, 1000} {
			values := make([]int64, n)
			for i := range values {
				if values[i] = int64(r.Uint64() >> (64 - width)); i%2 == 0 {
					values[i] = -values[i]
				}
			}
			packed := AppendInts([]byte("before"), values)
			got, rest, err := Int64s([]int64{7}, append(packed, "after"...)[6:], n)
			if err != nil || string(rest) != "after" || !slices.Equal(got[1:], values) || got[0] != 7 {
				t.Fatalf("width %d, %d values: %v, rest %q", width, n, err, rest)
			}
			if _, _, err := Int64s(nil, packed[6:], n+1); err == nil {
				t.Fatalf("width %d: %d values were taken for %d", width, n, n+1)
			}
		}
	}
}

// Differences of 32-bit numbers wrap, so that none takes more than 32 bits:
// other readers refuse those.
func TestNarrowNumbersStayNarrow(t *testing.T) {
	values := make([]int32, 200)
	for i := range values {
		values[i] = []int32{math.MinInt32, math.MaxInt32, 0}[i%3]
	}
	packed := AppendInts(nil, values)
	got, _, err := Int64s(nil, packed, len(values))
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range got {
		if int32(v) != values[i] {
			t.Fatalf("value %d is %d, not %d", i, int32(v), values[i])
		}
	}
	if most := 20 + 256*4; len(packed) > most {
		t.Errorf("%d bytes, more than 32 bits a value", len(packed))
	}
}

func TestCodesRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	for most := 0; most < 256; most += 1 + most/3 {
		for _, n := range []int{1, 7, 8, 9, 1000} {
			for _, constant := range []bool{true, false} {
				codes := make([]uint8, n)
				for i := range codes {
					if codes[i] = uint8(most); !constant {
						codes[i] = uint8(r.IntN(most + 1))
					}
				}
				packed := AppendCodes(nil, codes, uint8(most))
				got, err := Codes[uint8](nil, packed[1:], n, uint(packed[0]), uint64(most))
				if err != nil || !bytes.Equal(got, codes) {
					t.Fatalf("most %d, %d codes: %v", most, n, err)
				}
				if top := slices.Max(codes); top > 0 {
					if _, err := Codes[uint8](nil, packed[1:], n, uint(packed[0]), uint64(top-1)); err == nil {
						t.Fatalf("most %d: a code beyond the dictionary was taken", most)
					}
				}
			}
		}
	}
}

func TestPresenceRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	for _, n := range []int{1, 8, 13, 1000} {
		for share := range 4 {
			mask, want, present := make([]byte, n/8+1), make([]uint8, n), 0
			for i := range want {
				if r.IntN(3) < share {
					mask[i/8] |= 1 << (i % 8)
					want[i], present = 1, present+1
				}
			}
			flags, got, rest, err := Presence(append(AppendPresence(nil, n, present, mask), 9), n, nil)
			if err != nil || got != present || len(rest) != 1 {
				t.Fatalf("n=%d: %d present, want %d, %v", n, got, present, err)
			}
			if (flags == nil) != (present == n) || flags != nil && !bytes.Equal(flags, want) {
				t.Fatalf("n=%d: flags differ", n)
			}
		}
	}
}

func TestTextsRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	var want []string
	for i := range 3000 {
		switch r.IntN(5) {
		case 0:
			want = append(want, "")
		case 1:
			want = append(want, strings.Repeat("x", r.IntN(40)))
		default:
			want = append(want, fmt.Sprintf("M20261120%08d", i))
		}
	}
	var in, got Texts
	mask, present := make([]byte, 3000/8+1), 0
	for i, s := range want {
		in.Bytes = append(in.Bytes, s...)
		in.Ends = append(in.Ends, uint32(len(in.Bytes)))
		if s != "" {
			mask[i/8] |= 1 << (i % 8)
			present++
		}
	}
	var p textPacker
	packed := p.Append(AppendPresence(nil, len(want), present, mask), in.Ends, in.Bytes)
	flags, present, rest, err := Presence(packed, len(want), nil)
	if err == nil {
		err = got.Deltas(rest, len(want), present, flags)
	}
	if err != nil || !bytes.Equal(in.Bytes, got.Bytes) || !slices.Equal(in.Ends, got.Ends) {
		t.Fatalf("texts differ, %v", err)
	}
	if err := new(Texts).Deltas(rest[:len(rest)-1], len(want), present, flags); err == nil {
		t.Error("a cut page was read")
	}
}

// A few bytes may not claim much: prefixes that repeat a long value over and
// over are refused before any memory is taken.
func TestTextsThatGrowTooLarge(t *testing.T) {
	const n = 10_000
	prefix, rest := make([]int64, n), make([]int64, n)
	rest[0] = 1 << 14
	for i := range n - 1 {
		prefix[i+1] = 1 << 14
	}
	b := AppendInts(AppendInts(nil, prefix), rest)
	if err := new(Texts).Deltas(append(b, make([]byte, 1<<14)...), n, n, nil); err != errLarge {
		t.Fatalf("got %v", err)
	}
	one := Texts{Ends: []uint32{1 << 14}, Bytes: make([]byte, 1<<14)}
	if err := new(Texts).Pick(&one, make([]uint32, n), n, nil); err != errLarge {
		t.Fatalf("got %v", err)
	}
}

func TestFooterRefusesWhatDoesNotAddUp(t *testing.T) {
	whole := func() *Footer {
		f := &Footer{Rows: 5, Meta: map[string]string{"k": "v"}, Columns: []Column{{Name: "a", Type: Int64}, {Name: "b", Type: ByteArray, Logical: String, Optional: true}}}
		f.Groups = []Group{{Rows: 2, Chunks: []Chunk{{Offset: 4, Compressed: 10}, {Offset: 14, Compressed: 6, Dictionary: 3}}},
			{Rows: 3, Chunks: []Chunk{{Offset: 20, Compressed: 1}, {Offset: 21, Compressed: 9}}}}
		return f
	}
	read := func(f *Footer) error {
		file := f.Append(append([]byte(Magic), make([]byte, 26)...))
		_, err := ReadFooter(bytes.NewReader(file), int64(len(file)))
		return err
	}
	if err := read(whole()); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*Footer){
		"rows":     func(f *Footer) { f.Rows++ },
		"group":    func(f *Footer) { f.Groups[1].Rows = 0 },
		"negative": func(f *Footer) { f.Groups[0].Rows, f.Groups[1].Rows = -2, 7 },
		"gap":      func(f *Footer) { f.Groups[0].Chunks[1].Offset++ },
		"overlap":  func(f *Footer) { f.Groups[1].Chunks[0].Offset = 4 },
		"beyond":   func(f *Footer) { f.Groups[1].Chunks[1].Compressed++ },
		"short":    func(f *Footer) { f.Groups[1].Chunks[1].Compressed-- },
		"missing":  func(f *Footer) { f.Groups[1].Chunks = f.Groups[1].Chunks[:1] },
	} {
		f := whole()
		spoil(f)
		if read(f) == nil {
			t.Errorf("%s: read as if it were whole", name)
		}
	}
}

// What is stored reads like what is compressed, also over several blocks.
func TestStoredFrames(t *testing.T) {
	u, err := NewUnpacker()
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(6, 6))
	for _, n := range []int{0, 1, 128<<10 - 1, 128 << 10, 128<<10 + 1, 600_000} {
		body := make([]byte, n)
		for i := range body {
			body[i] = byte(r.Uint32())
		}
		var f frameWriter
		f.begin(n)
		f.raw(body, true)
		got, err := u.Unpack(&Page{Size: n, Body: f.out}, Zstd)
		if err != nil || !bytes.Equal(got, body) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

func TestPagesAreChecked(t *testing.T) {
	w, err := NewChunkWriter()
	if err != nil {
		t.Fatal(err)
	}
	w.Body = AppendInts(w.Body, []int64{1, 5, 9})
	w.End(false, DeltaBinary, 3)
	packed, chunk := w.Flush(nil)
	if pages, err := ParsePages(packed, chunk.Codec, 3); err != nil || len(pages) != 1 {
		t.Fatal(err)
	}
	if _, err := ParsePages(packed, chunk.Codec, 4); err == nil {
		t.Error("three rows were taken for four")
	}
	for i := range len(packed) * 8 {
		bad := bytes.Clone(packed)
		bad[i/8] ^= 1 << (i % 8)
		if pages, err := ParsePages(bad, chunk.Codec, 3); err == nil && !bytes.Equal(pages[0].Body, packed[len(packed)-len(pages[0].Body):]) {
			t.Errorf("bit %d: a damaged body was taken", i)
		}
	}
}

// Any bytes: an error or values, never a panic, and never more values than
// asked for.
func FuzzDecoders(f *testing.F) {
	f.Add(AppendInts(nil, []int64{3, -9, 1 << 40}), uint16(3), uint8(1))
	f.Add(AppendCodes(nil, []uint8{1, 0, 2, 2, 1, 0, 0, 1, 2}, 2), uint16(9), uint8(2))
	f.Add(AppendPresence(nil, 9, 4, []byte{0x55, 0}), uint16(9), uint8(1))
	f.Add(new(textPacker).Append(nil, []uint32{3, 6}, []byte("abcabd")), uint16(2), uint8(1))
	f.Fuzz(func(t *testing.T, b []byte, count uint16, width uint8) {
		n := int(count)
		at := somePlaces(rand.New(rand.NewPCG(uint64(count), uint64(width))), n)
		numbers, _, err := Int64s(nil, b, n)
		if err == nil && len(numbers) != n {
			t.Errorf("%d numbers, not %d", len(numbers), n)
		}
		if got, err2 := PickInts(nil, b, n, at); err == nil {
			samePicks(t, numbers, got, at, err2)
		}
		codes, err := Codes[uint32](nil, b, n, uint(width), 5)
		if err == nil && (len(codes) != n || n > 0 && slices.Max(codes) > 5) {
			t.Errorf("%d codes, not %d, or too large ones", len(codes), n)
		}
		if got, err2 := PickCodes(nil, b, n, uint(width), 5, at); err == nil {
			samePicks(t, codes, got, at, err2)
		}
		flags, present, rest, err := Presence(b, n, nil)
		if err == nil {
			var texts Texts
			if texts.Deltas(rest, n, present, flags) == nil && texts.Len() != n {
				t.Errorf("%d texts, not %d", texts.Len(), n)
			}
			texts.Reset()
			if texts.Plain(rest, n, present, flags) == nil && texts.Len() != n {
				t.Errorf("%d plain texts, not %d", texts.Len(), n)
			}
			samePickedTexts(t, (*Texts).Deltas, (*Texts).PickDeltas, rest, present)
			samePickedTexts(t, (*Texts).Plain, (*Texts).PickPlain, rest, present)
		}
		pages, _ := ParsePages(b, Zstd, int64(n))
		u, err := NewUnpacker()
		if err != nil {
			t.Fatal(err)
		}
		for i := range pages {
			_, _ = u.Unpack(&pages[i], Zstd)
		}
		_, _ = parseFooter(b)
	})
}

func BenchmarkNumbers(b *testing.B) {
	r := rand.New(rand.NewPCG(5, 5))
	for _, width := range []int{0, 11, 18, 38} {
		values := make([]int64, 8192)
		for i := range values {
			values[i] = r.Int64() >> (63 - width)
		}
		packed := AppendInts(nil, values)
		b.Run(fmt.Sprintf("pack/bits=%d", width), func(b *testing.B) {
			b.SetBytes(8 * int64(len(values)))
			for b.Loop() {
				packed = AppendInts(packed[:0], values)
			}
		})
		b.Run(fmt.Sprintf("unpack/bits=%d", width), func(b *testing.B) {
			b.SetBytes(8 * int64(len(values)))
			for b.Loop() {
				var err error
				if values, _, err = Int64s(values[:0], packed, 8192); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
