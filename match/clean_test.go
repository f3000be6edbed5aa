package match

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"

	"tieout/schemas"
	"tieout/schemas/recordfile"
)

// An order paid in parts: each part goes to its counterpart, whatever the order
// of the rows; one part that does not agree takes the whole order to the slow
// way, with the same pairs. Of few open rows the whole ones are read alone; of
// more than are kept, the channel's numbers are read before.
func TestOrdersPaidInParts(t *testing.T) {
	for _, orders := range []int{400, 12_000} {
		t.Run(strconv.Itoa(orders), func(t *testing.T) { ordersPaidInParts(t, orders) })
	}
}

func ordersPaidInParts(t *testing.T, orders int) {
	r := rand.New(rand.NewPCG(7, 7))
	in := baseInputs()
	noon := in.Day.Of(in.Date).From + 12*3600*1_000_000
	var local, channel memory
	for order := range orders {
		for part := range 1 + r.IntN(4) {
			l := schemas.Record{Kind: schemas.Payment, MerchantRef: fmt.Sprintf("M%05d", order), ChannelRef: fmt.Sprintf("C%05d-%d", order, part),
				Status: schemas.Success, AmountMinor: 100, Currency: "CNY", EventTime: noon, BillDate: in.Date}
			c := l
			if order%5 == 0 && part == 1 {
				l.Status = schemas.Unknown
			}
			local, channel = append(local, l), append(channel, c)
		}
	}
	channel = mixed(r, channel)
	refs := &numberReads{memory: local}
	in.Local, in.ChannelRows, in.Workers = refs, channel, 2
	in.Intake = newIntake(4, in.Day.Of(in.Date), 0, nil)
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
		if l.ChannelRef != c.ChannelRef || o.Class != want || o.Pass != "exact_key" || o.Occurrence != 0 || o.Group != 0 {
			t.Errorf("%s with %s: %+v", l.ChannelRef, c.ChannelRef, o)
		}
	}
	if len(got.outcomes) != len(local) || behind == 0 || len(got.differences) != behind {
		t.Errorf("%d outcomes of %d, %d differences of %d; %v", len(got.outcomes), len(local), len(got.differences), behind, res.Passes)
	}
	if many := len(local) > keptRows; many != (refs.n > 0) {
		t.Errorf("%d reads of the channel's numbers of %d rows", refs.n, len(local))
	}
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
