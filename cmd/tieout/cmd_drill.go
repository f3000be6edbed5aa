package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"tieout/internal/drill"
	"tieout/internal/fault"
)

// drillCmd needs no configuration and touches no database but its own.
type drillCmd struct {
	Seed uint64 `help:"Seed of the amounts of the played world." default:"20261120"`
}

// Run is called by kong. A kind that is not found, and an alarm without a
// fault, end with exit code 70.
func (c *drillCmd) Run(a *app) (err error) {
	dir, err := os.MkdirTemp("", "tieout-drill-*")
	if err != nil {
		return fault.New("E-4101", fault.V{"path": os.TempDir(), "reason": err.Error()}, err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	kinds := drill.Kinds()
	bar := a.countBar("drill", len(kinds))
	report, err := drill.Run(a.ctx, dir, c.Seed, kinds, func(kind string) { bar.End(kind, nil) })
	bar.finish()
	if err != nil {
		return err
	}
	if a.cli.JSON {
		err = a.printJSON(report)
	} else if !a.cli.Quiet || report.Failed() > 0 {
		err = a.printDrill(report, kinds)
	}
	if err == nil && report.Failed() > 0 {
		err = fault.New("E-7005", fault.V{"failed": report.Failed(), "kinds": len(kinds)}, nil)
	}
	return err
}

func (a *app) printDrill(r drill.Report, kinds []drill.Kind) error {
	t := newTable()
	t.add("", a.tr("kind", "类型"), a.tr("what is planted", "植入内容"), a.tr("database", "数据库"), a.tr("after", "发现时间"), a.tr("found by", "发现者"))
	for _, l := range r.Lines {
		k := kinds[slices.IndexFunc(kinds, func(k drill.Kind) bool { return k.ID == l.Kind })]
		mark, refused, by := a.tr("ok", "通过"), "-", strings.Join(l.FoundBy, " ")
		if l.Wrong != "" {
			mark = a.tr("FAIL", "未通过")
		}
		if l.Refused {
			refused = a.tr("refuses it", "拒绝")
		}
		if l.After == drill.Never {
			by = a.tr(k.Blind.EN, k.Blind.ZH)
		}
		t.add(mark, l.Kind, a.tr(k.Name.EN, k.Name.ZH), refused, a.drillWhen(l.After), by)
	}
	if err := t.print(a.out, ""); err != nil {
		return err
	}
	for _, alarm := range r.Alarms {
		fmt.Fprintln(a.out, a.tr("alarm without a fault: ", "误报：")+alarm)
	}
	return nil
}

func (a *app) drillWhen(w drill.When) string {
	switch w {
	case drill.Minute:
		return a.tr("1st run, a minute", "第 1 次，一分钟内")
	case drill.DaysEnd:
		return a.tr("whole run, a day", "全量核对，一日内")
	case drill.OnVerify:
		return a.tr("tieout verify", "tieout verify")
	}
	return a.tr("not by our books", "账面无法发现")
}
