package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"tieout/internal/bizday"
	"tieout/internal/fault"
	"tieout/internal/lake"
	"tieout/internal/pipeline"
	"tieout/internal/report"
	"tieout/ledgerlink"
	"tieout/match"
	"tieout/normalize"
	"tieout/resolve"
	"tieout/schemas"
	"tieout/schemas/channels"
	"tieout/schemas/recordfile"
)

// compareCmd says what differs between a downloaded statement and an export of
// ours. It needs no configuration and changes nothing but its own folder.
type compareCmd struct {
	Channel    string   `required:"" placeholder:"NAME" help:"Channel of the statement; see tieout channel list."`
	Statement  []string `required:"" type:"existingfile" placeholder:"FILE" help:"The downloaded file as it is: CSV, gzip, zip, or UnionPay's text. Several if the channel gives several."`
	Local      string   `required:"" type:"existingfile" placeholder:"FILE" help:"Our transactions: CSV or Parquet with the columns kind, order_no, refund_no, channel_txn_id, status, amount_minor, currency, fee_minor, created_at, completed_at."`
	Date       string   `short:"d" placeholder:"DATE" help:"Bill date; default: what the statement says."`
	Out        string   `placeholder:"DIR" help:"Folder for the reports and the Parquet files; default tieout-compare-DATE."`
	Definition string   `type:"existingfile" placeholder:"FILE" help:"Definition file of your own bank's format."`
}

// The lists that the reports are written from, a JSON value a line.
const (
	differencesLines = "differences.jsonl"
	rejectsLines     = "rejects.jsonl"
)

// Run is called by kong.
func (c *compareCmd) Run(a *app) error {
	w, err := c.compare(a, nil)
	if err != nil {
		return err
	}
	return w.finish(a)
}

// steps hears where a comparison is. Steps may overlap.
type steps interface {
	Begin(step string)
	End(step string, counts map[string]int64)
	finish()
}

// stepOpen is unpacking the statement; the other steps are stages.
const stepOpen = "open"

// compare does all the work and prints nothing. What could not be compared is
// still a comparison, whose report says why. If nobody watches, a bar does.
func (c *compareCmd) compare(a *app, watch steps) (*comparison, error) {
	def, err := c.definition()
	if err != nil {
		return nil, err
	}
	if watch != nil {
		watch.Begin(stepOpen)
	}
	w, err := c.start(a, def, watch)
	if err != nil {
		return nil, err
	}
	defer w.close()
	if watch != nil {
		watch.End(stepOpen, nil)
	}
	w.failed = w.run(a.ctx)
	if w.failed != nil {
		if a.ctx.Err() != nil || w.report.Statement == nil {
			return nil, w.failed
		}
		w.report.Verdict, w.report.Why = schemas.Incomplete, fault.Of(w.failed).Message(fault.English)
	}
	w.steps.Begin(pipeline.StageReport)
	if w.written, err = w.write(a); err != nil {
		return nil, err
	}
	w.steps.End(pipeline.StageReport, nil)
	return w, nil
}

func (c *compareCmd) definition() (*channels.Definition, error) {
	var own []string
	if c.Definition != "" {
		own = []string{c.Definition}
	}
	defs, names, err := definitions(own)
	if err != nil {
		return nil, err
	}
	def, ok := defs[c.Channel]
	if !ok {
		return nil, fault.New("E-6401", fault.V{"command": "compare", "reason": fmt.Sprintf("no channel %q; known: %s", c.Channel, strings.Join(names, ", "))}, nil)
	}
	return def, nil
}

// comparison is one compare at work.
type comparison struct {
	cmd     *compareCmd
	def     *channels.Definition
	dir     string
	date    bizday.Date
	account string
	sources []*statementFile
	report  schemas.RunReport
	lang    fault.Lang
	memory  memory
	intake  *match.Intake // takes the rows of both sides while they are written
	steps   steps
	failed  error              // why the two sides could not be compared
	written []schemas.FileUsed // the reports

	differences int64                 // how many there are
	kept        []*schemas.Difference // all of them, or none if they are many
}

func (c *compareCmd) start(a *app, def *channels.Definition, watch steps) (*comparison, error) {
	w := &comparison{cmd: c, def: def, lang: a.lang, memory: a.cli.Memory, date: bizday.None}
	if c.Date != "" {
		var err error
		if w.date, err = bizday.Parse(c.Date); err != nil {
			return nil, fault.New("E-6401", fault.V{"command": "compare", "reason": err.Error()}, nil)
		}
	}
	for _, path := range c.Statement {
		s, err := unpackStatement(a.ctx, path)
		if err != nil {
			w.close()
			return nil, err
		}
		w.sources = append(w.sources, s)
	}
	_, format, merchant, date, err := normalize.Detect([]*channels.Definition{def}, w.files())
	if err != nil {
		err = cmp.Or(w.whole(), err)
		w.close()
		return nil, err
	}
	if w.date == bizday.None {
		w.date = date
	}
	w.account = merchant
	if w.account == "" {
		w.account = def.Name
	}
	w.dir = c.Out
	if w.dir == "" {
		w.dir = "tieout-compare-" + w.date.String()
	}
	if err := os.MkdirAll(w.dir, 0o700); err != nil {
		w.close()
		return nil, fault.New("E-4101", fault.V{"path": w.dir, "reason": err.Error()}, err)
	}
	// A list of an earlier comparison is not one of this.
	if err := os.Remove(filepath.Join(w.dir, differencesLines)); err != nil && !errors.Is(err, os.ErrNotExist) {
		w.close()
		return nil, fault.New("E-4101", fault.V{"path": w.dir, "reason": err.Error()}, err)
	}
	if w.steps = watch; watch == nil {
		w.steps = a.progress(format, w.date)
	}
	w.report = schemas.RunReport{Channel: def.Name, Account: w.account, Merchant: merchant, Date: w.date, RunID: "compare", Attempt: 1, Zone: def.Zone,
		Versions: map[string]string{"program": buildName(), "definition": def.Version}, FetchState: schemas.FetchFetched, Finished: a.now()}
	return w, nil
}

func (w *comparison) close() {
	if w.steps != nil {
		w.steps.finish()
	}
	for _, s := range w.sources {
		s.close()
	}
}

// rowsGuess is about how many rows the statement has.
func (w *comparison) rowsGuess() int64 {
	size := int64(0)
	for _, f := range w.files() {
		size += f.Size
	}
	return size / 256
}

// whole waits until the statement is unpacked, and says what is wrong with it.
func (w *comparison) whole() error {
	for _, s := range w.sources {
		if err := s.whole(); err != nil {
			return err
		}
	}
	return nil
}

// files are all that the statement consists of.
func (w *comparison) files() []normalize.File {
	var files []normalize.File
	for _, s := range w.sources {
		files = append(files, s.files...)
	}
	return files
}

// run reads both sides, matches them, and decides what each difference is.
func (w *comparison) run(ctx context.Context) error {
	rules := match.RulesOf(w.def.Match)
	end := func(step string, err error) error {
		w.steps.End(step, nil)
		return err
	}
	scratch := lake.NewScratch(w.dir)
	defer scratch.Close()
	w.intake = match.NewIntake(w.rowsGuess(), w.def.Day().Of(w.date), w.memory.tables(), scratch)
	exporting, stop := context.WithCancel(ctx)
	defer stop()
	var exported error
	var export sync.WaitGroup
	w.steps.Begin(pipeline.StageNormalize)
	w.steps.Begin(pipeline.StageExport)
	export.Go(func() { exported = end(pipeline.StageExport, w.local(exporting, rules)) })
	err := end(pipeline.StageNormalize, w.statement(ctx))
	if err != nil {
		stop() // without a statement there is nothing to compare
	}
	export.Wait()
	if err != nil {
		return err
	}
	if exported != nil {
		return exported
	}
	w.report.Proofs = append(w.report.Proofs, w.report.Export.Proofs...)
	w.steps.Begin(pipeline.StageMatch)
	return end(pipeline.StageMatch, w.match(ctx, rules, scratch))
}

// statement writes statement.parquet and rejects.jsonl.
func (w *comparison) statement(ctx context.Context) error {
	for _, s := range w.sources {
		if err := s.digest(); err != nil {
			return err
		}
	}
	rejects, err := w.create(rejectsLines)
	if err != nil {
		return err
	}
	defer rejects.Close()
	sink := &compareSink{intake: w.intake, rejects: recordfile.NewLineWriter[schemas.Reject](rejects)}
	err = w.records("statement.parquet", func(rec *recordfile.Writer) error {
		sink.records = rec
		st, err := normalize.Statement(ctx, normalize.Input{Definition: w.def, Account: w.account, Merchant: w.report.Merchant, Date: w.date, Files: w.files(), Workers: runtime.GOMAXPROCS(0)}, sink)
		w.report.Statement, w.report.Proofs, w.report.Rejects = &st, st.Proofs, sink.shown
		w.report.RejectRows = sink.rejects.Rows()
		for _, f := range st.Files {
			w.report.Files = append(w.report.Files, schemas.FetchedFile{FileUsed: f, Place: "file"})
		}
		if f := normalize.Incomplete(st); err == nil && f != nil {
			err = f
		}
		if damaged := w.whole(); damaged != nil {
			return damaged // whatever else is wrong comes of it
		}
		for _, s := range w.sources {
			if changed := s.unchanged(); changed != nil {
				return changed // whatever else is wrong may come of it
			}
		}
		return err
	})
	return errors.Join(err, sink.rejects.Close(), rejects.Close())
}

// local writes local.parquet.
func (w *comparison) local(ctx context.Context, rules match.Rules) error {
	source, err := openLocal(w.cmd.Local)
	if err != nil {
		return err
	}
	return w.records("local.parquet", func(rec *recordfile.Writer) error {
		keep := func(b *schemas.Batch) error {
			if err := w.intake.Local(b); err != nil {
				return err
			}
			return rec.Batch(b)
		}
		exp, err := source.Export(ctx, ledgerlink.ExportRequest{Channel: w.def.Name, Account: w.account, Merchant: w.report.Merchant, Day: w.def.Day(), Date: w.date,
			Before: rules.WindowBefore, After: rules.WindowAfter}, keep)
		w.report.Export = &exp
		return err
	})
}

// match writes differences.jsonl and outcomes.parquet.
func (w *comparison) match(ctx context.Context, rules match.Rules, scratch match.Scratch) error {
	local, err := recordfile.OpenFile(filepath.Join(w.dir, "local.parquet"))
	if err != nil {
		return err
	}
	defer local.Close()
	channel, err := recordfile.OpenFile(filepath.Join(w.dir, "statement.parquet"))
	if err != nil {
		return err
	}
	defer channel.Close()
	table, err := resolve.Load()
	if err != nil {
		return err
	}
	outcomes, err := w.create("outcomes.parquet")
	if err != nil {
		return err
	}
	defer outcomes.Close()
	diffs, err := w.create(differencesLines)
	if err != nil {
		return err
	}
	defer diffs.Close()
	writer, err := recordfile.NewOutcomeWriter(outcomes, runtime.GOMAXPROCS(0))
	if err != nil {
		return err
	}
	sink := &decidedSink{outcomes: writer, diffs: recordfile.NewLineWriter[schemas.Difference](diffs), table: table}
	res, err := match.Run(ctx, match.Inputs{Account: w.account, Channel: w.def.Name, Date: w.date, Day: w.def.Day(), Local: local, ChannelRows: channel,
		Rules: rules, Workers: runtime.GOMAXPROCS(0), Memory: w.memory.tables(), Scratch: scratch, Intake: w.intake, Alone: true}, sink)
	if err := errors.Join(err, writer.Close(), sink.diffs.Close(), outcomes.Close(), diffs.Close()); err != nil {
		return err
	}
	if w.differences = sink.diffs.Rows(); w.differences <= keptDifferences {
		w.kept = sink.kept
	}
	w.report.Totals, w.report.Carried = res.Totals, res.CarriedOut
	w.report.Proofs = append(w.report.Proofs, res.Proofs...)
	w.report.Bridge = pipeline.BridgeOf(res.Totals)
	open := int64(0)
	for _, t := range res.Totals {
		if t.Class.Break() {
			open += t.Outcomes
		}
	}
	w.report.Verdict, w.report.Why = resolve.Verdict(resolve.Standing{Proofs: w.report.Proofs, Open: open, Rejects: w.report.RejectRows, Warnings: pipeline.WarningsOf(&w.report), Carried: int64(len(res.CarriedOut))})
	return nil
}

// write writes the reports.
func (w *comparison) write(a *app) ([]schemas.FileUsed, error) {
	w.report.Differences = w.eachDifference()
	w.report.EachReject = linesOf[schemas.Reject](filepath.Join(w.dir, rejectsLines))
	return report.Compare(a.ctx, w.dir, &w.report, langs(a.lang))
}

// finish prints what came out.
func (w *comparison) finish(a *app) error {
	code := resolve.ExitCode(w.report.Verdict, 0)
	if w.failed != nil {
		code = fault.Of(w.failed).Exit()
	}
	next := nextStep[code]
	if code == 10 {
		next = "read-report" // there are no cases without a site
	}
	a.result = resultLine{Code: code, Date: w.date.String(), Channel: w.def.Name, Changed: "none", Next: next}
	if err := w.print(a, code); err != nil {
		return err
	}
	switch {
	case w.failed != nil:
		return w.failed
	case code != 0:
		return exitCode(code)
	}
	return nil
}

// eachDifference streams the differences: from memory, or from their list.
func (w *comparison) eachDifference() iter.Seq2[*schemas.Difference, error] {
	if w.kept == nil {
		return linesOf[schemas.Difference](filepath.Join(w.dir, differencesLines))
	}
	return func(yield func(*schemas.Difference, error) bool) {
		for _, d := range w.kept {
			if !yield(d, nil) {
				return
			}
		}
	}
}

// linesOf streams one of our files of JSON lines; a comparison that ended before
// it was begun has none.
func linesOf[T any](path string) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		f, err := os.Open(path)
		if errors.Is(err, os.ErrNotExist) {
			return
		}
		if err != nil {
			yield(nil, err)
			return
		}
		defer f.Close()
		recordfile.ReadLines[T](f, filepath.Base(path))(yield)
	}
}

func (w *comparison) print(a *app, code int) error {
	if a.cli.JSON {
		return a.printJSON(map[string]any{"code": code, "date": w.date, "verdict": w.report.Verdict, "why": w.report.Why, "statement": w.report.Statement,
			"export": w.report.Export, "totals": w.report.Totals, "proofs": w.report.Proofs, "files": w.written})
	}
	if a.cli.Quiet && code == 0 {
		return nil
	}
	fmt.Fprintf(a.out, "%s  %s %s %s\n", a.verdict(w.report.Verdict), w.def.Name, w.report.Merchant, w.date)
	if len(w.report.Totals) > 0 {
		if err := printTotals(a, w.report.Totals); err != nil {
			return err
		}
		if err := printDifferences(a, w.report.Differences, w.differences, filepath.Join(w.dir, "differences.csv")); err != nil {
			return err
		}
	}
	if err := printProofSum(a, w.report.Proofs); err != nil {
		return err
	}
	fmt.Fprintln(a.out, a.tr("reports", "报告"))
	for _, f := range w.written {
		fmt.Fprintln(a.out, "  "+filepath.Join(w.dir, f.Name))
	}
	return nil
}

// create opens an output file of the folder; an earlier one is replaced.
func (w *comparison) create(name string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(w.dir, name), os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fault.New("E-4101", fault.V{"path": filepath.Join(w.dir, name), "reason": err.Error()}, err)
	}
	return f, nil
}

// records writes one record file.
func (w *comparison) records(name string, fill func(*recordfile.Writer) error) error {
	f, err := w.create(name)
	if err != nil {
		return err
	}
	defer f.Close()
	rec, err := recordfile.NewWriter(f, recordfile.Options{Channel: w.def.Name, Account: w.account, Workers: runtime.GOMAXPROCS(0)})
	if err != nil {
		return err
	}
	return errors.Join(fill(rec), rec.Close(), f.Close())
}
