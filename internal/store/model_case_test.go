package store

import (
	"context"
	"fmt"
	"iter"
	"slices"

	"tieout/internal/bizday"
	"tieout/schemas"
)

// modelBreaks are the breaks that nights found, each with its case.
type modelBreaks struct {
	cases map[string]*modelCase // by id
	ids   []string              // the oldest first
}

// modelCase is a break of one key on one bill date. What it holds in suspense
// follows what is open as soon as the fixes of the night are applied.
type modelCase struct {
	key     string
	date    bizday.Date
	open    int64 // what is open, + the channel has more, - we have; 0 = it was withdrawn, or people decided
	found   int64 // what the runs find now, decided or not; 0 = nothing
	held    int64 // in suspense
	written int64 // off
	state   schemas.CaseState
	asked   string // what is proposed
	unnoted bool   // the last fix is in the books, and the case does not know
}

// stands: the clearing account agrees with the channel, suspense has the rest.
func (c *modelCase) stands(add, _ func(string, int64)) {
	add("clearing:wechat:wechat-main", c.held+c.written)
	add("write_off:wechat:wechat-main", -c.written)
	if c.held > 0 {
		add("suspense_received:wechat:wechat-main", -c.held)
	} else {
		add("suspense_paid:wechat:wechat-main", -c.held)
	}
}

// waits are the fixes that must be applied before suspense is what is open.
func (c *modelCase) waits() (n int) {
	switch {
	case c.asked == writeOff && c.state == schemas.CaseProposed && c.open == 0:
		return 1
	case c.held == c.open:
		return 0
	case c.held == 0 || c.open == 0:
		return 1
	}
	return 2
}

// noted: the case knows what the books did. A write-off was the last thing.
func (c *modelCase) noted() {
	if c.unnoted = false; c.state == schemas.CaseProposed && c.open == 0 && c.held == 0 {
		c.state = schemas.CaseResolved
	}
}

const writeOff = string(schemas.FixWriteOff)

func (m *model) drawBreak() act {
	switch m.IntN(8) {
	case 0, 1:
		return m.night()
	case 2, 3:
		return m.applyFixes()
	case 4, 5:
		return m.propose()
	}
	return m.judge()
}

// night is a run of one date: it finds some breaks anew, some no longer, some
// with another amount, and one more.
func (m *model) night() act {
	date := billDay + bizday.Date(m.IntN(3))
	key := m.fresh("C")
	if m.IntN(2) == 0 {
		key = m.pick("P")
	}
	id := "case " + key
	if m.cases[id] == nil {
		m.cases[id] = &modelCase{key: key, date: date}
		m.ids = append(m.ids, id)
	}
	var list []*schemas.Finding
	for _, id := range m.ids {
		c := m.cases[id]
		c.noted() // a run catches up with the books
		if c.date != date {
			continue
		}
		c.refound(m)
		if c.found != 0 {
			list = append(list, c.finding(id))
		}
	}
	list = append(list, m.another(date))
	run := fmt.Sprint("run-", m.op)
	return m.call("night", fmt.Sprint(date, len(list)), "", false, func() (string, error) {
		_, err := m.db.ApplyFindings(context.Background(), Lease{}, Findings{Account: "wechat-main", Date: date, RunID: run, Findings: each(list)})
		return "", err
	})
}

// another is a break that nobody has seen before: something always changes.
func (m *model) another(date bizday.Date) *schemas.Finding {
	c, id := &modelCase{key: m.fresh("N"), date: date}, ""
	id = "case " + c.key
	m.cases[id], m.ids = c, append(m.ids, id)
	c.refound(m)
	if c.found == 0 {
		c.found, c.open, c.state = 7, 7, schemas.CaseOpen
	}
	return c.finding(id)
}

// refound draws what a run finds of a break. What people decided stays.
func (c *modelCase) refound(m *model) {
	if c.state == schemas.CaseResolved || c.state == schemas.CaseProposed && c.open == 0 {
		return
	}
	before := c.found
	switch n := m.IntN(5); {
	case n == 0:
		c.found = 0
	case n == 1 || before == 0:
		if c.found = int64(m.IntN(200) - 100); c.found == before {
			c.found = before + 1000
		}
	}
	if c.open = c.found; c.found != before {
		c.asked = ""
		if c.state = schemas.CaseOpen; c.found == 0 {
			c.state = schemas.CaseWithdrawn
		}
	}
}

func (c *modelCase) finding(id string) *schemas.Finding {
	row := &schemas.Record{Channel: "wechat", Account: "1900000001", Kind: schemas.Payment, MerchantRef: c.key, Status: schemas.Success, AmountMinor: max(c.found, -c.found),
		Currency: "CNY", EventTime: testStart.UnixMicro(), BillDate: c.date}
	return &schemas.Finding{CaseID: id, Exposure: c.found, Evidence: fmt.Sprint(c.key, c.found), Decision: schemas.Decision{Cell: "P11", Action: schemas.ActionManual, Priority: 1},
		Difference: &schemas.Difference{Outcome: schemas.Outcome{Class: schemas.ChannelOnly, Rule: "plain"}, Account: "wechat-main", BillDate: c.date, Kind: schemas.Payment, Key: c.key,
			Currency: "CNY", ChannelRow: row, FirstSeen: c.date, BreakOn: bizday.None, Reason: "Only the channel has it."}}
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

// applyFixes applies the first fixes that wait. Once none waits, suspense is what
// is open.
func (m *model) applyFixes() act {
	waiting := 0
	for _, c := range m.cases {
		if waiting += c.waits(); c.unnoted {
			waiting++
		}
	}
	n := waiting
	if m.IntN(3) == 0 {
		n = m.IntN(waiting + 1)
	}
	want := "NOTHING"
	if n > 0 {
		want = fmt.Sprintf("%d of %d", n, waiting)
	}
	noted := m.IntN(4) > 0 // else the process dies before the last one is noted
	return m.call("fixes", fmt.Sprint(noted), want, n == 0, func() (string, error) {
		ctx := context.Background()
		list, err := m.db.PendingFixes(ctx, "wechat-main")
		if err != nil || len(list) != waiting || n == 0 {
			return fmt.Sprintf("NOTHING%.*s", 9*min(1, max(len(list)-waiting, waiting-len(list))), " of other"), err
		}
		for i, f := range list[:n] {
			c, want := m.cases[f.CaseID], applied
			if c.unnoted {
				want = alreadyApplied
			} else if why := m.follow(f); why != "" {
				return why, nil
			}
			got, err := m.db.ApplyFix(ctx, f)
			if err != nil || got.State != want {
				return got.State + got.Reason, err
			}
			if c.unnoted = i == n-1 && !noted && want == applied; c.unnoted {
				continue
			}
			if _, err := m.db.MarkFixed(ctx, got); err != nil {
				return "", err
			}
			c.noted()
		}
		return want, m.tied(n == waiting && noted)
	})
}

// follow does in the model what a fix of suspense says, or says why it is
// another one than the case needs.
func (m *model) follow(f schemas.Fix) string {
	c := m.cases[f.CaseID]
	switch {
	case f.Kind == schemas.FixReleaseSuspense && f.AmountMinor == c.held && c.held != 0:
		m.become(c, func() { c.held = 0 })
	case f.Kind == schemas.FixSuspend && c.held == 0 && f.AmountMinor == c.open && c.open != 0:
		m.become(c, func() { c.held = c.open })
	case f.Kind == schemas.FixWriteOff && c.asked == writeOff && f.AmountMinor == c.held:
		m.become(c, func() { c.held, c.written = 0, c.written+c.held })
		c.asked = ""
	default:
		return fmt.Sprintf("%s of %d is not what %+v needs", f.Kind, f.AmountMinor, c)
	}
	return ""
}

// tied holds what the cases say against the model: whole, suspense is the open
// breaks.
func (m *model) tied(whole bool) error {
	sums, err := m.db.SuspenseSum(context.Background(), "wechat-main")
	if err != nil {
		return err
	}
	var held, open, got int64
	for _, c := range m.cases {
		held, open = held+c.held, open+c.open
	}
	for _, s := range sums {
		got += s.Open + s.Leaving
	}
	if got != held || whole && got != open {
		return fmt.Errorf("the cases hold %d, the model says %d; open are %d", got, held, open)
	}
	return nil
}

// someCase is one of the last cases.
func (m *model) someCase() (string, *modelCase) {
	if len(m.ids) == 0 {
		return "case of nobody", nil
	}
	id := m.ids[len(m.ids)-1-m.IntN(min(len(m.ids), 12))]
	return id, m.cases[id]
}

// propose is the first person's word about a case.
func (m *model) propose() act {
	id, c := m.someCase()
	what, want := []string{Accept, writeOff}[m.IntN(2)], ""
	switch {
	case c == nil || c.state == "":
		want = "E-6471"
	case c.state != schemas.CaseOpen:
		want = "E-6472"
	case what == writeOff && !m.holds(id):
		want = "E-6473"
	default:
		c.state, c.asked = schemas.CaseProposed, what
	}
	return m.call("propose", id+" "+what, want, want != "", func() (string, error) {
		seen, err := m.db.Case(context.Background(), id)
		if err != nil {
			return "", err
		}
		_, err = m.db.Propose(context.Background(), Asked{CaseID: id, Version: seen.Version, Evidence: seen.Evidence, Maker: "lin", What: what, Reason: "r"})
		return "", err
	})
}

// holds tells whether a case has noted that it holds something.
func (m *model) holds(id string) bool {
	seen, err := m.db.Case(context.Background(), id)
	return err == nil && seen.SuspendMinor != 0
}

// judge is the second person's.
func (m *model) judge() act {
	id, c := m.someCase()
	for range 4 { // one that is proposed, rather
		if c != nil && c.state == schemas.CaseProposed && c.open != 0 {
			break
		}
		id, c = m.someCase()
	}
	who, no := []string{"lin", "mei", "mei", "mei"}[m.IntN(4)], m.IntN(5) == 0
	want := ""
	switch {
	case c == nil || c.state == "":
		want = "E-6471"
	case c.state != schemas.CaseProposed || c.open == 0:
		want = "E-6472"
	case no:
		c.state, c.asked = schemas.CaseOpen, ""
	case who == "lin":
		want = "E-6470"
	case c.asked == writeOff && (c.held != c.open || c.held == 0 || c.unnoted):
		want = "E-6472" // its suspense is being posted
	case c.asked == writeOff:
		c.open = 0
	default:
		c.state, c.open, c.asked, c.unnoted = schemas.CaseResolved, 0, "", false
	}
	return m.call("judge", fmt.Sprint(id, who, no), want, want != "", func() (string, error) {
		seen, err := m.db.Case(context.Background(), id)
		if err != nil {
			return "", err
		}
		a := Answered{CaseID: id, Version: seen.Version, Evidence: seen.Evidence, Checker: who, Reason: "r"}
		if no {
			_, err = m.db.Reject(context.Background(), a)
			return "", err
		}
		_, err = m.db.Approve(context.Background(), a)
		return "", err
	})
}

// disputed tells whether an order has a case that is open.
func (m *model) disputed(o *modelOrder) bool {
	return slices.ContainsFunc(o.attempts, func(s *sale) bool {
		c := m.cases["case "+s.no]
		return c != nil && (c.state == schemas.CaseOpen || c.state == schemas.CaseProposed)
	})
}
