package pipeline

import (
	"maps"
	"slices"

	"tieout/internal/money"
	"tieout/internal/store"
	"tieout/schemas"
)

// SuspenseProofs say, per currency, that what the ledger holds in suspense is
// what the open cases hold.
func SuspenseProofs(ledger map[string]int64, cases []store.Suspense) []schemas.Proof {
	held := map[string]int64{}
	for cur := range ledger {
		held[cur] += 0
	}
	for _, s := range cases {
		held[s.Currency] += s.Open + s.Leaving
	}
	var out []schemas.Proof
	for _, cur := range slices.Sorted(maps.Keys(held)) {
		want, got := money.Format(held[cur], money.Currency(cur)), money.Format(ledger[cur], money.Currency(cur))
		out = append(out, schemas.Proof{Name: "ledger.suspense", OK: held[cur] == ledger[cur], Want: want, Got: got, Currency: cur,
			Note: "open cases = suspense accounts"})
	}
	return out
}
