package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tieout/internal/bizday"
	"tieout/internal/fault"
	"tieout/internal/paycore"
	"tieout/internal/store"
	"tieout/resolve"
	"tieout/schemas"
)

const account = "wechat-main"

var (
	day   = bizday.Make(2026, 11, 20)
	clock = time.Date(2026, 11, 21, 10, 2, 0, 0, time.UTC)
)

// night is a database with real books, and the decision table: what findings
// are made of and applied to.
type night struct {
	*testing.T
	db    *store.DB
	core  *paycore.Core
	table *resolve.Table
	runs  int
}

func newNight(t *testing.T) *night {
	t.Helper()
	now := func() time.Time { return clock }
	db := store.OpenNew(t, now)
	table, err := resolve.Load()
	if err != nil {
		t.Fatal(err)
	}
	core := paycore.New(db, paycore.Rates{"wechat": {account: {PPM: 6000}}}, now)
	return &night{T: t, db: db, core: core, table: table}
}

// order makes a payment in our books that waits for its notification.
func (n *night) order(no string, minor int64) {
	n.Helper()
	n.command(paycore.CreatePayment{Merchant: "M01", OrderNo: "O-" + no, PayNo: no, Channel: "wechat", Account: account, AmountMinor: minor, Currency: "CNY"})
}

// paid makes a payment in our books that succeeded.
func (n *night) paid(no string, minor int64) {
	n.Helper()
	n.order(no, minor)
	n.command(paycore.MarkPaid{PayNo: no, ChannelRef: "wx-" + no, AmountMinor: minor, Currency: "CNY", By: paycore.ByNotice})
}

func (n *night) command(c paycore.Command) {
	n.Helper()
	results, err := n.core.Do(context.Background(), c)
	if err != nil {
		n.Fatal(err)
	}
	if results[0].Effect != paycore.Done {
		n.Fatalf("%T: %s %s", c, results[0].Effect, results[0].Reason)
	}
}

func (n *night) state(no string) paycore.State {
	n.Helper()
	p, err := n.db.Payment(context.Background(), no)
	if err != nil || p == nil {
		n.Fatal(p, err)
	}
	return p.State
}

func record(no string, status schemas.Status, minor int64) *schemas.Record {
	return &schemas.Record{Channel: "wechat", Account: "1900000001", Kind: schemas.Payment, MerchantRef: no, ChannelRef: "wx-" + no,
		Status: status, AmountMinor: minor, Currency: "CNY", EventTime: clock.Add(-20 * time.Hour).UnixMicro(), BillDate: day}
}

// diff is a difference of the day; a nil row is absent.
func diff(class schemas.Class, no string, local, channel *schemas.Record) *schemas.Difference {
	d := &schemas.Difference{Outcome: schemas.Outcome{Class: class, Rule: "plain"}, Account: account, BillDate: day, Kind: schemas.Payment, Key: no,
		Currency: "CNY", LocalRow: local, ChannelRow: channel, FirstSeen: day, BreakOn: bizday.None, Reason: class.String() + "."}
	if local != nil {
		d.DeltaMinor -= local.AmountMinor
	}
	if channel != nil {
		d.DeltaMinor += channel.AmountMinor
	}
	return d
}

func behind(no string, minor int64) *schemas.Difference {
	return diff(schemas.LocalBehind, no, record(no, schemas.Unknown, minor), record(no, schemas.Success, minor))
}

func localOnly(no string, minor int64) *schemas.Difference {
	return diff(schemas.LocalOnly, no, record(no, schemas.Success, minor), nil)
}

func channelOnly(no string, minor int64) *schemas.Difference {
	return diff(schemas.ChannelOnly, no, nil, record(no, schemas.Success, minor))
}

func wide() resolve.Limits {
	return resolve.Limits{MaxCount: 100, MaxMinor: map[string]int64{"CNY": 1 << 40}, MaxSharePPM: 1_000_000}
}

// confirm answers as a channel does that knows what its statement says.
func confirm(d *schemas.Difference) *schemas.QueryAnswer {
	a := &schemas.QueryAnswer{Key: d.Key, Kind: d.Kind, Asked: true}
	if c := d.ChannelRow; c != nil {
		a.Found, a.Status, a.AmountMinor, a.Currency, a.ChannelRef = true, c.Status, c.AmountMinor, c.Currency, c.ChannelRef
	}
	return a
}

// decide makes the findings of differences as a run does, inside a fence.
func (n *night) decide(limits resolve.Limits, diffs ...*schemas.Difference) []*schemas.Finding {
	fence := &resolve.Fence{Limits: limits, DayRows: 1000}
	var list []*schemas.Finding
	for _, d := range diffs {
		c := resolve.Context{}
		if resolve.NeedsQuery(n.table.Decide(d, c)) {
			c.Answer = confirm(d)
		}
		f := n.table.Find(d, c, fence, "")
		list = append(list, &f)
	}
	return list
}

func each(list []*schemas.Finding) iter.Seq2[*schemas.Finding, error] {
	return func(yield func(*schemas.Finding, error) bool) {
		for _, f := range list {
			if !yield(f, nil) {
				return
			}
		}
	}
}

// run is a run's findings of a date, written down; nothing is applied yet.
func (n *night) run(date bizday.Date, explained []schemas.Explained, diffs ...*schemas.Difference) store.CaseChanges {
	n.Helper()
	n.runs++
	for _, d := range diffs {
		d.BillDate = date
	}
	return n.write(date, fmt.Sprintf("run%d", n.runs), explained, n.decide(wide(), diffs...))
}

func (n *night) write(date bizday.Date, runID string, explained []schemas.Explained, list []*schemas.Finding) store.CaseChanges {
	n.Helper()
	in := store.Findings{Account: account, Date: date, RunID: runID, Findings: each(list), Explained: explained}
	changes, err := n.db.ApplyFindings(context.Background(), store.Lease{}, in)
	if err != nil {
		n.Fatal(err)
	}
	before := n.dump()
	again, err := n.db.ApplyFindings(context.Background(), store.Lease{}, in)
	if err != nil {
		n.Fatal(err)
	}
	if diff := cmp.Diff(store.CaseChanges{}, again); diff != "" {
		n.Errorf("the same findings again changed something:\n%s", diff)
	}
	if diff := cmp.Diff(before, n.dump()); diff != "" {
		n.Errorf("the same findings again changed the cases:\n%s", diff)
	}
	return changes
}

// apply applies what waits, each fix and its note twice, and checks the proof.
func (n *night) apply() (states map[string]string) {
	n.Helper()
	states = map[string]string{}
	for range 10 {
		list, err := n.db.PendingFixes(context.Background(), account)
		if err != nil {
			n.Fatal(err)
		}
		if len(list) == 0 {
			n.tied()
			n.whole()
			return states
		}
		for _, f := range list {
			var last schemas.FixResult
			for range 2 {
				r, err := n.db.ApplyFix(context.Background(), f)
				if err != nil {
					n.Fatal(err)
				}
				n.mark(r)
				n.mark(r)
				last = r
			}
			states[string(f.Kind)] = last.State
		}
	}
	n.Fatal("fixes do not come to an end")
	return nil
}

func (n *night) mark(r schemas.FixResult) {
	n.Helper()
	if _, err := n.db.MarkFixed(context.Background(), r); err != nil {
		n.Fatal(err)
	}
}

// tied checks that the ledger's suspense is what the cases hold; it must at any
// time, also between applying a fix and noting it.
func (n *night) tied() {
	n.Helper()
	ctx := context.Background()
	ledger, err := n.db.SuspenseOf(ctx, "wechat", account)
	if err != nil {
		n.Fatal(err)
	}
	sums, err := n.db.SuspenseSum(ctx, account)
	if err != nil {
		n.Fatal(err)
	}
	held := map[string]int64{}
	for _, s := range sums {
		held[s.Currency] += s.Open + s.Leaving
		if s.Waiting == 0 && s.Leaving != 0 {
			n.Errorf("cases that are closed hold %d %s", s.Leaving, s.Currency)
		}
	}
	for c := range ledger {
		if ledger[c] != held[c] {
			n.Errorf("suspense %s: ledger %d, cases %d", c, ledger[c], held[c])
		}
	}
	for c := range held {
		if ledger[c] != held[c] {
			n.Errorf("suspense %s: ledger %d, cases %d", c, ledger[c], held[c])
		}
	}
}

// whole checks that each open case holds the exposure of its findings, and no
// other case holds anything.
func (n *night) whole() {
	n.Helper()
	ctx := context.Background()
	cases, err := n.db.Cases(ctx, store.CaseFilter{All: true})
	if err != nil {
		n.Fatal(err)
	}
	for _, c := range cases {
		var want int64
		if c.State == schemas.CaseOpen || c.State == schemas.CaseProposed {
			file, err := n.db.Case(ctx, c.ID)
			if err != nil {
				n.Fatal(err)
			}
			for _, f := range file.Findings {
				if f.State == "OPEN" {
					want += f.Exposure
				}
			}
		}
		if c.SuspendMinor != want {
			n.Errorf("case %s %s %s holds %d, its findings expose %d", c.ID, c.Class, c.State, c.SuspendMinor, want)
		}
	}
}

func caseID(no string) string { return resolve.CaseID(account, schemas.Payment, no, "CNY") }

func (n *night) caseOf(no string) store.CaseFile {
	n.Helper()
	c, err := n.db.Case(context.Background(), caseID(no))
	if err != nil {
		n.Fatal(err)
	}
	return c
}

func (n *night) want(no string, state schemas.CaseState, class schemas.Class, suspend int64) store.CaseFile {
	n.Helper()
	c := n.caseOf(no)
	if c.State != state || c.Class != class || c.SuspendMinor != suspend {
		n.Errorf("case of %s: got %s %s holding %d, want %s %s holding %d\n%s", no, c.State, c.Class, c.SuspendMinor, state, class, suspend, history(c))
	}
	return c
}

func history(c store.CaseFile) string {
	var b strings.Builder
	for _, e := range c.History {
		fmt.Fprintf(&b, "  %s %s %s (v%d)\n", e.Who, e.What, e.Note, e.Version)
	}
	return b.String()
}

// dump is everything that the cases show.
func (n *night) dump() string {
	n.Helper()
	cases, err := n.db.Cases(context.Background(), store.CaseFilter{All: true})
	if err != nil {
		n.Fatal(err)
	}
	var b strings.Builder
	for _, c := range cases {
		file, err := n.db.Case(context.Background(), c.ID)
		if err != nil {
			n.Fatal(err)
		}
		fmt.Fprintf(&b, "%+v\n", file)
	}
	return b.String()
}

func wantFault(t *testing.T, err error, id fault.ID) *fault.Error {
	t.Helper()
	var f *fault.Error
	if !errors.As(err, &f) || f.ID != id {
		t.Fatalf("got %v, want %s", err, id)
	}
	if m := f.Message(fault.English) + f.Message(fault.Chinese); strings.Contains(m, "{") {
		t.Errorf("a value is missing in %s", m)
	}
	return f
}

func TestMissedNotificationIsFixedAndItsCaseClosed(t *testing.T) {
	n := newNight(t)
	n.order("P1", 10000)
	if got := n.run(day, nil, behind("P1", 10000)); !slices.Equal(got.Opened, []string{caseID("P1")}) {
		t.Errorf("opened %v", got.Opened)
	}
	n.apply()
	if s := n.state("P1"); s != paycore.Success {
		t.Errorf("payment is %s", s)
	}
	n.want("P1", schemas.CaseAutoFixed, schemas.LocalBehind, 0)

	// The rerun of a later export finds nothing; the case stays fixed.
	n.run(day, nil)
	n.apply()
	n.want("P1", schemas.CaseAutoFixed, schemas.LocalBehind, 0)

	// The rerun of the old export finds the same again: it is fixed already.
	n.run(day, nil, behind("P1", 10000))
	n.apply()
	n.want("P1", schemas.CaseAutoFixed, schemas.LocalBehind, 0)
	spent, keys, err := n.db.AutoSpent(context.Background(), account, day)
	if err != nil || len(keys) != 1 || len(spent) != 1 || spent[0] != (schemas.Spent{Cell: "P4", Currency: "CNY", Count: 1, Minor: 10000}) {
		t.Errorf("spent %v, keys %v, %v", spent, keys, err)
	}
}

// The same missed notification stands in the statements of two days: the
// second is found to be fixed.
func TestFaultL03_SameMissedNoticeInTwoDays(t *testing.T) {
	n := newNight(t)
	n.order("P1", 10000)
	n.run(day, nil, behind("P1", 10000))
	n.run(day+1, nil, behind("P1", 10000))
	list, err := n.db.PendingFixes(context.Background(), account)
	if err != nil || len(list) != 1 {
		t.Fatalf("pending %v, %v", list, err)
	}
	n.apply()
	n.run(day+2, nil, behind("P1", 10000))
	n.apply()
	n.want("P1", schemas.CaseAutoFixed, schemas.LocalBehind, 0)
}

// Another amount in the statement is never fixed by itself.
func TestFaultL05_AmountDiffers(t *testing.T) {
	n := newNight(t)
	n.order("P1", 10000)
	n.paid("P2", 10000)
	p1 := diff(schemas.AmountMismatch, "P1", record("P1", schemas.Unknown, 10000), record("P1", schemas.Success, 9900))
	p1.Rule = "behind_and_amount"
	p2 := diff(schemas.AmountMismatch, "P2", record("P2", schemas.Success, 10000), record("P2", schemas.Success, 10100))
	n.run(day, nil, p1, p2)
	if got := n.apply(); got["SET_SUCCESS"] != "" || got["SUSPEND"] != "ALREADY_APPLIED" {
		t.Errorf("fixes %v", got)
	}
	if s := n.state("P1"); s != paycore.Paying {
		t.Errorf("payment is %s", s)
	}
	n.want("P1", schemas.CaseOpen, schemas.AmountMismatch, 9900)
	n.want("P2", schemas.CaseOpen, schemas.AmountMismatch, 100)
}

// The caps hold what is beyond them, exactly, and hold its money in suspense.
func TestFaultL06_BeyondTheCapsNothingIsFixed(t *testing.T) {
	n := newNight(t)
	var diffs []*schemas.Difference
	for i := range 5 {
		no := fmt.Sprintf("P%d", i)
		n.order(no, 1000)
		diffs = append(diffs, behind(no, 1000))
	}
	limits := wide()
	limits.MaxMinor = map[string]int64{"CNY": 3500}
	n.write(day, "run1", nil, n.decide(limits, diffs...))
	n.apply()
	fixed := 0
	for i := range 5 {
		c := n.caseOf(fmt.Sprintf("P%d", i))
		if c.State == schemas.CaseAutoFixed {
			fixed++
			continue
		}
		if c.State != schemas.CaseOpen || c.SuspendMinor != 1000 || !strings.Contains(c.Reason, "limit of CNY 35.00") {
			t.Errorf("held case: %+v", c.Case)
		}
	}
	if fixed != 3 {
		t.Errorf("fixed %d, want 3", fixed)
	}
}

// A corrected statement that arrives after an automatic fix and no longer says
// that the payment succeeded.
func TestT17_FixContradicted(t *testing.T) {
	n := newNight(t)
	n.order("P1", 10000)
	n.order("P2", 10000)
	n.run(day, nil, behind("P1", 10000), behind("P2", 10000))
	n.apply()

	got := n.run(day, nil, localOnly("P1", 10000),
		diff(schemas.AmountMismatch, "P2", record("P2", schemas.Success, 10000), record("P2", schemas.Success, 9000)))
	if want := []string{caseID("P1"), caseID("P2")}; !slices.Equal(got.Contradicted, sortedCopy(want)) {
		t.Errorf("contradicted %v", got.Contradicted)
	}
	n.apply()
	for no, hold := range map[string]int64{"P1": -10000, "P2": -1000} {
		c := n.caseOf(no)
		if c.Flag != store.FixContradicted || c.Priority != 1 || c.State != schemas.CaseOpen || c.SuspendMinor != hold {
			t.Errorf("%s: %+v\n%s", no, c.Case, history(c))
		}
		if !slices.Contains(c.Offered, "REVERSE") {
			t.Errorf("%s: offered %v", no, c.Offered)
		}
	}

	// Two people take the wrong fix back.
	n.resolve("P1", "REVERSE")
	n.apply()
	n.want("P1", schemas.CaseResolved, schemas.LocalOnly, 0)
	if s := n.state("P1"); s != paycore.Paying {
		t.Errorf("payment is %s", s)
	}

	// The statement is corrected once more: P2 agrees after all.
	n.run(day, nil)
	n.apply()
	if c := n.want("P2", schemas.CaseWithdrawn, schemas.AmountMismatch, 0); c.Flag != "" {
		t.Errorf("flag %s", c.Flag)
	}
}

func sortedCopy(list []string) []string {
	list = slices.Clone(list)
	slices.Sort(list)
	return list
}

func (n *night) propose(no, what string) schemas.Case {
	n.Helper()
	c := n.caseOf(no)
	p, err := n.db.Propose(context.Background(), store.Asked{CaseID: c.ID, Version: c.Version, Evidence: c.Evidence, Maker: "lin", What: what, Reason: "seen in the console"})
	if err != nil {
		n.Fatal(err)
	}
	return p
}

func (n *night) resolve(no, what string) []schemas.Fix {
	n.Helper()
	c := n.propose(no, what)
	list, err := n.db.Approve(context.Background(), store.Answered{CaseID: c.ID, Version: c.Version, Evidence: c.Evidence, Checker: "mei"})
	if err != nil {
		n.Fatal(err)
	}
	return list
}

// A second payment of a fixed one is no contradiction of the fix.
func TestSecondPaymentDoesNotContradictTheFix(t *testing.T) {
	n := newNight(t)
	n.order("P1", 10000)
	n.run(day, nil, behind("P1", 10000))
	n.apply()
	extra := record("P1", schemas.Success, 10000)
	extra.ChannelRef = "wx-second"
	d := diff(schemas.DuplicateChannel, "P1", nil, extra)
	d.Rule = "already_matched"
	n.run(day+2, nil, d)
	n.apply()
	if c := n.want("P1", schemas.CaseOpen, schemas.DuplicateChannel, 10000); c.Flag != "" {
		t.Errorf("flag %s", c.Flag)
	}
}

// What is local only on one day is matched late, two days on: the case is
// withdrawn with the reason, and its suspense released. A rerun of the later
// day that does not match it brings it back.
func TestLateMatchWithdrawsTheCase(t *testing.T) {
	n := newNight(t)
	n.paid("P1", 10000)
	n.run(day, nil, localOnly("P1", 10000))
	n.apply()
	before := n.want("P1", schemas.CaseOpen, schemas.LocalOnly, -10000)
	if _, err := n.db.Assign(context.Background(), before.ID, before.Version, "lin", "lin"); err != nil {
		t.Fatal(err)
	}

	got := n.run(day+2, []schemas.Explained{{Kind: schemas.Payment, Key: "P1", Reason: "Matched late with wx-P1."}})
	if !slices.Equal(got.Withdrawn, []string{caseID("P1")}) {
		t.Errorf("withdrawn %v", got.Withdrawn)
	}
	n.apply()
	c := n.want("P1", schemas.CaseWithdrawn, schemas.LocalOnly, 0)
	if !strings.Contains(history(c), "Matched late with wx-P1. (bill date 2026-11-22)") {
		t.Errorf("history:\n%s", history(c))
	}

	n.run(day, nil, localOnly("P1", 10000)) // a rerun of the first day changes nothing in that
	n.apply()
	n.want("P1", schemas.CaseWithdrawn, schemas.LocalOnly, 0)

	got = n.run(day+2, nil)
	if !slices.Equal(got.Reopened, []string{caseID("P1")}) {
		t.Errorf("reopened %v", got.Reopened)
	}
	n.apply()
	if c := n.want("P1", schemas.CaseOpen, schemas.LocalOnly, -10000); c.Owner != "lin" || c.FirstSeen != day {
		t.Errorf("owner %q, first seen %s", c.Owner, c.FirstSeen)
	}
}

// The order in which days are run does not matter.
func TestFaultR05_DaysInAnyOrder(t *testing.T) {
	explained := []schemas.Explained{{Kind: schemas.Payment, Key: "P1", Reason: "Matched late."}}
	days := []func(n *night){
		func(n *night) { n.run(day, nil, localOnly("P1", 10000), channelOnly("C1", 500)) },
		func(n *night) { n.run(day+1, nil, localOnly("C1", 500)) },
		func(n *night) { n.run(day+2, explained) },
	}
	var want string
	for _, order := range [][]int{{0, 1, 2}, {2, 1, 0}, {1, 0, 2}, {2, 0, 1}} {
		n := newNight(t)
		n.paid("P1", 10000)
		for _, i := range order {
			days[i](n)
			n.apply()
		}
		var got string
		for _, no := range []string{"C1", "P1"} {
			c := n.caseOf(no)
			got += fmt.Sprintf("%s: %s %s %s..%s holds %d evidence %s\n", no, c.State, c.Class, c.FirstSeen, c.LastSeen, c.SuspendMinor, c.Evidence)
		}
		if want == "" {
			want = got
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("order %v:\n%s", order, diff)
		}
	}
}

// A case keeps its id, owner and age when a rerun gives it another class.
func TestCaseKeepsItsIdentity(t *testing.T) {
	n := newNight(t)
	n.paid("P1", 10000)
	n.run(day, nil, localOnly("P1", 10000))
	n.apply()
	c := n.caseOf("P1")
	if _, err := n.db.Assign(context.Background(), c.ID, c.Version, "lin", "mei"); err != nil {
		t.Fatal(err)
	}
	if err := n.db.Comment(context.Background(), c.ID, "lin", "asked the channel"); err != nil {
		t.Fatal(err)
	}
	failed := record("P1", schemas.Failed, 10000)
	n.run(day, nil, diff(schemas.LocalAhead, "P1", record("P1", schemas.Success, 10000), failed))
	n.apply()
	now := n.want("P1", schemas.CaseOpen, schemas.LocalAhead, -10000)
	if now.ID != c.ID || now.Owner != "mei" || now.FirstSeen != day || now.Version <= c.Version {
		t.Errorf("%+v", now.Case)
	}
	if !strings.Contains(history(now), "lin COMMENT asked the channel") {
		t.Errorf("history:\n%s", history(now))
	}
	if now.DueOn != day+1 {
		t.Errorf("due on %s", now.DueOn)
	}
}

// What the books refuse becomes a case that holds its money.
func TestRefusedFixBecomesACase(t *testing.T) {
	n := newNight(t)
	n.order("P1", 10000)
	n.run(day, nil, behind("P1", 10000))
	n.command(paycore.ClosePayment{PayNo: "P1"}) // meanwhile
	if got := n.apply(); got["SET_SUCCESS"] != "REFUSED" || got["SUSPEND"] == "" {
		t.Errorf("fixes %v", got)
	}
	c := n.want("P1", schemas.CaseOpen, schemas.LocalBehind, 10000)
	if !strings.Contains(c.Reason, "the books refused it") {
		t.Errorf("reason %q", c.Reason)
	}
}

// The process dies after the books took a fix and before the case knew.
func TestFixThatWasNotNoted(t *testing.T) {
	n := newNight(t)
	n.order("P1", 10000)
	n.paid("P2", 700)
	n.run(day, nil, behind("P1", 10000), localOnly("P2", 700))
	list, err := n.db.PendingFixes(context.Background(), account)
	if err != nil || len(list) != 2 {
		t.Fatalf("%v, %v", list, err)
	}
	for _, f := range list {
		if r, err := n.db.ApplyFix(context.Background(), f); err != nil || r.State != "APPLIED" {
			t.Fatal(r, err)
		}
		n.tied()
	}
	// The next run exports the fixed payment, and so finds no difference in it.
	n.run(day, nil, localOnly("P2", 700))
	n.apply()
	n.want("P1", schemas.CaseAutoFixed, schemas.LocalBehind, 0)
	n.want("P2", schemas.CaseOpen, schemas.LocalOnly, -700)
}

// A whole night is undone in the books: what it had fixed is open again.
func TestUndoneFixOpensTheCase(t *testing.T) {
	n := newNight(t)
	n.order("P1", 10000)
	n.run(day, nil, behind("P1", 10000))
	list, err := n.db.PendingFixes(context.Background(), account)
	if err != nil {
		t.Fatal(err)
	}
	n.apply()
	undo := list[0]
	undo.Kind, undo.Reverses, undo.Key, undo.Maker, undo.Checker = schemas.FixReverse, list[0].Key, "undo|"+list[0].Key, "lin", "mei"
	if r, err := n.db.ApplyFix(context.Background(), undo); err != nil || r.State != "APPLIED" {
		t.Fatal(r, err)
	}
	for range 2 {
		if _, err := n.db.MarkReversed(context.Background(), list[0].Key, "lin", "undo of run1"); err != nil {
			t.Fatal(err)
		}
	}
	n.apply()
	n.want("P1", schemas.CaseOpen, schemas.LocalBehind, 10000)
	n.run(day, nil, behind("P1", 10000)) // the key is used up: people decide
	n.apply()
	n.want("P1", schemas.CaseOpen, schemas.LocalBehind, 10000)
}

// Two findings of one number on two days are one case with both amounts.
func TestFindingsOfOneNumberAreOneCase(t *testing.T) {
	n := newNight(t)
	n.run(day, nil, channelOnly("P1", 10000))
	n.apply()
	n.paid("P1", 9000)
	n.run(day+1, nil, localOnly("P1", 9000))
	n.apply()
	c := n.want("P1", schemas.CaseOpen, schemas.ChannelOnly, 1000)
	if c.LocalMinor != 9000 || c.ChannelMinor != 10000 || len(c.Findings) != 2 {
		t.Errorf("%+v", c)
	}
}

func TestAgeing(t *testing.T) {
	n := newNight(t)
	for i, back := range []int{0, 1, 2, 7, 8, 30, 31, 400} {
		no := fmt.Sprintf("P%d", i)
		n.paid(no, 100)
		n.run(day.Add(-back), nil, localOnly(no, 100))
	}
	n.apply()
	got, err := n.db.Ageing(context.Background(), account, day)
	if err != nil {
		t.Fatal(err)
	}
	var want []schemas.AgeBucket
	for _, b := range []string{"0-1", "2-7", "8-30", ">30"} {
		want = append(want, schemas.AgeBucket{Bucket: b, Currency: "CNY", Cases: 2, Minor: 200})
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if open, err := n.db.OpenCases(context.Background(), account); err != nil || open != 8 {
		t.Errorf("open %d, %v", open, err)
	}
}

// A payment that was closed by itself, and a later statement that has it.
func TestT17_ClosedPaymentWasPaid(t *testing.T) {
	n := newNight(t)
	n.order("P1", 10000)
	n.run(day, nil, diff(schemas.LocalOnly, "P1", record("P1", schemas.Unknown, 10000), nil))
	if got := n.apply(); got["SET_CLOSED"] == "" {
		t.Fatalf("fixes %v", got)
	}
	n.want("P1", schemas.CaseAutoFixed, schemas.LocalOnly, 0)
	n.run(day+1, nil, diff(schemas.LocalBehind, "P1", record("P1", schemas.Closed, 10000), record("P1", schemas.Success, 10000)))
	n.apply()
	if c := n.want("P1", schemas.CaseOpen, schemas.LocalBehind, 10000); c.Flag != store.FixContradicted || c.Priority != 1 {
		t.Errorf("%+v", c.Case)
	}
}

// The history cannot be rewritten, and no case disappears.
func TestHistoryIsAppendOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cases.db")
	ctx := context.Background()
	db, err := store.Open(ctx, path, func() time.Time { return clock }, true)
	if err != nil {
		t.Fatal(err)
	}
	n := &night{T: t, db: db}
	if n.table, err = resolve.Load(); err != nil {
		t.Fatal(err)
	}
	n.run(day, nil, channelOnly("P1", 500))
	n.propose("P1", store.Accept)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	raw, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	for _, q := range []string{
		`UPDATE case_event SET who = 'x'`, `DELETE FROM case_event`, `INSERT OR REPLACE INTO case_event SELECT * FROM case_event`,
		`DELETE FROM recon_case`, `DELETE FROM case_proposal`, `UPDATE case_proposal SET checker = maker, state = 'APPROVED'`,
	} {
		if _, err := raw.ExecContext(ctx, q); err == nil {
			t.Errorf("%s went through", q)
		}
	}
}

// Findings that are not of the account and date, or have no evidence, are
// refused whole.
func TestFindingsOfAnotherDayAreRefused(t *testing.T) {
	n := newNight(t)
	good := n.decide(wide(), channelOnly("P1", 500), channelOnly("P2", 500))
	for name, change := range map[string]func(*schemas.Finding){
		"account":  func(f *schemas.Finding) { f.Difference.Account = "other" },
		"date":     func(f *schemas.Finding) { f.Difference.BillDate++ },
		"case":     func(f *schemas.Finding) { f.CaseID = "" },
		"evidence": func(f *schemas.Finding) { f.Evidence = "" },
		"rows":     func(f *schemas.Finding) { f.Difference = nil },
	} {
		bad := n.decide(wide(), channelOnly("P3", 500))
		change(bad[0])
		_, err := n.db.ApplyFindings(context.Background(), store.Lease{}, store.Findings{Account: account, Date: day, RunID: "run1", Findings: each(append(good[:2:2], bad...))})
		if err == nil {
			t.Errorf("%s: went through", name)
		}
	}
	if list, err := n.db.Cases(context.Background(), store.CaseFilter{All: true}); err != nil || len(list) != 0 {
		t.Errorf("%v, %v", list, err)
	}
	lost := store.Lease{Name: "wechat-main|2026-11-20", Token: 7}
	_, err := n.db.ApplyFindings(context.Background(), lost, store.Findings{Account: account, Date: day, RunID: "run1", Findings: each(good)})
	wantFault(t, err, "E-4081")
}

// A row that broke on its day is paired late, with another amount: one case,
// which exposes the delta only.
func TestLatePairWithAnotherAmount(t *testing.T) {
	n := newNight(t)
	n.paid("P1", 10000)
	n.run(day, nil, localOnly("P1", 10000))
	n.apply()
	n.run(day+2, []schemas.Explained{{Kind: schemas.Payment, Key: "P1", Reason: "Paired late with wx-P1."}},
		diff(schemas.AmountMismatch, "P1", record("P1", schemas.Success, 10000), record("P1", schemas.Success, 9900)))
	n.apply()
	n.want("P1", schemas.CaseOpen, schemas.AmountMismatch, -100)
}
