package main

import (
	"context"
	"slices"

	"tieout/internal/bizday"
	"tieout/internal/settlement"
)

// settleDay puts a bill date that the nights have proven into batches, and
// checks those that are there for approval. unproven says what is not proven:
// then nothing is collected. Repeating it carries on what a crash has left.
func (s *site) settleDay(ctx context.Context, date bizday.Date, who string) (checked []settlement.Batch, unproven []string, err error) {
	collect, unproven, err := s.collection(ctx, date, nil)
	if err != nil || len(unproven) > 0 {
		return nil, unproven, err
	}
	got, err := s.db.Collect(ctx, collect, who, func(string) {})
	if err != nil {
		return nil, nil, err
	}
	for _, b := range got.Batches {
		if b.State != settlement.Collecting || b.Items == 0 {
			continue
		}
		_, collect, err := s.batchCollection(ctx, b.ID)
		if err != nil {
			return checked, nil, err
		}
		if b, _, err = s.db.CheckBatch(ctx, b.ID, who, collect); err != nil {
			return checked, nil, err
		}
		checked = append(checked, b)
	}
	return checked, nil, nil
}

// payOut starts the payouts that are due on a day and writes their files.
func (s *site) payOut(ctx context.Context, banks []string, on bizday.Date, who string) (out payouts, err error) {
	for _, bank := range banks {
		files, blocked, err := s.db.StartPayouts(ctx, bank, on, who)
		if err != nil {
			return out, err
		}
		for _, f := range files {
			path, err := s.writePayoutFile(ctx, f.ID)
			if err != nil {
				return out, err
			}
			out.Files = append(out.Files, payoutPath{f, path})
		}
		out.Blocked = append(out.Blocked, blocked...)
	}
	return out, nil
}

// banks lists the banks that contracts and clearing organisations are paid from,
// each once.
func (s *site) banks() []string {
	var list []string
	for _, m := range s.cfg.Settlement.Merchants {
		list = append(list, m.Bank)
	}
	for _, conf := range s.cfg.Interop {
		if conf.Bank != "" {
			list = append(list, conf.Bank)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}
