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

// What was chosen for a payment stays, also when the reasons have changed.
func TestRouteIsChosenOnce(t *testing.T) {
	w := newWorld(t, nil)
	native := []gateway.Method{gateway.Native}
	wish := gateway.Wish{Method: gateway.Native, AmountMinor: 1, Contract: []string{"wechat-main", "alipay-main"}}
	routes := []gateway.Route{{Account: "wechat-main", Methods: native, FeePPM: 3800}, {Account: "alipay-main", Methods: native, FeePPM: 6000}}
	for i, want := range []string{"wechat-main", "wechat-main"} {
		got, err := w.desk.Route(t.Context(), w.db, "PAY00001", routes, wish)
		if err != nil || got != want {
			t.Errorf("time %d: %s, %v", i, got, err)
		}
		routes[0].FeePPM = 9000
	}
	if got := must(w.desk.Route(t.Context(), w.db, "PAY00002", routes, wish))(t); got != "alipay-main" {
		t.Errorf("a new payment goes over %s", got)
	}
	account, judged, err := w.db.Choice(t.Context(), "PAY00001")
	if err != nil || account != "wechat-main" || len(judged) != 2 || judged[0].Why != gateway.Chosen || judged[1].Why != gateway.CostsMore {
		t.Errorf("kept: %s %+v, %v", account, judged, err)
	}
}
