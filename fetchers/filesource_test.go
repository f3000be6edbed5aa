package fetchers_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"tieout/fetchers"
	"tieout/fetchers/conformance"
	"tieout/internal/bizday"
	"tieout/schemas"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// shelf is a folder in memory whose time is the test's.
type shelf struct {
	mu    sync.Mutex // the files change while they are looked at
	files map[string]file
	// reader, if set, replaces the stream of a file.
	reader func(ctx context.Context, path string, offset int64) (io.ReadCloser, error)
}

type file struct {
	data string
	at   time.Time
}

func (s *shelf) put(name, data string) { s.set(name, file{data, time.Now()}) }

func (s *shelf) set(name string, f file) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files[name] = f
}

func (s *shelf) get(name string) (file, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, ok := s.files[name]
	return f, ok
}

func (s *shelf) remove(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.files, name)
}

func (s *shelf) Stat(_ context.Context, path string) (fetchers.FileStat, error) {
	f, ok := s.get(path)
	if !ok {
		return fetchers.FileStat{}, fs.ErrNotExist
	}
	return fetchers.FileStat{Size: int64(len(f.data)), ModTime: f.at}, nil
}

func (s *shelf) Open(ctx context.Context, path string, offset int64) (io.ReadCloser, error) {
	if s.reader != nil {
		return s.reader(ctx, path, offset)
	}
	f, ok := s.get(path)
	if !ok {
		return nil, fs.ErrNotExist
	}
	return io.NopCloser(strings.NewReader(f.data[offset:])), nil
}

func (s *shelf) Close() error { return nil }

func newShelf() *shelf { return &shelf{files: map[string]file{}} }

func (s *shelf) source(spec fetchers.FileSpec) *fetchers.FileSource {
	connect := func(context.Context) (fetchers.Folder, error) { return s, nil }
	return &fetchers.FileSource{Spec: spec, Place: "shelf://test", Connect: connect, Now: time.Now}
}

const (
	name   = "80001_20261120.txt"
	pPat   = "{merchant}_{yyyymmdd}_{part}.txt"
	simple = "{merchant}_{yyyymmdd}.txt"
)

func part(n int) string { return fmt.Sprintf("80001_20261120_%d.txt", n) }

func fetch(t *testing.T, src fetchers.Source) (schemas.Fetched, error) {
	t.Helper()
	return src.Fetch(t.Context(), request, conformance.KeepAnything)
}

func wantState(t *testing.T, src fetchers.Source, want schemas.FetchState, detail string) schemas.Fetched {
	t.Helper()
	got, err := fetch(t, src)
	if err != nil || got.State != want || !strings.Contains(got.Detail, detail) {
		t.Fatalf("state %s (%s), error %v; want %s (%s)", got.State, got.Detail, err, want, detail)
	}
	return got
}

// Without a marker, a file counts once two looks, half a minute apart, see the
// same size and time.
func TestFaultD08_TwoLooks(t *testing.T) {
	for what, change := range map[string]func(*shelf){
		"size": func(s *shelf) { f, _ := s.get(name); s.set(name, file{"ab", f.at}) },
		"time": func(s *shelf) { s.put(name, "a") },
		"gone": func(s *shelf) { s.remove(name) },
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newShelf()
			s.put(name, "a")
			src := s.source(fetchers.FileSpec{Name: simple})
			go func() {
				time.Sleep(20 * time.Second) // of the bubble
				change(s)
			}()
			start := time.Now()
			got, err := fetch(t, src)
			if err != nil || got.State != schemas.FetchNotReady {
				t.Errorf("%s: state %s, error %v", what, got.State, err)
			}
			if took := time.Since(start); took != 30*time.Second {
				t.Errorf("%s: the looks were %s apart", what, took)
			}
			if what != "gone" {
				wantState(t, src, schemas.FetchFetched, "")
			}
		})
	}
}

func TestMarkers(t *testing.T) {
	sum := fmt.Sprintf("%X", md5.Sum([]byte("rows")))
	for _, c := range []struct {
		name, markerName, text string
		marker                 fetchers.Marker
		state                  schemas.FetchState // "" means the fault
		id                     string
	}{
		{"ok there", name + ".ok", "", fetchers.Marker{Kind: fetchers.MarkerOK}, schemas.FetchFetched, ""},
		{"ok missing", "x", "", fetchers.Marker{Kind: fetchers.MarkerOK}, schemas.FetchNotReady, ""},
		{"named flag", "80001_20261120.flg", "", fetchers.Marker{Kind: fetchers.MarkerOK, Name: "{base}.flg"}, schemas.FetchFetched, ""},
		{"for the day", "done.20261120", "", fetchers.Marker{Kind: fetchers.MarkerOK, Name: "done.{yyyymmdd}"}, schemas.FetchFetched, ""},
		{"md5", name + ".md5", sum, fetchers.Marker{Kind: fetchers.MarkerMD5}, schemas.FetchFetched, ""},
		{"md5 with name", name + ".md5", sum + "  " + name, fetchers.Marker{Kind: fetchers.MarkerMD5}, schemas.FetchFetched, ""},
		{"md5 still empty", name + ".md5", "", fetchers.Marker{Kind: fetchers.MarkerMD5}, schemas.FetchNotReady, ""},
		{"md5 of another file", name + ".md5", sum + "  other.txt", fetchers.Marker{Kind: fetchers.MarkerMD5}, "", "E-2122"},
		{"md5 is a page", name + ".md5", "<html>404</html>", fetchers.Marker{Kind: fetchers.MarkerMD5}, "", "E-2122"},
		{"md5 too large", name + ".md5", strings.Repeat(" ", 70<<10), fetchers.Marker{Kind: fetchers.MarkerMD5}, "", "E-2122"},
		{"md5 wrong", name + ".md5", strings.Repeat("0", 32), fetchers.Marker{Kind: fetchers.MarkerMD5}, "", "E-2121"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newShelf()
			s.put(name, "rows")
			s.put(c.markerName, c.text)
			src := s.source(fetchers.FileSpec{Name: simple, Marker: c.marker})
			if c.state != "" {
				wantState(t, src, c.state, "")
				return
			}
			_, err := fetch(t, src)
			switch c.id {
			case "E-2121":
				conformance.WantFault(t, err, "E-2121")
			default:
				conformance.WantFault(t, err, "E-2122")
			}
		})
	}
}

// A marker that was written for the file of before is read again with the file.
func TestFaultD06_MarkerCatchesUp(t *testing.T) {
	s := newShelf()
	s.put(name, "new rows")
	s.put(name+".md5", fmt.Sprintf("%x", md5.Sum([]byte("old rows"))))
	opened := 0
	s.reader = func(_ context.Context, path string, offset int64) (io.ReadCloser, error) {
		data := s.files[path].data
		if opened++; opened == 2 { // after the marker was read once, and the file
			s.put(name+".md5", fmt.Sprintf("%x", md5.Sum([]byte("new rows"))))
		}
		return io.NopCloser(strings.NewReader(data[offset:])), nil
	}
	got := wantState(t, s.source(fetchers.FileSpec{Name: simple, Marker: fetchers.Marker{Kind: fetchers.MarkerMD5}}), schemas.FetchFetched, "")
	if !strings.HasPrefix(got.Files[0].Digest, "md5:") {
		t.Errorf("digest %q", got.Files[0].Digest)
	}
}

func TestFaultD15_Parts(t *testing.T) {
	ready := func(bizday.Date) time.Time { return time.Unix(0, 0) }
	later := func(bizday.Date) time.Time { return time.Now().Add(time.Hour) }
	set := fetchers.Marker{Kind: fetchers.MarkerOK, Name: "{merchant}_{yyyymmdd}.ok"}
	for _, c := range []struct {
		name  string
		spec  fetchers.FileSpec
		there []int
		state schemas.FetchState // "" means E-2123
		files int
	}{
		{"all of a fixed number", fetchers.FileSpec{Marker: set, Parts: fetchers.Parts{Count: 3}}, []int{1, 2, 3}, schemas.FetchFetched, 3},
		{"part 2 missing", fetchers.FileSpec{Marker: set, Parts: fetchers.Parts{Count: 3}}, []int{1, 3}, "", 0},
		{"last missing", fetchers.FileSpec{Marker: set, Parts: fetchers.Parts{Count: 3}}, []int{1, 2}, "", 0},
		{"first missing", fetchers.FileSpec{Marker: set, Parts: fetchers.Parts{Max: 9}}, []int{2, 3}, "", 0},
		{"as many as there are", fetchers.FileSpec{Marker: set, Parts: fetchers.Parts{Max: 9}}, []int{1, 2}, schemas.FetchFetched, 2},
		{"hole far away", fetchers.FileSpec{Marker: set, Parts: fetchers.Parts{Max: 9}}, []int{1, 9}, "", 0},
		{"no marker, hole, due", fetchers.FileSpec{Parts: fetchers.Parts{Max: 9}, Ready: ready}, []int{1, 3}, "", 0},
		{"no marker, hole, not due", fetchers.FileSpec{Parts: fetchers.Parts{Max: 9}, Ready: later}, []int{1, 3}, schemas.FetchNotReady, 0},
		{"no marker, whole", fetchers.FileSpec{Parts: fetchers.Parts{Max: 9}}, []int{1, 2, 3}, schemas.FetchFetched, 3},
		{"none", fetchers.FileSpec{Marker: set, Parts: fetchers.Parts{Max: 9}}, nil, schemas.FetchNotReady, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newShelf()
				s.put("80001_20261120.ok", "")
				for _, n := range c.there {
					s.put(part(n), fmt.Sprint("rows of part ", n))
				}
				c.spec.Name = pPat
				src := s.source(c.spec)
				if c.state == "" {
					_, err := fetch(t, src)
					conformance.WantFault(t, err, "E-2123")
					return
				}
				got := wantState(t, src, c.state, "")
				if len(got.Files) != c.files {
					t.Errorf("%d files; want %d", len(got.Files), c.files)
				}
				for i, f := range got.Files {
					if f.Name != part(i+1) {
						t.Errorf("file %d is %s", i, f.Name)
					}
				}
			})
		})
	}
}

func TestFaultD15_PartRepeated(t *testing.T) {
	s := newShelf()
	s.put(part(1), "rows")
	s.put(part(2), "other rows")
	s.put(part(3), "rows")
	s.put("all.ok", "")
	_, err := fetch(t, s.source(fetchers.FileSpec{Name: pPat, Parts: fetchers.Parts{Count: 3}, Marker: fetchers.Marker{Kind: fetchers.MarkerOK, Name: "all.ok"}}))
	conformance.WantFault(t, err, "E-2123")
	if !strings.Contains(err.Error(), "part 3 with the bytes of part 1") {
		t.Errorf("%v", err)
	}
}

// A new part that appears between the two looks means that more may come.
func TestFaultD15_PartsStillComing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf()
		s.put(part(1), "rows 1")
		go func() {
			time.Sleep(10 * time.Second) // of the bubble
			s.put(part(2), "rows 2")
		}()
		wantState(t, s.source(fetchers.FileSpec{Name: pPat, Parts: fetchers.Parts{Max: 5}}), schemas.FetchNotReady, "number of parts")
	})
}

// One digest file for all parts.
func TestMarkerForSetOfDigests(t *testing.T) {
	s := newShelf()
	text := ""
	for n := 1; n <= 2; n++ {
		data := fmt.Sprint("rows ", n)
		s.put(part(n), data)
		text += fmt.Sprintf("%x  %s\n", md5.Sum([]byte(data)), part(n))
	}
	s.put("sums", text)
	spec := fetchers.FileSpec{Name: pPat, Parts: fetchers.Parts{Max: 5}, Marker: fetchers.Marker{Kind: fetchers.MarkerMD5, Name: "sums"}}
	if got := wantState(t, s.source(spec), schemas.FetchFetched, ""); len(got.Files) != 2 || got.Files[0].Digest == got.Files[1].Digest {
		t.Errorf("%+v", got.Files)
	}
}

// One merchant's file is missing; the others are complete and do not wait.
func TestFaultD14_OneOfTwelveMissing(t *testing.T) {
	s := newShelf()
	states := map[schemas.FetchState]int{}
	for n := range 12 {
		if n != 7 {
			s.put(fmt.Sprintf("%d_20261120.txt", n), fmt.Sprint("rows of ", n))
			s.put(fmt.Sprintf("%d_20261120.txt.ok", n), "")
		}
	}
	src := s.source(fetchers.FileSpec{Name: simple, Marker: fetchers.Marker{Kind: fetchers.MarkerOK}})
	for n := range 12 {
		req := request
		req.Account = fmt.Sprint(n)
		got, err := src.Fetch(t.Context(), req, conformance.KeepAnything)
		if err != nil {
			t.Fatal(err)
		}
		if states[got.State]++; n == 7 && !strings.Contains(got.Detail, "7_20261120.txt") {
			t.Errorf("the missing file is not named: %s", got.Detail)
		}
	}
	if states[schemas.FetchFetched] != 11 || states[schemas.FetchNotReady] != 1 {
		t.Errorf("%v", states)
	}
}

func TestEmptyRules(t *testing.T) {
	due := func(bizday.Date) time.Time { return time.Unix(0, 0) }
	later := func(bizday.Date) time.Time { return time.Now().Add(time.Hour) }
	ok := fetchers.Marker{Kind: fetchers.MarkerOK}
	for _, c := range []struct {
		name  string
		spec  fetchers.FileSpec
		zero  bool               // a file of zero bytes is there
		state schemas.FetchState // "" means E-2125
	}{
		{"no file by rule, due", fetchers.FileSpec{Empty: fetchers.EmptyNoFile, Ready: due}, false, schemas.FetchEmptyConfirmed},
		{"no file by rule, not due", fetchers.FileSpec{Empty: fetchers.EmptyNoFile, Ready: later}, false, schemas.FetchNotReady},
		{"no file, no rule, due", fetchers.FileSpec{Ready: due}, false, schemas.FetchNotReady},
		{"zero bytes by rule", fetchers.FileSpec{Empty: fetchers.EmptyZeroBytes}, true, schemas.FetchEmptyConfirmed},
		{"zero bytes by rule, marked", fetchers.FileSpec{Empty: fetchers.EmptyZeroBytes, Marker: ok}, true, schemas.FetchEmptyConfirmed},
		{"zero bytes, no rule", fetchers.FileSpec{}, true, schemas.FetchNotReady},
		{"zero bytes, no rule, marked", fetchers.FileSpec{Marker: ok}, true, ""},
		{"zero bytes where a header belongs", fetchers.FileSpec{Empty: fetchers.EmptyHeaderOnly, Marker: ok}, true, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newShelf()
				if c.zero {
					s.put(name, "")
					s.put(name+".ok", "")
				}
				c.spec.Name = simple
				if c.state == "" {
					_, err := fetch(t, s.source(c.spec))
					conformance.WantFault(t, err, "E-2125")
					return
				}
				wantState(t, s.source(c.spec), c.state, "")
			})
		})
	}
}

// drip delivers bytes at a pace of its own and listens to its context.
type drip struct {
	ctx   context.Context
	every time.Duration
	left  int
}

func (d *drip) Read(p []byte) (int, error) {
	if d.left == 0 {
		return 0, io.EOF
	}
	select {
	case <-time.After(d.every):
		d.left--
		p[0] = 'x'
		return 1, nil
	case <-d.ctx.Done():
		return 0, fmt.Errorf("cut: %w", io.ErrClosedPipe)
	}
}

func (d *drip) Close() error { return nil }

// One byte a second never stands still, and ends all the same.
func TestFaultD12_MinimumRateAndTotal(t *testing.T) {
	for _, c := range []struct {
		name  string
		every time.Duration
		id    string
	}{{"one byte a second", time.Second, "E-3122"}, {"silence", 10 * time.Hour, "E-3121"}} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newShelf()
				s.put(name, strings.Repeat("x", 1<<20))
				s.put(name+".ok", "")
				s.reader = func(ctx context.Context, _ string, offset int64) (io.ReadCloser, error) {
					return &drip{ctx, c.every, 1<<20 - int(offset)}, nil
				}
				start := time.Now()
				_, err := fetch(t, s.source(fetchers.FileSpec{Name: simple, Marker: fetchers.Marker{Kind: fetchers.MarkerOK}}))
				if c.id == "E-3122" {
					conformance.WantFault(t, err, "E-3122")
				} else {
					conformance.WantFault(t, err, "E-3121")
				}
				if took := time.Since(start); took > 6*time.Minute || fetchers.ClassOf(err) != fetchers.Later {
					t.Errorf("%s, class %s", took, fetchers.ClassOf(err))
				}
			})
		})
	}
	t.Run("total", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newShelf()
			s.put(name, strings.Repeat("x", 1<<20))
			s.put(name+".ok", "")
			s.reader = func(ctx context.Context, _ string, _ int64) (io.ReadCloser, error) {
				return &drip{ctx, 100 * time.Microsecond, 1 << 30}, nil
			}
			src := s.source(fetchers.FileSpec{Name: simple, Marker: fetchers.Marker{Kind: fetchers.MarkerOK}})
			src.Limits.Total = time.Minute
			start := time.Now()
			_, err := fetch(t, src)
			conformance.WantFault(t, err, "E-3123")
			if took := time.Since(start); took != time.Minute {
				t.Errorf("it took %s", took)
			}
		})
	})
}

// A slow disk of ours is not a slow channel.
func TestSlowKeepIsNotAStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf()
		s.put(name, strings.Repeat("x", 1<<20))
		s.put(name+".ok", "")
		src := s.source(fetchers.FileSpec{Name: simple, Marker: fetchers.Marker{Kind: fetchers.MarkerOK}})
		got, err := src.Fetch(t.Context(), request, func(_ context.Context, name string, r io.Reader) (schemas.FileUsed, error) {
			var n int64
			buf := make([]byte, 256<<10)
			for {
				time.Sleep(50 * time.Second) // of the bubble
				m, err := r.Read(buf)
				n += int64(m)
				if err == io.EOF {
					return schemas.FileUsed{Name: name, Size: n}, nil
				}
				if err != nil {
					return schemas.FileUsed{}, err
				}
			}
		})
		if err != nil || got.State != schemas.FetchFetched || got.Files[0].Resumes != 0 {
			t.Errorf("state %s, error %v", got.State, err)
		}
	})
}

// A file that is marked as finished and changes under each reading contradicts
// itself.
func TestFaultD08_ChangesAgainAndAgain(t *testing.T) {
	s := newShelf()
	s.put(name, "rows")
	s.put(name+".ok", "")
	s.reader = func(_ context.Context, path string, _ int64) (io.ReadCloser, error) {
		old := s.files[path].data
		s.files[path] = file{old + "more", time.Now()}
		return io.NopCloser(strings.NewReader(old)), nil
	}
	_, err := fetch(t, s.source(fetchers.FileSpec{Name: simple, Marker: fetchers.Marker{Kind: fetchers.MarkerOK}}))
	conformance.WantFault(t, err, "E-2124")
}

// What nobody understands is not repeated, and it is not called a defect of
// ours.
func TestUnknownAnswer(t *testing.T) {
	s := newShelf()
	s.put(name, "rows")
	s.put(name+".ok", "")
	s.reader = func(context.Context, string, int64) (io.ReadCloser, error) { return nil, errors.New("out of cheese") }
	_, err := fetch(t, s.source(fetchers.FileSpec{Name: simple, Marker: fetchers.Marker{Kind: fetchers.MarkerOK}}))
	conformance.WantFault(t, err, "E-3025")
	if fetchers.ClassOf(err) != fetchers.Permanent {
		t.Errorf("class %s", fetchers.ClassOf(err))
	}
}

func TestSizeLimit(t *testing.T) {
	s := newShelf()
	s.put(name, strings.Repeat("x", 2000))
	s.put(name+".ok", "")
	src := s.source(fetchers.FileSpec{Name: simple, Marker: fetchers.Marker{Kind: fetchers.MarkerOK}})
	src.Limits.MaxBytes = 1999
	_, err := src.Fetch(t.Context(), request, conformance.KeepNothing(t))
	conformance.WantFault(t, err, "E-2127")
}

// A Keep that stops early has not kept the file, whatever it says.
func TestKeepMustReadToTheEnd(t *testing.T) {
	s := newShelf()
	s.put(name, "rows")
	s.put(name+".ok", "")
	src := s.source(fetchers.FileSpec{Name: simple, Marker: fetchers.Marker{Kind: fetchers.MarkerOK}})
	got, err := src.Fetch(t.Context(), request, func(_ context.Context, name string, r io.Reader) (schemas.FileUsed, error) {
		_, err := io.ReadFull(r, make([]byte, 4))
		return schemas.FileUsed{Name: name, Size: 4}, err
	})
	if err == nil {
		t.Errorf("accepted: %+v", got)
	}
}

// A foreign name cannot forge a line of a log or a message.
func TestAttack11_NamesInMessages(t *testing.T) {
	s := newShelf()
	src := s.source(fetchers.FileSpec{Name: "x\u202e{yyyymmdd}.txt"})
	got, err := fetch(t, src)
	if err != nil || strings.ContainsRune(got.Detail, '\u202e') || !strings.Contains(got.Detail, `\u202e`) {
		t.Errorf("%q, %v", got.Detail, err)
	}
}

// The file at the given path may be read in any pieces.
func TestReadSizes(t *testing.T) {
	want := conformance.Statement(3, 100_000)
	for _, size := range []int{1, 7, 4096, 1 << 20} {
		s := newShelf()
		s.put(name, string(want))
		s.put(name+".md5", fmt.Sprintf("%x", md5.Sum(want)))
		var kept bytes.Buffer
		src := s.source(fetchers.FileSpec{Name: simple, Marker: fetchers.Marker{Kind: fetchers.MarkerMD5}})
		_, err := src.Fetch(t.Context(), request, func(_ context.Context, name string, r io.Reader) (schemas.FileUsed, error) {
			n, err := io.CopyBuffer(struct{ io.Writer }{&kept}, r, make([]byte, size))
			return schemas.FileUsed{Name: name, Size: n}, err
		})
		if err != nil || !bytes.Equal(kept.Bytes(), want) {
			t.Errorf("in pieces of %d: %v, %d bytes", size, err, kept.Len())
		}
	}
}
