package pipeline_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"tieout/internal/bizday"
	"tieout/internal/pipeline"
	"tieout/schemas"
	"tieout/schemas/recordfile"
)

// published is a file of the first attempt at a day.
func (w *world) published(date bizday.Date, stage, name string) string {
	return filepath.Join(w.lake.RunDir(date.String(), accountName, 1, stage), name)
}

// rewrite changes an output of a published run to what another build might have
// written, and the manifests with it.
func (w *world) rewrite(date bizday.Date, stage, name string, change func([]byte) []byte) {
	w.t.Helper()
	body, err := os.ReadFile(w.published(date, stage, name))
	if err != nil {
		w.t.Fatal(err)
	}
	old := sumOf(body)
	body = change(body)
	if err := os.WriteFile(w.published(date, stage, name), body, 0o600); err != nil {
		w.t.Fatal(err)
	}
	for _, s := range pipeline.Stages {
		w.remanifest(date, s, func(m *schemas.Manifest) {
			for _, files := range [][]schemas.FileUsed{m.Inputs, m.Outputs} {
				for i := range files {
					if files[i].Name == name && files[i].SHA256 == old {
						files[i].SHA256, files[i].Size = sumOf(body), int64(len(body))
					}
				}
			}
		})
	}
}

// remanifest changes a published manifest, and its digest with it.
func (w *world) remanifest(date bizday.Date, stage string, change func(*schemas.Manifest)) {
	w.t.Helper()
	path := w.published(date, stage, "manifest.json")
	body, err := os.ReadFile(path)
	if err != nil {
		w.t.Fatal(err)
	}
	var m schemas.Manifest
	if err := json.Unmarshal(body, &m); err != nil {
		w.t.Fatal(err)
	}
	change(&m)
	m.Digest = ""
	if body, err = json.Marshal(&m); err != nil {
		w.t.Fatal(err)
	}
	m.Digest = sumOf(body)
	if body, err = json.Marshal(&m); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(path, body, 0o600); err != nil {
		w.t.Fatal(err)
	}
}

func sumOf(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// byAnother is the same Parquet file, with another writer's name in its footer.
func byAnother(body []byte) []byte {
	name := []byte("tieout")
	at := bytes.LastIndex(body, name)
	return slices.Concat(body[:at], []byte("others"), body[at+len(name):])
}

// withRule is the outcome file with another rule in a row.
func withRule(t *testing.T, body []byte, row int) []byte {
	t.Helper()
	in, err := recordfile.OpenOutcomes(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	to, err := recordfile.NewOutcomeWriter(&out, 1)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for o, err := range in.All(context.Background()) {
		if n == row {
			o.Rule += "-other"
		}
		if err := errors.Join(err, to.Outcome(o)); err != nil {
			t.Fatal(err)
		}
		n++
	}
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// withFee is the record file with one more fen of fee in a row.
func withFee(t *testing.T, body []byte, row int) []byte {
	t.Helper()
	in, err := recordfile.Open(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	to, err := recordfile.NewWriter(&out, recordfile.Options{Channel: "wechat", Account: accountName})
	if err != nil {
		t.Fatal(err)
	}
	err = in.Read(context.Background(), recordfile.All, func(first int64, b *schemas.Batch) error {
		if first == 0 {
			b.FeeMinor[row]++
		}
		return to.Batch(b)
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// replayed computes the first day again, with nothing to ask outside.
func (w *world) replayed() pipeline.Replayed {
	w.t.Helper()
	acct := w.acct
	acct.Local, acct.Query, acct.Source = nil, nil, nil
	r, err := w.pipe.Replay(context.Background(), acct, day1)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// A day that another build published is held to what it says, not to the bytes
// of its files; a day of this build to every byte. Nobody outside is asked.
func TestReplayOfAnotherBuild(t *testing.T) {
	w := newWorld(t)
	busyDays(w)
	w.pipe.Program = "older"
	w.runAll(day1)
	for _, f := range [][2]string{{"normalize", "records.parquet"}, {"match", "outcomes.parquet"}} {
		w.rewrite(day1, f[0], f[1], byAnother)
	}
	if r := w.replayed(); r.First != "normalize/records.parquet" || r.SameBytes || len(r.Versions) > 0 {
		t.Errorf("other bytes of the same build: %+v", r)
	}
	asked := w.books.fetched
	w.pipe.Program = "newer"
	changed := []pipeline.VersionChange{{Name: "program", Was: "older", Is: "newer"}}
	if r := w.replayed(); r.First != "" || r.SameBytes || !slices.Equal(r.Versions, changed) {
		t.Errorf("other bytes of another build: %+v", r)
	}
	if w.books.fetched != asked {
		t.Error("the channel was asked")
	}
}

func TestReplayOfAnotherBuildFindsOtherContent(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*world)
		first  string
	}{
		"nothing": {func(*world) {}, ""},
		"a record": {func(w *world) {
			w.rewrite(day1, "normalize", "records.parquet", func(b []byte) []byte { return withFee(w.t.(*testing.T), b, 2) })
		}, "normalize/records.parquet:3"},
		"a reject more": {func(w *world) {
			w.rewrite(day1, "normalize", "rejects.jsonl", func(b []byte) []byte { return append(b, "{}\n"...) })
		}, "normalize/rejects.jsonl:1"},
		"a statement": {func(w *world) {
			w.rewrite(day1, "normalize", "statements.jsonl", func(b []byte) []byte {
				return bytes.Replace(b, []byte(`"format":"`), []byte(`"format":"not-`), 1)
			})
		}, "normalize/statements.jsonl:1"},
		"a difference": {func(w *world) {
			w.rewrite(day1, "match", "differences.jsonl", func(b []byte) []byte { return bytes.Replace(b, []byte("\n"), []byte(" \n"), 1) })
		}, "match/differences.jsonl:1"},
		"an outcome": {func(w *world) {
			w.rewrite(day1, "match", "outcomes.parquet", func(b []byte) []byte { return withRule(w.t.(*testing.T), b, 5) })
		}, "match/outcomes.parquet:6"},
		"other rules": {func(w *world) { w.acct.Rules.WindowBefore = 500 * time.Millisecond }, "match/carried.jsonl:1"},
		"a count": {func(w *world) {
			w.remanifest(day1, "normalize", func(m *schemas.Manifest) { m.Counts["rejects"]++ })
		}, "normalize/manifest.json"},
		"a file less": {func(w *world) {
			w.remanifest(day1, "resolve", func(m *schemas.Manifest) { m.Outputs = nil })
		}, "resolve/findings.jsonl"},
		"the definition's version": {func(w *world) {
			def := *w.acct.Definition
			def.Version += "-next"
			w.acct.Definition = &def
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			busyDays(w)
			w.pipe.Program = "older"
			w.runAll(day1)
			c.change(w)
			w.pipe.Program = "newer"
			if r := w.replayed(); r.First != c.first || len(r.Versions) == 0 {
				t.Errorf("%+v, want %q", r, c.first)
			}
		})
	}
}
