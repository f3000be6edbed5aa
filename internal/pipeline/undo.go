package pipeline

import (
	"context"
	"errors"
	"slices"
	"strings"

	"tieout/internal/fault"
	"tieout/internal/store"
	"tieout/schemas"
)

// Undo takes back every fix of a run by compensating entries, the last one
// first. Nothing is updated or deleted. If the books say of any fix that its
// money was used since, nothing at all is undone and E-1181 lists what used it.
// Running it again goes on where it stopped; what was taken back before is not
// listed again.
func (p *Pipeline) Undo(ctx context.Context, run store.Run, who, reason string) ([]schemas.FixDone, error) {
	lease, err := p.Store.Acquire(ctx, run.Account+"|"+run.BillDate.String(), p.Holder, leaseTTL)
	if err != nil {
		return nil, err
	}
	defer p.Store.Release(context.WithoutCancel(ctx), lease) //nolint:errcheck // it expires by itself
	applied, err := p.Store.Fixes(ctx, run.ID)
	if err != nil {
		return nil, err
	}
	slices.Reverse(applied)
	var fixes []schemas.Fix
	var keys []string
	for _, a := range applied {
		if a.Kind != schemas.FixReverse {
			fixes = append(fixes, reverseOf(a.Fix, run, who))
			keys = append(keys, a.Key)
		}
	}
	if refused, err := p.Store.CanApply(ctx, fixes); err != nil || len(refused) > 0 {
		return nil, errors.Join(err, undoRefused(run, refused))
	}
	var done []schemas.FixDone
	for i, f := range fixes {
		if err := p.Store.Renew(ctx, lease); err != nil {
			return done, err
		}
		r, err := p.Books.Apply(ctx, f)
		if err != nil {
			return done, err
		}
		if r.State != "ALREADY_APPLIED" {
			done = append(done, schemas.FixDone{Fix: f, Result: r})
		}
		if r.State == "REFUSED" {
			return done, undoRefused(run, []string{f.Key + ": " + r.Reason})
		}
		if _, err := p.Store.MarkReversed(ctx, keys[i], who, reason); err != nil {
			return done, err
		}
	}
	return done, nil
}

func reverseOf(f schemas.Fix, run store.Run, who string) schemas.Fix {
	r := f
	r.Key, r.Kind, r.Reverses, r.RunID, r.Maker, r.Checker, r.Expect = f.Key+"|"+string(schemas.FixReverse), schemas.FixReverse, f.Key, run.ID, who, "", nil
	return r
}

func undoRefused(run store.Run, reasons []string) error {
	if len(reasons) == 0 {
		return nil
	}
	return fault.New("E-1181", fault.V{"run": run.ID, "reason": strings.Join(reasons, "; ")}, nil)
}
