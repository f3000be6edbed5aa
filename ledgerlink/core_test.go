package ledgerlink

import (
	"context"
	"errors"
	"testing"
	"time"

	"tieout/internal/fault"
	"tieout/schemas"
)

// fakeBooks says one thing and gives another, or is busy a few times.
type fakeBooks struct {
	said   schemas.Export
	give   int
	busy   int
	broken error
	calls  int
}

func (b *fakeBooks) ExportLocal(_ context.Context, q schemas.LocalQuery, give func(*schemas.Batch) error) (schemas.Export, error) {
	batch := schemas.Batch{Channel: q.Channel, Account: q.Merchant}
	for range b.give {
		batch.Append(&schemas.Record{Kind: schemas.Payment, AmountMinor: 100, Currency: "CNY", FeeMinor: schemas.Int64(1)})
	}
	return b.said, give(&batch)
}

func (b *fakeBooks) LookupLocal(context.Context, schemas.LocalQuery, []schemas.LookupKey) ([]schemas.Record, error) {
	return nil, nil
}

func (b *fakeBooks) ApplyFix(_ context.Context, f schemas.Fix) (schemas.FixResult, error) {
	if b.calls++; b.calls <= b.busy {
		return schemas.FixResult{}, fault.New("E-4001", fault.V{}, nil)
	}
	return schemas.FixResult{Key: f.Key, State: "APPLIED"}, b.broken
}

func (b *fakeBooks) SuspenseOf(context.Context, string, string) (map[string]int64, error) {
	return nil, nil
}
func (b *fakeBooks) VerifyBooks(context.Context) ([]schemas.Proof, error) { return nil, nil }

func TestFaultM7_CoreExportMissesRows(t *testing.T) {
	said := func(rows, minor, fee int64) schemas.Export {
		return schemas.Export{Rows: rows, Totals: []schemas.SideTotal{{Kind: schemas.Payment, Currency: "CNY", Rows: rows, Minor: minor, FeeMinor: fee}}}
	}
	for name, c := range map[string]struct {
		said  schemas.Export
		whole bool
	}{
		"whole":          {said(3, 300, 3), true},
		"a row missing":  {said(4, 400, 4), false},
		"a row twice":    {said(2, 200, 2), false},
		"another amount": {said(3, 301, 3), false},
		"another fee":    {said(3, 300, 4), false},
		"other currency": {schemas.Export{Rows: 3, Totals: []schemas.SideTotal{{Kind: schemas.Payment, Currency: "USD", Rows: 3, Minor: 300}}}, false},
		"nothing said":   {schemas.Export{}, false},
	} {
		export, err := OpenCore(&fakeBooks{said: c.said, give: 3}).Export(context.Background(), testRequest, func(*schemas.Batch) error { return nil })
		if c.whole != (err == nil) || (err != nil && fault.Of(err).ID != "E-2150") {
			t.Errorf("%s: got %v", name, err)
		}
		holds := true
		for _, p := range export.Proofs {
			holds = holds && p.OK
		}
		if holds != c.whole || len(export.Proofs) < 2 {
			t.Errorf("%s: proofs %+v", name, export.Proofs)
		}
	}
}

func TestApplyRetriesABusyDatabaseOnly(t *testing.T) {
	var waited time.Duration
	pause := func(_ context.Context, d time.Duration) error { waited += d; return nil }
	books := &fakeBooks{busy: 2}
	if r, err := NewLink(books, pause).Apply(context.Background(), schemas.Fix{Key: "k"}); err != nil || r.State != "APPLIED" || books.calls != 3 {
		t.Errorf("got %+v, %v after %d calls", r, err, books.calls)
	}
	if waited != 1250*time.Millisecond {
		t.Errorf("waited %v", waited)
	}
	books = &fakeBooks{busy: 100}
	if _, err := NewLink(books, pause).Apply(context.Background(), schemas.Fix{}); fault.Of(err).ID != "E-4001" || books.calls != 4 {
		t.Errorf("always busy: got %v after %d calls", err, books.calls)
	}
	books = &fakeBooks{broken: errors.New("disk")}
	if _, err := NewLink(books, pause).Apply(context.Background(), schemas.Fix{}); err == nil || books.calls != 1 {
		t.Errorf("broken: got %v after %d calls", err, books.calls)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	books = &fakeBooks{}
	if _, err := NewLink(books, nil).Apply(ctx, schemas.Fix{}); !errors.Is(err, context.Canceled) || books.calls != 0 {
		t.Errorf("cancelled: got %v after %d calls", err, books.calls)
	}
}
