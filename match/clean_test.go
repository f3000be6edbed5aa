package match

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"tieout/schemas"
	"tieout/schemas/recordfile"
)

// An order paid in parts: each part goes to its counterpart, whatever the order
// of the rows; one part that does not agree takes the whole order to the slow
// way, with the same pairs. Of few such orders the whole rows are read alone; of
// many, the channel's numbers are read first, and they take no more memory than
// other orders. What another day may ask for is left to the passes, and they give
// its numbers to that day: one read more.
func TestOrdersPaidInParts(t *testing.T) {
	const noon, early = 12 * time.Hour, time.Minute
	for _, x := range []struct {
		name           string
		orders, inPart int // one order of so many is paid in parts
		at             time.Duration
		memory         int64
		reads          int
	}{
		{"few", 5000, 2000, noon, 4 << 20, 0},
		{"many", 400, 1, noon, 4 << 20, 1},
		{"many more", 12_000, 1, noon, 4 << 20, 1}, // the passes would hold 9 MiB of them
		{"few at the cut-off", 5000, 2000, early, 16 << 20, 1},
		{"many at the cut-off", 12_000, 1, early, 16 << 20, 2},
	} {
		t.Run(x.name, func(t *testing.T) {
			if reads := ordersPaidInParts(t, x.orders, x.inPart, x.at, x.memory); reads != x.reads {
				t.Errorf("the channel's numbers are read %d times, not %d", reads, x.reads)
			}
		})
	}
}

func ordersPaidInParts(t *testing.T, orders, inPart int, at time.Duration, bound int64) (reads int) {
	r := rand.New(rand.NewPCG(7, 7))
	in := baseInputs()
	paid := in.Day.Of(in.Date).From + at.Microseconds()
	var local, channel memory
	for order := range orders {
		parts := 1
		if order%inPart == 0 {
			parts += r.IntN(4)
		}
		for part := range parts {
			l := schemas.Record{Kind: schemas.Payment, MerchantRef: fmt.Sprintf("M%05d", order), ChannelRef: fmt.Sprintf("C%05d-%d", order, part),
				Status: schemas.Success, AmountMinor: 100, Currency: "CNY", EventTime: paid, BillDate: in.Date}
			if order%4 > 0 {
				l.Kind, l.RefundRef, l.ChannelRefundRef, l.ChannelRef = schemas.Refund, l.MerchantRef, l.ChannelRef, "C"
			}
			c := l
			if order%5 == 0 && part == 1 {
				l.Status = schemas.Unknown
			}
			local, channel = append(local, l), append(channel, c)
		}
	}
	channel = mixed(r, channel)
	refs := &numberReads{memory: local}
	in.Local, in.ChannelRows, in.Workers, in.Memory = refs, channel, 2, bound
	scratch, err := os.Create(filepath.Join(t.TempDir(), "scratch")) // takes most of the larger days
	if err != nil {
		t.Fatal(err)
	}
	defer scratch.Close()
	in.Scratch, in.Intake = scratch, newIntake(4, in.Day.Of(in.Date), bound, scratch)
	got := &collector{}
	res, err := Run(context.Background(), in, got)
	if err != nil {
		t.Fatal(err)
	}
	behind := 0
	for _, o := range got.outcomes {
		l, c := &local[o.Local.Row], &channel[o.Channel.Row]
		want := schemas.Matched
		if l.Status == schemas.Unknown {
			want, behind = schemas.LocalBehind, behind+1
		}
		if channelNumber(l) != channelNumber(c) || o.Class != want || o.Pass != "exact_key" || o.Occurrence != 0 || o.Group != 0 {
			t.Errorf("%s with %s: %+v", channelNumber(l), channelNumber(c), o)
		}
	}
	if len(got.outcomes) != len(local) || behind == 0 || len(got.differences) != behind {
		t.Errorf("%d outcomes of %d, %d differences of %d; %v", len(got.outcomes), len(local), len(got.differences), behind, res.Passes)
	}
	return refs.n
}

// Small days of orders and refunds in parts that all but fit: what is paired at
// the first look is what the oracle pairs, and what only looks like it is not.
func TestOracleAgreesOnOrdersInParts(t *testing.T) {
	clean := 0
	for seed := range uint64(3000) {
		in := dayInParts(seed)
		got := run(t, in, nil)
		if diff := gocmp.Diff(askOracle(in, nil), withoutPass(got.outcomes)); diff != "" {
			t.Fatalf("seed %d (-oracle +engine):\n%s\n%s", seed, diff, describe(in, nil))
		}
		if got.result.Passes["exact_key"] == 4 && len(got.outcomes) == 4 && len(got.sink.differences) == 0 {
			clean++
		}
	}
	if clean < 300 {
		t.Errorf("nothing is open on %d days", clean)
	}
}

// dayInParts draws an order and a refund of two parts each, and changes one value
// of one row, or of a row and its counterpart, or none.
func dayInParts(seed uint64) Inputs {
	r := rand.New(rand.NewPCG(seed, 21))
	in := baseInputs()
	noon := in.Day.Of(in.Date).From + (12 * time.Hour).Microseconds()
	var rows [2]memory
	for which, side := range []string{"L", "C"} {
		for part := range 4 {
			x := schemas.Record{Kind: schemas.Payment, MerchantRef: "M", ChannelRef: fmt.Sprintf("X%d", part), Status: schemas.Success, AmountMinor: 100, Currency: "CNY",
				EventTime: noon, BillDate: in.Date, Product: fmt.Sprintf("label:%s%d", side, part)}
			if part >= 2 {
				x.Kind, x.RefundRef, x.ChannelRef, x.ChannelRefundRef = schemas.Refund, "R", "X0", fmt.Sprintf("Y%d", part)
			}
			if part%2 == 1 && seed%2 == 0 {
				x.AmountMinor = 200
			}
			rows[which] = append(rows[which], x)
		}
	}
	at := r.IntN(4)
	change, changed := r.IntN(8), [][]memory{rows[:1], rows[1:], rows[:]}[r.IntN(3)]
	ref := []string{"", "X0", "X1", "Y2", "Y3", "Z"}[r.IntN(6)]
	for _, side := range changed {
		switch x := &side[at]; {
		case change == 0:
			x.AmountMinor = 300
		case change == 1:
			x.Status = schemas.Unknown
		case change < 5 && at < 2:
			x.ChannelRef = ref
		case change < 5:
			x.ChannelRefundRef = ref
		}
	}
	switch change {
	case 5:
		x := &rows[onLocal][at]
		in.Claims = []schemas.Claim{{Kind: x.Kind, Key: x.Key(), EventTime: x.EventTime, Occurrence: 1, Class: schemas.Matched}}
	case 6:
		old := rows[onLocal][at]
		old.Product += "before"
		in.CarriedLocal = []schemas.Carried{{Side: schemas.Local, Record: old, FirstSeen: in.Date - 1, BreakOn: in.Date + 1}}
	}
	in.Local, in.ChannelRows, in.Workers = mixed(r, rows[onLocal]), mixed(r, rows[onChannel]), 1+r.IntN(2)
	return in
}

// numberReads counts the reads of the channel's numbers alone.
type numberReads struct {
	memory
	n int
}

func (m *numberReads) Read(ctx context.Context, cols recordfile.Columns, fn func(first int64, b *schemas.Batch) error) error {
	if cols == recordfile.Refs {
		m.n++
	}
	return m.memory.Read(ctx, cols, fn)
}

// Numbers of the channel that are missing are an error, not numbers of other rows.
func TestAReadOfTooFewNumbers(t *testing.T) {
	in := dayInParts(7)
	in.Local = fewerNumbers{rowsOfSet(in.Local)}
	_, err := Run(context.Background(), in, &collector{})
	if err == nil || !strings.Contains(err.Error(), "read 3 of 4 numbers of the channel") {
		t.Errorf("error is %v", err)
	}
}

// fewerNumbers gives the channel's numbers of all rows but the last.
type fewerNumbers struct{ memory }

func (m fewerNumbers) Read(ctx context.Context, cols recordfile.Columns, fn func(first int64, b *schemas.Batch) error) error {
	if cols == recordfile.Refs {
		return m.memory[:len(m.memory)-1].Read(ctx, cols, fn)
	}
	return m.memory.Read(ctx, cols, fn)
}
