package ledgerlink

import (
	"context"
	"errors"
	"time"

	"tieout/internal/crashpoint"
	"tieout/internal/fault"
	"tieout/schemas"
)

// Ledger is the payment core's store, as far as fixes change and prove it.
type Ledger interface {
	// ApplyFix applies a fix in one transaction, or not at all.
	ApplyFix(ctx context.Context, f schemas.Fix) (schemas.FixResult, error)
	SuspenseOf(ctx context.Context, channel, account string) (map[string]int64, error)
	VerifyBooks(ctx context.Context) ([]schemas.Proof, error)
}

// Link applies fixes to the books.
type Link struct {
	ledger Ledger
	pause  func(context.Context, time.Duration) error
}

// NewLink makes a link. pause waits between two tries on a busy database; nil
// is Pause.
func NewLink(ledger Ledger, pause func(context.Context, time.Duration) error) *Link {
	if pause == nil {
		pause = Pause
	}
	return &Link{ledger: ledger, pause: pause}
}

// Pause waits, or returns the context's error.
func Pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// pauses between the tries on a busy database.
var pauses = [...]time.Duration{250 * time.Millisecond, time.Second, 4 * time.Second}

// Apply applies one fix, exactly once per key for ever:
//
//	APPLIED          it is in the books now
//	ALREADY_APPLIED  it was; RunID is the run that applied it
//	REFUSED          the books do not allow it, Reason says why; nothing changed
//
// A busy database is tried again; every other error is returned. After an error
// nothing is known: apply the same fix again, the key makes that safe.
func (l *Link) Apply(ctx context.Context, f schemas.Fix) (schemas.FixResult, error) {
	for try := 0; ; try++ {
		if err := ctx.Err(); err != nil {
			return schemas.FixResult{}, err
		}
		crashpoint.Hit("link.apply")
		result, err := l.ledger.ApplyFix(ctx, f)
		crashpoint.Hit("link.applied")
		if err == nil || !busy(err) || try == len(pauses) {
			return result, err
		}
		if err := l.pause(ctx, pauses[try]); err != nil {
			return schemas.FixResult{}, err
		}
	}
}

func busy(err error) bool {
	var f *fault.Error
	return errors.As(err, &f) && f.ID == "E-4001"
}

// SuspenseOf returns what an account holds in suspense per currency, signed:
// + received (暂收), - paid (暂付). At any time it equals the sum of what its
// open breaks hold.
func (l *Link) SuspenseOf(ctx context.Context, channel, account string) (map[string]int64, error) {
	return l.ledger.SuspenseOf(ctx, channel, account)
}

// VerifyBooks proves the books: debits = credits per transaction and in total,
// fixes and their entries one to one, refunds within payments, the log unbroken.
func (l *Link) VerifyBooks(ctx context.Context) ([]schemas.Proof, error) {
	return l.ledger.VerifyBooks(ctx)
}
