package match

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"

	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"tieout/internal/bizday"
	"tieout/internal/money"
	"tieout/schemas"
	"tieout/schemas/recordfile"
)

// memory is a RowSet of records in memory. It hands out only the asked columns,
// as a file does.
type memory []schemas.Record

func (m memory) Rows() int64 { return int64(len(m)) }

func (m memory) Read(ctx context.Context, cols recordfile.Columns, fn func(int64, *schemas.Batch) error) error {
	for from := 0; from < len(m); from += 3 {
		var b schemas.Batch
		for i := from; i < min(from+3, len(m)); i++ {
			b.Append(&m[i])
		}
		hide(&b, cols)
		if err := fn(int64(from), &b); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// hide empties the columns that were not asked for.
func hide(b *schemas.Batch, cols recordfile.Columns) {
	if cols&recordfile.Keys == 0 {
		b.Kind = nil
		b.MerchantRef.Reset()
		b.RefundRef.Reset()
	}
	if cols&recordfile.Refs == 0 {
		b.ChannelRef.Reset()
		b.ChannelRefundRef.Reset()
	}
	if cols&recordfile.Amounts == 0 {
		b.AmountMinor = nil
		b.Currency.Reset()
	}
	if cols&recordfile.Fees == 0 {
		b.FeeMinor, b.FeeValid, b.FeeSub = nil, nil, nil
	}
	if cols&recordfile.Settle == 0 {
		b.SettleMinor, b.SettleValid = nil, nil
	}
	if cols&recordfile.Status == 0 {
		b.Status = nil
	}
	if cols&recordfile.Times == 0 {
		b.EventTime, b.BillDate = nil, nil
	}
}

func (m memory) Fetch(_ context.Context, idx []int64, orders []string) ([]schemas.Record, error) {
	if !slices.IsSorted(idx) {
		return nil, fmt.Errorf("rows %v are not sorted", idx)
	}
	got := make([]schemas.Record, 0, len(idx))
	for at, i := range idx {
		if orders != nil && orders[at] != "" && orders[at] != m[i].MerchantRef {
			return nil, fmt.Errorf("row %d is of order %q, not %q", i, m[i].MerchantRef, orders[at])
		}
		got = append(got, m[i])
	}
	return got, nil
}

// collector is a Sink that keeps everything.
type collector struct {
	outcomes    []schemas.Outcome
	differences []*schemas.Difference
}

func (c *collector) Outcome(o schemas.Outcome) error {
	c.outcomes = append(c.outcomes, o)
	return nil
}

func (c *collector) Pairs(alike schemas.Outcome, local, channel []int64) error {
	for i := range local {
		alike.Local.Row, alike.Channel.Row = local[i], channel[i]
		c.outcomes = append(c.outcomes, alike)
	}
	return nil
}

func (c *collector) Difference(d *schemas.Difference) error {
	c.differences = append(c.differences, d)
	return nil
}

// testCase is one case of a text file.
type testCase struct {
	name   string
	in     Inputs
	late   []LateRow
	want   []wantLine
	near   [][3]string
	carry  [][3]string
	claims []string
	labels []string
}

type wantLine struct {
	class, local, channel string
	attrs                 map[string]string
}

// labelOf is where a test row keeps its label: in a column that matching does
// not look at, except to tell equal rows apart.
func labelOf(r *schemas.Record) string { return strings.TrimPrefix(r.Product, "label:") }

func baseInputs() Inputs {
	zone, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		panic(err)
	}
	return Inputs{Account: "main", Channel: "wechat", Date: bizday.Make(2026, 11, 20), Day: bizday.Day{Zone: zone}, Rules: DefaultRules()}
}

// parseCases reads a file of cases.
func parseCases(t *testing.T, text string) []*testCase {
	t.Helper()
	var cases []*testCase
	var c *testCase
	for n, line := range strings.Split(text, "\n") {
		f := strings.Fields(line)
		if len(f) == 0 || strings.HasPrefix(line, "#") {
			continue
		}
		if f[0] == "--" {
			c = &testCase{name: strings.Join(f[1:], " "), in: baseInputs()}
			cases = append(cases, c)
			continue
		}
		if err := c.line(f); err != nil {
			t.Fatalf("line %d: %q: %v", n+1, line, err)
		}
	}
	return cases
}

func (c *testCase) line(f []string) (err error) {
	switch f[0] {
	case "day":
		c.in.Date, err = bizday.Parse(f[1])
		if err != nil {
			return err
		}
		zone, err := time.LoadLocation(f[2])
		if err != nil {
			return err
		}
		c.in.Day, err = bizday.ParseCutOff(f[3], zone)
		return err
	case "rules":
		return c.rules(f[1:])
	case "ours", "theirs":
		r, _, err := c.record(f[1:], f[0] == "ours")
		if err != nil {
			return err
		}
		if f[0] == "ours" {
			c.in.Local = append(rowsOfSet(c.in.Local), r)
		} else {
			c.in.ChannelRows = append(rowsOfSet(c.in.ChannelRows), r)
		}
	case "carried":
		r, _, err := c.record(f[4:], f[1] == "ours")
		if err != nil {
			return err
		}
		since, err1 := bizday.Parse(f[2])
		until, err2 := bizday.Parse(f[3])
		if f[1] == "ours" {
			c.in.CarriedLocal = append(c.in.CarriedLocal, schemas.Carried{Side: schemas.Local, Record: r, FirstSeen: since, BreakOn: until})
		} else {
			c.in.CarriedChannel = append(c.in.CarriedChannel, schemas.Carried{Side: schemas.Channel, Record: r, FirstSeen: since, BreakOn: until})
		}
		return cmp.Or(err1, err2)
	case "late":
		r, attrs, err := c.record(f[1:], true)
		if err != nil {
			return err
		}
		c.late = append(c.late, LateRow{Record: r, ClaimedBy: attrs["by"]})
	case "claimed":
		at, err := c.time(f[2])
		if err != nil {
			return err
		}
		cl := schemas.Claim{Kind: schemas.Payment, Key: f[1], EventTime: at, Occurrence: 1}
		attrs := attributes(f[4:])
		if cl.Key == "-" {
			cl.Key = ""
		}
		if k, ok := attrs["kind"]; ok {
			if err := cl.Kind.UnmarshalText([]byte(k)); err != nil {
				return err
			}
		}
		cl.ChannelRef = attrs["ref"]
		if err := cl.Class.UnmarshalText([]byte(f[3])); err != nil {
			return err
		}
		c.in.Claims = append(c.in.Claims, cl)
	case "want":
		w := wantLine{class: f[1], attrs: attributes(f[3:])}
		left, right, paired := strings.Cut(f[2], "=")
		w.local, w.channel = left, right
		if !paired {
			w.local, w.channel = left, ""
		}
		c.want = append(c.want, w)
	case "near", "carry":
		x := [3]string{f[1], f[2], f[3]}
		if f[0] == "near" {
			c.near = append(c.near, x)
		} else {
			c.carry = append(c.carry, x)
		}
	case "claim":
		c.claims = append(c.claims, f[1])
	default:
		return fmt.Errorf("unknown line")
	}
	return nil
}

func rowsOfSet(s RowSet) memory {
	m, _ := s.(memory)
	return m
}

func attributes(f []string) map[string]string {
	attrs := map[string]string{}
	for _, a := range f {
		k, v, _ := strings.Cut(a, "=")
		attrs[k] = v
	}
	return attrs
}

func (c *testCase) rules(f []string) (err error) {
	for _, a := range f {
		k, v, _ := strings.Cut(a, "=")
		switch k {
		case "before":
			c.in.Rules.WindowBefore, err = time.ParseDuration(v)
		case "after":
			c.in.Rules.WindowAfter, err = time.ParseDuration(v)
		case "fee":
			c.in.Rules.CompareFee = nil
			for _, w := range strings.Split(v, ",") {
				var kind schemas.Kind
				if w == "" {
					continue
				}
				if err := kind.UnmarshalText([]byte(w)); err != nil {
					return err
				}
				c.in.Rules.CompareFee = append(c.in.Rules.CompareFee, kind)
			}
		default:
			var kind schemas.Kind
			if err := kind.UnmarshalText([]byte(k)); err != nil {
				return err
			}
			c.in.Rules.CarryDays[kind], err = strconv.Atoi(v)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *testCase) time(s string) (int64, error) {
	if s == "-" {
		return schemas.NoTime, nil
	}
	date := c.in.Date
	if shift, clock, ok := strings.Cut(s, "/"); ok {
		days, err := strconv.Atoi(shift)
		if err != nil {
			return 0, err
		}
		date, s = date.Add(days), clock
	}
	t, err := time.ParseInLocation("2006-01-02 15:04:05.999999", date.String()+" "+s, c.in.Day.Zone)
	return t.UnixMicro(), err
}

// record reads "LABEL AMOUNT CURRENCY TIME STATUS [field=value …]".
func (c *testCase) record(f []string, local bool) (schemas.Record, map[string]string, error) {
	if len(f) < 5 {
		return schemas.Record{}, nil, fmt.Errorf("a row needs label, amount, currency, time and status")
	}
	label, attrs := f[0], attributes(f[5:])
	r := schemas.Record{Channel: "wechat", Account: "1900000109", Kind: schemas.Payment, Currency: f[2], Source: "s", Line: int64(len(c.labels) + 1),
		BillDate: bizday.None, Product: "label:" + label}
	c.labels = append(c.labels, label)
	exp, ok := money.Currency(f[2]).Exponent()
	if !ok {
		return r, nil, fmt.Errorf("unknown currency")
	}
	var err error
	if r.AmountMinor, err = money.Parse([]byte(f[1]), exp); err != nil {
		return r, nil, err
	}
	if r.EventTime, err = c.time(f[3]); err != nil {
		return r, nil, err
	}
	if err := r.Status.UnmarshalText([]byte(f[4])); err != nil {
		return r, nil, err
	}
	if k, ok := attrs["kind"]; ok {
		if err := r.Kind.UnmarshalText([]byte(k)); err != nil {
			return r, nil, err
		}
	}
	key := label
	if k, ok := attrs["key"]; ok {
		key = strings.TrimPrefix(k, "-")
	}
	if r.Kind == schemas.Payment {
		r.MerchantRef, r.ChannelRef = key, attrs["ref"]
	} else {
		r.RefundRef, r.ChannelRefundRef, r.MerchantRef = key, attrs["ref"], attrs["of"]
	}
	if v, ok := attrs["fee"]; ok {
		fee, err := money.Parse([]byte(v), exp)
		if err != nil {
			return r, nil, err
		}
		r.FeeMinor = schemas.Int64(fee)
	}
	if v, ok := attrs["sub"]; ok {
		if r.FeeSub, err = strconv.ParseInt(v, 10, 64); err != nil {
			return r, nil, err
		}
	}
	if v, ok := attrs["date"]; ok {
		if r.BillDate, err = bizday.Parse(v); err != nil {
			return r, nil, err
		}
	}
	r.Remark = attrs["remark"]
	return r, attrs, nil
}

// ran is what one run of a case gave, by labels.
type ran struct {
	outcomes []string // with every attribute that some want line checks
	byRow    map[string]schemas.Outcome
	diffs    map[string]*schemas.Difference
	sink     *collector
	result   Result
}

func run(t *testing.T, in Inputs, late []LateRow) *ran {
	t.Helper()
	if in.Local == nil {
		in.Local = memory{}
	}
	if in.ChannelRows == nil {
		in.ChannelRows = memory{}
	}
	asked := 0
	if late != nil {
		in.Late = func(_ context.Context, keys []schemas.LookupKey) ([]LateRow, error) {
			if asked++; asked > 1 {
				t.Error("Late was called twice")
			}
			return answer(late, keys), nil
		}
	}
	out := &ran{sink: &collector{}, byRow: map[string]schemas.Outcome{}, diffs: map[string]*schemas.Difference{}}
	if in.Workers > 1 { // as if the day were large, and one side at hand
		in.Intake = newIntake(8, in.Day.Of(in.Date), 0, nil)
		err := in.ChannelRows.Read(context.Background(), recordfile.All, func(_ int64, b *schemas.Batch) error { return in.Intake.Channel(b) })
		if err != nil {
			t.Fatal(err)
		}
	}
	res, err := Run(context.Background(), in, out.sink)
	if err != nil {
		t.Fatal(err)
	}
	out.result = res
	for _, p := range res.Proofs {
		if !p.OK {
			t.Errorf("proof %s failed: want %s, got %s (%s)", p.Name, p.Want, p.Got, p.Note)
		}
	}
	var lateRows []LateRow
	if late != nil {
		lateRows = lateAnswer(late, in)
	}
	label := func(ref schemas.RowRef) string {
		switch ref.In {
		case schemas.InLocal:
			return labelOf(&rowsOfSet(in.Local)[ref.Row])
		case schemas.InChannel:
			return labelOf(&rowsOfSet(in.ChannelRows)[ref.Row])
		case schemas.InCarriedLocal:
			return labelOf(&in.CarriedLocal[ref.Row].Record)
		case schemas.InCarriedChannel:
			return labelOf(&in.CarriedChannel[ref.Row].Record)
		case schemas.InLate:
			return labelOf(&lateRows[ref.Row].Record)
		}
		return ""
	}
	for _, o := range out.sink.outcomes {
		l, c := label(o.Local), label(o.Channel)
		out.byRow[l+"="+c] = o
		out.outcomes = append(out.outcomes, fmt.Sprintf("%s %s=%s %s %s %d", o.Class, l, c, o.Pass, o.Rule, o.Occurrence))
	}
	slices.Sort(out.outcomes)
	for _, d := range out.sink.differences {
		out.diffs[label(d.Local)+"="+label(d.Channel)] = d
		asWritten(t, d)
	}
	return out
}

// asWritten checks that a difference is the same once it was written and read:
// who works on in the same process does not read it again.
func asWritten(t *testing.T, d *schemas.Difference) {
	t.Helper()
	var b bytes.Buffer
	w := recordfile.NewLineWriter[schemas.Difference](&b)
	if err := errors.Join(w.Add(d), w.Close()); err != nil {
		t.Fatal(err)
	}
	lines := 0
	for read, err := range recordfile.ReadLines[schemas.Difference](&b, "differences") {
		lines++
		if diff := gocmp.Diff(d, read); err != nil || diff != "" {
			t.Errorf("read again: %v\n%s", err, diff)
		}
	}
	if lines != 1 {
		t.Errorf("%d lines of one difference", lines)
	}
}

// answer finds the late rows that fit the keys, as a database would.
func answer(late []LateRow, keys []schemas.LookupKey) []LateRow {
	var found []LateRow
	for _, r := range late {
		if slices.ContainsFunc(keys, func(k schemas.LookupKey) bool {
			return k.Kind == r.Record.Kind && (k.Key != "" && k.Key == r.Record.Key() || k.Key == "" && k.ChannelRef == channelNumber(&r.Record))
		}) {
			found = append(found, r)
		}
	}
	return found
}

// lateAnswer repeats the question that Run asks, to name the rows of the answer.
func lateAnswer(late []LateRow, in Inputs) []LateRow {
	in.Intake = nil // it served its match
	var asked []LateRow
	in.Late = func(_ context.Context, keys []schemas.LookupKey) ([]LateRow, error) {
		asked = answer(late, keys)
		return asked, nil
	}
	if _, err := Run(context.Background(), in, &collector{}); err != nil {
		panic(err)
	}
	return asked
}

func (c *testCase) check(t *testing.T) {
	base := run(t, c.in, c.late)
	c.checkWants(t, base)
	c.checkRest(t, base)
	for seed := range uint64(6) {
		in, late := shuffled(c.in, c.late, seed)
		in.Workers = int(seed % 3 * 4)
		got := run(t, in, late)
		if diff := gocmp.Diff(base.outcomes, got.outcomes); diff != "" {
			t.Fatalf("another order of rows (seed %d) gives another result (-first +now):\n%s", seed, diff)
		}
		if diff := gocmp.Diff(plainDifferences(base.sink), plainDifferences(got.sink)); diff != "" {
			t.Fatalf("another order of rows (seed %d) gives other differences (-first +now):\n%s", seed, diff)
		}
	}
	c.checkUnrelated(t, base)
}

// checkUnrelated mixes in rows that have nothing to do with the case.
func (c *testCase) checkUnrelated(t *testing.T, base *ran) {
	more := c.in
	more.Local, more.ChannelRows = slices.Clone(rowsOfSet(c.in.Local)), slices.Clone(rowsOfSet(c.in.ChannelRows))
	noon := c.in.Day.Of(c.in.Date).From + 12*3600e6
	for i := range 20 {
		r := schemas.Record{Kind: schemas.Payment, MerchantRef: fmt.Sprintf("unrelated-%d", i), Status: schemas.Success, AmountMinor: int64(7_000_000 + i*1000),
			Currency: "CNY", EventTime: noon + int64(i)*3600, BillDate: bizday.None, Product: fmt.Sprintf("label:unrelated-%d", i)}
		if i%3 != 0 {
			more.Local = append(rowsOfSet(more.Local), r)
		}
		if i%3 != 1 {
			more.ChannelRows = append(rowsOfSet(more.ChannelRows), r)
		}
	}
	got := run(t, more, c.late)
	rest := slices.DeleteFunc(got.outcomes, func(s string) bool { return strings.Contains(s, "unrelated-") })
	if diff := gocmp.Diff(base.outcomes, rest); diff != "" {
		t.Fatalf("unrelated rows change the result (-without +with):\n%s", diff)
	}
}

func (c *testCase) checkWants(t *testing.T, got *ran) {
	t.Helper()
	var found []string
	for key, o := range got.byRow {
		found = append(found, o.Class.String()+" "+key)
	}
	var wanted []string
	for i, w := range c.want {
		key := w.local + "=" + w.channel
		if _, ok := got.byRow[key]; !ok && w.channel == "" {
			key = "=" + w.local // a row of theirs alone
		}
		c.want[i].local = key
		wanted = append(wanted, w.class+" "+key)
	}
	slices.Sort(found)
	slices.Sort(wanted)
	if diff := gocmp.Diff(wanted, found); diff != "" {
		t.Fatalf("outcomes (-want +got):\n%s\nall: %s", diff, strings.Join(got.outcomes, "\n     "))
	}
	if len(got.sink.outcomes) != len(c.want) {
		t.Fatalf("%d outcomes, want %d: some row stands in two", len(got.sink.outcomes), len(c.want))
	}
	for _, w := range c.want {
		c.checkAttrs(t, w, got)
	}
}

func (c *testCase) checkAttrs(t *testing.T, w wantLine, got *ran) {
	t.Helper()
	o, d := got.byRow[w.local], got.diffs[w.local]
	for k, v := range w.attrs {
		have := ""
		switch k {
		case "rule":
			have = o.Rule
		case "pass":
			have = o.Pass
		case "occ":
			have = strconv.Itoa(int(o.Occurrence))
		case "delta":
			have = money.Format(d.DeltaMinor, money.Currency(d.Currency))
		case "since":
			have = d.FirstSeen.String()
		case "with":
			var labels []string
			for i := range d.Candidates {
				labels = append(labels, labelOf(&d.Candidates[i].Record))
			}
			slices.Sort(labels)
			have = strings.Join(labels, ",")
		}
		if have != v {
			t.Errorf("%s: %s is %q, want %q", w.local, k, have, v)
		}
	}
	if different(o.Class) != (d != nil) {
		t.Errorf("%s %s: has a difference: %v", o.Class, w.local, d != nil)
	}
	if d != nil && (d.Reason == "" || !strings.HasSuffix(d.Reason, ".") || d.Account != "main" || d.BillDate != c.in.Date) {
		t.Errorf("difference %s says %q of %s %s", w.local, d.Reason, d.Account, d.BillDate)
	}
}

func (c *testCase) checkRest(t *testing.T, got *ran) {
	t.Helper()
	var carried, claims [][3]string
	for _, x := range got.result.CarriedOut {
		carried = append(carried, [3]string{labelOf(&x.Record), x.FirstSeen.String(), x.BreakOn.String()})
	}
	sort := func(a [][3]string) [][3]string {
		slices.SortFunc(a, func(x, y [3]string) int { return slices.Compare(x[:], y[:]) })
		return a
	}
	if diff := gocmp.Diff(sort(slices.Clone(c.carry)), sort(carried)); diff != "" {
		t.Errorf("carried out (-want +got):\n%s", diff)
	}
	for _, x := range got.result.Claims {
		claims = append(claims, [3]string{x.Key, "", ""})
	}
	var want [][3]string
	for _, key := range c.claims {
		want = append(want, [3]string{key, "", ""})
	}
	if diff := gocmp.Diff(sort(want), sort(claims)); diff != "" {
		t.Errorf("claims (-want +got):\n%s", diff)
	}
	found := map[string][2]string{}
	for key, d := range got.diffs {
		if d.Nearest != nil {
			found[strings.Trim(key, "=")] = [2]string{labelOf(&d.Nearest.Record), d.Nearest.Failed}
		}
	}
	near := map[string][2]string{}
	for _, n := range c.near {
		near[n[0]] = [2]string{n[1], n[2]}
	}
	if diff := gocmp.Diff(near, found); diff != "" {
		t.Errorf("nearest candidates (-want +got):\n%s", diff)
	}
}

func shuffled(in Inputs, late []LateRow, seed uint64) (Inputs, []LateRow) {
	r := rand.New(rand.NewPCG(seed, 77))
	in.Local, in.ChannelRows = mixed(r, rowsOfSet(in.Local)), mixed(r, rowsOfSet(in.ChannelRows))
	in.CarriedLocal, in.CarriedChannel, in.Claims = mixed(r, in.CarriedLocal), mixed(r, in.CarriedChannel), mixed(r, in.Claims)
	return in, mixed(r, late)
}

func mixed[S ~[]T, T any](r *rand.Rand, s S) S {
	s = slices.Clone(s)
	r.Shuffle(len(s), func(i, j int) { s[i], s[j] = s[j], s[i] })
	return s
}

// plainDifferences are the differences without the numbers of their rows,
// which are the only thing that an order of rows may change.
func plainDifferences(s *collector) string {
	var b bytes.Buffer
	w := recordfile.NewLineWriter[schemas.Difference](&b)
	for _, d := range s.differences {
		x := *d
		x.Local, x.Channel = schemas.RowRef{In: d.Local.In}, schemas.RowRef{In: d.Channel.In}
		x.Candidates = slices.Clone(d.Candidates)
		for i := range x.Candidates {
			x.Candidates[i].Row.Row = 0
		}
		if d.Nearest != nil {
			n := *d.Nearest
			n.Row.Row = 0
			x.Nearest = &n
		}
		if err := w.Add(&x); err != nil {
			panic(err)
		}
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.String()
}

func TestTables(t *testing.T) {
	files, err := filepath.Glob("../testdata/match/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no tables: %v", err)
	}
	names := map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range parseCases(t, string(text)) {
			if names[c.name] {
				t.Errorf("two cases are named %q", c.name)
			}
			names[c.name] = true
			t.Run(c.name, c.check)
		}
	}
	if len(names) < 60 {
		t.Errorf("only %d cases were found", len(names))
	}
}
