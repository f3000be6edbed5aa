package match

import (
	"fmt"
	"slices"
	"strings"

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
