package gateway_test

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tieout/internal/gateway"
)

func TestChooseSaysWhy(t *testing.T) {
	native := []gateway.Method{gateway.Native}
	routes := []gateway.Route{
		{Account: "dear", Methods: native, FeePPM: 6000},
		{Account: "same", Methods: native, FeePPM: 3800},
		{Account: "cheap", Methods: native, FeePPM: 3800},
		{Account: "foreign", Methods: native, FeePPM: 1},
		{Account: "browser", Methods: []gateway.Method{gateway.H5}, FeePPM: 1},
		{Account: "large", Methods: native, FeePPM: 1, LeastMinor: 10001},
		{Account: "small", Methods: native, FeePPM: 1, MostMinor: 9999},
		{Account: "sick", Methods: native, FeePPM: 1},
	}
	w := gateway.Wish{Method: gateway.Native, AmountMinor: 10000, Contract: []string{"cheap", "dear", "same", "browser", "large", "small", "sick"}}
	healthy := func(account string) bool { return account != "sick" }
	want := map[string]string{"cheap": gateway.Chosen, "same": gateway.ComesLater, "dear": gateway.CostsMore, "foreign": gateway.NoContract,
		"browser": gateway.OtherMethod, "large": gateway.TooSmall, "small": gateway.TooLarge, "sick": gateway.TakesNone}
	for range 50 { // the order of the configuration does not matter
		rand.New(rand.NewPCG(1, 2)).Shuffle(len(routes), func(i, j int) { routes[i], routes[j] = routes[j], routes[i] })
		r, judged, err := gateway.Choose(routes, w, healthy)
		got := map[string]string{}
		for _, j := range judged {
			got[j.Account] = j.Why
		}
		if diff := cmp.Diff(want, got); err != nil || r.Account != "cheap" || judged[0].Account != "cheap" || diff != "" {
			t.Fatalf("%s, %v: %s", r.Account, err, diff)
		}
	}
	// At its limits an account takes the payment.
	for _, amount := range []int64{9999, 10001} {
		w.AmountMinor = amount
		if r, _, err := gateway.Choose(routes, w, healthy); err != nil || !slices.Contains([]string{"small", "large"}, r.Account) {
			t.Errorf("%d goes over %s, %v", amount, r.Account, err)
		}
	}
	w.Contract = nil
	if _, _, err := gateway.Choose(routes, w, healthy); !errors.Is(err, gateway.ErrNoRoute) {
		t.Errorf("without a contract: %v", err)
	}
}
