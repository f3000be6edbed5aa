package ledgerlink

import (
	"cmp"
	"slices"
	"strconv"

	"tieout/internal/fault"
	"tieout/internal/money"
	"tieout/schemas"
)

// tally counts what was streamed. The zero value is empty.
type tally struct {
	rows   int64
	totals []total // one of each kind and currency: a handful
}

type totalKey struct {
	kind     schemas.Kind
	currency string
}

type total struct {
	totalKey
	rows         int64
	minor, feeMi money.Sum
}

// add counts a batch.
func (t *tally) add(b *schemas.Batch) {
	for i, kind := range b.Kind {
		x := t.of(kind, b.Currency.At(i))
		x.rows++
		x.minor.Add(b.AmountMinor[i])
		if b.FeeValid[i] {
			x.feeMi.Add(b.FeeMinor[i])
		}
	}
	t.rows += int64(b.Len())
}

func (t *tally) of(kind schemas.Kind, currency []byte) *total {
	for i := range t.totals {
		if x := &t.totals[i]; x.kind == kind && x.currency == string(currency) {
			return x
		}
	}
	t.totals = append(t.totals, total{totalKey: totalKey{kind, string(currency)}})
	return &t.totals[len(t.totals)-1]
}

// list gives the totals by kind and currency.
func (t *tally) list() ([]schemas.SideTotal, error) {
	list := make([]schemas.SideTotal, 0, len(t.totals))
	for _, x := range t.totals {
		minor, err := x.minor.Int64()
		if err != nil {
			return nil, err
		}
		fee, err := x.feeMi.Int64()
		if err != nil {
			return nil, err
		}
		list = append(list, schemas.SideTotal{Kind: x.kind, Currency: x.currency, Rows: x.rows, Minor: minor, FeeMinor: fee})
	}
	sortTotals(list)
	return list, nil
}

func sortTotals(list []schemas.SideTotal) {
	slices.SortFunc(list, func(a, b schemas.SideTotal) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Currency, b.Currency))
	})
}

// prove compares what was streamed with what the source says it has, row count
// and sums of every kind and currency that either side names.
func prove(source string, said, streamed []schemas.SideTotal) []schemas.Proof {
	var want, got int64
	for _, t := range said {
		want += t.Rows
	}
	for _, t := range streamed {
		got += t.Rows
	}
	proofs := []schemas.Proof{{Name: "export.rows", OK: want == got, Want: number(want), Got: number(got), Note: source}}
	for _, key := range keysOf(said, streamed) {
		w, g := find(said, key), find(streamed, key)
		proofs = append(proofs, schemas.Proof{Name: "export.sum", OK: w == g, Want: sumText(w), Got: sumText(g),
			Currency: key.currency, Note: key.kind.String()})
	}
	return proofs
}

func keysOf(lists ...[]schemas.SideTotal) []totalKey {
	var keys []totalKey
	for _, list := range lists {
		for _, t := range list {
			if key := (totalKey{t.Kind, t.Currency}); !slices.Contains(keys, key) {
				keys = append(keys, key)
			}
		}
	}
	slices.SortFunc(keys, func(a, b totalKey) int {
		return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.currency, b.currency))
	})
	return keys
}

func find(list []schemas.SideTotal, key totalKey) schemas.SideTotal {
	for _, t := range list {
		if t.Kind == key.kind && t.Currency == key.currency {
			return t
		}
	}
	return schemas.SideTotal{Kind: key.kind, Currency: key.currency}
}

func sumText(t schemas.SideTotal) string {
	return number(t.Rows) + " rows, " + money.Format(t.Minor, money.Currency(t.Currency)) +
		", fees " + money.Format(t.FeeMinor, money.Currency(t.Currency))
}

func number(v int64) string { return strconv.FormatInt(v, 10) }

// whole turns the first proof that does not hold into a fault.
func whole(req ExportRequest, proofs []schemas.Proof) error {
	for _, p := range proofs {
		if !p.OK {
			return fault.New("E-2150", fault.V{"account": req.Account, "date": req.Date, "proof": p.Name, "want": p.Want, "got": p.Got}, nil)
		}
	}
	return nil
}
