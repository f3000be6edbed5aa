// Package pipeline drives one run: one channel account, one bill date, one
// attempt, through the stages fetch, normalize, export, match, query, resolve,
// apply and report, and publishes the result.
//
// In: an account's settings, a date, and the stages behind small interfaces.
// Out: files of each stage in the lake, rows in the store, a verdict and an
// exit code. Called by cmd (run, rerun, replay, undo, demo) and by sched.
//
// Each stage writes its outputs and its manifest last; a stage whose manifest
// is whole and whose inputs are unchanged is skipped. A crash anywhere and the
// same command again give the same end state as no crash.
package pipeline

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"tieout/fetchers"
	"tieout/internal/bizday"
	"tieout/internal/fault"
	"tieout/internal/lake"
	"tieout/internal/store"
	"tieout/ledgerlink"
	"tieout/match"
	"tieout/resolve"
	"tieout/schemas"
	"tieout/schemas/channels"
)

// Pipeline holds what all accounts share. Safe for concurrent use by runs of
// different accounts.
type Pipeline struct {
	Lake    *lake.Lake
	Store   *store.DB
	Table   *resolve.Table
	Books   Books
	Now     func() time.Time
	Log     *slog.Logger
	Program string // version of the program, for manifests
	Holder  string // host, pid and start, for the lease
	Workers int
	Memory  int64 // bytes that a match may use; 0 is no bound
	Report  Reporter
	Alert   Alerter
}

// Account is one merchant account with everything that its runs need.
type Account struct {
	Name       string
	Merchant   string
	Definition *channels.Definition
	Statements []StatementSpec
	Source     fetchers.Source
	Local      Local
	Query      Querier         // nil: the channel has no active query
	Receive    func() Receiver // nil: the statement only proves what the books know
	Rules      match.Rules
	Fence      resolve.Limits
	Breaker    resolve.BreakerRules
	Context    resolve.Context
	FeePPM     int64                                      // agreed fee of a payment in millionths of its amount, rounded half up; 0 = not known
	Ladder     func(bizday.Date) (fetchers.Ladder, error) // when the statement of a bill date is due
	Lang       []fault.Lang
	ReportDir  string
}

// StatementSpec names one statement of an account; the first TRADE or BANK one
// is matched, FUND ones are proven.
type StatementSpec struct {
	Kind    string // TRADE, FUND, BANK
	Variant string
}

func (s StatementSpec) String() string {
	if s.Variant == "" {
		return s.Kind
	}
	return s.Kind + ":" + s.Variant
}

// Local exports our transactions; ledgerlink's sources are such.
type Local interface {
	Export(ctx context.Context, req ledgerlink.ExportRequest, each func(*schemas.Batch) error) (schemas.Export, error)
	// Lookup finds transactions by reference, whatever their date. A source
	// that cannot returns ledgerlink.ErrNoLookup.
	Lookup(ctx context.Context, req ledgerlink.ExportRequest, keys []schemas.LookupKey) ([]schemas.Record, error)
}

// Books applies fixes, each exactly once.
type Books interface {
	Apply(ctx context.Context, fix schemas.Fix) (schemas.FixResult, error)
	SuspenseOf(ctx context.Context, channel, account string) (map[string]int64, error)
	VerifyBooks(ctx context.Context) ([]schemas.Proof, error)
}

// Querier asks the channel about one payment or refund by our number.
type Querier interface {
	Query(ctx context.Context, kind schemas.Kind, merchantRef, refundRef string, at time.Time) (schemas.QueryAnswer, error)
}

// Receiver takes into our books what a statement is the first to say, before
// they are exported: money that payers transferred. What was taken before is
// known again and changes nothing.
type Receiver interface {
	Take(ctx context.Context, r *schemas.Record) error
	// End follows the last row.
	End(ctx context.Context, date bizday.Date) error
}

// Reporter writes the reports of a run and returns their paths.
type Reporter interface {
	Write(ctx context.Context, dir string, r *schemas.RunReport, langs []fault.Lang) ([]schemas.FileUsed, error)
}

// Alerter tells people about a night that did not end well. It never fails a
// run: what could not be sent is kept and shown by status.
type Alerter interface {
	Alert(ctx context.Context, r *schemas.RunReport, exit int, message string)
}

// Options of one run.
type Options struct {
	Again         bool   // fetch again although a statement is there
	AcceptReissue bool   // use a re-issued statement
	AcceptEmpty   bool   // accept an empty statement although the account usually has rows
	Now           bool   // do not wait for the next rung of the retry ladder
	Force         bool   // recompute a day that is already final
	From          string // rerun: take the stages before this one from the current attempt
	Until         string // stop after this stage; the run stays open and the next one goes on
	DryRun        bool   // compute and compare; apply and publish nothing
	Progress      Progress
}

// Progress is told what a run does; it draws bars, logs or does nothing.
type Progress interface {
	Begin(stage string)
	Skip(stage string)
	End(stage string, counts map[string]int64)
}

// NoProgress is silent.
type NoProgress struct{}

func (NoProgress) Begin(string)                 {}
func (NoProgress) Skip(string)                  {}
func (NoProgress) End(string, map[string]int64) {}

// Result is what a run came to.
type Result struct {
	Run     store.Run
	Verdict schemas.Verdict
	Exit    int
	Already bool // the day was final; nothing was done
	Report  *schemas.RunReport
	Files   []schemas.FileUsed // reports, with their paths as names
	Changes *Changes           // against the attempt before; nil if there was none
	Changed string             // what the RESULT line says: none, results, fixes
}

// leaseTTL is how long a dead holder blocks a day.
const leaseTTL = 60 * time.Second

// Run takes one account through one bill date. The error, if any, is a fault
// with an exit code; the Result still says what is known.
func (p *Pipeline) Run(ctx context.Context, acct Account, date bizday.Date, opt Options) (Result, error) {
	if opt.Progress == nil {
		opt.Progress = NoProgress{}
	}
	if final, ok, err := p.final(ctx, acct.Name, date); err != nil {
		return Result{}, err
	} else if ok && !opt.Force && !opt.Again && !opt.AcceptReissue && opt.From == "" && !opt.DryRun {
		return Result{Run: final, Verdict: final.Verdict, Exit: 0, Already: true, Changed: "none"}, nil
	}
	lease, err := p.Store.Acquire(ctx, acct.Name+"|"+date.String(), p.Holder, leaseTTL)
	if err != nil {
		return Result{Changed: "none"}, err
	}
	ctx, stop := p.heartbeat(ctx, lease)
	defer stop()
	// Given back also when the run was interrupted.
	defer p.Store.Release(context.WithoutCancel(ctx), lease) //nolint:errcheck // it expires by itself
	w, err := p.begin(ctx, acct, date, lease, opt)
	if err != nil {
		return Result{Changed: "none"}, err
	}
	defer w.dropTemp()
	res, err := w.night(ctx)
	if err != nil {
		return w.failed(context.WithoutCancel(ctx), causeOf(ctx, err))
	}
	return res, nil
}

// final returns the result of a day on which there is nothing to do. A result is
// not final once something that it was made of changed, or while a newer attempt
// was interrupted: that one may have changed cases and books already.
func (p *Pipeline) final(ctx context.Context, account string, date bizday.Date) (store.Run, bool, error) {
	cur, ok, err := p.Store.Current(ctx, account, date)
	if err != nil || !ok || cur.Stale {
		return cur, false, err
	}
	last, _, err := p.Store.LastAttempt(ctx, account, date)
	interrupted := last.State == store.RunRunning || last.State == store.RunFailed && last.ExitCode == exitInterrupted
	return cur, !interrupted, err
}

// exitInterrupted is how a run ends that was told to stop.
const exitInterrupted = 130

// heartbeat renews the lease while the run lives; a lost lease cancels it.
func (p *Pipeline) heartbeat(ctx context.Context, l store.Lease) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(leaseTTL / 4)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				if err := p.Store.Renew(ctx, l); err != nil && ctx.Err() == nil {
					cancel(err)
					return
				}
			}
		}
	}()
	return ctx, func() { cancel(nil); <-done }
}

// causeOf prefers the reason of a cancellation to "context canceled".
func causeOf(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	return err
}
