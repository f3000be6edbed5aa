package match

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"tieout/internal/bizday"
	"tieout/schemas"
)

// oracle places the rows of a small day the slow way: for every rule it looks
// at every pair of rows. It shares with the engine the order of candidates
// (canonical), the words and the judgement of one pair, which have tests of
// their own; not how rows are found, grouped, claimed, carried or counted.
type oracle struct {
	in   Inputs
	ours []*row
	them []*row
	said []string
}

type row struct {
	item
	rec     *schemas.Record
	breakOn bizday.Date // of carried rows
	done    bool
	wasLate bool
	claimed bool // by another run
}

func askOracle(in Inputs, late []LateRow) []string {
	o := &oracle{in: in}
	for i := range rowsOfSet(in.Local) {
		o.ours = append(o.ours, o.row(&rowsOfSet(in.Local)[i], o.home(&rowsOfSet(in.Local)[i]), bizday.None))
	}
	for i := range in.CarriedLocal {
		o.ours = append(o.ours, o.row(&in.CarriedLocal[i].Record, homeCarried, in.CarriedLocal[i].BreakOn))
	}
	for i := range rowsOfSet(in.ChannelRows) {
		o.them = append(o.them, o.row(&rowsOfSet(in.ChannelRows)[i], homeDay, bizday.None))
	}
	for i := range in.CarriedChannel {
		o.them = append(o.them, o.row(&in.CarriedChannel[i].Record, homeCarried, in.CarriedChannel[i].BreakOn))
	}
	o.number(o.ours)
	o.number(o.them)
	for _, k := range o.keys() {
		o.key(k)
	}
	o.refs()
	o.askLate(late)
	o.rest()
	slices.Sort(o.said)
	return o.said
}

func (o *oracle) row(r *schemas.Record, h home, breakOn bizday.Date) *row {
	cur := uint8(slices.Index([]string{"CNY", "USD"}, r.Currency))
	return &row{item: newItem(0, h, cur, r), rec: r, breakOn: breakOn}
}

func (o *oracle) number(rows []*row) {
	for i, r := range rows {
		r.row = int32(i)
	}
}

func (o *oracle) home(r *schemas.Record) home {
	if day := o.in.Day.Of(o.in.Date); r.EventTime < day.From || r.EventTime >= day.To {
		return homeWindow
	}
	return homeDay
}

type kindKey struct {
	kind schemas.Kind
	key  string
}

func (o *oracle) keys() []kindKey {
	var keys []kindKey
	for _, r := range o.ours {
		if k := (kindKey{r.rec.Kind, r.rec.Key()}); k.key != "" && !slices.Contains(keys, k) {
			keys = append(keys, k)
		}
	}
	return keys
}

func pick(rows []*row, want func(*row) bool) []*row {
	var got []*row
	for _, r := range rows {
		if !r.done && want(r) {
			got = append(got, r)
		}
	}
	slices.SortFunc(got, func(a, b *row) int { return canonical(&a.item, &b.item) })
	return got
}

func (o *oracle) key(k kindKey) {
	mine := func(r *row) bool { return r.rec.Kind == k.kind && r.rec.Key() == k.key }
	claims := slices.Clone(o.in.Claims)
	slices.SortFunc(claims, compareClaims)
	for _, c := range claims {
		if c.Kind != k.kind || c.Key != k.key || c.Class == schemas.LocalOnly || c.Class == schemas.LocalInTransit {
			continue
		}
		fresh := pick(o.ours, func(r *row) bool {
			return mine(r) && r.home != homeCarried && (c.ChannelRef == "" || r.ref == "" || r.ref == c.ChannelRef)
		})
		at := slices.IndexFunc(fresh, func(r *row) bool { return r.time == c.EventTime })
		if at < 0 && c.Class == schemas.LocalBehind {
			at = slices.IndexFunc(fresh, func(r *row) bool { return r.time > c.EventTime })
		}
		if at >= 0 {
			fresh[at].claimed = true
			o.say(fresh[at], nil, "CLAIMED claimed")
		}
	}
	for _, old := range pick(o.ours, func(r *row) bool { return mine(r) && r.home == homeCarried }) {
		copies := pick(o.ours, func(r *row) bool {
			return mine(r) && r.home != homeCarried && r.amount == old.amount && r.rec.Currency == old.rec.Currency &&
				(r.ref == "" || old.ref == "" || r.ref == old.ref)
		})
		at := slices.IndexFunc(copies, func(r *row) bool { return r.time == old.time })
		if at < 0 && old.status == schemas.Unknown {
			at = slices.IndexFunc(copies, func(r *row) bool { return r.time > old.time })
		}
		if at >= 0 {
			o.say(copies[at], nil, "CLAIMED carried_in")
			row, label, breakOn := old.row, labelOf(old.rec), old.breakOn
			now := *copies[at].rec
			now.Product = "label:" + label
			content := copies[at].content
			*old = *o.row(&now, homeCarried, breakOn)
			old.row, old.content = row, content
		}
	}
	o.group(pick(o.ours, mine), pick(o.them, mine), "exact_key")
}

// group settles rows that share a number.
func (o *oracle) group(ours, them []*row, pass string) {
	if len(ours) == 0 || len(them) == 0 {
		return
	}
	free := func(rows []*row, isDead bool) []*row {
		return pick(rows, func(r *row) bool { return dead(r.status) == isDead })
	}
	// One number of the channel with several amounts.
	for _, c := range free(them, false) {
		same := pick(them, func(r *row) bool { return !dead(r.status) && c.ref != "" && r.ref == c.ref })
		if c.done || !slices.ContainsFunc(same, func(r *row) bool { return r.amount != c.amount || r.rec.Currency != c.rec.Currency }) {
			continue
		}
		locals := pick(ours, func(r *row) bool { return !dead(r.status) && r.ref == c.ref })
		if len(locals) == 0 {
			locals = pick(ours, func(r *row) bool { return !dead(r.status) && r.ref == "" })
		}
		o.sayAll(append(locals, same...), ours, "AMBIGUOUS conflicting_rows")
	}
	sameRef := func(l, c *row) bool { return l.ref != "" && l.ref == c.ref }
	sameMoney := func(l, c *row) bool { return l.amount == c.amount && l.rec.Currency == c.rec.Currency }
	sameState := func(l, c *row) bool { return l.status == c.status }
	all := func(l, c *row) bool { return true }
	type step struct {
		like   func(l, c *row) bool
		strict int // 0: copies are free; 1: one side alike; 2: both alike
		states bool
	}
	var pairs [][2]*row
	try := func(s step, deadL, deadC bool) {
		for _, l := range free(ours, deadL) {
			if l.done {
				continue
			}
			like := func(a, b *row) bool { return s.like(a, b) && (!s.states || sameState(a, b)) }
			cs := slices.DeleteFunc(free(them, deadC), func(c *row) bool { return !like(l, c) })
			if len(cs) == 0 {
				continue
			}
			ls := slices.DeleteFunc(free(ours, deadL), func(x *row) bool { return !like(x, cs[0]) })
			okL, okC := indistinct(ls), indistinct(cs)
			switch {
			case s.strict == 1 && !okL && !okC:
				o.sayAll(append(ls, cs...), ours, "AMBIGUOUS several_candidates")
				continue
			case s.strict == 2 && !(okL && okC):
				o.sayAll(append(ls, cs...), ours, "AMBIGUOUS different_amounts")
				continue
			}
			for i := range min(len(ls), len(cs)) {
				ls[i].done, cs[i].done = true, true
				pairs = append(pairs, [2]*row{ls[i], cs[i]})
			}
		}
	}
	refMoney := func(l, c *row) bool { return sameRef(l, c) && sameMoney(l, c) }
	repeats := func() {
		for _, c := range free(them, false) {
			for _, p := range pairs {
				if c.ref != "" && p[1].ref == c.ref || c.ref == "" && p[1].ref == "" && identical(&c.item, &p[1].item) {
					o.say(nil, c, "DUPLICATE_CHANNEL repeated_row")
					break
				}
			}
		}
	}
	tiers := [][2]bool{{false, false}, {true, false}, {false, true}, {true, true}}
	for _, t := range tiers {
		for _, s := range []step{{refMoney, 0, true}, {refMoney, 0, false}, {sameRef, 2, false}} {
			try(s, t[0], t[1])
		}
	}
	for i, t := range tiers {
		for _, s := range []step{{sameMoney, 1, true}, {sameMoney, 1, false}, {all, 2, false}} {
			try(s, t[0], t[1])
		}
		if i == 0 {
			repeats()
		}
	}
	repeats()
	moved := false
	for _, p := range pairs {
		o.sayPair(p[0], p[1])
		moved = moved || !dead(p[1].status)
	}
	for _, c := range free(them, false) {
		o.say(nil, c, "DUPLICATE_CHANNEL paid_twice")
	}
	for _, c := range free(them, true) {
		o.say(nil, c, "NOTHING_HAPPENED nothing_at_channel")
	}
	for _, l := range free(ours, false) {
		if moved && l.status != schemas.Unknown && (l.home == homeCarried || l.home == homeDay) {
			o.say(l, nil, "DUPLICATE_LOCAL booked_twice")
		}
	}
}

func indistinct(rows []*row) bool {
	return !slices.ContainsFunc(rows, func(r *row) bool { return !identical(&r.item, &rows[0].item) })
}

func (o *oracle) sayAll(rows, ours []*row, what string) {
	for _, r := range rows {
		if slices.Contains(ours, r) {
			o.say(r, nil, what)
		} else {
			o.say(nil, r, what)
		}
	}
}

func (o *oracle) sayPair(l, c *row) {
	var p compared
	p.local.status, p.local.amount, p.local.currency = l.status, l.amount, l.currency
	p.local.fee = fee{l.fee.V, int32(l.feeSub), l.fee.Valid}
	p.channel.status, p.channel.amount, p.channel.currency = c.status, c.amount, c.currency
	p.channel.fee = fee{c.fee.V, int32(c.feeSub), c.fee.Valid}
	p.compareFee = slices.Contains(o.in.Rules.CompareFee, l.rec.Kind)
	day := o.in.Day.Of(o.in.Date)
	p.dateOff = !l.wasLate && l.home != homeCarried && c.home != homeCarried &&
		(l.time < day.From-o.in.Rules.WindowBefore.Microseconds() || l.time >= day.To+o.in.Rules.WindowAfter.Microseconds())
	v := judge(&p)
	if v.class == schemas.Matched && l.wasLate {
		v.rule = ruleLate
	}
	o.say(l, c, v.class.String()+" "+v.rule.String())
}

func (o *oracle) say(l, c *row, what string) {
	class, rule, _ := strings.Cut(what, " ")
	names := [2]string{}
	for i, r := range []*row{l, c} {
		if r != nil {
			r.done, names[i] = true, labelOf(r.rec)
		}
	}
	o.said = append(o.said, fmt.Sprintf("%s %s=%s %s", class, names[0], names[1], rule))
}

// refs pairs what is left by the channel's number.
func (o *oracle) refs() {
	for _, first := range pick(o.ours, func(r *row) bool { return r.ref != "" }) {
		if first.done {
			continue
		}
		same := func(r *row) bool { return r.ref == first.ref && r.rec.Kind == first.rec.Kind }
		o.byRef(pick(o.ours, same), pick(o.them, same))
	}
}

func (o *oracle) byRef(ours, them []*row) {
	for _, l := range ours {
		for _, c := range them {
			if l.rec.Key() == "" || c.rec.Key() == "" || l.rec.Key() == c.rec.Key() {
				continue
			}
			if len(ours) == 1 && len(them) == 1 {
				o.say(l, c, "TYPE_MISMATCH key_differs")
			}
			return
		}
	}
	o.group(ours, them, "channel_ref")
}

func (o *oracle) askLate(late []LateRow) {
	if late == nil {
		return
	}
	fits := func(l, c *row) bool {
		if c.rec.Key() != "" {
			return l.rec.Kind == c.rec.Kind && l.rec.Key() == c.rec.Key()
		}
		return l.rec.Kind == c.rec.Kind && c.ref != "" && l.ref == c.ref
	}
	var free, others []*row
	for i := range late {
		r := o.row(&late[i].Record, homeLate, bizday.None)
		r.wasLate, r.row = true, int32(len(o.ours)+i)
		if !slices.ContainsFunc(o.them, func(c *row) bool { return !c.done && fits(r, c) }) {
			continue
		}
		if late[i].ClaimedBy != "" {
			others = append(others, r)
		} else {
			free = append(free, r)
		}
	}
	for _, keyed := range []bool{true, false} {
		for _, c := range slices.Clone(o.them) {
			if c.done || (c.rec.Key() != "") != keyed {
				continue
			}
			ours := pick(free, func(r *row) bool { return fits(r, c) })
			them := pick(o.them, func(r *row) bool {
				return r.rec.Kind == c.rec.Kind && r.rec.Key() == c.rec.Key() && (keyed || r.ref == c.ref)
			})
			o.group(ours, them, "late")
		}
	}
	for _, c := range o.them {
		if !c.done && slices.ContainsFunc(others, func(r *row) bool { return fits(r, c) }) {
			o.say(nil, c, "DUPLICATE_CHANNEL already_matched")
		}
	}
}

func (o *oracle) rest() {
	day := o.in.Day.Of(o.in.Date)
	before, after := o.in.Rules.WindowBefore.Microseconds(), o.in.Rules.WindowAfter.Microseconds()
	for _, l := range o.ours {
		switch {
		case l.done:
		case l.home == homeWindow:
			o.say(l, nil, "OTHER_DAY other_day")
		case dead(l.status):
			o.say(l, nil, "NOTHING_HAPPENED nothing_moved")
		case l.home == homeCarried && l.breakOn > o.in.Date:
			o.say(l, nil, "LOCAL_IN_TRANSIT carried_on")
		case l.home == homeCarried:
			o.say(l, nil, "LOCAL_ONLY overdue")
		case l.status == schemas.Reversed:
			o.say(l, nil, "LOCAL_ONLY outside_window")
		case l.rec.Kind == schemas.Refund:
			o.say(l, nil, "LOCAL_IN_TRANSIT waits")
		case l.time >= day.To-before:
			o.say(l, nil, "LOCAL_IN_TRANSIT window")
		default:
			o.say(l, nil, "LOCAL_ONLY outside_window")
		}
	}
	for _, c := range o.them {
		taken := slices.ContainsFunc(o.ours, func(l *row) bool {
			return l.claimed && l.rec.Kind == c.rec.Kind && l.rec.Key() == c.rec.Key() && c.rec.Key() != ""
		})
		switch {
		case c.done:
		case taken:
			o.say(nil, c, "DUPLICATE_CHANNEL already_matched")
		case c.home == homeCarried && c.breakOn > o.in.Date:
			o.say(nil, c, "CHANNEL_IN_TRANSIT carried_on")
		case c.home == homeCarried:
			o.say(nil, c, "CHANNEL_ONLY overdue")
		case !dead(c.status) && (c.time < day.From+after || c.time >= day.To-before):
			o.say(nil, c, "CHANNEL_IN_TRANSIT window")
		default:
			o.say(nil, c, "CHANNEL_ONLY outside_window")
		}
	}
}

// smallDay draws a day of few rows, few numbers, few amounts and few times, so
// that everything collides with everything.
func smallDay(seed uint64) (Inputs, []LateRow) {
	r := rand.New(rand.NewPCG(seed, 99))
	in := baseInputs()
	in.Rules.CompareFee = []schemas.Kind{schemas.Payment}
	day := in.Day.Of(in.Date)
	keys, refs := 1+r.IntN(4), 1+r.IntN(4)
	label := 0
	one := func(prefix string, times []int64) schemas.Record {
		label++
		rec := schemas.Record{Kind: schemas.Payment, Currency: "CNY", AmountMinor: 100 * int64(1+r.IntN(2)), BillDate: bizday.None,
			Status:    []schemas.Status{schemas.Success, schemas.Success, schemas.Success, schemas.Unknown, schemas.Failed, schemas.Closed, schemas.Reversed}[r.IntN(7)],
			EventTime: times[r.IntN(len(times))], Product: fmt.Sprintf("label:%s%d", prefix, label), Line: int64(label)}
		key, ref := fmt.Sprintf("K%d", r.IntN(keys)), ""
		if r.IntN(12) == 0 {
			key = ""
		}
		if r.IntN(3) > 0 {
			ref = fmt.Sprintf("X%d", r.IntN(refs))
		}
		if r.IntN(4) == 0 {
			rec.Kind, rec.RefundRef, rec.ChannelRefundRef = schemas.Refund, key, ref
		} else {
			rec.MerchantRef, rec.ChannelRef = key, ref
		}
		if r.IntN(15) == 0 {
			rec.Currency = "USD"
		}
		if r.IntN(3) == 0 {
			rec.FeeMinor, rec.FeeSub = schemas.Int64(int64(r.IntN(3))), int64(r.IntN(2)*700_000)
		}
		return rec
	}
	const s = 1_000_000
	ownTimes := []int64{day.From, day.From + 60*s, day.From + 43200*s, day.From + 43201*s, day.To - 30*s}
	localTimes := append([]int64{day.From - 30*s, day.To + 5*s, day.From - 40000*s}, append(ownTimes, ownTimes...)...)
	oldTimes := []int64{day.From - 30*s, day.From - 1, day.From - 86400*s}
	var local, channel memory
	for range r.IntN(7) {
		local = append(local, one("L", localTimes))
	}
	for range r.IntN(7) {
		channel = append(channel, one("C", ownTimes))
	}
	// Identical rows, which only their labels tell apart.
	if len(channel) > 0 && r.IntN(3) == 0 {
		x := channel[r.IntN(len(channel))]
		x.Product += "copy"
		channel = append(channel, x)
	}
	if len(local) > 0 && r.IntN(3) == 0 {
		x := local[r.IntN(len(local))]
		x.Product += "copy"
		local = append(local, x)
	}
	in.Local, in.ChannelRows = local, channel
	carriedKey := func(rec schemas.Record) bool { return rec.Key() != "" }
	for range r.IntN(3) {
		if rec := one("P", oldTimes); carriedKey(rec) && (rec.Status == schemas.Success || rec.Status == schemas.Unknown) {
			in.CarriedLocal = append(in.CarriedLocal, schemas.Carried{Side: schemas.Local, Record: rec, FirstSeen: in.Date - 1, BreakOn: in.Date + bizday.Date(r.IntN(2))})
			if r.IntN(2) == 0 { // the window shows it again
				rec.Product += "again"
				in.Local = append(rowsOfSet(in.Local), rec)
			}
		}
	}
	for range r.IntN(2) {
		if rec := one("Q", oldTimes); !dead(rec.Status) {
			in.CarriedChannel = append(in.CarriedChannel, schemas.Carried{Side: schemas.Channel, Record: rec, FirstSeen: in.Date - 1, BreakOn: in.Date + bizday.Date(r.IntN(2))})
		}
	}
	if len(local) > 0 && r.IntN(3) == 0 {
		x := local[r.IntN(len(local))]
		if x.Key() != "" {
			in.Claims = append(in.Claims, schemas.Claim{Kind: x.Kind, Key: x.Key(), EventTime: x.EventTime, Occurrence: 1,
				Class: []schemas.Class{schemas.Matched, schemas.LocalBehind, schemas.LocalOnly, schemas.AmountMismatch}[r.IntN(4)]})
		}
	}
	var late []LateRow
	if r.IntN(3) == 0 {
		late = []LateRow{}
		for range r.IntN(3) {
			x := one("T", []int64{day.From - 5*86400*s, day.From - 9*86400*s})
			late = append(late, LateRow{Record: x, ClaimedBy: []string{"", "run-1"}[r.IntN(2)]})
		}
	}
	return in, late
}

// withoutPass drops what the oracle does not say.
func withoutPass(outcomes []string) []string {
	short := make([]string, len(outcomes))
	for i, o := range outcomes {
		f := strings.Fields(o)
		short[i] = fmt.Sprintf("%s %s %s", f[0], f[1], f[3])
	}
	slices.Sort(short)
	return short
}

// The multiset of events is compared, not the counts of classes: right counts
// over wrong pairs must fail.
func TestT21_OracleAgreesOnEveryEvent(t *testing.T) {
	days := 6000
	if testing.Short() {
		days = 1000
	}
	classes := map[string]int{}
	for seed := range uint64(days) {
		in, late := smallDay(seed)
		got := run(t, in, late)
		want := askOracle(in, late)
		if diff := gocmp.Diff(append([]string{}, want...), withoutPass(got.outcomes)); diff != "" {
			t.Fatalf("seed %d (-oracle +engine):\n%s\n%s", seed, diff, describe(in, late))
		}
		for _, o := range got.outcomes {
			f := strings.Fields(o)
			classes[f[0]+" "+f[3]]++
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
	}
	// The days must reach what they are meant to test.
	for _, must := range []string{"MATCHED equal", "MATCHED late", "AMBIGUOUS several_candidates", "AMBIGUOUS conflicting_rows", "AMBIGUOUS different_amounts",
		"DUPLICATE_CHANNEL paid_twice", "DUPLICATE_CHANNEL repeated_row", "DUPLICATE_CHANNEL already_matched", "DUPLICATE_LOCAL booked_twice",
		"TYPE_MISMATCH key_differs", "CLAIMED claimed", "CLAIMED carried_in", "OTHER_DAY other_day", "DATE_MISMATCH date", "FEE_ROUNDING fee_rounding",
		"FEE_MISMATCH fee", "CURRENCY_MISMATCH currency", "LOCAL_IN_TRANSIT carried_on", "LOCAL_ONLY overdue", "CHANNEL_IN_TRANSIT window"} {
		if classes[must] < days/300 {
			t.Errorf("%s was reached %d times only", must, classes[must])
		}
	}
}

func describe(in Inputs, late []LateRow) string {
	var b strings.Builder
	line := func(what string, r *schemas.Record, more ...any) {
		fmt.Fprintf(&b, "%s %s %s key=%q ref=%q %d%s %s t=%d fee=%v %v\n", what, labelOf(r), r.Kind, r.Key(), channelNumber(r), r.AmountMinor, r.Currency, r.Status,
			(r.EventTime-in.Day.Of(in.Date).From)/1e6, r.FeeMinor, more)
	}
	for i := range rowsOfSet(in.Local) {
		line("ours", &rowsOfSet(in.Local)[i])
	}
	for i := range rowsOfSet(in.ChannelRows) {
		line("theirs", &rowsOfSet(in.ChannelRows)[i])
	}
	for i := range in.CarriedLocal {
		line("carried ours", &in.CarriedLocal[i].Record, in.CarriedLocal[i].BreakOn)
	}
	for i := range in.CarriedChannel {
		line("carried theirs", &in.CarriedChannel[i].Record, in.CarriedChannel[i].BreakOn)
	}
	for _, c := range in.Claims {
		fmt.Fprintf(&b, "claim %s %q t=%d %s\n", c.Kind, c.Key, (c.EventTime-in.Day.Of(in.Date).From)/1e6, c.Class)
	}
	for i := range late {
		line("late", &late[i].Record, late[i].ClaimedBy)
	}
	return b.String()
}
