package ledgerlink

import (
	"context"

	"tieout/schemas"
)

// Books is the payment core's store, as far as it is read.
type Books interface {
	// ExportLocal streams rows from one snapshot and returns watermark, count
	// and sums that the database computed in the same snapshot.
	ExportLocal(ctx context.Context, q schemas.LocalQuery, give func(*schemas.Batch) error) (schemas.Export, error)
	LookupLocal(ctx context.Context, q schemas.LocalQuery, keys []schemas.LookupKey) ([]schemas.Record, error)
}

// Core is the built-in payment core as a Source.
type Core struct{ books Books }

// OpenCore makes a source of the payment core's store.
func OpenCore(books Books) *Core { return &Core{books} }

// Export implements Source.
func (c *Core) Export(ctx context.Context, req ExportRequest, give func(*schemas.Batch) error) (schemas.Export, error) {
	var t tally
	export, err := c.books.ExportLocal(ctx, req.query(), func(b *schemas.Batch) error {
		t.add(b)
		return give(b)
	})
	if err != nil {
		return schemas.Export{}, err
	}
	streamed, err := t.list()
	if err != nil {
		return schemas.Export{}, err
	}
	export.Proofs = prove("core "+export.Watermark, export.Totals, streamed)
	return export, whole(req, export.Proofs)
}

// Lookup implements Source.
func (c *Core) Lookup(ctx context.Context, req ExportRequest, keys []schemas.LookupKey) ([]schemas.Record, error) {
	return c.books.LookupLocal(ctx, req.query(), keys)
}
