package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"tieout/internal/bizday"
	"tieout/internal/fault"
	"tieout/internal/pipeline"
	"tieout/internal/report"
	"tieout/normalize"
	"tieout/schemas"
	"tieout/schemas/channels"
)

// channelCmd looks at channels and at what they sent.
type channelCmd struct {
	List     channelListCmd     `cmd:"" help:"List the channels and their statements."`
	Show     channelShowCmd     `cmd:"" help:"Show one channel: its day, windows, formats and columns."`
	Check    channelCheckCmd    `cmd:"" help:"Ask each account's channel for a statement, store nothing, and say what answered."`
	Describe channelDescribeCmd `cmd:"" help:"Say what a statement file holds; the exit code is what a run would give."`
	Tasks    channelTasksCmd    `cmd:"" help:"List payments and refunds whose channel gave no certain answer."`
	Route    channelRouteCmd    `cmd:"" help:"Show which account was chosen for a payment, and why."`
	Retry    channelRetryCmd    `cmd:"" help:"Have the program ask again about one that waits for a person."`
}

type channelListCmd struct{}

// Run is called by kong.
func (*channelListCmd) Run(a *app) error {
	defs, err := channels.All()
	if err != nil {
		return err
	}
	if a.cli.JSON {
		return a.printJSON(defs)
	}
	for _, d := range defs {
		title := d.Title.EN
		if a.lang == fault.Chinese {
			title = d.Title.ZH
		}
		var kinds []string
		for _, s := range d.Statements {
			kinds = append(kinds, s.Kind+" "+strings.Join(s.Variants, "/"))
		}
		fmt.Fprintf(a.out, "%-10s %-28s %s\n", d.Name, title, strings.Join(kinds, ", "))
	}
	return nil
}

type channelShowCmd struct {
	Name string `arg:"" help:"Channel."`
}

// Run is called by kong.
func (c *channelShowCmd) Run(a *app) error {
	d, err := channelByName(c.Name)
	if err != nil {
		return err
	}
	if a.cli.JSON {
		return a.printJSON(d)
	}
	fmt.Fprintf(a.out, a.tr("%s  %s / %s  definition %s\nday: %s, cut-off %s; currency %s\nwindow: %s before, %s after the cut-off\n",
		"%s  %s / %s  定义版本 %s\n账单日：%s，日切 %s；币种 %s\n日切窗口：之前 %s，之后 %s\n"), d.Name, d.Title.EN, d.Title.ZH, d.Version,
		d.Zone, d.CutOff, d.Currency, d.Match.WindowBefore, d.Match.WindowAfter)
	for _, f := range d.Formats {
		fmt.Fprintf(a.out, a.tr("format %-28s %-6s %-10s %s %s\n", "格式 %-28s %-6s %-10s %s %s\n"), f.Name, f.Statement, f.Shape, f.Encoding, strings.Join(f.Variants, "/"))
	}
	return nil
}

func channelByName(name string) (*channels.Definition, error) {
	defs, names, err := definitions(nil)
	if err != nil {
		return nil, err
	}
	d, ok := defs[name]
	if !ok {
		return nil, fault.New("E-6401", fault.V{"command": "channel", "reason": fmt.Sprintf("no channel %q; known: %s", name, strings.Join(names, ", "))}, nil)
	}
	return d, nil
}

// channelCheckCmd tries the way to each channel.
type channelCheckCmd struct {
	dates
	accounts
}

// checked is what one account's channel answered.
type checked struct {
	Account   string             `json:"account"`
	Statement string             `json:"statement"`
	State     schemas.FetchState `json:"state,omitempty"`
	Detail    string             `json:"detail,omitempty"`
	Bytes     int64              `json:"bytes"`
	Proofs    []schemas.Proof    `json:"proofs,omitempty"`
	Error     string             `json:"error,omitempty"`
	Millis    int64              `json:"ms"`
}

// Run is called by kong. Nothing is stored: the bytes are counted and dropped.
func (c *channelCheckCmd) Run(a *app) error {
	site, err := a.open()
	if err != nil {
		return err
	}
	defer site.close()
	accts, err := site.selected(c.accounts)
	if err != nil {
		return err
	}
	var all []checked
	codes := []int{0}
	for _, acct := range accts {
		date, _, err := a.span(c.Date, acct.Definition.Day().Zone)
		if err != nil {
			return err
		}
		for _, spec := range acct.Statements {
			res, code := a.checkOne(acct, spec, date)
			all = append(all, res)
			codes = append(codes, code)
		}
	}
	if a.cli.JSON {
		if err := a.printJSON(all); err != nil {
			return err
		}
	}
	if worst := fault.Worst(codes...); worst != 0 {
		return exitCode(worst)
	}
	return nil
}

func (a *app) checkOne(acct pipeline.Account, spec pipeline.StatementSpec, date bizday.Date) (checked, int) {
	res := checked{Account: acct.Name, Statement: spec.String()}
	began := a.now()
	drop := func(_ context.Context, name string, r io.Reader) (schemas.FileUsed, error) {
		n, err := io.Copy(io.Discard, r)
		res.Bytes += n
		return schemas.FileUsed{Name: name, Size: n, SHA256: strings.Repeat("0", 64)}, err
	}
	got, err := acct.Source.Fetch(a.ctx, schemas.StatementRequest{Channel: acct.Definition.Name, Account: acct.Merchant, Date: date, Statement: spec.Kind, Variant: spec.Variant}, drop)
	res.State, res.Detail, res.Proofs, res.Millis = got.State, got.Detail, got.Proofs, a.now().Sub(began).Milliseconds()
	if err != nil {
		f := fault.Of(err)
		res.Error = string(f.ID)
		a.message(f)
		return res, f.Exit()
	}
	detail := ""
	if res.Detail != "" {
		detail = a.tr(": ", "：") + a.tell(res.Detail, 80)
	}
	a.say(fmt.Sprintf("%s %s %s: %s, %d bytes in %s%s", acct.Name, spec, date, res.State, res.Bytes, time.Duration(res.Millis)*time.Millisecond, detail),
		fmt.Sprintf("%s %s %s：%s，%d 字节，用时 %s%s", acct.Name, spec, date, res.State, res.Bytes, time.Duration(res.Millis)*time.Millisecond, detail))
	return res, 0
}

// channelDescribeCmd says what a file holds.
type channelDescribeCmd struct {
	File       []string `arg:"" type:"existingfile" help:"Statement file as the channel gave it; several if they belong together."`
	Channel    string   `placeholder:"NAME" help:"Channel; default: found out."`
	Merchant   string   `placeholder:"NUMBER" help:"Merchant number that every row must carry; default: what the file says."`
	Date       string   `short:"d" placeholder:"DATE" help:"Bill date that every row must have; default: what the file says."`
	Definition string   `type:"existingfile" placeholder:"FILE" help:"Definition file of your own bank's format."`
}

// described is what describe prints as JSON.
type described struct {
	Code      int               `json:"code"`
	Statement schemas.Statement `json:"statement"`
	Merchant  string            `json:"merchant"`
	Date      bizday.Date       `json:"date"`
	Rejects   []schemas.Reject  `json:"rejects"`
	Error     string            `json:"error,omitempty"`
	Message   string            `json:"message,omitempty"`
}

// Run is called by kong.
func (c *channelDescribeCmd) Run(a *app) error {
	defs, err := c.definitions()
	if err != nil {
		return err
	}
	date := bizday.None
	if c.Date != "" {
		if date, err = bizday.Parse(c.Date); err != nil {
			return fault.New("E-6401", fault.V{"command": "channel describe", "reason": err.Error()}, nil)
		}
	}
	var files []normalize.File
	for _, path := range c.File {
		more, closer, err := openStatement(a.ctx, path)
		if err != nil {
			return err
		}
		defer closer()
		files = append(files, more...)
	}
	def, _, merchant, day, err := normalize.Detect(defs, files)
	if err != nil {
		return a.noChannelKnows(defs, files, err)
	}
	if c.Merchant != "" {
		merchant = c.Merchant
	}
	if date == bizday.None {
		date = day
	}
	sink := &describeSink{}
	st, err := normalize.Statement(a.ctx, normalize.Input{Definition: def, Account: cmp.Or(merchant, def.Name), Merchant: merchant, Date: date, Files: files}, sink)
	if f := normalize.Incomplete(st); err == nil && f != nil {
		err = f
	}
	if err != nil && errors.Is(err, a.ctx.Err()) {
		return err
	}
	return a.printDescribed(described{Statement: st, Merchant: merchant, Date: date, Rejects: sink.rejects}, err)
}

// refusal is why one channel does not know a file.
type refusal struct {
	Channel string   `json:"channel"`
	Error   fault.ID `json:"error"`
	Why     string   `json:"why"`
}

// noChannelKnows says, when no channel knows the files, what each of them says.
// A fault of a file that is known stays the answer.
func (a *app) noChannelKnows(defs []*channels.Definition, files []normalize.File, detected error) error {
	if id := fault.Of(detected).ID; len(defs) == 1 || id != "E-2430" && id != "E-2431" {
		return detected
	}
	var tried []refusal
	var names []string
	for _, d := range defs {
		_, _, _, _, err := normalize.Detect([]*channels.Definition{d}, files)
		if err == nil { // one of several files: what does not fit is among the others
			return detected
		}
		f := fault.Of(err)
		why, _, _ := strings.Cut(strings.TrimPrefix(f.Message(a.lang), string(f.ID)+" "), "\n")
		tried, names = append(tried, refusal{d.Name, f.ID, why}), append(names, d.Name)
	}
	f := fault.New("E-2480", fault.V{"file": files[0].Name, "channels": strings.Join(names, ", ")}, nil)
	if a.cli.JSON {
		a.result.Code = f.Exit()
		if err := a.printJSON(map[string]any{"code": f.Exit(), "error": f.ID, "message": f.Message(a.lang), "tried": tried}); err != nil {
			return err
		}
		return exitCode(f.Exit())
	}
	t := newTable()
	for _, r := range tried {
		t.add(r.Channel, string(r.Error), r.Why)
	}
	return errors.Join(t.print(a.err, "  "), f)
}

func (c *channelDescribeCmd) definitions() ([]*channels.Definition, error) {
	var own []string
	if c.Definition != "" {
		own = []string{c.Definition}
	}
	byName, names, err := definitions(own)
	if err != nil {
		return nil, err
	}
	var defs []*channels.Definition
	for _, n := range names {
		if c.Channel == "" || c.Channel == n {
			defs = append(defs, byName[n])
		}
	}
	if len(defs) == 0 {
		_, err := channelByName(c.Channel)
		return nil, err
	}
	return defs, nil
}

func (a *app) printDescribed(d described, err error) error {
	if err != nil {
		f := fault.Of(err)
		d.Code, d.Error, d.Message = f.Exit(), string(f.ID), f.Message(a.lang)
	} else if d.Statement.Rejects > 0 {
		d.Code = 10 // a run takes the other rows, and people look at these
	}
	a.result = resultLine{Code: d.Code, Date: d.Date.String(), Channel: d.Statement.Channel}
	if a.cli.JSON {
		if err := a.printJSON(d); err != nil {
			return err
		}
	} else if d.Code != 0 || !a.cli.Quiet {
		if err := a.describeText(d); err != nil {
			return err
		}
	}
	switch {
	case d.Code == 0:
		return nil
	case err != nil && !a.cli.JSON:
		return err
	}
	return exitCode(d.Code)
}

func (a *app) describeText(d described) error {
	st := d.Statement
	orNone := func(s string) string {
		return cmp.Or(fault.Safe(s, 64), a.tr("the file does not say", "文件未注明"))
	}
	head := newTable()
	head.add(a.tr("channel", "渠道"), orNone(st.Channel))
	head.add(a.tr("format", "格式"), st.Kind+" "+st.Format)
	head.add(a.tr("merchant", "商户号"), orNone(d.Merchant))
	head.add(a.tr("bill date", "账单日"), orNone(d.Date.String()))
	head.add(a.tr("rows", "行数"), fmt.Sprintf(a.tr("%d = %d records + %d rejects", "%d = 记录 %d + 拒收 %d"), st.Rows, st.Records, st.Rejects))
	if err := head.print(a.out, ""); err != nil {
		return err
	}
	sums := newTable(1, 2, 3)
	for _, t := range st.Totals {
		sums.add(report.Word(a.lang, "kind", t.Kind), strconv.FormatInt(t.Rows, 10)+a.tr(" rows", " 行"), a.amount(t.Minor, t.Currency), a.tr("fee ", "手续费 ")+a.amount(t.FeeMinor, t.Currency))
	}
	if err := sums.print(a.out, "  "); err != nil {
		return err
	}
	if err := printProofs(a, st.Proofs); err != nil {
		return err
	}
	for _, w := range st.Warnings {
		fmt.Fprintln(a.out, a.tr("  warning: ", "  提示：")+a.tell(w, 200))
	}
	for _, r := range d.Rejects {
		where := a.tr("whole row", "整行")
		if r.Column > 0 {
			where = fmt.Sprintf(a.tr("column %d %s", "第 %d 列 %s"), r.Column, fault.Safe(r.Field, 40))
		}
		fmt.Fprintf(a.out, a.tr("  reject: %s line %d byte %d %s: %s %s\n", "  拒收：%s 第 %d 行 字节 %d %s：%s %s\n"), fault.Safe(r.File, 60), r.Line, r.Offset, where, a.tell(r.Reason, 200), fault.Quote(r.Value))
	}
	if more := st.Rejects - int64(len(d.Rejects)); more > 0 {
		fmt.Fprintf(a.out, a.tr("  … and %d more rejects\n", "  …… 另有拒收 %d 行\n"), more)
	}
	return nil
}

// describeSink keeps the first rejects and lets records go.
type describeSink struct{ rejects []schemas.Reject }

// Batch implements normalize.Sink.
func (*describeSink) Batch(*schemas.Batch) error { return nil }

// Reject implements normalize.Sink.
func (s *describeSink) Reject(r schemas.Reject) error {
	if len(s.rejects) < 100 {
		s.rejects = append(s.rejects, r)
	}
	return nil
}
