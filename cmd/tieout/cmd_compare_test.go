package main

import (
	"archive/zip"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"tieout/internal/fault"
	"tieout/internal/pipeline"
	"tieout/schemas"
)

// nightToCompare is a comparison of files that the bench wrote.
func nightToCompare(t *testing.T, channel string, rows int64) (*app, *compareCmd) {
	t.Helper()
	dir := t.TempDir()
	a := &app{cli: &CLI{Memory: 1 << 30}, ctx: t.Context(), now: func() time.Time { return time.Unix(1795190400, 0).UTC() }, lang: fault.English}
	c := &compareCmd{Channel: channel, Out: filepath.Join(dir, "out")}
	def, err := c.definition()
	if err != nil {
		t.Fatal(err)
	}
	files, _, err := writeNight(t.Context(), dir, channel, "", rows, benchDate, def.Day())
	if err != nil {
		t.Fatal(err)
	}
	c.Statement, c.Local = []string{files.Statement}, files.Local
	return a, c
}

// atBegin does something when a step begins.
type atBegin struct {
	*meter
	step string
	do   func()
}

func (b *atBegin) Begin(step string) {
	if b.meter.Begin(step); step == b.step {
		b.do()
	}
}

// A statement that is written to while it is read is refused: the digest of its
// records might be that of other bytes.
func TestCompare_StatementChangedWhileRead(t *testing.T) {
	a, c := nightToCompare(t, "wechat", 100)
	grow := func() {
		f, err := os.OpenFile(c.Statement[0], os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Error(err)
			return
		}
		defer f.Close()
		if _, err := f.WriteString("\n"); err != nil {
			t.Error(err)
		}
	}
	w, err := c.compare(a, &atBegin{newMeter(a.now), pipeline.StageNormalize, grow})
	if err != nil {
		t.Fatal(err)
	}
	if w.failed == nil || fault.Of(w.failed).ID != "E-2152" || w.report.Verdict != schemas.Incomplete {
		t.Errorf("%s, %v", w.report.Verdict, w.failed)
	}
}

// A large statement is decoded while it is unpacked; that its archive is damaged
// shows at the end, and then nothing that was read counts, in order as it was.
func TestCompare_LargeArchiveTurnsOutDamaged(t *testing.T) {
	a, c := nightToCompare(t, "alipay", 170_000) // more than 32 MiB
	w, err := c.compare(a, newMeter(a.now))
	if err != nil || w.failed != nil || w.report.Statement.Rows < 170_000 {
		t.Fatalf("as it was: %v, %v", err, w.failed)
	}
	wrongChecksum(t, c.Statement[0])
	w, err = c.compare(a, newMeter(a.now))
	if err != nil {
		t.Fatal(err)
	}
	if w.failed == nil || fault.Of(w.failed).ID != "E-2145" || w.report.Verdict != schemas.Incomplete || len(w.report.Totals) > 0 {
		t.Errorf("%s, %v, totals %v", w.report.Verdict, w.failed, w.report.Totals)
	}
}

// wrongChecksum writes a zip again with a checksum that the content of its
// largest file does not have; all else is in order.
func wrongChecksum(t *testing.T, path string) {
	t.Helper()
	body, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r, err := zip.NewReader(bytes.NewReader(body), int64(len(body)))
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		t.Fatal(err)
	}
	var again bytes.Buffer
	w := zip.NewWriter(&again)
	largest := slices.MaxFunc(r.File, func(a, b *zip.File) int { return cmp.Compare(a.UncompressedSize64, b.UncompressedSize64) })
	for _, f := range r.File {
		head := f.FileHeader
		if f == largest {
			head.CRC32 ^= 1
		}
		from, err := f.OpenRaw()
		if err != nil {
			t.Fatal(err)
		}
		to, err := w.CreateRaw(&head)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(to, from); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), os.WriteFile(path, again.Bytes(), 0o600)); err != nil {
		t.Fatal(err)
	}
}

// The reports are written from differences in memory where these are few; they
// are the ones of the list, which the reports of many are written from.
func TestCompare_KeepsTheDifferencesOfItsList(t *testing.T) {
	a, c := nightToCompare(t, "wechat", 20_000)
	w, err := c.compare(a, newMeter(a.now))
	if err != nil || w.failed != nil {
		t.Fatal(err, w.failed)
	}
	kept := linesFrom(t, w.eachDifference())
	w.kept = nil
	listed := linesFrom(t, w.eachDifference())
	if len(kept) == 0 || int64(len(kept)) != w.differences || len(kept) != len(listed) {
		t.Fatalf("%d differences: %d kept, %d in the list", w.differences, len(kept), len(listed))
	}
	for i := range kept {
		if kept[i] != listed[i] {
			t.Errorf("difference %d is kept as %s, in the list as %s", i, kept[i], listed[i])
		}
	}
}

func linesFrom(t *testing.T, all iter.Seq2[*schemas.Difference, error]) []string {
	t.Helper()
	var lines []string
	for d, err := range all {
		if err != nil {
			t.Fatal(err)
		}
		line, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, string(line))
	}
	return lines
}
