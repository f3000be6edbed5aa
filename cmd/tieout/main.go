// Command tieout reconciles payments: it downloads the statements of payment
// channels, matches them against our own books, fixes missed notifications by
// itself and queues the rest for people.
//
// This package is the only place where concrete stores, engines and protocols
// meet, and the only one that reads the clock. One file a command.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"tieout/internal/config"
	"tieout/internal/fault"
	"tieout/internal/store"
)

func main() {
	if err := keepPrivate(); err != nil {
		fmt.Fprintln(os.Stderr, "tieout: core dumps cannot be switched off:", err)
	}
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr, time.Now, store.NetworkOf))
}

// CLI is the command line. One field a command.
type CLI struct {
	Config string `short:"c" help:"Configuration file." default:"tieout.yaml" type:"path" env:"TIEOUT_CONFIG"`
	Lang   string `help:"Language of messages and reports: zh or en." enum:",zh,en" default:""`
	JSON   bool   `help:"Print one JSON object or list instead of text."`
	Quiet  bool   `short:"q" help:"Print nothing when the exit code is 0."`
	Memory memory `help:"Memory to work in, 256MiB or more; more rows then take longer, not more memory." default:"512MiB" placeholder:"SIZE"`

	Demo    demoCmd    `cmd:"" help:"Play a month of nights in a temporary folder: payments, faults, statements, reconciliation, reports."`
	Compare compareCmd `cmd:"" help:"Compare a downloaded statement with an export of our transactions; no configuration."`
	Init    initCmd    `cmd:"" help:"Write a commented configuration to start from."`

	Run       runCmd   `cmd:"" help:"Take the accounts through a bill date: fetch, normalize, export, match, resolve, apply, report."`
	Fetch     stageCmd `cmd:"" help:"Fetch the statements of a bill date and stop."`
	Normalize stageCmd `cmd:"" help:"Fetch if needed, read the statements, and stop."`
	Export    stageCmd `cmd:"" help:"Go on to the export of our transactions, and stop."`
	Match     stageCmd `cmd:"" help:"Go on to the match, and stop."`
	Resolve   stageCmd `cmd:"" help:"Go on to the decisions, and stop before anything is applied."`
	Apply     stageCmd `cmd:"" help:"Go on to the end: apply the fixes and publish the result."`

	Rerun  rerunCmd  `cmd:"" help:"Make a new attempt at a bill date and show what changed."`
	Replay replayCmd `cmd:"" help:"Compute a published day again from the raw files; --verify compares."`
	Undo   undoCmd   `cmd:"" help:"Take back the fixes of a run by compensating entries."`

	Status   statusCmd   `cmd:"" help:"Show the days: verdicts, missing days, late statements, runs at work."`
	Case     caseCmd     `cmd:"" help:"Work on the queue of differences."`
	Notify   notifyCmd   `cmd:"" help:"Look at the notices to merchants; send one again."`
	Ledger   ledgerCmd   `cmd:"" help:"Look into the books: chart, accounts, trial balance."`
	Settle   settleCmd   `cmd:"" help:"Settle with merchants: fees, batches, payouts, statements."`
	Split    splitCmd    `cmd:"" help:"Show profit splits: who gets what of an order, and where its money is."`
	Risk     riskCmd     `cmd:"" help:"Work on payments that risk holds for people."`
	Transfer transferCmd `cmd:"" help:"See to bank transfers of payers: money that is left, and transfers back."`
	Interop  interopCmd  `cmd:"" help:"Tokens of wallets at a clearing organisation, and what was paid by them."`
	Report   reportCmd   `cmd:"" help:"Write the reports of a bill date again."`
	Explain  explainCmd  `cmd:"" help:"Show everything that is known about an order, payment or refund number."`
	Diff     diffCmd     `cmd:"" help:"Show what differs between two runs."`

	Control controlCmd `cmd:"" help:"Compare orders, payments, journal, fixes and settlement with each other, all the time."`
	Drill   drillCmd   `cmd:"" help:"Plant every known kind of fund loss into copies of a small played world; show what finds it, and when."`

	Channel  channelCmd  `cmd:"" help:"List channels, check an account's connection, describe a statement file."`
	Verify   verifyCmd   `cmd:"" help:"Check the invariants of the books and of the stored files."`
	Serve    serveCmd    `cmd:"" help:"Take orders, payments and notifications, and run the nights, in one process."`
	Schedule scheduleCmd `cmd:"" help:"Print crontab or systemd units, or run in the foreground."`
	Cfg      configCmd   `cmd:"" name:"config" help:"Check or show the configuration."`
	Backup   backupCmd   `cmd:"" help:"Copy the database while runs go on, and verify the copy."`
	Migrate  migrateCmd  `cmd:"" help:"Upgrade the database; a backup is made first."`

	Bench      benchCmd      `cmd:"" help:"Measure the program on this machine."`
	Channelsim channelsimCmd `cmd:"" help:"Play the channels on loopback, to try a configuration against."`
	Version    versionCmd    `cmd:"" help:"Print the version."`
}

// app is what every command gets.
type app struct {
	cli       *CLI
	ctx       context.Context
	now       func() time.Time
	networkOf func(folder string) string // see store.NetworkOf
	in        io.Reader
	out       io.Writer // results
	err       io.Writer // messages
	lang      fault.Lang
	result    resultLine
	cmd       *kong.Context
}

// run is the whole program: arguments in, exit code out.
func run(args []string, in io.Reader, out, errw io.Writer, now func() time.Time, networkOf func(folder string) string) int {
	ctx, stop, interrupted := withSignals(context.Background())
	defer stop()
	var cli CLI
	said := &written{w: out}
	a := &app{cli: &cli, ctx: ctx, now: now, networkOf: networkOf, in: in, out: said, err: errw, lang: fault.English}
	code, done := a.parse(args)
	if done {
		return code
	}
	debug.SetMemoryLimit(cli.Memory.heap())
	err := a.cmd.Run(a)
	code = a.finish(err)
	if sig := interrupted(); sig != nil && code == 130 && sig == syscall.SIGTERM {
		code = 143
		a.result.Code = code
	}
	if cli.JSON && !said.any {
		a.printOutcome(err)
	}
	a.printResult()
	return code
}

// written knows whether anything was printed.
type written struct {
	w   io.Writer
	any bool
}

func (w *written) Write(p []byte) (int, error) {
	w.any = true
	return w.w.Write(p)
}

// printOutcome is the object of a command that printed none: --json prints one
// in any case.
func (a *app) printOutcome(err error) {
	object := map[string]any{"code": a.result.Code}
	var code exitCode
	if err != nil && !errors.As(err, &code) {
		f := faults(err)[0]
		object["error"], object["message"] = f.ID, f.Message(a.lang)
	}
	if err := a.printJSON(object); err != nil {
		fmt.Fprintln(a.err, err)
	}
}

// parse fills the CLI; done says that the program ends here (help, usage).
func (a *app) parse(args []string) (code int, done bool) {
	ended := -1
	parser, err := kong.New(a.cli, kong.Name("tieout"), kong.Description(description), kong.UsageOnError(),
		kong.Writers(a.out, a.err), kong.Exit(func(c int) { ended = c }), kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Bind(a), kong.Help(helpWithExitCodes))
	if err != nil {
		panic("tieout: the command line is declared wrongly: " + err.Error())
	}
	kctx, err := parser.Parse(asHelp(args))
	if ended >= 0 {
		return ended, true
	}
	if a.cli.Lang == "zh" || err != nil && wantsChinese(args) {
		a.lang = fault.Chinese
	}
	if err != nil {
		f := misunderstood(err)
		a.message(f)
		a.result.Code = f.Exit()
		a.printResult()
		return f.Exit(), true
	}
	a.cmd = kctx
	return 0, false
}

// asHelp turns "tieout help run" into "tieout run --help".
func asHelp(args []string) []string {
	if len(args) == 0 || args[0] != "help" {
		return args
	}
	return append(slices.Clone(args[1:]), "--help")
}

// wantsChinese looks for the language in a command line that as a whole is not
// understood.
func wantsChinese(args []string) bool {
	for i, s := range args {
		if s == "--lang=zh" || s == "--lang" && i+1 < len(args) && args[i+1] == "zh" {
			return true
		}
	}
	return false
}

// misunderstood says what is wrong with a command line, and where its help is.
func misunderstood(err error) *fault.Error {
	var parse *kong.ParseError
	if errors.As(err, &parse) {
		if node := parse.Context.Selected(); node != nil {
			return fault.New("E-6401", fault.V{"command": strings.TrimPrefix(node.FullPath(), "tieout "), "reason": err.Error()}, nil)
		}
	}
	reason := err.Error()
	if strings.HasPrefix(reason, "expected one of") {
		reason = "a command is missing"
	}
	return fault.New("E-6402", fault.V{"reason": reason}, nil)
}

// finish prints an error and returns the exit code.
func (a *app) finish(err error) int {
	var code exitCode
	switch {
	case err == nil:
		a.result.Code = 0
	case errors.As(err, &code):
		a.result.Code = int(code)
	default:
		var codes []int
		for _, f := range faults(err) {
			if errors.Is(err, context.Canceled) && f.ID == "E-7001" {
				f = fault.New("E-13080", fault.V{"stage": "start", "account": "-", "date": "-"}, nil)
			}
			a.message(f)
			codes = append(codes, f.Exit())
		}
		a.result.Code = fault.Worst(codes...)
	}
	return a.result.Code
}

// faults lists the faults of an error that joins several, each once, in order;
// an error without any is one internal fault.
func faults(err error) []*fault.Error {
	var all []*fault.Error
	said := map[string]bool{}
	var walk func(error)
	walk = func(err error) {
		if f, ok := err.(*fault.Error); ok { //nolint:errorlint // the tree is walked here
			if text := f.Error(); !said[text] {
				said[text] = true
				all = append(all, f)
			}
			return
		}
		switch e := err.(type) { //nolint:errorlint // the tree is walked here
		case interface{ Unwrap() []error }:
			for _, inner := range e.Unwrap() {
				walk(inner)
			}
		case interface{ Unwrap() error }:
			walk(e.Unwrap())
		}
	}
	if walk(err); len(all) == 0 {
		all = append(all, fault.Of(err))
	}
	return all
}

// message prints a fault in the user's language; the lines of a bad
// configuration come first.
func (a *app) message(f *fault.Error) {
	var problems config.Problems
	if errors.As(f.Err, &problems) {
		for _, p := range problems {
			fmt.Fprintln(a.err, fault.Safe(p.In(a.lang), 400))
		}
		f = fault.New(f.ID, f.Values, nil)
	}
	fmt.Fprintln(a.err, f.Message(a.lang))
}

// exitCode ends the program with a code whose message was already printed.
type exitCode int

func (c exitCode) Error() string { return fmt.Sprintf("exit code %d", int(c)) }

// resultLine is the last line of stderr, for cron and scripts.
type resultLine struct {
	Code    int
	Run     string
	Date    string
	Channel string
	Stage   string
	Changed string
	Next    string
}

func (a *app) printResult() {
	r := a.result
	if a.cli.Quiet && r.Code == 0 {
		return
	}
	var b strings.Builder
	fmt.Fprintf(&b, "RESULT code=%d", r.Code)
	for _, kv := range [][2]string{{"run", r.Run}, {"date", r.Date}, {"channel", r.Channel}, {"stage", r.Stage}, {"changed", r.Changed}, {"next", r.Next}} {
		v := kv[1]
		if v == "" {
			if kv[0] != "changed" {
				continue
			}
			v = "none"
		}
		fmt.Fprintf(&b, " %s=%s", kv[0], strings.ReplaceAll(fault.Safe(v, 120), " ", "_"))
	}
	fmt.Fprintln(a.err, b.String())
}

// withSignals cancels the context on SIGINT and SIGTERM; a second signal ends
// the program at once, as a crash would.
func withSignals(parent context.Context) (context.Context, func(), func() os.Signal) {
	ctx, cancel := context.WithCancel(parent)
	ch := make(chan os.Signal, 2)
	signal.Notify(ch, os.Interrupt, syscall.SIGTERM)
	got := make(chan os.Signal, 1)
	go func() {
		select {
		case s := <-ch:
			got <- s
			cancel()
			signal.Stop(ch) // the second one has its default effect
		case <-ctx.Done():
		}
	}()
	return ctx, func() { signal.Stop(ch); cancel() }, func() os.Signal {
		select {
		case s := <-got:
			return s
		default:
			return nil
		}
	}
}
