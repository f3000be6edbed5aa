package conformance

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tieout/fetchers"
	"tieout/internal/bizday"
	"tieout/internal/fault"
	"tieout/schemas"
)

// Drop is a real folder in which a pretended bank publishes, for the protocols
// that serve files from a folder.
type Drop struct {
	Dir    string
	t      testing.TB
	marker fetchers.Marker
	clock  time.Time // of the next file
	uid    int       // owner of the files; -1 leaves it
}

// NewDrop makes an empty folder; marker is what the bank writes after the data.
func NewDrop(t testing.TB, marker fetchers.Marker) *Drop {
	return &Drop{Dir: t.TempDir(), t: t, marker: marker, clock: time.Date(2026, 11, 21, 1, 0, 0, 0, time.UTC), uid: -1}
}

// Owner makes the files belong to somebody else, for daemons that change to a
// user of their own.
func (d *Drop) Owner(uid int) { d.uid = uid }

// Spec names the files as Drop does.
func (d *Drop) Spec() fetchers.FileSpec {
	return fetchers.FileSpec{Name: "{merchant}_{yyyymmdd}.txt", Marker: d.marker, Empty: fetchers.EmptyZeroBytes, Poll: time.Millisecond}
}

// Request is for the statement that Drop publishes.
func (d *Drop) Request() schemas.StatementRequest {
	return schemas.StatementRequest{Channel: "bank", Account: "80001", Date: bizday.Make(2026, 11, 20), Statement: "BANK"}
}

// Data is the path of the statement.
func (d *Drop) Data() string { return filepath.Join(d.Dir, "80001_20261120.txt") }

func (d *Drop) markerPath() string { return d.Data() + "." + string(d.marker.Kind) }

// Subject makes a source over this folder testable.
func (d *Drop) Subject(src fetchers.Source) *Subject {
	s := &Subject{Source: src, Request: d.Request(), Publish: d.Publish, Withdraw: d.withdraw, Append: d.append,
		Quiet: func() { d.Publish(nil) }}
	if d.marker.Kind == fetchers.MarkerMD5 {
		s.Corrupt = func(data []byte) {
			d.Publish(data)
			d.write(d.markerPath(), strings.Repeat("0", 32)+"  80001_20261120.txt\n")
		}
	}
	return s
}

// Publish writes the statement, then its marker, with times later than before.
func (d *Drop) Publish(data []byte) {
	d.write(d.Data(), string(data))
	d.clock = d.clock.Add(time.Minute)
	if err := os.Chtimes(d.Data(), d.clock, d.clock); err != nil {
		d.t.Error(err)
	}
	switch d.marker.Kind {
	case fetchers.MarkerOK:
		d.write(d.markerPath(), "")
	case fetchers.MarkerMD5:
		sum := md5.Sum(data)
		d.write(d.markerPath(), strings.ToUpper(hex.EncodeToString(sum[:]))+"  80001_20261120.txt\r\n")
	}
}

// write replaces a file as publishers do: whole, by rename, so that who reads
// the old one goes on reading the old one.
func (d *Drop) write(path, text string) {
	temp := path + ".tmp"
	if err := os.WriteFile(temp, []byte(text), 0o644); err != nil {
		d.t.Error(err)
	}
	if d.uid >= 0 {
		if err := os.Chown(temp, d.uid, d.uid); err != nil {
			d.t.Error(err)
		}
	}
	if err := os.Rename(temp, path); err != nil {
		d.t.Error(err)
	}
}

func (d *Drop) append(more []byte) {
	f, err := os.OpenFile(d.Data(), os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		_, err = f.Write(more)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		d.t.Error(err)
	}
}

func (d *Drop) withdraw() {
	if err := os.Remove(d.Data()); err != nil {
		d.t.Error(err)
	}
	if d.marker.Kind != fetchers.MarkerNone {
		if err := os.Remove(d.markerPath()); err != nil {
			d.t.Error(err)
		}
	}
}

// KeepNothing is a Keep that must not be called.
func KeepNothing(t testing.TB) fetchers.Keep {
	return func(_ context.Context, name string, _ io.Reader) (schemas.FileUsed, error) {
		t.Errorf("%s was offered to be kept", name)
		return schemas.FileUsed{}, errors.New("not expected")
	}
}

// KeepAnything reads to the end and remembers nothing but the size.
func KeepAnything(_ context.Context, name string, r io.Reader) (schemas.FileUsed, error) {
	h := md5.New()
	n, err := io.Copy(h, r)
	return schemas.FileUsed{Name: name, SHA256: fmt.Sprintf("%x", h.Sum(nil)), Size: n}, err
}

// WantFault fails unless err is the fault id, with every value of its message.
func WantFault(t testing.TB, err error, id fault.ID) {
	t.Helper()
	var f *fault.Error
	if !errors.As(err, &f) || f.ID != id {
		t.Fatalf("error %v; want %s", err, id)
	}
	for _, lang := range []fault.Lang{fault.English, fault.Chinese} {
		if text := f.Message(lang); strings.ContainsAny(text, "{}") {
			t.Errorf("a value is missing in: %s", text)
		}
	}
}
