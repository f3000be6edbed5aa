package match

import (
	"fmt"
	"math"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"tieout/schemas"
)

// TestFaultM06_EveryCell walks all pairs of states, once with equal and once
// with unequal amounts. The table here is written out by hand on purpose.
func TestFaultM06_EveryCell(t *testing.T) {
	const want = `
SUCCESS  SUCCESS  MATCHED equal                                     AMOUNT_MISMATCH amount
SUCCESS  UNKNOWN  STATUS_MISMATCH_LOCAL_AHEAD ahead                 STATUS_MISMATCH_LOCAL_AHEAD ahead_and_amount
SUCCESS  FAILED   STATUS_MISMATCH_LOCAL_AHEAD ahead                 STATUS_MISMATCH_LOCAL_AHEAD ahead_and_amount
SUCCESS  CLOSED   STATUS_MISMATCH_LOCAL_AHEAD ahead                 STATUS_MISMATCH_LOCAL_AHEAD ahead_and_amount
SUCCESS  REVERSED STATUS_MISMATCH_LOCAL_AHEAD reversed_at_channel   STATUS_MISMATCH_LOCAL_AHEAD ahead_and_amount
UNKNOWN  SUCCESS  STATUS_MISMATCH_LOCAL_BEHIND behind               AMOUNT_MISMATCH behind_and_amount
UNKNOWN  UNKNOWN  MATCHED both_open                                 AMOUNT_MISMATCH amount
UNKNOWN  FAILED   STATUS_MISMATCH_LOCAL_BEHIND failed_at_channel    AMOUNT_MISMATCH behind_and_amount
UNKNOWN  CLOSED   STATUS_MISMATCH_LOCAL_BEHIND failed_at_channel    AMOUNT_MISMATCH behind_and_amount
UNKNOWN  REVERSED STATUS_MISMATCH_LOCAL_BEHIND reversed_at_channel  AMOUNT_MISMATCH behind_and_amount
FAILED   SUCCESS  STATUS_MISMATCH_LOCAL_BEHIND behind               AMOUNT_MISMATCH behind_and_amount
FAILED   UNKNOWN  STATUS_MISMATCH_LOCAL_BEHIND open_at_channel      AMOUNT_MISMATCH behind_and_amount
FAILED   FAILED   NOTHING_HAPPENED nothing_on_both                  NOTHING_HAPPENED nothing_on_both
FAILED   CLOSED   NOTHING_HAPPENED nothing_on_both                  NOTHING_HAPPENED nothing_on_both
FAILED   REVERSED STATUS_MISMATCH_LOCAL_BEHIND reversed_at_channel  AMOUNT_MISMATCH behind_and_amount
CLOSED   SUCCESS  STATUS_MISMATCH_LOCAL_BEHIND behind               AMOUNT_MISMATCH behind_and_amount
CLOSED   UNKNOWN  STATUS_MISMATCH_LOCAL_BEHIND open_at_channel      AMOUNT_MISMATCH behind_and_amount
CLOSED   FAILED   NOTHING_HAPPENED nothing_on_both                  NOTHING_HAPPENED nothing_on_both
CLOSED   CLOSED   NOTHING_HAPPENED nothing_on_both                  NOTHING_HAPPENED nothing_on_both
CLOSED   REVERSED STATUS_MISMATCH_LOCAL_BEHIND reversed_at_channel  AMOUNT_MISMATCH behind_and_amount
REVERSED SUCCESS  STATUS_MISMATCH_LOCAL_AHEAD reversed_only_here    STATUS_MISMATCH_LOCAL_AHEAD ahead_and_amount
REVERSED UNKNOWN  STATUS_MISMATCH_LOCAL_AHEAD reversed_only_here    STATUS_MISMATCH_LOCAL_AHEAD ahead_and_amount
REVERSED FAILED   NOTHING_HAPPENED nothing_on_both                  NOTHING_HAPPENED nothing_on_both
REVERSED CLOSED   NOTHING_HAPPENED nothing_on_both                  NOTHING_HAPPENED nothing_on_both
REVERSED REVERSED MATCHED equal                                     AMOUNT_MISMATCH amount
`
	var got strings.Builder
	for l := schemas.Success; l <= schemas.Reversed; l++ {
		for c := schemas.Success; c <= schemas.Reversed; c++ {
			var p compared
			p.local.status, p.channel.status = l, c
			p.local.amount, p.channel.amount = 100, 100
			equal := judge(&p)
			p.channel.amount = 101
			unequal := judge(&p)
			fmt.Fprintf(&got, "%s %s %s %s %s %s\n", l, c, equal.class, equal.rule, unequal.class, unequal.rule)
		}
	}
	var lines []string
	for _, line := range strings.Split(strings.TrimSpace(want), "\n") {
		lines = append(lines, strings.Join(strings.Fields(line), " "))
	}
	if diff := gocmp.Diff(lines, strings.Split(strings.TrimSpace(got.String()), "\n")); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
}

// Another currency is never looked over, whatever the states, unless no money
// moved on either side.
func TestFaultM06_CurrencyInEveryCell(t *testing.T) {
	for l := schemas.Success; l <= schemas.Reversed; l++ {
		for c := schemas.Success; c <= schemas.Reversed; c++ {
			var p compared
			p.local.status, p.channel.status, p.channel.currency = l, c, 1
			want := schemas.CurrencyMismatch
			if pairTable[l][c].standing == nothing {
				want = schemas.NothingHappened
			}
			if got := judge(&p); got.class != want {
				t.Errorf("%s %s: %s, want %s", l, c, got.class, want)
			}
		}
	}
}

func TestCompareFees(t *testing.T) {
	for _, x := range []struct {
		a    int64
		aSub int32
		b    int64
		bSub int32
		want feeAnswer
	}{
		{6, 0, 6, 0, feesEqual},
		{6, 0, 5, 500_000, feesEqual},    // 5.5 rounds to 6
		{6, 0, 5, 499_999, feesRound},    // 5.499999 rounds to 5
		{6, 0, 6, 499_999, feesEqual},    // rounds to 6
		{6, 0, 6, 500_000, feesRound},    // rounds to 7
		{-6, 0, -5, -500_000, feesEqual}, // given back: rounds away from zero
		{6, 0, 7, 0, feesRound},
		{7, 0, 6, 0, feesRound},
		{6, 0, 8, 0, feesDiffer},
		{0, 0, -6, 0, feesDiffer},
		{6, 100_000, 7, 100_000, feesRound},
		{6, 100_000, 7, 100_001, feesDiffer},
		{6, 100_000, 6, 100_001, feesRound},
		{math.MinInt64, 0, math.MaxInt64, 0, feesDiffer},
		{math.MaxInt64, 0, math.MaxInt64 - 1, 0, feesRound},
	} {
		if got := compareFees(x.a, x.aSub, x.b, x.bSub); got != x.want {
			t.Errorf("compareFees(%d.%06d, %d.%06d) = %d, want %d", x.a, x.aSub, x.b, x.bSub, got, x.want)
		}
		if got := compareFees(x.b, x.bSub, x.a, x.aSub); got != x.want {
			t.Errorf("compareFees(%d.%06d, %d.%06d) = %d, want %d: sides matter", x.b, x.bSub, x.a, x.aSub, got, x.want)
		}
	}
}

func TestRuleWordsAreDistinct(t *testing.T) {
	seen := map[string]rule{}
	for r := ruleEqual; r < ruleCount; r++ {
		if r.String() == "" {
			t.Errorf("rule %d has no word", r)
		}
		if other, ok := seen[r.String()]; ok {
			t.Errorf("rules %d and %d are both %q", other, r, r)
		}
		seen[r.String()] = r
	}
}
