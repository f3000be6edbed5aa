//go:build crashpoints

package pipeline_test

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tieout/internal/bizday"
	"tieout/internal/pipeline"
	"tieout/schemas"
)

const (
	simulations = 200 // random nights that crash and are run again
	controls    = 30  // the same with books that check, then act
)

// nights is what cron does: the days in order, each until it has a result.
func nights(w *world) error {
	for _, d := range []bizday.Date{day1, day2} {
		if _, err := w.pipe.Run(context.Background(), w.acct, d, pipeline.Options{}); err != nil {
			return fmt.Errorf("run of %s: %w", d, err)
		}
	}
	return nil
}

// Random days, one to three crashes at random points, and then the same end
// state as without any crash: nothing is fixed twice, nothing is lost.
func TestSimulatedCrashes(t *testing.T) {
	n := simulations
	if testing.Short() {
		n /= 10
	}
	for seed := range uint64(n) {
		if !t.Run(fmt.Sprintf("seed_%d", seed), func(t *testing.T) { simulate(t, seed, nil) }) {
			t.Logf("repeat it with -run 'TestSimulatedCrashes/seed_%d$'", seed)
		}
	}
}

// The test bites: books that look for the fix in one transaction and apply it
// in another, without its key, lose or double money in some of these nights.
func TestSimulatedCrashes_Control(t *testing.T) {
	bad := 0
	for seed := range uint64(controls) {
		bad += simulate(t, seed, func(w *world) { w.pipe.Books = checkThenAct{w.pipe.Books, w} })
	}
	t.Logf("%d of %d nights with books that check, then act, went wrong", bad, controls)
	if bad < controls/2 {
		t.Errorf("only %d of %d nights went wrong: the simulation would not notice a double fix", bad, controls)
	}
}

// simulate plays one seed. With plant, the books are replaced in every process,
// and what goes wrong is counted, not reported.
func simulate(t *testing.T, seed uint64, plant func(*world)) (violations int) {
	rnd := rand.New(rand.NewPCG(seed, 0x7469656f7574))
	w := newWorld(t)
	defer w.close()
	w.plant = plant
	w.playTrades(randomDay(rnd, day1))
	w.playTrades(randomDay(rnd, day2))
	reference := w.fork()
	w.open()
	points, _, err := reference.attempt(-1, nights)
	if err != nil {
		t.Fatal(err)
	}
	var crashes []string
	for range 1 + rnd.IntN(3) {
		at := pick(rnd, points, plant != nil)
		passed, died, err := w.attempt(at, nights)
		if err != nil && plant != nil {
			return 1 // a proof of the night itself found it
		}
		if err != nil {
			t.Fatal(err)
		}
		if died {
			crashes = append(crashes, passed[len(passed)-1])
		}
	}
	_, _, err = w.attempt(-1, nights)
	what := "crashes at " + strings.Join(crashes, ", ")
	if plant != nil {
		if err != nil || w.money() != reference.money() {
			return 1
		}
		return 0
	}
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	wantState(t, what, reference.state(), w.state())
	w.verify(day1, day2)
	if left := w.tempFiles(); len(left) > 0 {
		t.Errorf("%s: left half-written: %q", what, left)
	}
	return 0
}

// pick chooses where to die: anywhere, or where fixes are applied.
func pick(rnd *rand.Rand, points []string, fixing bool) int {
	if fixing || rnd.IntN(2) == 0 {
		var list []int
		for i, p := range points {
			if p == "link.applied" || !fixing && (strings.HasPrefix(p, "apply.") || strings.HasPrefix(p, "cases.") || strings.HasPrefix(p, "link.")) {
				list = append(list, i)
			}
		}
		if len(list) > 0 {
			return list[rnd.IntN(len(list))]
		}
	}
	return rnd.IntN(len(points))
}

// money is what all accounts of the ledger hold, and the states of payments and
// refunds: what a double or a lost fix moves.
func (w *world) money() string {
	w.t.Helper()
	balances, err := w.db.Balances(context.Background(), "")
	if err != nil {
		w.t.Fatal(err)
	}
	return fmt.Sprint(balances)
}

// checkThenAct are books with a planted defect: one transaction looks for the
// key of a fix, a second one moves the money, a third one writes down the key.
type checkThenAct struct {
	pipeline.Books
	w *world
}

// Apply implements pipeline.Books, wrongly.
func (c checkThenAct) Apply(ctx context.Context, f schemas.Fix) (schemas.FixResult, error) {
	db, err := sql.Open("sqlite", "file:"+filepath.Join(c.w.dir, "tieout.db")+"?_pragma=busy_timeout(10000)")
	if err != nil {
		return schemas.FixResult{}, err
	}
	defer db.Close()
	var done, tries int
	if err := db.QueryRowContext(ctx, `SELECT count(*) FROM fix WHERE key = $1`, f.Key).Scan(&done); err != nil || done > 0 {
		return schemas.FixResult{Key: f.Key, State: "ALREADY_APPLIED", RunID: f.RunID}, err
	}
	if err := db.QueryRowContext(ctx, `SELECT count(*) FROM fix WHERE key LIKE $1 || '#%'`, f.Key).Scan(&tries); err != nil {
		return schemas.FixResult{}, err
	}
	keyless := f
	keyless.Key = fmt.Sprintf("%s#%d", f.Key, tries)
	r, err := c.Books.Apply(ctx, keyless)
	if r.Key = f.Key; err != nil || r.State != "APPLIED" {
		return r, err
	}
	columns := `kind, run_id, case_id, cell, channel, account, bill_date, record_kind, merchant_ref, refund_ref, channel_ref, amount_minor, fee_minor,
		currency, maker, checker, state_before, time_before, fee_before, applied_us`
	_, err = db.ExecContext(ctx, `INSERT INTO fix (key, `+columns+`) SELECT $1, `+columns+` FROM fix WHERE key = $2`, f.Key, keyless.Key)
	return r, err
}

// randomDay is a handful of trades of every sort, some of them at midnight.
func randomDay(rnd *rand.Rand, day bizday.Date) []trade {
	var all []trade
	payments := []string{"paid paid", "paid paid", "paid paid", "open paid", "open paid", "failed paid", "closed paid", "- paid", "paid -", "open -", "closed -",
		"paid paid=%d.01", "paid paid x2"}
	refunds := []string{"paid paid", "paid paid", "open paid", "paid -", "paid paid=0.77"}
	for i := range 4 + rnd.IntN(9) {
		no := fmt.Sprintf("P%d%02d", day, i)
		yuans := 2 + rnd.IntN(500)
		at := fmt.Sprintf("%02d:%02d:%02d", 1+rnd.IntN(22), rnd.IntN(60), rnd.IntN(60))
		shape := payments[rnd.IntN(len(payments))]
		if strings.Contains(shape, "%d") {
			shape = fmt.Sprintf(shape, yuans)
		}
		switch rnd.IntN(6) {
		case 0:
			at, shape = "23:59:58", "paid paid@+00:00:01"
		case 1:
			at = "23:59:57"
		}
		all = append(all, mustTrade(day, fmt.Sprintf("%s %d.00 %s %s", no, yuans, at, shape)))
		if strings.HasPrefix(shape, "paid") && rnd.IntN(3) == 0 {
			all = append(all, mustTrade(day, fmt.Sprintf("R%s/%s 1.00 %s %s", no, no, "23:59:59", refunds[rnd.IntN(len(refunds))])))
		}
	}
	// No day is without a row of the statement.
	all = append(all, mustTrade(day, fmt.Sprintf("Z%d 1.00 10:00:00 paid paid", day)))
	return slices.Clip(all)
}

func mustTrade(day bizday.Date, line string) trade {
	tr, err := parseTrade(day, strings.Fields(line))
	if err != nil {
		panic(line + ": " + err.Error())
	}
	return tr
}
