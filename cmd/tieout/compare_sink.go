package main

import (
	"tieout/match"
	"tieout/resolve"
	"tieout/schemas"
	"tieout/schemas/recordfile"
)

// compareSink takes what normalize gives.
type compareSink struct {
	intake  *match.Intake
	records *recordfile.Writer
	rejects *recordfile.LineWriter[schemas.Reject]
	shown   []schemas.Reject
}

// Batch implements normalize.Sink.
func (s *compareSink) Batch(b *schemas.Batch) error {
	if err := s.intake.Channel(b); err != nil {
		return err
	}
	return s.records.Batch(b)
}

// Reject implements normalize.Sink; the first ones are kept for the pages.
func (s *compareSink) Reject(r schemas.Reject) error {
	if len(s.shown) < 1000 {
		s.shown = append(s.shown, r)
	}
	return s.rejects.Add(&r)
}

// decidedSink writes outcomes, and each difference with what the decision
// table says of it while nobody has asked the channel.
type decidedSink struct {
	outcomes *recordfile.OutcomeWriter
	diffs    *recordfile.LineWriter[schemas.Difference]
	kept     []*schemas.Difference // the first ones
	table    *resolve.Table
}

// keptDifferences bounds those that are kept for the reports, some 30 MB;
// decoding 3,300 again took 0.4 s.
const keptDifferences = 10_000

// Outcome implements match.Sink.
func (s *decidedSink) Outcome(o schemas.Outcome) error { return s.outcomes.Outcome(o) }

// Pairs implements match.Sink.
func (s *decidedSink) Pairs(alike schemas.Outcome, local, channel []int64) error {
	return s.outcomes.Pairs(alike, local, channel)
}

// Difference implements match.Sink.
func (s *decidedSink) Difference(d *schemas.Difference) error {
	dec := s.table.Decide(d, resolve.Context{})
	shown := *d
	shown.Decision = &dec
	if len(s.kept) < keptDifferences {
		s.kept = append(s.kept, &shown)
	}
	return s.diffs.Add(&shown)
}
