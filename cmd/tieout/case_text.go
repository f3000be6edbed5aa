package main

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"tieout/internal/fault"
	"tieout/internal/report"
	"tieout/internal/store"
	"tieout/schemas"
)

// printCases lists cases, a line each.
func (a *app) printCases(cases []schemas.Case) error {
	t := newTable(8)
	t.add(a.tr("case", "差错单"), a.tr("prio", "优先级"), a.tr("state", "状态"), a.tr("due", "时限"), a.tr("account", "账户"), a.tr("kind", "类型"), a.tr("number", "单号"),
		a.tr("class", "分类"), a.tr("in suspense", "挂账"), a.tr("owner", "负责人"))
	for _, k := range cases {
		class := k.Class.String()
		if a.lang == fault.Chinese {
			class = report.Word(a.lang, "class", k.Class)
		}
		if k.Flag != "" {
			class += " " + k.Flag
		}
		t.add(k.ID, "P"+strconv.Itoa(k.Priority), string(k.State), k.DueOn.String(), k.Account, report.Word(a.lang, "kind", k.Kind), fault.Safe(k.Key, 40), class,
			a.amount(k.SuspendMinor, k.Currency), fault.Safe(k.Owner, 20))
	}
	return t.print(a.out, "")
}

// printCaseFile shows one case: what it is, both amounts, what may be done, and
// what was done.
func (a *app) printCaseFile(f caseShown) error {
	k := f.Case
	fmt.Fprintf(a.out, "%s  P%d  %s %s\n", k.ID, k.Priority, k.State, report.Word(a.lang, "case", k.State))
	t := newTable()
	t.add(a.tr("what", "差错"), k.Class.String()+" "+report.Word(a.lang, "class", k.Class)+", "+a.tr("cell ", "决策表 ")+k.Cell)
	if k.Flag != "" {
		t.add(a.tr("flag", "标记"), k.Flag)
	}
	t.add(a.tr("row", "流水"), fmt.Sprintf("%s %s %s (%s)", report.Word(a.lang, "kind", k.Kind), fault.Safe(k.Key, 64), k.Account, k.Channel))
	t.add(a.tr("our books", "我方账面"), a.amount(k.LocalMinor, k.Currency))
	t.add(a.tr("channel", "渠道账单"), a.amount(k.ChannelMinor, k.Currency))
	t.add(a.tr("in suspense", "挂账"), a.amount(k.SuspendMinor, k.Currency))
	t.add(a.tr("why", "原因"), a.tell(k.Reason, 300))
	t.add(a.tr("first seen", "首次出现"), k.FirstSeen.String()+a.tr(", due ", "，时限 ")+k.DueOn.String())
	t.add(a.tr("owner", "负责人"), cmp.Or(fault.Safe(k.Owner, 60), a.tr("nobody", "无")))
	t.add(a.tr("evidence", "证据摘要"), k.Evidence)
	t.add(a.tr("may be proposed", "可提议"), cmp.Or(strings.Join(f.Offered, ", "), a.tr("nothing now", "当前无")))
	for _, kind := range f.Elsewhere {
		t.add(a.tr("or elsewhere", "或在贵方系统"), a.elsewhere(kind, k))
	}
	if len(f.Elsewhere) > 0 {
		t.add("", fmt.Sprintf(a.tr("then `tieout rerun --date %s --account %s`: the case closes by itself", "然后运行 `tieout rerun --date %s --account %s`，差错将自动关闭"), datesOf(k), k.Account))
	}
	if err := t.print(a.out, "  "); err != nil {
		return err
	}
	if err := a.printProposals(f.CaseFile); err != nil {
		return err
	}
	return a.printHistory(f.CaseFile)
}

// caseShown is a case with the fixes that only the system that keeps the books
// can make.
type caseShown struct {
	store.CaseFile
	Elsewhere []schemas.FixKind `json:"elsewhere,omitempty"`
}

// shown divides what a case offers by who can do it.
func (s *site) shown(f store.CaseFile) caseShown {
	c := caseShown{CaseFile: f}
	c.Offered = nil
	for _, what := range f.Offered {
		if kind := schemas.FixKind(what); s.writable(kind) {
			c.Offered = append(c.Offered, what)
		} else {
			c.Elsewhere = append(c.Elsewhere, kind)
		}
	}
	return c
}

// writable tells whether a fix is ours to make: books in files or in another
// database are read and never written.
func (s *site) writable(kind schemas.FixKind) bool {
	return s.cfg.Local.Source == "core" || !kind.MovesOrder()
}

// elsewhere says what to do in the system that keeps the books.
func (a *app) elsewhere(kind schemas.FixKind, k schemas.Case) string {
	row := report.Word(a.lang, "kind", k.Kind) + " " + fault.Safe(k.Key, 64)
	switch kind {
	case schemas.FixSetSuccess:
		return fmt.Sprintf(a.tr("in your own system, %s succeeded with %s: book it, and tell whoever waits for it", "%s 已成功，金额 %s：请入账并通知下游"), row, a.amount(k.ChannelMinor, k.Currency))
	case schemas.FixSetClosed:
		return fmt.Sprintf(a.tr("in your own system, close %s: the channel took no money", "%s 渠道未收款：请关闭"), row)
	case schemas.FixSetFailed:
		return fmt.Sprintf(a.tr("in your own system, %s failed: the channel refused it", "%s 渠道已拒绝：请置为失败"), row)
	case schemas.FixAdjustFee:
		return fmt.Sprintf(a.tr("in your own system, correct the fee of %s to what the channel charged", "%s：请按渠道实收更正手续费"), row)
	}
	return string(kind)
}

// datesOf are the days whose rerun looks at a case again.
func datesOf(k schemas.Case) string {
	if k.FirstSeen == k.LastSeen {
		return k.FirstSeen.String()
	}
	return k.FirstSeen.String() + ".." + k.LastSeen.String()
}

func (a *app) printProposals(f store.CaseFile) error {
	if len(f.Proposals)+len(f.Fixes) == 0 {
		return nil
	}
	t := newTable()
	for _, p := range f.Proposals {
		t.add(p.State, p.What, a.tr("by ", "经办 ")+fault.Safe(p.Maker, 40)+": "+fault.Safe(p.Reason, 120), strings.TrimSpace(a.tr("checker ", "复核 ")+cmp.Or(fault.Safe(p.Checker, 40), "-")+" "+fault.Safe(p.Answer, 120)))
	}
	for _, x := range f.Fixes {
		t.add(x.State, string(x.Fix.Kind)+" "+report.Word(a.lang, "fix", x.Fix.Kind), a.amount(x.Fix.AmountMinor, x.Fix.Currency), a.tell(x.Reason, 120))
	}
	fmt.Fprintln(a.out, a.tr("proposals and fixes", "提议与处理"))
	return t.print(a.out, "  ")
}

func (a *app) printHistory(f store.CaseFile) error {
	t := newTable()
	for _, e := range f.History {
		t.add(e.At.UTC().Format(time.RFC3339), fault.Safe(e.Who, 40), e.What, a.note(e))
	}
	fmt.Fprintln(a.out, a.tr("history", "历史"))
	return t.print(a.out, "  ")
}

// note is what an event says; what people wrote stays as they wrote it.
func (a *app) note(e store.CaseEvent) string {
	switch e.What {
	case "PROPOSED", "REJECTED", "ASSIGNED", "COMMENT":
		return fault.Safe(e.Note, 200)
	}
	return a.tell(e.Note, 200)
}
