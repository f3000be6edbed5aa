package recordfile

import (
	"context"
	"errors"
	"io"
	"iter"
	"os"
	"slices"

	"tieout/internal/fault"
	"tieout/schemas"
)

// outcomeLayout is the version of the outcome schema.
const outcomeLayout = "outcomes/1"

// outcomes is a chunk of outcomes by column. Row and Group are plain numbers;
// an absent row is the NULL row set with row 0.
type outcomes struct {
	class              []schemas.Class
	pass, rule         schemas.Text
	localIn, channelIn []schemas.Input
	localRow, channel  []int64
	occurrence, group  []int64
}

func outcomeColumns() []column[outcomes] {
	return []column[outcomes]{
		wordColumn("class", All, func(o *outcomes) *[]schemas.Class { return &o.class }, (*schemas.Class).UnmarshalText),
		textColumn("pass", All, (*packer).writeFewTexts, func(o *outcomes) *schemas.Text { return &o.pass }),
		textColumn("rule", All, (*packer).writeFewTexts, func(o *outcomes) *schemas.Text { return &o.rule }),
		wordColumn("local_in", All, func(o *outcomes) *[]schemas.Input { return &o.localIn }, (*schemas.Input).UnmarshalText),
		int64Column("local_row", All, func(o *outcomes) *[]int64 { return &o.localRow }),
		wordColumn("channel_in", All, func(o *outcomes) *[]schemas.Input { return &o.channelIn }, (*schemas.Input).UnmarshalText),
		int64Column("channel_row", All, func(o *outcomes) *[]int64 { return &o.channel }),
		int64Column("occurrence", All, func(o *outcomes) *[]int64 { return &o.occurrence }),
		int64Column("group", All, func(o *outcomes) *[]int64 { return &o.group }),
	}
}

func (o *outcomes) reset() {
	o.class, o.localIn, o.channelIn = o.class[:0], o.localIn[:0], o.channelIn[:0]
	o.localRow, o.channel = o.localRow[:0], o.channel[:0]
	o.occurrence, o.group = o.occurrence[:0], o.group[:0]
	o.pass.Reset()
	o.rule.Reset()
}

// OutcomeWriter writes outcomes into one Parquet file.
type OutcomeWriter struct {
	table  *tableWriter[outcomes]
	rows   int64
	closed bool
}

// NewOutcomeWriter starts a file; workers as in Options. It does not close w.
func NewOutcomeWriter(w io.Writer, workers int) (*OutcomeWriter, error) {
	table, err := newTableWriter(w, outcomeLayout, outcomeColumns(), (*outcomes).reset, defaultRowGroup, workers)
	if err != nil {
		return nil, err
	}
	return &OutcomeWriter{table: table}, nil
}

// Outcome adds one outcome.
func (w *OutcomeWriter) Outcome(o schemas.Outcome) error {
	return w.Pairs(o, []int64{o.Local.Row}, []int64{o.Channel.Row})
}

// Pairs adds outcomes that are alike but for their rows, which are listed.
func (w *OutcomeWriter) Pairs(alike schemas.Outcome, local, channel []int64) error {
	if w.closed {
		return errors.New("write to a closed outcome file")
	}
	for len(local) > 0 {
		o, err := w.table.chunk()
		if err != nil {
			return err
		}
		n := min(len(local), w.table.room()-len(o.class))
		o.add(&alike, local[:n], channel[:n])
		local, channel, w.rows = local[n:], channel[n:], w.rows+int64(n)
		if len(o.class) == w.table.room() {
			if err := w.table.filled(len(o.class)); err != nil {
				return err
			}
		}
	}
	return nil
}

// add appends outcomes that are alike but for their rows, a column at a time: a
// seventh of the time of one outcome after the other.
func (o *outcomes) add(alike *schemas.Outcome, local, channel []int64) {
	n := len(local)
	o.class = appendCopies(o.class, alike.Class, n)
	appendTextCopies(&o.pass, alike.Pass, n)
	appendTextCopies(&o.rule, alike.Rule, n)
	o.localIn, o.localRow = appendCopies(o.localIn, alike.Local.In, n), append(o.localRow, local...)
	o.channelIn, o.channel = appendCopies(o.channelIn, alike.Channel.In, n), append(o.channel, channel...)
	o.occurrence, o.group = appendCopies(o.occurrence, int64(alike.Occurrence), n), appendCopies(o.group, alike.Group, n)
}

func appendCopies[T any](list []T, v T, n int) []T {
	at := len(list)
	list = slices.Grow(list, n)[:at+n]
	for i := range list[at:] {
		list[at+i] = v
	}
	return list
}

func appendTextCopies(t *schemas.Text, v string, n int) {
	t.Bytes, t.Ends = slices.Grow(t.Bytes, n*len(v)), slices.Grow(t.Ends, n)
	for range n {
		t.AppendString(v)
	}
}

// Rows returns how many outcomes were added.
func (w *OutcomeWriter) Rows() int64 { return w.rows }

// Close writes what is left and the footer.
func (w *OutcomeWriter) Close() error {
	if w.closed {
		return nil
	}
	w.closed = true
	return w.table.close(func(o *outcomes) int { return len(o.class) })
}

// OutcomeReader reads an outcome file.
type OutcomeReader struct {
	table *tableReader[outcomes]
	file  io.Closer
}

// OpenOutcomes reads the footer of an open file, which the caller closes. A
// damaged file is E-4260.
func OpenOutcomes(r Source) (*OutcomeReader, error) {
	name := "outcome file"
	if f, ok := r.(interface{ Name() string }); ok {
		name = f.Name()
	}
	table, err := newTableReader(r, name, outcomeLayout, outcomeColumns())
	if err != nil {
		return nil, err
	}
	return &OutcomeReader{table: table}, nil
}

// OpenOutcomesFile opens an outcome file by its path; Close closes it.
func OpenOutcomesFile(path string) (*OutcomeReader, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fault.New("E-4260", fault.V{"path": path}, err)
	}
	r, err := OpenOutcomes(f)
	if err != nil {
		f.Close()
		return nil, err
	}
	r.file = f
	return r, nil
}

// Close closes what OpenOutcomesFile opened.
func (r *OutcomeReader) Close() error {
	if r.file == nil {
		return nil
	}
	return r.file.Close()
}

// Rows returns the number of outcomes in the file.
func (r *OutcomeReader) Rows() int64 { return r.table.footer.Rows }

// errStopped ends a scan whose consumer wants no more.
var errStopped = errors.New("stopped")

// All gives the outcomes in file order. An error is the last pair.
func (r *OutcomeReader) All(ctx context.Context) iter.Seq2[schemas.Outcome, error] {
	return func(yield func(schemas.Outcome, error) bool) {
		if err := r.each(ctx, func(o schemas.Outcome) bool { return yield(o, nil) }); err != nil && !errors.Is(err, errStopped) {
			yield(schemas.Outcome{}, err)
		}
	}
}

func (r *OutcomeReader) each(ctx context.Context, use func(schemas.Outcome) bool) error {
	words := map[string]string{}
	return r.table.each(ctx, All, 1, (*outcomes).reset, func(_ int64, o *outcomes, n int) error {
		for i := range n {
			if !use(o.row(i, words)) {
				return errStopped
			}
		}
		return nil
	})
}

// row copies one outcome; words keeps one copy of each pass and rule.
func (o *outcomes) row(i int, words map[string]string) schemas.Outcome {
	return schemas.Outcome{
		Class: o.class[i], Pass: intern(words, o.pass.At(i)), Rule: intern(words, o.rule.At(i)),
		Local:      schemas.RowRef{In: o.localIn[i], Row: o.localRow[i]},
		Channel:    schemas.RowRef{In: o.channelIn[i], Row: o.channel[i]},
		Occurrence: int32(o.occurrence[i]), Group: o.group[i],
	}
}

func intern(words map[string]string, b []byte) string {
	if s, ok := words[string(b)]; ok {
		return s
	}
	if len(words) > 4096 {
		return string(b)
	}
	s := string(b)
	words[s] = s
	return s
}
