package channelsim_test

import (
	"slices"
	"testing"
	"time"

	"tieout/internal/bizday"
	"tieout/internal/channelsim"
	"tieout/internal/fault"
	"tieout/normalize"
	"tieout/schemas"
)

// TestTruth_OfFilesIsWhatFetchingFinds plays the faults of files, fetches and
// reads each faulty day, and compares with the truth.
func TestTruth_OfFilesIsWhatFetchingFinds(t *testing.T) {
	now := &clock{}
	plan := channelsim.DefaultPlan(4, bizday.Make(2026, 9, 1), 40, 60)
	plan.Rates = nil
	for f := range plan.Files {
		plan.Files[f] = 4
	}
	sim := ok(channelsim.Start(t.Context(), channelsim.Options{Now: now.now, Seed: 4}))(t)
	t.Cleanup(func() { sim.Close() })
	c := connect(t, sim, now.now)

	var truths []channelsim.Truth
	traffic := ok(channelsim.NewTraffic(plan))(t)
	for day, more := traffic.Next(); more; day, more = traffic.Next() {
		for _, f := range day.Files {
			if err := sim.Inject(f); err != nil {
				t.Fatal(err)
			}
		}
		for _, op := range day.Ops {
			if op.Pay != nil {
				ok(sim.Pay(t.Context(), *op.Pay))(t)
			}
			if op.Refund != nil {
				ok(sim.Refund(t.Context(), *op.Refund))(t)
			}
		}
		for _, truth := range day.Truth {
			if truth.Kind == 0 {
				truths = append(truths, truth)
			}
		}
	}

	seen := map[channelsim.Fault]int{}
	for _, truth := range truths {
		seen[truth.Fault]++
		y, m, d := truth.Date.Add(1).YMD()
		now.set(time.Date(y, m, d, 10, 30, 0, 0, time.FixedZone("", 8*3600)))
		var first string
		for i, e := range truth.Expect {
			if e.After == channelsim.AfterRepublish {
				if err := sim.Republish(truth.Channel, truth.Date); err != nil {
					t.Fatal(err)
				}
			}
			sha := fetchAsForetold(t, c, now, sim, truth, e)
			if i > 0 && sha == first {
				t.Errorf("%s %s %s: the file that was issued anew is the same", truth.Fault, truth.Channel, truth.Date)
			}
			first = sha
		}
	}
	for f, n := range plan.Files {
		if seen[f] != n {
			t.Errorf("%d of %d %s were played", seen[f], n, f)
		}
	}
}

func fetchAsForetold(t *testing.T, c *clients, now *clock, sim *channelsim.Sim, truth channelsim.Truth, e channelsim.Expectation) (sha string) {
	t.Helper()
	request := schemas.StatementRequest{Channel: truth.Channel, Account: merchantOf(sim, truth.Channel), Date: truth.Date, Statement: "TRADE"}
	state, files, err := fetch(t, c.sources[truth.Channel], request)
	tries := 0
	for ; err == nil && state.State == schemas.FetchNotReady && tries < 10; tries++ {
		now.set(now.now().Add(10 * time.Minute))
		state, files, err = fetch(t, c.sources[truth.Channel], request)
	}
	if err != nil || state.State != e.State || tries != e.Tries {
		t.Errorf("%s %s %s: %s after %d tries (%v), foretold %s after %d", truth.Fault, truth.Channel, truth.Date, state.State, tries, err, e.State, e.Tries)
		return ""
	}
	if state.State != schemas.FetchFetched {
		return ""
	}
	in := input(t, truth.Channel, request, files)
	var got collect
	st, err := normalize.Statement(t.Context(), in, &got)
	code := 0
	if err != nil {
		code = fault.Of(err).Exit()
	} else if broken := normalize.Incomplete(st); broken != nil {
		code = broken.Exit()
	}
	if (code != 0) != e.Broken || e.Broken && !slices.Contains(e.Exit, code) {
		t.Errorf("%s %s %s: exit %d (%v), foretold broken=%v %v", truth.Fault, truth.Channel, truth.Date, code, err, e.Broken, e.Exit)
	}
	return files[len(files)-1].sha
}
