package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"golang.org/x/sync/errgroup"

	"tieout/internal/fault"
	"tieout/internal/money"
	"tieout/resolve"
	"tieout/schemas"
)

const (
	answersFile  = "answers.jsonl"
	fenceFile    = "fence.json"
	findingsFile = "findings.jsonl"
)

// queryWorkers bounds the questions that are under way at one channel.
const queryWorkers = 4

// queryTime bounds one question with all its repetitions; no answer by then is
// no answer, and the difference goes to people.
const queryTime = time.Minute

// fenceState is what the fence of this day starts from; it is recorded, so that
// a replay decides alike.
type fenceState struct {
	AutoOff string          `json:"auto_off"`
	Spent   []schemas.Spent `json:"spent"`
	Applied []string        `json:"applied"` // fix keys of earlier attempts at this day
}

// answer is one recorded answer; Row is the number of the difference.
type answer struct {
	Row int64 `json:"row"`
	schemas.QueryAnswer
}

// query asks the channel about every difference whose decision needs it, and
// writes the answers down.
func (w *work) query(ctx context.Context) error {
	match := w.manifests[StageMatch]
	o, _ := outputOf(match, differencesFile)
	_, err := w.run(ctx, StageQuery, []schemas.FileUsed{o}, func(ctx context.Context, out *output) error {
		state, err := w.fenceState(ctx)
		if err != nil {
			return err
		}
		answers, err := w.ask(ctx, state.AutoOff != "")
		if err != nil {
			return err
		}
		out.manifest.Counts["asked"] = int64(len(answers))
		if err := writeLines(out, answersFile, answers); err != nil {
			return err
		}
		return out.writeJSON(fenceFile, state)
	})
	return err
}

// fenceState says why automatic fixes are off today, and what earlier attempts
// at this day have used of the caps.
func (w *work) fenceState(ctx context.Context) (fenceState, error) {
	reason := resolve.Breaker(w.report.Totals, w.acct.Breaker)
	if reason == "" {
		var err error
		if reason, err = w.outOfBand(ctx); err != nil {
			return fenceState{}, err
		}
	}
	spent, keys, err := w.p.Store.AutoSpent(ctx, w.acct.Name, w.date)
	return fenceState{AutoOff: reason, Spent: spent, Applied: keys}, err
}

// ask puts the questions, a few at a time, and returns the answers in the order
// of the differences.
func (w *work) ask(ctx context.Context, off bool) ([]answer, error) {
	var questions []*schemas.Difference
	var rows []int64
	n := int64(0)
	var short shortList[schemas.Difference]
	for d, err := range w.readDifferences() {
		if err != nil {
			return nil, err
		}
		short.add(d)
		if !off && resolve.NeedsQuery(w.p.Table.Decide(d, w.contextOf(d))) {
			questions, rows = append(questions, d), append(rows, n)
		}
		n++
	}
	w.differences = short.list
	answers := make([]answer, len(questions))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(queryWorkers)
	for i, d := range questions {
		g.Go(func() error {
			answers[i] = answer{rows[i], w.askOne(ctx, d)}
			return ctx.Err()
		})
	}
	return answers, g.Wait()
}

// askOne never fails: a question without an answer is an answer that confirms
// nothing.
func (w *work) askOne(ctx context.Context, d *schemas.Difference) schemas.QueryAnswer {
	none := schemas.QueryAnswer{Key: d.Key, Kind: d.Kind}
	if w.acct.Query == nil {
		none.Error = "the channel has no active query"
		return none
	}
	row := d.LocalRow
	if row == nil {
		row = d.ChannelRow
	}
	ctx, cancel := context.WithTimeout(ctx, queryTime)
	defer cancel()
	ans, err := w.acct.Query.Query(ctx, d.Kind, row.MerchantRef, row.RefundRef, w.sentAt(row))
	if err != nil {
		none.Error = fault.Safe(err.Error(), 200)
		return none
	}
	return ans
}

// outOfBand compares the size of the statement with the account's last 28 days.
func (w *work) outOfBand(ctx context.Context) (string, error) {
	low, days, err := w.band(ctx)
	if err != nil || days < bandDays {
		return "", err
	}
	if have := w.report.Statement.Rows; have < low/2 {
		return fmt.Sprintf("the statement has %d rows; in the last %d days it had at least %d", have, days, low), nil
	}
	return "", nil
}

// band is the smallest number of statement rows in the last 28 days that have a
// result, and how many days those are.
func (w *work) band(ctx context.Context) (low int64, days int, err error) {
	runs, err := w.p.Store.Runs(ctx, w.acct.Name, w.date.Add(-28), w.date.Add(-1))
	if err != nil {
		return 0, 0, err
	}
	for _, r := range runs {
		if !r.Current {
			continue
		}
		s, err := SummaryOf(r)
		if err != nil {
			return 0, 0, err
		}
		if days == 0 || s.Rows[0] < low {
			low = s.Rows[0]
		}
		days++
	}
	return low, days, nil
}

// bandDays is how many days a band of volume needs before it says anything.
const bandDays = 7

// resolve decides every difference; it is a pure function of the files before.
func (w *work) resolve(ctx context.Context) error {
	answers, err := readLines[answer](w.dir(StageQuery), w.manifests[StageQuery], answersFile)
	if err != nil {
		return err
	}
	state, err := readJSON[fenceState](w.dir(StageQuery), w.manifests[StageQuery], fenceFile)
	if err != nil {
		return err
	}
	d, _ := outputOf(w.manifests[StageMatch], differencesFile)
	inputs := append([]schemas.FileUsed{d}, w.manifests[StageQuery].Outputs...)
	m, err := w.run(ctx, StageResolve, inputs, func(ctx context.Context, out *output) error {
		return w.decide(ctx, out, answers, state)
	})
	if err != nil {
		return err
	}
	w.held = m.Counts["held"]
	w.heldWhy = state.AutoOff
	return nil
}

func (w *work) decide(ctx context.Context, out *output, answers []answer, state fenceState) error {
	f, err := out.create(findingsFile)
	if err != nil {
		return err
	}
	defer f.Abort()
	fence := &resolve.Fence{Limits: w.acct.Fence, DayRows: w.report.Statement.Rows, AutoOff: state.AutoOff, Prior: state.Spent, Applied: map[string]bool{}}
	for _, key := range state.Applied {
		fence.Applied[key] = true
	}
	enc := json.NewEncoder(f)
	enc.SetEscapeHTML(false)
	row, auto := int64(0), int64(0)
	var short shortList[schemas.Finding]
	for d, err := range w.readDifferences() {
		if err := errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		c := w.contextOf(d)
		if len(answers) > 0 && answers[0].Row == row {
			c.Answer = &answers[0].QueryAnswer
			answers = answers[1:]
		}
		// A fix is named by its key, not by the attempt that computed it: the
		// same evidence gives the same bytes in every attempt.
		finding := w.p.Table.Find(d, c, fence, "")
		if finding.Decision.Action == schemas.ActionAuto {
			auto++
		}
		if err := enc.Encode(finding); err != nil {
			return fmt.Errorf("encode a finding: %w", err)
		}
		short.add(&finding)
		row++
	}
	w.findings, w.differences = short.list, nil
	out.manifest.Counts["findings"], out.manifest.Counts["auto"], out.manifest.Counts["held"] = row, auto, fence.HeldCount()
	return f.commit()
}

// contextOf is what the table is told besides the difference: the account's
// settings, and the fee by the contract.
func (w *work) contextOf(d *schemas.Difference) resolve.Context {
	c := w.acct.Context
	if d.ChannelRow == nil || d.Kind != schemas.Payment || w.acct.FeePPM == 0 {
		return c
	}
	product, err := money.Mul(d.ChannelRow.AmountMinor, w.acct.FeePPM)
	if err != nil {
		return c // people look at an amount of that size
	}
	c.RateFee = schemas.Int64((product + 500_000) / 1_000_000)
	return c
}

// sentAt is the time that was sent with the request for a payment, by which
// UnionPay finds it beside its number: of a payment that is still UNKNOWN the
// event time is the time of its creation.
func (w *work) sentAt(row *schemas.Record) time.Time {
	if row.EventTime == schemas.NoTime {
		return w.p.Now()
	}
	return time.UnixMicro(row.EventTime)
}

// readDifferences streams what match wrote.
func (w *work) readDifferences() iter.Seq2[*schemas.Difference, error] {
	return kept(w.differences, readEach[schemas.Difference](w.dir(StageMatch), w.manifests[StageMatch], differencesFile))
}

// readFindings streams what resolve wrote.
func (w *work) readFindings() iter.Seq2[*schemas.Finding, error] {
	return kept(w.findings, readEach[schemas.Finding](w.dir(StageResolve), w.manifests[StageResolve], findingsFile))
}

// shortList keeps what several stages read one after the other, as long as there
// is little of it: decoding 3,300 findings three times took a tenth of a night
// that is matched again.
type shortList[T any] struct {
	list []*T // nil if there is more
	long bool
}

// shortRows is how many rows are kept, some 30 MB.
const shortRows = 10_000

func (s *shortList[T]) add(v *T) {
	if s.long = s.long || len(s.list) == shortRows; s.long {
		s.list = nil
		return
	}
	s.list = append(s.list, v)
}

// kept gives a list that was kept, or else what its file holds.
func kept[T any](list []*T, file iter.Seq2[*T, error]) iter.Seq2[*T, error] {
	if len(list) == 0 {
		return file
	}
	return func(yield func(*T, error) bool) {
		for _, v := range list {
			if !yield(v, nil) {
				return
			}
		}
	}
}

// readEach streams a file of JSON lines after checking its hash.
func readEach[T any](dir string, m *schemas.Manifest, name string) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		f, err := openOutput(dir, m, name)
		if err != nil {
			yield(nil, err)
			return
		}
		defer f.Close()
		dec := json.NewDecoder(f)
		for {
			v := new(T)
			if err := dec.Decode(v); errors.Is(err, io.EOF) {
				return
			} else if err != nil {
				yield(nil, fmt.Errorf("read %s: %w", name, err))
				return
			}
			if !yield(v, nil) {
				return
			}
		}
	}
}
