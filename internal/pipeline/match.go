package pipeline

import (
	"context"
	"errors"
	"path/filepath"
	"strings"

	"golang.org/x/sync/errgroup"

	"tieout/internal/bizday"
	"tieout/internal/fault"
	"tieout/internal/lake"
	"tieout/internal/store"
	"tieout/ledgerlink"
	"tieout/match"
	"tieout/schemas"
	"tieout/schemas/recordfile"
)

const (
	outcomesFile    = "outcomes.parquet"
	differencesFile = "differences.jsonl"
	carriedFile     = "carried.jsonl"
	claimsFile      = "claims.jsonl"
	explainedFile   = "explained.jsonl"
	lateFile        = "late.jsonl"
	carriedInFile   = "carried-in.jsonl"
	claimsInFile    = "claims-in.jsonl"
	resultFile      = "result.json"
)

// claimDays is how far ahead a later run may have placed a row of this day.
const claimDays = 62

// matched is what result.json holds of match.Result.
type matched struct {
	Totals []schemas.ClassTotal `json:"totals"`
	Proofs []schemas.Proof      `json:"proofs"`
	Passes map[string]int64     `json:"passes"`
	Held   string               `json:"held,omitempty"`
}

// match places every row of both sides.
func (w *work) match(ctx context.Context) error {
	carried, claims, inputs, err := w.neighbours(ctx)
	if err != nil {
		return err
	}
	norm, exp := w.manifests[StageNormalize], w.manifests[StageExport]
	for _, in := range []struct {
		m    *schemas.Manifest
		name string
	}{{norm, recordsFile}, {exp, localFile}} {
		if o, ok := outputOf(in.m, in.name); ok {
			inputs = append(inputs, o)
		}
	}
	m, err := w.run(ctx, StageMatch, inputs, func(ctx context.Context, out *output) error {
		return w.place(ctx, out, carried, claims)
	})
	if err != nil {
		return err
	}
	res, err := readJSON[matched](w.dir(StageMatch), m, resultFile)
	if err != nil {
		return err
	}
	w.report.Totals = res.Totals
	w.report.Proofs = append(w.report.Proofs, res.Proofs...)
	if w.report.Carried, err = readLines[schemas.Carried](w.dir(StageMatch), m, carriedFile); err != nil {
		return err
	}
	return failing(res.Proofs, "E-5080", fault.V{"account": w.acct.Name, "date": w.date})
}

// place runs the engine and writes what it says.
func (w *work) place(ctx context.Context, out *output, carried []schemas.Carried, claims []schemas.Claim) error {
	local, channel, err := w.openSides()
	if err != nil {
		return err
	}
	defer local.Close()
	defer channel.Close()
	sink, err := newMatchSink(out, w.p.Workers)
	if err != nil {
		return err
	}
	defer sink.abort()
	scratch := w.lake.Scratch()
	defer scratch.Close()
	late := &lateRows{w: w}
	in := match.Inputs{
		Account: w.acct.Name, Channel: w.acct.Definition.Name, Date: w.date, Day: w.acct.Definition.Day(),
		Local: local, ChannelRows: channel, Claims: claims, Late: late.lookup, Rules: w.acct.Rules, Workers: w.p.Workers, Memory: w.p.Memory, Scratch: scratch,
	}
	for _, c := range carried {
		if c.Side == schemas.Local {
			in.CarriedLocal = append(in.CarriedLocal, c)
		} else {
			in.CarriedChannel = append(in.CarriedChannel, c)
		}
	}
	res, err := match.Run(ctx, in, sink)
	if err != nil {
		return err
	}
	if err := sink.commit(); err != nil {
		return err
	}
	if err := writeLines(out, carriedFile, res.CarriedOut); err != nil {
		return err
	}
	if err := writeLines(out, claimsFile, res.Claims); err != nil {
		return err
	}
	if err := writeLines(out, explainedFile, w.explained(res.Claims)); err != nil {
		return err
	}
	if err := writeLines(out, lateFile, late.rows); err != nil {
		return err
	}
	// What came from other days is kept here too: they may be rerun, and this
	// day must be computable again all the same.
	if err := writeLines(out, carriedInFile, carried); err != nil {
		return err
	}
	if err := writeLines(out, claimsInFile, claims); err != nil {
		return err
	}
	out.manifest.Counts["differences"], out.manifest.Counts["carried"] = sink.differences.Rows(), int64(len(res.CarriedOut))
	out.manifest.Proofs = res.Proofs
	w.differences = sink.short.list
	return out.writeJSON(resultFile, matched{Totals: res.Totals, Proofs: res.Proofs, Passes: res.Passes})
}

// neighbours gathers what other days hand to this one: the rows that the day
// before carried out, and the rows of our windows that other days placed.
func (w *work) neighbours(ctx context.Context) (carried []schemas.Carried, claims []schemas.Claim, inputs []schemas.FileUsed, err error) {
	if w.replaying {
		return w.recordedNeighbours()
	}
	before, ok, err := w.p.Store.CurrentBefore(ctx, w.acct.Name, w.date)
	if err != nil {
		return nil, nil, nil, err
	}
	if ok {
		dir, m, err := w.p.stageOf(before, StageMatch)
		if err != nil {
			return nil, nil, nil, err
		}
		if carried, err = readLines[schemas.Carried](dir, m, carriedFile); err != nil {
			return nil, nil, nil, err
		}
		inputs = append(inputs, inputOf(before, m, carriedFile)...)
	}
	others, err := w.p.Store.Runs(ctx, w.acct.Name, w.date.Add(-1), w.date.Add(claimDays))
	if err != nil {
		return nil, nil, nil, err
	}
	for _, r := range others {
		if !r.Current || r.BillDate == w.date {
			continue
		}
		dir, m, err := w.p.stageOf(r, StageMatch)
		if err != nil {
			return nil, nil, nil, err
		}
		rows, err := readLines[schemas.Claim](dir, m, claimsFile)
		if err != nil {
			return nil, nil, nil, err
		}
		if len(rows) > 0 {
			claims = append(claims, rows...)
			inputs = append(inputs, inputOf(r, m, claimsFile)...)
		}
	}
	return carried, claims, inputs, nil
}

// recordedNeighbours are the ones that the published run worked with.
func (w *work) recordedNeighbours() (carried []schemas.Carried, claims []schemas.Claim, inputs []schemas.FileUsed, err error) {
	dir, m, err := w.p.stageOf(w.previous, StageMatch)
	if err != nil {
		return nil, nil, nil, err
	}
	if carried, err = readLines[schemas.Carried](dir, m, carriedInFile); err != nil {
		return nil, nil, nil, err
	}
	if claims, err = readLines[schemas.Claim](dir, m, claimsInFile); err != nil {
		return nil, nil, nil, err
	}
	for _, in := range m.Inputs {
		if strings.Contains(in.Name, "/") {
			inputs = append(inputs, in)
		}
	}
	return carried, claims, inputs, nil
}

// inputOf names an output of another run as an input of this one.
func inputOf(r store.Run, m *schemas.Manifest, name string) []schemas.FileUsed {
	o, ok := outputOf(m, name)
	if !ok {
		return nil
	}
	o.Name = r.BillDate.String() + "/" + name
	return []schemas.FileUsed{o}
}

// stageOf finds the folder and the manifest of a stage of a finished run.
func (p *Pipeline) stageOf(r store.Run, stage string) (string, *schemas.Manifest, error) {
	dir := p.Lake.RunDir(r.BillDate.String(), r.Account, r.Attempt, stage)
	m, err := readManifest(dir)
	if err != nil {
		return "", nil, fault.New("E-4201", fault.V{"path": filepath.Join(dir, manifestFile), "want": "a manifest", "got": "none that can be read"}, err)
	}
	if now := digest(m); now != m.Digest {
		return "", nil, fault.New("E-4201", fault.V{"path": filepath.Join(dir, manifestFile), "want": m.Digest, "got": now}, nil)
	}
	return dir, m, nil
}

// openSides opens the records of both sides, side by side: each is read once to
// be verified.
func (w *work) openSides() (local, channel *records, err error) {
	var g errgroup.Group
	g.Go(func() (err error) { local, err = w.openRecords(StageExport, localFile); return err })
	g.Go(func() (err error) { channel, err = w.openRecords(StageNormalize, recordsFile); return err })
	if err = g.Wait(); err == nil {
		return local, channel, nil
	}
	for _, r := range []*records{local, channel} {
		if r != nil {
			r.Close()
		}
	}
	return nil, nil, err
}

// openRecords opens a record file of this run after checking its hash.
func (w *work) openRecords(stage, name string) (*records, error) {
	f, err := openOutput(w.dir(stage), w.manifests[stage], name)
	if err != nil {
		return nil, err
	}
	r, err := recordfile.Open(f)
	if err != nil {
		f.Close()
		return nil, err
	}
	return &records{Reader: r, close: f.Close}, nil
}

// records is a record file with the file under it.
type records struct {
	*recordfile.Reader
	close func() error
}

// Close closes both.
func (r *records) Close() error { return errors.Join(r.Reader.Close(), r.close()) }

// matchSink writes outcomes and differences as they come.
type matchSink struct {
	outcomes    *recordfile.OutcomeWriter
	differences *recordfile.LineWriter[schemas.Difference]
	short       shortList[schemas.Difference]
	files       [2]*outFile
}

func newMatchSink(out *output, workers int) (*matchSink, error) {
	s := &matchSink{}
	for i, name := range []string{outcomesFile, differencesFile} {
		f, err := out.create(name)
		if err != nil {
			s.abort()
			return nil, err
		}
		s.files[i] = f
	}
	var err error
	if s.outcomes, err = recordfile.NewOutcomeWriter(s.files[0], workers); err != nil {
		s.abort()
		return nil, err
	}
	s.differences = recordfile.NewLineWriter[schemas.Difference](s.files[1])
	return s, nil
}

// Outcome writes one outcome.
func (s *matchSink) Outcome(o schemas.Outcome) error { return s.outcomes.Outcome(o) }

// Pairs writes outcomes that are alike but for their rows.
func (s *matchSink) Pairs(alike schemas.Outcome, local, channel []int64) error {
	return s.outcomes.Pairs(alike, local, channel)
}

// Difference writes one difference, and keeps it if there are few.
func (s *matchSink) Difference(d *schemas.Difference) error {
	s.short.add(d)
	return s.differences.Add(d)
}

func (s *matchSink) commit() error {
	if err := errors.Join(s.outcomes.Close(), s.differences.Close()); err != nil {
		return err
	}
	for _, f := range s.files {
		if err := f.commit(); err != nil {
			return err
		}
	}
	return nil
}

func (s *matchSink) abort() {
	for _, f := range s.files {
		if f != nil {
			f.Abort()
		}
	}
}

// lateRows answers match's lookups without the date filter, and keeps the
// answers as an output, so that a replay needs no database.
type lateRows struct {
	w    *work
	rows []match.LateRow
}

func (l *lateRows) lookup(ctx context.Context, keys []schemas.LookupKey) ([]match.LateRow, error) {
	if l.w.replaying {
		rows, err := l.w.recordedLate()
		l.rows = rows
		return rows, err
	}
	found, err := l.w.acct.Local.Lookup(ctx, l.w.exportRequest(l.w.date), keys)
	if errors.Is(err, ledgerlink.ErrNoLookup) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	placed := newPlacedRows(l.w)
	rows := make([]match.LateRow, len(found))
	for i := range found {
		by, err := placed.by(ctx, &found[i])
		if err != nil {
			return nil, err
		}
		rows[i] = match.LateRow{Record: found[i], ClaimedBy: by}
	}
	l.rows = append(l.rows, rows...)
	return rows, nil
}

// placedRows tells which run matched a local row, by reading the outcomes of
// the row's own day.
type placedRows struct {
	w    *work
	days map[bizday.Date]map[placedKey]string
}

type placedKey struct {
	kind schemas.Kind
	key  string
}

func newPlacedRows(w *work) *placedRows {
	return &placedRows{w: w, days: map[bizday.Date]map[placedKey]string{}}
}

// by returns the id of the run that matched the row, or "".
func (p *placedRows) by(ctx context.Context, r *schemas.Record) (string, error) {
	if r.EventTime == schemas.NoTime {
		return "", nil
	}
	date := p.w.acct.Definition.Day().DateOf(r.EventTime)
	if date == p.w.date {
		return "", nil // the export of this day has it
	}
	day, ok := p.days[date]
	if !ok {
		var err error
		if day, err = p.load(ctx, date); err != nil {
			return "", err
		}
		p.days[date] = day
	}
	return day[placedKey{r.Kind, r.Key()}], nil
}

// load reads which local rows of a day, and of the days on which they were
// carried, met a channel row.
func (p *placedRows) load(ctx context.Context, date bizday.Date) (map[placedKey]string, error) {
	placed := map[placedKey]string{}
	runs, err := p.w.p.Store.Runs(ctx, p.w.acct.Name, date.Add(-1), p.w.date.Add(-1))
	if err != nil {
		return nil, err
	}
	for _, r := range runs {
		if r.Current {
			if err := p.loadRun(ctx, r, placed); err != nil {
				return nil, err
			}
		}
	}
	return placed, nil
}

func (p *placedRows) loadRun(ctx context.Context, r store.Run, placed map[placedKey]string) error {
	paired, err := p.w.p.pairedLocal(ctx, r)
	if err != nil {
		return err
	}
	for k := range paired {
		if placed[k] == "" {
			placed[k] = r.ID
		}
	}
	return nil
}

// carriedLocal is the n-th local row of what was carried in.
func carriedLocal(all []schemas.Carried, n int64) *schemas.Record {
	for i := range all {
		if all[i].Side == schemas.Local {
			if n == 0 {
				return &all[i].Record
			}
			n--
		}
	}
	return &schemas.Record{}
}

// pairedLocal returns the local rows that a run placed together with a channel
// row: of its export, and of what was carried in.
func (p *Pipeline) pairedLocal(ctx context.Context, r store.Run) (map[placedKey]bool, error) {
	dir, m, err := p.stageOf(r, StageMatch)
	if err != nil {
		return nil, err
	}
	o, ok := outputOf(m, outcomesFile)
	if !ok {
		return nil, nil
	}
	f, err := lake.OpenVerified(filepath.Join(dir, outcomesFile), o.SHA256)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	out, err := recordfile.OpenOutcomes(f)
	if err != nil {
		return nil, err
	}
	carried, err := readLines[schemas.Carried](dir, m, carriedInFile)
	if err != nil {
		return nil, err
	}
	rows, paired := map[int64]bool{}, map[placedKey]bool{}
	for o, err := range out.All(ctx) {
		switch {
		case err != nil:
			return nil, err
		case o.Channel.In == 0:
		case o.Local.In == schemas.InLocal:
			rows[o.Local.Row] = true
		case o.Local.In == schemas.InCarriedLocal:
			row := carriedLocal(carried, o.Local.Row)
			paired[placedKey{row.Kind, row.Key()}] = true
		}
	}
	edir, em, err := p.stageOf(r, StageExport)
	if err != nil {
		return nil, err
	}
	ef, err := openOutput(edir, em, localFile)
	if err != nil {
		return nil, err
	}
	defer ef.Close()
	rec, err := recordfile.Open(ef)
	if err != nil {
		return nil, err
	}
	err = rec.Read(ctx, recordfile.Keys, func(first int64, b *schemas.Batch) error {
		for i := range b.Len() {
			if rows[first+int64(i)] {
				row := schemas.Record{Kind: b.Kind[i], MerchantRef: string(b.MerchantRef.At(i)), RefundRef: string(b.RefundRef.At(i))}
				paired[placedKey{row.Kind, row.Key()}] = true
			}
		}
		return nil
	})
	return paired, err
}
