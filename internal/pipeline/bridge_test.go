package pipeline_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"tieout/internal/pipeline"
	"tieout/schemas"
)

// Our books, each reason with its money, and the statement: nothing is left
// over. Money of rows that are not SUCCESS has not moved, and refunds count
// negative.
func TestBridge(t *testing.T) {
	totals := []schemas.ClassTotal{
		{Class: schemas.Matched, Kind: schemas.Payment, Currency: "CNY", Outcomes: 10, LocalMoved: 1000, ChannelMoved: 1000},
		{Class: schemas.Matched, Kind: schemas.Refund, Currency: "CNY", Outcomes: 1, LocalMoved: 50, ChannelMoved: 50},
		{Class: schemas.LocalBehind, Kind: schemas.Payment, Currency: "CNY", Outcomes: 2, LocalMinor: 300, ChannelMinor: 300, ChannelMoved: 300},
		{Class: schemas.LocalOnly, Kind: schemas.Payment, Currency: "CNY", Outcomes: 1, LocalMoved: 70},
		{Class: schemas.ChannelOnly, Kind: schemas.Refund, Currency: "CNY", Outcomes: 1, ChannelMoved: 20},
		{Class: schemas.OtherDay, Kind: schemas.Payment, Currency: "CNY", Outcomes: 5, LocalMoved: 999},
		{Class: schemas.Matched, Kind: schemas.Payment, Currency: "USD", Outcomes: 1, LocalMoved: 7, ChannelMoved: 7},
	}
	want := []schemas.Bridge{
		{Currency: "CNY", Local: 1020, Channel: 1230, Lines: []schemas.BridgeLine{
			{Class: schemas.LocalBehind, Kind: schemas.Payment, Rows: 2, Minor: 300},
			{Class: schemas.LocalOnly, Kind: schemas.Payment, Rows: 1, Minor: -70},
			{Class: schemas.ChannelOnly, Kind: schemas.Refund, Rows: 1, Minor: -20},
		}},
		{Currency: "USD", Local: 7, Channel: 7},
	}
	if diff := cmp.Diff(want, pipeline.BridgeOf(totals)); diff != "" {
		t.Error(diff)
	}
}
