package pipeline

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"tieout/internal/crashpoint"
	"tieout/internal/fault"
	"tieout/internal/lake"
	"tieout/schemas"
)

// Stage names, in the order of a night. They are folder names in the lake.
const (
	StageFetch     = "fetch"
	StageNormalize = "normalize"
	StageExport    = "export"
	StageMatch     = "match"
	StageQuery     = "query"
	StageResolve   = "resolve"
	StageApply     = "apply"
	StageReport    = "report"
	StagePublish   = "publish"
)

// Stages lists the stages that write a manifest, in order.
var Stages = []string{StageFetch, StageNormalize, StageExport, StageMatch, StageQuery, StageResolve, StageApply, StageReport}

const manifestFile = "manifest.json"

// output is the folder of one stage while it is being written.
type output struct {
	lake     *lake.Lake
	dir      string
	manifest *schemas.Manifest
}

// create opens an output file; commit ends it.
func (o *output) create(name string) (*outFile, error) {
	f, err := o.lake.Create("stage-*")
	if err != nil {
		return nil, err
	}
	return &outFile{File: f, out: o, name: name}, nil
}

// outFile is one output file; it is absent until commit.
type outFile struct {
	*lake.File
	out  *output
	name string
}

func (f *outFile) commit() error {
	stage := f.out.manifest.Stage
	crashpoint.Hit(stage + ".before_rename")
	blob, err := f.File.Commit(filepath.Join(f.out.dir, f.name))
	if err != nil {
		return err
	}
	crashpoint.Hit(stage + ".after_rename")
	f.out.manifest.Outputs = append(f.out.manifest.Outputs, schemas.FileUsed{Name: f.name, SHA256: blob.SHA256, Size: blob.Size})
	return nil
}

// write stores a small file in one go.
func (o *output) write(name string, body []byte) error {
	f, err := o.create(name)
	if err != nil {
		return err
	}
	defer f.Abort()
	if _, err := f.Write(body); err != nil {
		return err
	}
	return f.commit()
}

// writeJSON stores v as indented JSON.
func (o *output) writeJSON(name string, v any) error {
	body, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("encode %s: %w", name, err)
	}
	return o.write(name, append(body, '\n'))
}

// writeLines stores one JSON value a line.
func writeLines[T any](o *output, name string, items []T) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	for _, it := range items {
		if err := enc.Encode(it); err != nil {
			return fmt.Errorf("encode %s: %w", name, err)
		}
	}
	return o.write(name, b.Bytes())
}

// run performs one stage, or skips it when its manifest is whole and its inputs
// and versions are the same. do writes files through out and fills in counts,
// totals and proofs of the manifest. A stage that was taken from another attempt
// is done again only if its inputs are others now; a replay never does it again:
// it would ask the outside.
func (w *work) run(ctx context.Context, stage string, inputs []schemas.FileUsed, do func(ctx context.Context, out *output) error) (*schemas.Manifest, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if taken := w.manifests[stage]; taken != nil && (w.replaying || slices.Equal(taken.Inputs, inputs)) {
		w.progress.Skip(stage)
		return taken, nil
	}
	if err := w.enter(ctx, stage); err != nil {
		return nil, err
	}
	want := &schemas.Manifest{Stage: stage, Account: w.acct.Name, Date: w.date.String(), Versions: w.versions(stage), Inputs: inputs, Counts: map[string]int64{}}
	dir := w.dir(stage)
	if have, err := readManifest(dir); err == nil && sameWork(have, want) && outputsWhole(dir, have) == nil {
		w.progress.Skip(stage)
		w.manifests[stage] = have
		return have, nil
	}
	w.progress.Begin(stage)
	if err := os.RemoveAll(dir); err != nil {
		return nil, fault.New("E-4101", fault.V{"path": dir, "reason": err.Error()}, err)
	}
	out := &output{lake: w.lake, dir: dir, manifest: want}
	crashpoint.Hit(stage + ".begin")
	if err := do(ctx, out); err != nil {
		return nil, err
	}
	if err := out.finish(); err != nil {
		return nil, err
	}
	crashpoint.Hit(stage + ".recorded")
	w.manifests[stage] = want
	w.progress.End(stage, want.Counts)
	return want, nil
}

// finish writes the manifest, last.
func (o *output) finish() error {
	m := o.manifest
	slices.SortFunc(m.Outputs, func(a, b schemas.FileUsed) int { return bytes.Compare([]byte(a.Name), []byte(b.Name)) })
	m.Digest = digest(m)
	body, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return fmt.Errorf("encode manifest of %s: %w", m.Stage, err)
	}
	f, err := o.lake.Create("manifest-*")
	if err != nil {
		return err
	}
	defer f.Abort()
	if _, err := f.Write(append(body, '\n')); err != nil {
		return err
	}
	crashpoint.Hit(m.Stage + ".before_manifest")
	_, err = f.Commit(filepath.Join(o.dir, manifestFile))
	return err
}

// digest is the sha256 of the manifest without its Digest field.
func digest(m *schemas.Manifest) string {
	c := *m
	c.Digest = ""
	body, err := json.Marshal(&c)
	if err != nil {
		panic("pipeline: a manifest cannot be encoded: " + err.Error()) // only plain fields
	}
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

func sameWork(have, want *schemas.Manifest) bool {
	return have.Stage == want.Stage && have.Account == want.Account && have.Date == want.Date &&
		maps.Equal(have.Versions, want.Versions) && slices.Equal(have.Inputs, want.Inputs) && have.Digest == digest(have)
}

// outputsWhole checks every output against its hash; nil if all are as written.
func outputsWhole(dir string, m *schemas.Manifest) error {
	for _, o := range m.Outputs {
		f, err := lake.OpenVerified(filepath.Join(dir, o.Name), o.SHA256)
		if err != nil {
			return err
		}
		f.Close()
	}
	return nil
}

func readManifest(dir string) (*schemas.Manifest, error) {
	body, err := os.ReadFile(filepath.Join(dir, manifestFile))
	if err != nil {
		return nil, err
	}
	var m schemas.Manifest
	if err := json.Unmarshal(body, &m); err != nil {
		return nil, fmt.Errorf("read %s: %w", filepath.Join(dir, manifestFile), err)
	}
	return &m, nil
}

// output of another stage, found by name in its manifest.
func outputOf(m *schemas.Manifest, name string) (schemas.FileUsed, bool) {
	for _, o := range m.Outputs {
		if o.Name == name {
			return o, true
		}
	}
	return schemas.FileUsed{}, false
}

// errNoOutput says that a stage did not write such a file; a file that it wrote
// and that is gone is E-4201.
var errNoOutput = errors.New("no such output")

// openOutput opens one output of a finished stage after checking its hash.
func openOutput(dir string, m *schemas.Manifest, name string) (*os.File, error) {
	o, ok := outputOf(m, name)
	if !ok {
		return nil, fmt.Errorf("stage %s: %s: %w", m.Stage, name, errNoOutput)
	}
	return lake.OpenVerified(filepath.Join(dir, name), o.SHA256)
}

// readLines reads a file of JSON lines; a file that the stage did not write is
// an empty list.
func readLines[T any](dir string, m *schemas.Manifest, name string) ([]T, error) {
	f, err := openOutput(dir, m, name)
	if errors.Is(err, errNoOutput) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var all []T
	dec := json.NewDecoder(f)
	for {
		var v T
		if err := dec.Decode(&v); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		all = append(all, v)
	}
}

// readJSON reads one JSON output.
func readJSON[T any](dir string, m *schemas.Manifest, name string) (T, error) {
	var v T
	f, err := openOutput(dir, m, name)
	if err != nil {
		return v, err
	}
	defer f.Close()
	if err := json.NewDecoder(f).Decode(&v); err != nil {
		return v, fmt.Errorf("read %s: %w", name, err)
	}
	return v, nil
}
