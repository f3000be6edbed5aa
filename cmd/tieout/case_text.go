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
func (a *app) printCaseFile(f store.CaseFile) error {
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
	t.add(a.tr("why", "原因"), fault.Safe(k.Reason, 300))
	t.add(a.tr("first seen", "首次出现"), k.FirstSeen.String()+a.tr(", due ", "，时限 ")+k.DueOn.String())
	t.add(a.tr("owner", "负责人"), cmp.Or(fault.Safe(k.Owner, 60), a.tr("nobody", "无")))
	t.add(a.tr("evidence", "证据摘要"), k.Evidence)
	t.add(a.tr("may be proposed", "可提议"), cmp.Or(strings.Join(f.Offered, ", "), a.tr("nothing now", "当前无")))
	if err := t.print(a.out, "  "); err != nil {
		return err
	}
	if err := a.printProposals(f); err != nil {
		return err
	}
	return a.printHistory(f)
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
		t.add(x.State, string(x.Fix.Kind)+" "+report.Word(a.lang, "fix", x.Fix.Kind), a.amount(x.Fix.AmountMinor, x.Fix.Currency), fault.Safe(x.Reason, 120))
	}
	fmt.Fprintln(a.out, a.tr("proposals and fixes", "提议与处理"))
	return t.print(a.out, "  ")
}

func (a *app) printHistory(f store.CaseFile) error {
	t := newTable()
	for _, e := range f.History {
		t.add(e.At.UTC().Format(time.RFC3339), fault.Safe(e.Who, 40), e.What, fault.Safe(e.Note, 200))
	}
	fmt.Fprintln(a.out, a.tr("history", "历史"))
	return t.print(a.out, "  ")
}
