package match

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"tieout/internal/bizday"
	decide "tieout/resolve"
	"tieout/schemas"
)

// feature is something that a small day may have. Each day draws which of them
// are on: a day that has everything hides what only some of it shows.
type feature uint32

const (
	featRefunds feature = 1 << iota
	featFees            // rows of the kind FEE
	featOthers          // kinds that have no rules of their own
	featStatuses
	featReversed
	featCurrencies
	featFeeValues
	featMissingKeys
	featRefs    // numbers of the channel
	featRefOnly // rows that have no other number
	featAmounts // more than one
	featCopies  // rows that only their labels tell apart
	featWindows // local rows of the neighbouring days
	featRules   // other windows, carry days and fees than by default
	featCarriedLocal
	featCarriedChannel
	featClaims
	featLate
	featSkew // all rows share one number
	feats
)

var featureNames = []string{"refunds", "fees", "others", "statuses", "reversed", "currencies", "fee values", "missing keys", "channel numbers", "channel number only",
	"amounts", "copies", "windows", "rules", "carried local", "carried channel", "claims", "late", "skew"}

// dayDrawer draws one day of few rows, few numbers, few amounts and few times,
// so that everything collides with everything.
type dayDrawer struct {
	*rand.Rand
	on         feature
	keys, refs int
	label      int
	day        bizday.Interval
}

func (d *dayDrawer) has(f feature) bool { return d.on&f != 0 }

// one draws an event of a chance of 1 in n, on days that have the feature.
func (d *dayDrawer) one(f feature, n int) bool { return d.has(f) && d.IntN(n) == 0 }

func (d *dayDrawer) record(prefix string, times []int64) schemas.Record {
	d.label++
	rec := schemas.Record{Kind: schemas.Payment, Currency: "CNY", AmountMinor: 100, BillDate: bizday.None, Status: schemas.Success,
		EventTime: times[d.IntN(len(times))], Product: fmt.Sprintf("label:%s%d", prefix, d.label), Line: int64(d.label)}
	if d.has(featAmounts) {
		rec.AmountMinor += 100 * d.Int64N(2)
	}
	if d.one(featStatuses, 2) {
		rec.Status = []schemas.Status{schemas.Unknown, schemas.Unknown, schemas.Failed, schemas.Closed}[d.IntN(4)]
	}
	if d.one(featReversed, 6) {
		rec.Status = schemas.Reversed
	}
	if d.one(featCurrencies, 6) {
		rec.Currency = "USD"
	}
	if d.one(featFeeValues, 2) {
		rec.FeeMinor, rec.FeeSub = schemas.Int64(d.Int64N(3)), d.Int64N(2)*700_000
	}
	key, ref := fmt.Sprintf("K%d", d.IntN(d.keys)), ""
	if d.one(featMissingKeys, 10) {
		key = ""
	}
	if d.has(featRefs) && d.IntN(3) > 0 {
		ref = fmt.Sprintf("X%d", d.IntN(d.refs))
	}
	if ref != "" && d.one(featRefOnly, 3) {
		key = ""
	}
	switch {
	case d.one(featRefunds, 3):
		rec.Kind = schemas.Refund
	case d.one(featFees, 4):
		rec.Kind = schemas.Fee
	case d.one(featOthers, 4):
		rec.Kind = []schemas.Kind{schemas.Payout, schemas.Adjustment, schemas.Transfer}[d.IntN(3)]
	}
	if rec.Kind == schemas.Refund {
		rec.RefundRef, rec.ChannelRefundRef = key, ref
	} else {
		rec.MerchantRef, rec.ChannelRef = key, ref
	}
	return rec
}

// rows draws up to a few rows, and copies of them.
func (d *dayDrawer) rows(prefix string, times []int64) memory {
	n := d.IntN(7)
	if d.has(featSkew) {
		n = 3 + d.IntN(10)
	}
	var rows memory
	for range n {
		rows = append(rows, d.record(prefix, times))
	}
	for n > 0 && d.one(featCopies, 2) {
		x := rows[d.IntN(len(rows))]
		x.Product += "copy"
		rows = append(rows, x)
	}
	return rows
}

// swarmDay draws a day.
func swarmDay(seed uint64) (Inputs, []LateRow, feature) {
	in := baseInputs()
	d := &dayDrawer{Rand: rand.New(rand.NewPCG(seed, 99)), day: in.Day.Of(in.Date)}
	d.on = feature(d.Uint32()) % feats
	if d.IntN(4) > 0 { // rarer: such a day shows little besides
		d.on &^= featSkew
	}
	d.keys, d.refs = 1+d.IntN(4), 1+d.IntN(4)
	if d.has(featSkew) {
		d.keys = 1
	}
	if d.has(featRules) {
		in.Rules.WindowBefore = []time.Duration{20 * time.Second, 15 * time.Minute, 2 * time.Hour}[d.IntN(3)]
		in.Rules.WindowAfter = []time.Duration{20 * time.Second, 15 * time.Minute, 2 * time.Hour}[d.IntN(3)]
		in.Rules.CarryDays = map[schemas.Kind]int{schemas.Payment: 1 + d.IntN(2), schemas.Refund: 1 + d.IntN(5)}
		in.Rules.CompareFee = []schemas.Kind{schemas.Payment, schemas.Refund}[:d.IntN(3)]
	}
	const s = 1_000_000
	own := []int64{d.day.From, d.day.From + 60*s, d.day.From + 43200*s, d.day.From + 43201*s, d.day.To - 30*s}
	old := []int64{d.day.From - 30*s, d.day.From - 1, d.day.From - 86400*s}
	times := own
	if d.has(featWindows) {
		times = append(append([]int64{d.day.From - 30*s, d.day.To + 5*s, d.day.From - 40000*s}, own...), own...)
	}
	local, channel := d.rows("L", times), d.rows("C", own)
	in.ChannelRows = channel
	in.CarriedLocal, local = d.carriedLocal(in.Date, old, local)
	in.Local = local
	for range 1 + d.IntN(2) {
		if !d.has(featCarriedChannel) {
			break
		}
		if rec := d.record("Q", old); !dead(rec.Status) {
			in.CarriedChannel = append(in.CarriedChannel, schemas.Carried{Side: schemas.Channel, Record: rec, FirstSeen: in.Date - 1, BreakOn: in.Date + bizday.Date(d.IntN(2))})
		}
	}
	if len(local) > 0 && d.has(featClaims) {
		if x := local[d.IntN(len(local))]; x.Key() != "" {
			in.Claims = append(in.Claims, schemas.Claim{Kind: x.Kind, Key: x.Key(), EventTime: x.EventTime, Occurrence: 1,
				Class: []schemas.Class{schemas.Matched, schemas.LocalBehind, schemas.LocalOnly, schemas.AmountMismatch}[d.IntN(4)]})
		}
	}
	return in, d.late(), d.on
}

// carriedLocal draws what the day before carried out; the window may show such
// a row again.
func (d *dayDrawer) carriedLocal(date bizday.Date, times []int64, local memory) ([]schemas.Carried, memory) {
	var carried []schemas.Carried
	if !d.has(featCarriedLocal) {
		return nil, local
	}
	for range 1 + d.IntN(2) {
		rec := d.record("P", times)
		if rec.Key() == "" || rec.Status != schemas.Success && rec.Status != schemas.Unknown {
			continue
		}
		carried = append(carried, schemas.Carried{Side: schemas.Local, Record: rec, FirstSeen: date - 1, BreakOn: date + bizday.Date(d.IntN(2))})
		if d.IntN(2) == 0 {
			rec.Product += "again"
			local = append(local, rec)
		}
	}
	return carried, local
}

func (d *dayDrawer) late() []LateRow {
	if !d.has(featLate) {
		return nil
	}
	late := []LateRow{}
	for range d.IntN(3) {
		rec := d.record("T", []int64{d.day.From - 5*86400_000_000, d.day.From - 9*86400_000_000})
		late = append(late, LateRow{Record: rec, ClaimedBy: []string{"", "run-1"}[d.IntN(2)]})
	}
	return late
}

// oracleDays is how many days the oracle is asked about. CI asks about a part;
// TIEOUT_ORACLE_DAYS=100000 about all that were promised.
func oracleDays(t *testing.T) int {
	t.Helper()
	if text := os.Getenv("TIEOUT_ORACLE_DAYS"); text != "" {
		days, err := strconv.Atoi(text)
		if err != nil || days < 1 {
			t.Fatalf("TIEOUT_ORACLE_DAYS=%q is not a number of days", text)
		}
		return days
	}
	if testing.Short() {
		return 1000
	}
	return 3000
}

// The multiset of events is compared, not the counts of classes: right counts
// over wrong pairs must fail. What the days reach is counted, so that a swarm
// that has lost a feature fails.
func TestT21_OracleAgreesOnEveryEvent(t *testing.T) {
	days := oracleDays(t)
	table, err := decide.Load()
	if err != nil {
		t.Fatal(err)
	}
	all := newReached()
	t.Run("days", func(t *testing.T) {
		const block = 250
		for from := 0; from < days; from += block {
			t.Run(strconv.Itoa(from), func(t *testing.T) {
				t.Parallel()
				got := newReached()
				for seed := from; seed < min(from+block, days); seed++ {
					oneDay(t, uint64(seed), table, got)
				}
				all.add(got)
			})
		}
	})
	all.check(t, table, days)
}

// oneDay asks the engine and the oracle about one day.
func oneDay(t *testing.T, seed uint64, table *decide.Table, reached *reached) {
	in, late, on := swarmDay(seed)
	got := run(t, in, late)
	want := askOracle(in, late)
	if diff := gocmp.Diff(append([]string{}, want...), withoutPass(got.outcomes)); diff != "" {
		t.Fatalf("seed %d (-oracle +engine):\n%s\n%s", seed, diff, describe(in, late))
	}
	if seed%5 == 0 {
		shuf, l := shuffled(in, late, seed)
		shuf.Workers = 8
		again := run(t, shuf, l)
		if diff := gocmp.Diff(got.outcomes, again.outcomes); diff != "" {
			t.Fatalf("seed %d: order matters:\n%s\n%s", seed, diff, describe(in, late))
		}
		if a, b := plainDifferences(got.sink), plainDifferences(again.sink); a != b {
			t.Fatalf("seed %d: order matters to differences:\n%s", seed, gocmp.Diff(a, b))
		}
	}
	if t.Failed() {
		t.Fatalf("seed %d\n%s", seed, describe(in, late))
	}
	reached.day(on, got)
	reached.decisions(t, rand.New(rand.NewPCG(seed, 7)), table, in, late, got)
}

// reached counts what the days have met.
type reached struct {
	mu       sync.Mutex
	features map[string]int
	classes  map[string]int
	rules    map[string]int
	cells    map[string]int
}

func newReached() *reached {
	return &reached{features: map[string]int{}, classes: map[string]int{}, rules: map[string]int{}, cells: map[string]int{}}
}

func (r *reached) add(o *reached) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range [][2]map[string]int{{r.features, o.features}, {r.classes, o.classes}, {r.rules, o.rules}, {r.cells, o.cells}} {
		for k, n := range m[1] {
			m[0][k] += n
		}
	}
}

func (r *reached) day(on feature, got *ran) {
	for i, name := range featureNames {
		if on&(1<<i) != 0 {
			r.features[name]++
		}
	}
	for _, o := range got.outcomes {
		f := strings.Fields(o)
		r.classes[f[0]]++
		r.rules[f[0]+" "+f[3]]++
	}
}

// decisions asks the decision table about every outcome, in several
// circumstances each, and holds it to what no table may do.
func (r *reached) decisions(t *testing.T, draw *rand.Rand, table *decide.Table, in Inputs, late []LateRow, got *ran) {
	told := map[[2]schemas.RowRef]bool{}
	all := slices.Clone(got.sink.differences)
	for _, d := range all {
		told[[2]schemas.RowRef{d.Local, d.Channel}] = true
	}
	for _, o := range got.sink.outcomes {
		if !told[[2]schemas.RowRef{o.Local, o.Channel}] {
			all = append(all, asDifference(o, in, late))
		}
	}
	for _, d := range all {
		for range 6 {
			ctx := circumstances(draw, d)
			dec := table.Decide(d, ctx)
			r.cells[dec.Cell]++
			if dec.Action == schemas.ActionAuto && (d.LocalRow == nil || d.ChannelRow != nil && d.LocalRow.AmountMinor != d.ChannelRow.AmountMinor) {
				t.Fatalf("cell %s fixes by itself: %+v", dec.Cell, d)
			}
			if dec.Action == schemas.ActionMatch && d.Class.Break() {
				t.Fatalf("cell %s accepts a break: %+v", dec.Cell, d)
			}
		}
	}
}

// asDifference is an outcome that is no difference, as the table looks at it.
func asDifference(o schemas.Outcome, in Inputs, late []LateRow) *schemas.Difference {
	d := &schemas.Difference{Outcome: o}
	rows := func(ref schemas.RowRef) *schemas.Record {
		switch ref.In {
		case schemas.InLocal:
			return &rowsOfSet(in.Local)[ref.Row]
		case schemas.InChannel:
			return &rowsOfSet(in.ChannelRows)[ref.Row]
		case schemas.InCarriedLocal:
			return &in.CarriedLocal[ref.Row].Record
		case schemas.InCarriedChannel:
			return &in.CarriedChannel[ref.Row].Record
		case schemas.InLate:
			return &lateAnswer(late, in)[ref.Row].Record
		}
		return nil
	}
	d.LocalRow, d.ChannelRow = rows(o.Local), rows(o.Channel)
	for _, rec := range []*schemas.Record{d.ChannelRow, d.LocalRow} {
		if rec != nil {
			d.Kind = rec.Kind
		}
	}
	return d
}

// circumstances draws what is known besides a difference.
func circumstances(draw *rand.Rand, d *schemas.Difference) decide.Context {
	one := func(n int) bool { return draw.IntN(n) == 0 }
	ctx := decide.Context{Repaid: one(6), OrderSplit: one(6), BlindSpot: one(6)}
	if one(3) {
		ctx.Settings.LateSuccess = decide.LateRefund
	}
	if !one(4) {
		ctx.Answer = &schemas.QueryAnswer{Asked: !one(8), Found: !one(5), Status: schemas.Success + schemas.Status(draw.IntN(int(schemas.Reversed)))}
	}
	fees := []schemas.NullInt64{{}, schemas.Int64(99)}
	for _, rec := range []*schemas.Record{d.LocalRow, d.ChannelRow} {
		if rec != nil {
			fees = append(fees, rec.FeeMinor)
		}
	}
	ctx.RateFee = fees[draw.IntN(len(fees))]
	return ctx
}

// unreachedCells cannot come out of a match, with the reason.
var unreachedCells = map[string]string{
	"R11": "match does not add up the refunds of an order",
}

// check wants each feature, class and cell a hundred times in 100,000 days, and
// in proportion in fewer.
func (r *reached) check(t *testing.T, table *decide.Table, days int) {
	need := max(1, days/1000)
	enough := func(what, name string, n int) {
		if n < need {
			t.Errorf("%s %s is met %d times in %d days, less than %d", what, name, n, days, need)
		}
	}
	for _, name := range featureNames {
		enough("feature", name, r.features[name])
	}
	for _, class := range schemas.Classes() {
		enough("class", class.String(), r.classes[class.String()])
	}
	for _, rule := range []string{"MATCHED equal", "MATCHED late", "AMBIGUOUS several_candidates", "AMBIGUOUS conflicting_rows", "AMBIGUOUS different_amounts",
		"DUPLICATE_CHANNEL paid_twice", "DUPLICATE_CHANNEL repeated_row", "DUPLICATE_CHANNEL already_matched", "DUPLICATE_LOCAL booked_twice",
		"TYPE_MISMATCH key_differs", "CLAIMED claimed", "CLAIMED carried_in", "OTHER_DAY other_day", "DATE_MISMATCH date", "FEE_ROUNDING fee_rounding",
		"FEE_MISMATCH fee", "CURRENCY_MISMATCH currency", "LOCAL_IN_TRANSIT carried_on", "LOCAL_ONLY overdue", "CHANNEL_IN_TRANSIT window"} {
		enough("rule", rule, r.rules[rule])
	}
	for _, row := range table.Rows() {
		if why, ok := unreachedCells[row.Cell]; ok {
			if r.cells[row.Cell] > 0 {
				t.Errorf("cell %s is met although %s", row.Cell, why)
			}
			continue
		}
		enough("cell", row.Cell, r.cells[row.Cell])
	}
	for _, m := range []map[string]int{r.features, r.classes, r.rules, r.cells} {
		var b strings.Builder
		for _, k := range slices.SortedFunc(maps.Keys(m), func(a, b string) int { return m[a] - m[b] }) {
			fmt.Fprintf(&b, "%s %d; ", k, m[k])
		}
		t.Log(b.String())
	}
}
