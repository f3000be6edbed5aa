package pipeline

import (
	"context"
	"fmt"

	"tieout/internal/bizday"
	"tieout/internal/store"
	"tieout/schemas"
	"tieout/schemas/recordfile"
)

// Explanation is where one number stands on one day: the row as it came, and
// the outcome that placed it.
type Explanation struct {
	Date       bizday.Date         `json:"date"`
	Account    string              `json:"account"`
	Run        string              `json:"run"`
	Side       schemas.Side        `json:"side"`
	Record     schemas.Record      `json:"record"`
	Raw        string              `json:"raw,omitempty"` // the row as it stands in the raw file
	Class      schemas.Class       `json:"class"`
	Pass       string              `json:"pass"`
	Rule       string              `json:"rule"`
	Difference *schemas.Difference `json:"difference,omitempty"` // with decision and case
}

// Explain finds a number (ours or the channel's, of an order, payment or
// refund) in the current run of a day, on both sides.
func (p *Pipeline) Explain(ctx context.Context, r store.Run, key string) ([]Explanation, error) {
	local, err := p.rowsWith(ctx, r, StageExport, localFile, key)
	if err != nil {
		return nil, err
	}
	channel, err := p.rowsWith(ctx, r, StageNormalize, recordsFile, key)
	if err != nil || len(local)+len(channel) == 0 {
		return nil, err
	}
	var out []Explanation
	dir, m, err := p.stageOf(r, StageMatch)
	if err != nil {
		return nil, err
	}
	f, err := openOutput(dir, m, outcomesFile)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	outcomes, err := recordfile.OpenOutcomes(f)
	if err != nil {
		return nil, err
	}
	for o, err := range outcomes.All(ctx) {
		if err != nil {
			return nil, err
		}
		if rec, ok := local[o.Local.Row]; ok && o.Local.In == schemas.InLocal {
			out = append(out, explained(r, schemas.Local, rec, o))
		}
		if rec, ok := channel[o.Channel.Row]; ok && o.Channel.In == schemas.InChannel {
			out = append(out, explained(r, schemas.Channel, rec, o))
		}
	}
	return out, p.addDifferences(r, out)
}

func explained(r store.Run, side schemas.Side, rec schemas.Record, o schemas.Outcome) Explanation {
	return Explanation{Date: r.BillDate, Account: r.Account, Run: r.ID, Side: side, Record: rec, Class: o.Class, Pass: o.Pass, Rule: o.Rule}
}

// rowsWith returns the rows of a record file that carry the number.
func (p *Pipeline) rowsWith(ctx context.Context, r store.Run, stage, name, key string) (map[int64]schemas.Record, error) {
	dir, m, err := p.stageOf(r, stage)
	if err != nil {
		return nil, err
	}
	f, err := openOutput(dir, m, name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	rec, err := recordfile.Open(f)
	if err != nil {
		return nil, err
	}
	var rows []int64
	err = rec.Read(ctx, recordfile.Keys|recordfile.Refs, func(first int64, b *schemas.Batch) error {
		for i := range b.Len() {
			if string(b.MerchantRef.At(i)) == key || string(b.RefundRef.At(i)) == key || string(b.ChannelRef.At(i)) == key || string(b.ChannelRefundRef.At(i)) == key {
				rows = append(rows, first+int64(i))
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	records, err := rec.Fetch(ctx, rows, nil)
	if err != nil {
		return nil, err
	}
	found := map[int64]schemas.Record{}
	for i, n := range rows {
		found[n] = records[i]
	}
	return found, nil
}

// addDifferences finds the difference behind each explanation.
func (p *Pipeline) addDifferences(r store.Run, out []Explanation) error {
	if len(out) == 0 {
		return nil
	}
	for d, err := range p.Findings(r) {
		if err != nil {
			return fmt.Errorf("explain: %w", err)
		}
		for i := range out {
			row := d.LocalRow
			if out[i].Side == schemas.Channel {
				row = d.ChannelRow
			}
			if row != nil && *row == out[i].Record {
				out[i].Difference = d
			}
		}
	}
	return nil
}
