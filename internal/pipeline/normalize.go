package pipeline

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"

	"tieout/internal/unpack"
	"tieout/normalize"
	"tieout/schemas"
	"tieout/schemas/recordfile"
)

// Names of the files that the normalize stage writes.
const (
	recordsFile   = "records.parquet" // the statement that is matched
	fundFile      = "fund.parquet"    // the other statements
	rejectsFile   = "rejects.jsonl"
	statementFile = "statements.jsonl"
)

// maxRejectsShown bounds the rejects that a report holds; all are in the file.
const maxRejectsShown = 1000

// normalize turns the raw statements into records. A statement that is not
// whole ends the run; what was found is in the report.
func (w *work) normalize(ctx context.Context) error {
	fetched, err := readLines[schemas.Fetched](w.dir(StageFetch), w.manifests[StageFetch], "fetched.jsonl")
	if err != nil {
		return err
	}
	m, err := w.run(ctx, StageNormalize, w.manifests[StageFetch].Inputs, func(ctx context.Context, out *output) error {
		return w.decode(ctx, out, fetched)
	})
	if err != nil {
		return err
	}
	statements, err := readLines[schemas.Statement](w.dir(StageNormalize), m, statementFile)
	if err != nil {
		return err
	}
	w.noteStatements(statements)
	return w.noteRejects(m)
}

func (w *work) noteStatements(all []schemas.Statement) {
	w.report.Statement = &all[0]
	for _, s := range all {
		w.report.Proofs = append(w.report.Proofs, s.Proofs...)
	}
}

// noteRejects puts the first rejects into the report, and the way to all.
func (w *work) noteRejects(m *schemas.Manifest) error {
	r := &w.report
	r.RejectRows, r.EachReject = rejectsIn(w.dir(StageNormalize), m)
	r.Rejects = nil
	for reject, err := range r.EachReject {
		if err != nil {
			return err
		}
		if len(r.Rejects) == maxRejectsShown {
			break
		}
		r.Rejects = append(r.Rejects, *reject)
	}
	return nil
}

// rejectsIn counts and streams what the stage rejected.
func rejectsIn(dir string, m *schemas.Manifest) (int64, iter.Seq2[*schemas.Reject, error]) {
	return m.Counts["rejects"], readEach[schemas.Reject](dir, m, rejectsFile)
}

// decode reads every statement of the account, the matched one first.
func (w *work) decode(ctx context.Context, out *output, fetched []schemas.Fetched) error {
	rejects, err := out.create(rejectsFile)
	if err != nil {
		return err
	}
	defer rejects.Abort()
	sink := &recordSink{rejects: recordfile.NewLineWriter[schemas.Reject](rejects)}
	var statements []schemas.Statement
	var held error
	for i, spec := range w.acct.Statements {
		st, err := w.decodeOne(ctx, out, sink, spec, i, fetched[i])
		statements = append(statements, st)
		if f := normalize.Incomplete(st); err == nil && f != nil {
			err = f
		}
		if err != nil && held == nil {
			held = err // the other statements are still read: one message shows all
		}
	}
	if err := sink.rejects.Close(); err != nil {
		return err
	}
	if err := rejects.commit(); err != nil {
		return err
	}
	if err := writeLines(out, statementFile, statements); err != nil {
		return err
	}
	out.manifest.Counts["records"], out.manifest.Counts["rejects"] = statements[0].Records, sink.rejects.Rows()
	if held != nil { // no manifest: the stage did not end; the report shows what was found
		w.noteStatements(statements)
		return errors.Join(held, w.noteRejects(out.manifest))
	}
	out.manifest.Totals = statements[0].Totals
	for _, s := range statements {
		out.manifest.Proofs = append(out.manifest.Proofs, s.Proofs...)
	}
	return nil
}

// decodeOne reads one statement with all its files into its record file.
func (w *work) decodeOne(ctx context.Context, out *output, sink *recordSink, spec StatementSpec, i int, got schemas.Fetched) (schemas.Statement, error) {
	name := recordsFile
	if i > 0 {
		name = fmt.Sprintf("%d-%s", i, fundFile)
	}
	f, err := out.create(name)
	if err != nil {
		return schemas.Statement{}, err
	}
	defer f.Abort()
	source := ""
	if len(got.Files) > 0 {
		source = got.Files[0].SHA256
	}
	sink.records, err = recordfile.NewWriter(f, recordfile.Options{Channel: w.acct.Definition.Name, Account: w.acct.Name, Source: source, Workers: w.p.Workers})
	if err != nil {
		return schemas.Statement{}, err
	}
	st := schemas.Statement{Channel: w.acct.Definition.Name, Account: w.acct.Name, Kind: spec.Kind, Format: "empty", Definition: w.acct.Definition.Version}
	var derr error
	if got.State != schemas.FetchEmptyConfirmed {
		st, derr = w.decodeFiles(ctx, sink, spec, got.Files)
	}
	if err := sink.records.Close(); err != nil {
		return st, err
	}
	if derr != nil {
		return st, derr
	}
	return st, f.commit()
}

func (w *work) decodeFiles(ctx context.Context, sink *recordSink, spec StatementSpec, raw []schemas.FetchedFile) (schemas.Statement, error) {
	var files []normalize.File
	for _, r := range raw {
		entries, closer, err := w.p.Unpack(ctx, r.FileUsed, w.lake.TempDir())
		if err != nil {
			return schemas.Statement{Channel: w.acct.Definition.Name, Account: w.acct.Name, Kind: spec.Kind}, err
		}
		defer closer()
		files = append(files, entries...)
	}
	return normalize.Statement(ctx, normalize.Input{
		Definition: w.acct.Definition, Account: w.acct.Name, Merchant: w.acct.Merchant, Date: w.date,
		Statement: spec.Kind, Variant: spec.Variant, Files: files, Workers: w.p.Workers,
	}, sink)
}

// Unpack opens a raw file of the lake and what is packed in it. The closer
// frees its temporary files.
func (p *Pipeline) Unpack(ctx context.Context, raw schemas.FileUsed, tempDir string) ([]normalize.File, func(), error) {
	f, err := p.Lake.OpenRaw(raw.SHA256)
	if err != nil {
		return nil, nil, err
	}
	temp := func() (*os.File, error) { return os.CreateTemp(tempDir, "unpacked-*") }
	how, err := unpack.Sniff(f, raw.Size)
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	entries, err := unpack.Open(ctx, raw.Name, f, raw.Size, how, unpack.Limits{}, temp)
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	files := make([]normalize.File, len(entries))
	for i, e := range entries {
		files[i] = normalize.File{Name: e.Title(), SHA256: raw.SHA256, Size: e.Size, Reader: e.Reader}
	}
	return files, func() { unpack.Close(entries); f.Close() }, nil
}

// recordSink takes what normalize gives and writes it.
type recordSink struct {
	records *recordfile.Writer
	rejects *recordfile.LineWriter[schemas.Reject]
}

// Batch writes records.
func (s *recordSink) Batch(b *schemas.Batch) error { return s.records.Batch(b) }

// Reject writes a reject.
func (s *recordSink) Reject(r schemas.Reject) error { return s.rejects.Add(&r) }

var _ normalize.Sink = (*recordSink)(nil)
