// Package unpack opens statement files as they were received: plain, gzip, zip,
// or the base64(zlib(zip)) of UnionPay's file transfer.
//
// In: the raw bytes, as io.ReaderAt, and limits. Out: the files inside, each as
// io.ReaderAt, in archive order; or a fault with exit code 21. Called by the
// pipeline, `compare` and `describe` between the lake and normalize.
//
// Whatever a header says about sizes is compared with what comes out and never
// trusted. Names are data for people and for patterns; nothing here makes a
// path of one. A bomb is refused while it unpacks: small content stays in
// memory, larger content goes to an unlinked temporary file, so memory is flat.
package unpack

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"

	"tieout/internal/fault"
)

// Entry is one file inside.
type Entry struct {
	Name    string // as in the archive, byte for byte; of a plain or gzip file the given name, without ".gz"
	NonUTF8 bool   // Name is in some other encoding (GBK, in practice)
	Size    int64  // bytes, counted
	Reader  io.ReaderAt

	temp   *spool  // nil if Reader belongs to the caller
	behind *behind // nil if all of it is there
}

// Close frees the memory or the temporary file behind the entry; Reader is not
// used afterwards. Entries of one Open are closed one after the other.
func (e *Entry) Close() error {
	if e.behind != nil {
		e.behind.stop()
	}
	if e.temp == nil {
		return nil
	}
	return e.temp.Close()
}

// Title is Name for people and for name patterns: decoded from GBK if it is
// not UTF-8, or with the bad bytes escaped if it is not that either.
func (e *Entry) Title() string {
	if !e.NonUTF8 && utf8.ValidString(e.Name) {
		return e.Name
	}
	text, err := simplifiedchinese.GB18030.NewDecoder().String(e.Name)
	if err != nil || strings.ContainsRune(text, utf8.RuneError) {
		return fault.Safe(e.Name, len(e.Name))
	}
	return text
}

// Close closes all entries.
func Close(entries []Entry) error {
	var errs []error
	for i := range entries {
		errs = append(errs, entries[i].Close())
	}
	return errors.Join(errs...)
}

// Open lists and unpacks what is inside a raw file of size bytes; name is what
// the channel called it. The caller closes the entries, and keeps raw open
// until then. temp makes a temporary file, in a folder that only this user can
// read; Open unlinks it at once.
//
// Errors: E-2145 cut or damaged, E-2146 over a limit, E-2147 content that no
// statement archive has a reason to hold, E-2148 not the promised container,
// E-2445 a workbook or another office document, E-4101 the temporary file, or ctx's error. Nothing stays open then.
func Open(ctx context.Context, name string, raw io.ReaderAt, size int64, how Container, lim Limits,
	temp func() (*os.File, error),
) ([]Entry, error) {
	o := &opening{ctx: ctx, name: name, limits: lim.withDefaults(), packed: size, temp: temp}
	return o.run(raw, how)
}

// Begin is Open that returns while the largest file of a large zip is still on
// its way: its Size is what the archive says, and its Reader waits for what is
// not there yet. What was read counts for nothing until whole, which waits for
// the end, has given no error: one of Open's.
func Begin(ctx context.Context, name string, raw io.ReaderAt, size int64, how Container, lim Limits,
	temp func() (*os.File, error),
) (entries []Entry, whole func() error, err error) {
	o := &opening{ctx: ctx, name: name, limits: lim.withDefaults(), packed: size, temp: temp, later: true}
	entries, err = o.run(raw, how)
	return entries, o.whole, err
}

func (o *opening) run(raw io.ReaderAt, how Container) ([]Entry, error) {
	if err := o.open(layer{name: o.name, r: io.NewSectionReader(raw, 0, o.packed), size: o.packed}, how, 0); err != nil {
		Close(o.entries)
		return nil, o.fault(err)
	}
	return o.entries, nil
}

// opening is one call of Open.
type opening struct {
	ctx     context.Context
	name    string
	limits  Limits
	temp    func() (*os.File, error)
	packed  int64 // bytes of the raw file
	out     int64 // bytes unpacked so far, of all layers
	held    int64 // bytes held in memory
	entries []Entry
	later   bool // a large file may be unpacked behind the caller's back
	behind  *behind
}

// layer is a file on its way out: the raw one, or one that stood inside.
type layer struct {
	name    string
	nonUTF8 bool
	r       io.ReaderAt
	size    int64
	temp    *spool // nil for the raw file
}

// open unpacks l, and what stands inside it, into o.entries. It takes over
// l.temp.
func (o *opening) open(l layer, how Container, depth int) error {
	found, err := Sniff(l.r, l.size)
	if err != nil {
		l.close()
		return err
	}
	if how == Auto {
		how = found
	}
	switch {
	case how == Plain && (found == Zip || found == Gzip), how != Plain && how != found:
		err = o.notThat(l, how)
		l.close()
		return err
	case how == Plain && startsOLE(l.r):
		l.close()
		return office()
	case how == Plain:
		return o.keep(l)
	}
	defer l.close()
	if depth > o.limits.Nesting {
		return refused("an archive that stands %d archives deep: %s", depth, fault.Quote(l.name))
	}
	switch how {
	case Gzip:
		return o.openGzip(l, depth)
	case Zip:
		return o.openZip(l, depth, o.later && depth == 0)
	default:
		return o.openBase64ZlibZip(l, depth)
	}
}

// inside opens a file that stood in an archive of the given depth.
func (o *opening) inside(l layer, depth int) error {
	how, err := Sniff(l.r, l.size)
	if err != nil || how == Base64ZlibZip { // no channel puts that into an archive: it is some text
		how = Plain
	}
	return o.open(l, how, depth+1)
}

// keep adds a file that is no archive to the result.
func (o *opening) keep(l layer) error {
	for i := range o.entries {
		if o.entries[i].Name == l.name {
			l.close()
			return refused("two files with the name %s", fault.Quote(l.name))
		}
	}
	if len(o.entries) == o.limits.Entries {
		l.close()
		return over("entries", o.limits.Entries)
	}
	nonUTF8 := l.nonUTF8 || !utf8.ValidString(l.name)
	o.entries = append(o.entries, Entry{Name: l.name, NonUTF8: nonUTF8, Size: l.size, Reader: l.r, temp: l.temp})
	return nil
}

func (l layer) close() {
	if l.temp != nil {
		l.temp.Close()
	}
}
