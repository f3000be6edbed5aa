package unpack

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tieout/internal/fault"
)

// file is one entry of a test archive.
type file struct{ name, body string }

func zipOf(t testing.TB, files ...file) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, f := range files {
		e, err := w.Create(f.name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(e, f.body); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// zipWith makes an archive of one entry with a header of our making.
func zipWith(t testing.TB, h zip.FileHeader, body string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	h.CRC32 = crc32.ChecksumIEEE([]byte(body))
	h.CompressedSize64, h.UncompressedSize64 = uint64(len(body)), uint64(len(body))
	e, err := w.CreateRaw(&h)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(e, body); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func gzipOf(t testing.TB, body string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.WriteString(w, body); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zlibOf(t testing.TB, body []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	if _, err := w.Write(body); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func base64Of(b []byte) []byte { return []byte(base64.StdEncoding.EncodeToString(b)) }

// tempIn makes temporary files in a test folder and checks at the end that
// none of them has kept its name.
func tempIn(t testing.TB) func() (*os.File, error) {
	t.Helper()
	dir := t.TempDir()
	t.Cleanup(func() {
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("temporary files left: %v, %v", left, err)
		}
	})
	return func() (*os.File, error) { return os.CreateTemp(dir, "unpack-*") }
}

// opened unpacks and reads everything: names and bodies in order.
func opened(t testing.TB, raw []byte, how Container, lim Limits) ([]file, error) {
	t.Helper()
	entries, err := Open(context.Background(), "INN.zip", bytes.NewReader(raw), int64(len(raw)), how, lim, tempIn(t))
	if err != nil {
		if entries != nil {
			t.Errorf("entries beside the error %v", err)
		}
		return nil, err
	}
	var files []file
	for _, e := range entries {
		body := make([]byte, e.Size)
		if n, err := e.Reader.ReadAt(body, 0); int64(n) != e.Size || err != nil && err != io.EOF {
			t.Fatalf("read %s: %d bytes, %v", e.Name, n, err)
		}
		var past [1]byte
		if n, _ := e.Reader.ReadAt(past[:], e.Size); n != 0 {
			t.Errorf("%s goes on behind its size", e.Name)
		}
		files = append(files, file{e.Name, string(body)})
	}
	if err := Close(entries); err != nil {
		t.Fatal(err)
	}
	return files, nil
}

func wantFault(t testing.TB, err error, id fault.ID, word string) {
	t.Helper()
	var f *fault.Error
	if !errors.As(err, &f) || f.ID != id {
		t.Fatalf("got %v, want %s", err, id)
	}
	for _, lang := range []fault.Lang{fault.English, fault.Chinese} {
		// The word is of the reason, which is told in the reader's language.
		if m := f.Message(lang); strings.ContainsAny(m, "{}") || lang == fault.English && !strings.Contains(m, word) {
			t.Errorf("the message lacks a value or the word %q:\n%s", word, m)
		}
	}
}

func TestOpen(t *testing.T) {
	two := []file{{"INN26112088ZM_1", "one\n"}, {"INN26112088ZME_1", ""}}
	for _, c := range []struct {
		name string
		raw  []byte
		how  Container
		want []file
	}{
		{"plain", []byte("a,b\n"), Plain, []file{{"INN.zip", "a,b\n"}}},
		{"plain, found out", []byte("a,b\n"), Auto, []file{{"INN.zip", "a,b\n"}}},
		{"nothing", nil, Auto, []file{{"INN.zip", ""}}},
		{"text that resembles base64", []byte("eJxABCDEFGHIJKLMNOP"), Auto, []file{{"INN.zip", "eJxABCDEFGHIJKLMNOP"}}},
		{"gzip", gzipOf(t, "a,b\n"), Gzip, []file{{"INN.zip", "a,b\n"}}},
		{"gzip of nothing", gzipOf(t, ""), Auto, []file{{"INN.zip", ""}}},
		{"zip", zipOf(t, two...), Zip, two},
		{"zip, found out", zipOf(t, two...), Auto, two},
		{"zip of nothing", zipOf(t), Auto, nil},
		{"stored, sizes in front", zipWith(t, zip.FileHeader{Name: "a"}, "body"), Zip, []file{{"a", "body"}}},
		{"UnionPay", base64Of(zlibOf(t, zipOf(t, two...))), Base64ZlibZip, two},
		{"UnionPay, found out", base64Of(zlibOf(t, zipOf(t, two...))), Auto, two},
		{"zip in a zip", zipOf(t, file{"x.zip", string(zipOf(t, two...))}, file{"md.txt", "x"}), Zip, append(two[:2:2], file{"md.txt", "x"})},
		{"gzip in a zip", zipOf(t, file{"x.csv.gz", string(gzipOf(t, "a,b"))}), Zip, []file{{"x.csv", "a,b"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, memory := range []int64{0, 1} { // 1: all in temporary files
				got, err := opened(t, c.raw, c.how, Limits{Memory: memory})
				if err != nil {
					t.Fatal(err)
				}
				if d := cmp.Diff(c.want, got, cmp.AllowUnexported(file{})); d != "" {
					t.Errorf("memory %d: want -, got +\n%s", memory, d)
				}
			}
		})
	}
}

// A GBK name keeps its bytes and has a title; one that is nothing is escaped.
func TestNames(t *testing.T) {
	const gbk = "\xD2\xB5\xCE\xF1\xC3\xF7\xCF\xB8.csv"
	for name, title := range map[string]string{gbk: "业务明细.csv", "a\xFF": `a\xff`, "plain.csv": "plain.csv"} {
		raw := zipWith(t, zip.FileHeader{Name: name, NonUTF8: true}, "x")
		entries, err := Open(context.Background(), "z", bytes.NewReader(raw), int64(len(raw)), Zip, Limits{}, tempIn(t))
		if err != nil {
			t.Fatal(err)
		}
		if entries[0].Name != name || entries[0].Title() != title {
			t.Errorf("got %q, title %q, want %q, title %q", entries[0].Name, entries[0].Title(), name, title)
		}
		Close(entries)
	}
}

func TestAttack01_Bomb(t *testing.T) {
	zeros := strings.Repeat("\x00", 16<<20)
	bombs := map[string][]byte{
		"gzip":     gzipOf(t, zeros),
		"zip":      zipOf(t, file{"a", zeros}),
		"UnionPay": base64Of(zlibOf(t, zipOf(t, file{"a", zeros}))),
		"zlib":     base64Of(zlibOf(t, append([]byte("PK\x03\x04"), zeros...))),
		"nested":   zipOf(t, file{"a.gz", string(gzipOf(t, zeros))}),
	}
	for name, raw := range bombs {
		t.Run(name, func(t *testing.T) {
			heap := heapDuring(func() {
				_, err := opened(t, raw, Auto, Limits{})
				wantFault(t, err, "E-2146", "200")
			})
			if limit := int64(len(raw))*200 + 4<<20; heap > limit*4 { // growth by doubling, and the collector's slack
				t.Errorf("%d bytes of heap for %d bytes of bomb", heap, len(raw))
			}
		})
	}

	t.Run("total", func(t *testing.T) {
		_, err := opened(t, gzipOf(t, strings.Repeat("0123456789", 1000)), Gzip, Limits{Total: 9_999})
		wantFault(t, err, "E-2146", "9999")
		if _, err := opened(t, gzipOf(t, strings.Repeat("0123456789", 1000)), Gzip, Limits{Total: 10_000}); err != nil {
			t.Error(err)
		}
	})
	t.Run("entries", func(t *testing.T) {
		files := make([]file, 101)
		for i := range files {
			files[i].name = fmt.Sprint(i)
		}
		_, err := opened(t, zipOf(t, files...), Zip, Limits{})
		wantFault(t, err, "E-2146", "100")
		if _, err := opened(t, zipOf(t, files[:100]...), Zip, Limits{}); err != nil {
			t.Error(err)
		}
		half := string(zipOf(t, files[:60]...))
		_, err = opened(t, zipOf(t, file{"x", half}, file{"y", string(zipOf(t, files[60:101]...))}), Zip, Limits{})
		wantFault(t, err, "E-2146", "100")
	})
	t.Run("directory", func(t *testing.T) { // 131,072 headers; the end record counts modulo 65,536
		one := zipWith(t, zip.FileHeader{Name: "a"}, "x")
		i, end := bytes.Index(one, []byte("PK\x01\x02")), len(one)-22
		raw := append(append(one[:i:i], bytes.Repeat(one[i:end], 1<<17)...), one[end:]...)
		record := raw[len(raw)-22:]
		record[8], record[10] = 0, 0
		binary.LittleEndian.PutUint32(record[12:], uint32(len(raw)-22-i))
		_, err := opened(t, raw, Auto, Limits{})
		wantFault(t, err, "E-2146", "directory")
	})
	t.Run("nesting", func(t *testing.T) {
		inner := zipOf(t, file{"a", "x"})
		twice := zipOf(t, file{"b", string(inner)})
		if _, err := opened(t, twice, Zip, Limits{Nesting: -1}); err == nil {
			t.Error("nesting was switched off")
		}
		_, err := opened(t, zipOf(t, file{"c", string(twice)}), Zip, Limits{})
		wantFault(t, err, "E-2147", "2 archives deep")
	})
}

// heapDuring returns how much the live heap grew while f ran.
func heapDuring(f func()) int64 {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return int64(after.HeapSys) - int64(before.HeapSys)
}

// Large honest content goes to a file, not into memory.
func TestLargeContentLeavesMemory(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	block := make([]byte, 1<<20)
	for i := range block {
		block[i] = byte('0' + random.IntN(10))
	}
	const blocks = 16
	for range blocks {
		z.Write(block)
	}
	z.Close()
	var entries []Entry
	heap := heapDuring(func() {
		entries, err = Open(context.Background(), "big", bytes.NewReader(b.Bytes()), int64(b.Len()), Gzip, Limits{Memory: 1 << 20}, tempIn(t))
	})
	if err != nil {
		t.Fatal(err)
	}
	defer Close(entries)
	if entries[0].Size != blocks<<20 {
		t.Errorf("size %d", entries[0].Size)
	}
	if heap > 12<<20 {
		t.Errorf("the heap grew by %d MiB", heap>>20)
	}
	got := make([]byte, len(block))
	if _, err := entries[0].Reader.ReadAt(got, (blocks-1)<<20); err != nil && err != io.EOF || !bytes.Equal(got, block) {
		t.Errorf("the last block differs: %v", err)
	}
}

func TestAttack02_NamesAreData(t *testing.T) {
	for _, name := range []string{"../../etc/x", "/etc/passwd", `C:\x`, "a\x00b", "-rf", "a\nb", "$(x)", "…", "\x1b[31m"} {
		got, err := opened(t, zipWith(t, zip.FileHeader{Name: name}, "body"), Zip, Limits{Memory: 1})
		if err != nil {
			t.Errorf("%q: %v", name, err)
			continue
		}
		if len(got) != 1 || got[0].name != name || got[0].body != "body" {
			t.Errorf("%q became %q", name, got)
		}
	}
}

func TestAttack03_LinksAndDevices(t *testing.T) {
	for word, mode := range map[string]fs.FileMode{
		"symbolic link": fs.ModeSymlink | 0o777, "folder": fs.ModeDir | 0o755,
		"special file": fs.ModeDevice | 0o600,
	} {
		h := zip.FileHeader{Name: "x"}
		if mode.IsDir() {
			h.Name = "x/"
		}
		h.SetMode(mode)
		_, err := opened(t, zipWith(t, h, ""), Zip, Limits{})
		wantFault(t, err, "E-2147", word)
	}
	h := zip.FileHeader{Name: "pipe"}
	h.SetMode(fs.ModeNamedPipe | 0o600)
	_, err := opened(t, zipWith(t, h, ""), Zip, Limits{})
	wantFault(t, err, "E-2147", "special file")
}

func TestAttack04_ZipThatLies(t *testing.T) {
	const local, central = 0, 1
	// patched changes bytes of the header of the only entry, in one of its two places.
	patched := func(where, at int, value ...byte) []byte {
		raw := zipWith(t, zip.FileHeader{Name: "name"}, "some body text")
		base := 0
		if where == central {
			base = bytes.Index(raw, []byte("PK\x01\x02"))
		}
		copy(raw[base+at:], value)
		return raw
	}
	deflated := func(size uint64) []byte {
		var body bytes.Buffer
		w, _ := flate.NewWriter(&body, 9)
		io.WriteString(w, strings.Repeat("x", 1000))
		w.Close()
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		e, err := z.CreateRaw(&zip.FileHeader{
			Name: "name", Method: zip.Deflate, CRC32: crc32.ChecksumIEEE([]byte(strings.Repeat("x", 1000))),
			CompressedSize64: uint64(body.Len()), UncompressedSize64: size,
		})
		if err != nil {
			t.Fatal(err)
		}
		e.Write(body.Bytes())
		z.Close()
		return b.Bytes()
	}
	good := zipWith(t, zip.FileHeader{Name: "name"}, "some body text")
	same := zipOf(t, file{"a", "1"}, file{"a", "2"})

	for _, c := range []struct {
		name string
		raw  []byte
		id   fault.ID
		word string
	}{
		{"encrypted", zipWith(t, zip.FileHeader{Name: "name", Flags: 1}, "x"), "E-2147", "encrypted"},
		{"strong encryption", zipWith(t, zip.FileHeader{Name: "name", Flags: 1 << 6}, "x"), "E-2147", "encrypted"},
		{"other method", zipWith(t, zip.FileHeader{Name: "name", Method: 12}, "x"), "E-2147", "method 12"},
		{"no name", zipWith(t, zip.FileHeader{}, "x"), "E-2147", "without a name"},
		{"two entries of one name", same, "E-2147", "two entries"},
		{"two files of one name in two archives", zipOf(t, file{"x", string(zipOf(t, file{"a", "1"}))}, file{"y", string(zipOf(t, file{"a", "2"}))}), "E-2147", "two files"},
		{"local name differs", patched(local, 30, 'N'), "E-2147", "calls itself"},
		{"local size differs", patched(local, 22, 99), "E-2147", "two headers"},
		{"local method differs", patched(local, 8, 8), "E-2147", "two headers"},
		{"local flags differ", patched(local, 6, 1), "E-2147", "two headers"},
		{"local checksum differs", patched(local, 14, 1, 2, 3, 4), "E-2147", "two headers"},
		{"size too small", deflated(10), "E-2145", "1000 bytes"},
		{"size too large", deflated(1 << 30), "E-2145", "1000 bytes"},
		{"bytes in front", append([]byte("#!/bin/sh\n"), good...), "E-2148", "zip"},
		{"hidden bytes between", insertBefore(t, good, "PK\x01\x02", "hidden"), "E-2147", "belong to no entry"},
		{"overlap", overlapping(t), "E-2147", "belong to no entry, or to two"},
		{"end record cut", good[:len(good)-1], "E-2145", "INN.zip"},
		{"directory cut", good[:bytes.Index(good, []byte("PK\x01\x02"))+10], "E-2145", "INN.zip"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := opened(t, c.raw, Zip, Limits{})
			wantFault(t, err, c.id, c.word)
		})
	}

	t.Run("checksum", func(t *testing.T) {
		raw := zipWith(t, zip.FileHeader{Name: "name"}, "some body text")
		raw[bytes.Index(raw, []byte("body"))] = 'B'
		_, err := opened(t, raw, Zip, Limits{})
		wantFault(t, err, "E-2145", "checksum")
	})
	t.Run("sizes behind the data differ", func(t *testing.T) {
		raw := zipOf(t, file{"a", "body"})
		raw[bytes.Index(raw, []byte("PK\x07\x08"))+12]++
		_, err := opened(t, raw, Zip, Limits{})
		wantFault(t, err, "E-2147", "behind the data")
	})
	t.Run("bytes behind a deflate stream", func(t *testing.T) {
		var body bytes.Buffer
		w, _ := flate.NewWriter(&body, 9)
		io.WriteString(w, "text")
		w.Close()
		body.WriteString("hidden")
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		e, err := z.CreateRaw(&zip.FileHeader{
			Name: "name", Method: zip.Deflate, CRC32: crc32.ChecksumIEEE([]byte("text")),
			CompressedSize64: uint64(body.Len()), UncompressedSize64: 4,
		})
		if err != nil {
			t.Fatal(err)
		}
		e.Write(body.Bytes())
		z.Close()
		_, err = opened(t, b.Bytes(), Zip, Limits{})
		wantFault(t, err, "E-2147", "behind the data of")
	})
}

// insertBefore puts bytes in front of the directory and mends the end record.
func insertBefore(t testing.TB, raw []byte, mark, insert string) []byte {
	t.Helper()
	i := bytes.Index(raw, []byte(mark))
	out := append(append(append([]byte(nil), raw[:i]...), insert...), raw[i:]...)
	offset := out[len(out)-6:]
	binary.LittleEndian.PutUint32(offset, binary.LittleEndian.Uint32(offset)+uint32(len(insert)))
	return out
}

// overlapping makes an archive of two entries of which both headers point at
// the same bytes.
func overlapping(t testing.TB) []byte {
	t.Helper()
	raw := zipWith(t, zip.FileHeader{Name: "name"}, "some body text")
	i, end := bytes.Index(raw, []byte("PK\x01\x02")), len(raw)-22
	second := append([]byte(nil), raw[i:end]...)
	copy(second[46:], "eman")
	out := append(append(append([]byte(nil), raw[:end]...), second...), raw[end:]...)
	e := out[len(out)-22:]
	e[8], e[10] = 2, 2
	binary.LittleEndian.PutUint32(e[12:], uint32(2*len(second)))
	return out
}

func TestFaultC14_TwoMembers(t *testing.T) {
	one := gzipOf(t, "row\n")
	_, err := opened(t, append(append([]byte(nil), one...), one...), Gzip, Limits{})
	wantFault(t, err, "E-2147", "behind the first gzip member")
	_, err = opened(t, append(append([]byte(nil), one...), 0), Gzip, Limits{})
	wantFault(t, err, "E-2147", "behind the first gzip member")
	_, err = opened(t, base64Of(append(zlibOf(t, zipOf(t, file{"a", "x"})), "more"...)), Base64ZlibZip, Limits{})
	wantFault(t, err, "E-2147", "behind the zlib stream")
	_, err = opened(t, zipOf(t, file{"a", "1"}, file{"a", "1"}), Zip, Limits{})
	wantFault(t, err, "E-2147", "two entries")
}

// However short a packed file is cut, it is refused with code 21.
func TestFaultD02_CutArchive(t *testing.T) {
	text := strings.Repeat("2026-11-20,1234567890,12.34\n", 40)
	for name, raw := range map[string][]byte{
		"gzip": gzipOf(t, text), "zip": zipOf(t, file{"a", text}, file{"b", "x"}),
		"UnionPay": base64Of(zlibOf(t, zipOf(t, file{"a", text}))),
	} {
		how, err := Sniff(bytes.NewReader(raw), int64(len(raw)))
		if err != nil {
			t.Fatal(err)
		}
		for n := range len(raw) {
			_, err := Open(context.Background(), "cut", bytes.NewReader(raw), int64(n), how, Limits{}, nil)
			if f := (*fault.Error)(nil); !errors.As(err, &f) || f.Exit() != 21 {
				t.Fatalf("%s cut to %d of %d bytes: %v", name, n, len(raw), err)
			}
		}
	}
}

// An error page under the name of an archive shows what it is.
func TestFaultD04_ErrorPage(t *testing.T) {
	for _, how := range []Container{Gzip, Zip, Base64ZlibZip} {
		_, err := opened(t, []byte("<html>\x1b[31mbusy</html>"), how, Limits{})
		wantFault(t, err, "E-2148", "<html>\\u001b[31mbusy")
	}
	_, err := opened(t, gzipOf(t, "x"), Plain, Limits{})
	wantFault(t, err, "E-2148", "plain")
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	raw := gzipOf(t, "x")
	if _, err := Open(ctx, "z", bytes.NewReader(raw), int64(len(raw)), Gzip, Limits{}, tempIn(t)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// A full disk is no damage of the file.
func TestTemporaryFileFails(t *testing.T) {
	raw := gzipOf(t, "some text")
	full := func() (*os.File, error) { return os.Open(t.TempDir() + "/absent/x") }
	_, err := Open(context.Background(), "z", bytes.NewReader(raw), int64(len(raw)), Gzip, Limits{Memory: 1}, full)
	wantFault(t, err, "E-4101", "absent")
}

func FuzzOpen(f *testing.F) {
	f.Add([]byte("a,b\n"))
	f.Add(gzipOf(f, "a,b\n"))
	f.Add(zipOf(f, file{"a", "1"}, file{"b.gz", string(gzipOf(f, "x"))}))
	f.Add(base64Of(zlibOf(f, zipOf(f, file{"a", "1"}))))
	f.Add(zipWith(f, zip.FileHeader{Name: "name"}, "body"))
	dir := f.TempDir()
	temp := func() (*os.File, error) { return os.CreateTemp(dir, "fuzz-*") }
	f.Fuzz(func(t *testing.T, raw []byte) {
		lim := Limits{Total: 1 << 20, Memory: 1 << 10}
		entries, err := Open(context.Background(), "z", bytes.NewReader(raw), int64(len(raw)), Auto, lim, temp)
		if err != nil {
			var known *fault.Error
			if !errors.As(err, &known) || known.Exit() != 21 && known.ID != "E-2445" {
				t.Fatalf("not a refusal: %v", err)
			}
			return
		}
		defer Close(entries)
		var total int64
		for _, e := range entries {
			total += e.Size
			if n, err := io.Copy(io.Discard, io.NewSectionReader(e.Reader, 0, e.Size)); n != e.Size || err != nil {
				t.Fatalf("entry of %d bytes has %d: %v", e.Size, n, err)
			}
		}
		if total > lim.Total && total > int64(len(raw)) {
			t.Fatalf("%d bytes unpacked", total)
		}
	})
}
