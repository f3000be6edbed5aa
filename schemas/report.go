package schemas

import (
	"iter"
	"time"

	"tieout/internal/bizday"
)

// RunReport is everything that the report of one account and day shows. The
// pipeline fills it; the report writers only read it.
type RunReport struct {
	Channel  string            `json:"channel"`
	Account  string            `json:"account"`  // name in the configuration, such as "wechat-main"
	Merchant string            `json:"merchant"` // number at the channel
	Date     bizday.Date       `json:"date"`
	RunID    string            `json:"run_id"`
	Attempt  int               `json:"attempt"`
	Current  bool              `json:"current"`
	Verdict  Verdict           `json:"verdict"`
	Why      string            `json:"why"`      // one sentence behind the verdict
	Zone     string            `json:"zone"`     // the channel's zone, for times
	Finished time.Time         `json:"finished"` // from the injected clock
	Versions map[string]string `json:"versions"`

	FetchState FetchState    `json:"fetch_state"`
	Files      []FetchedFile `json:"files"`
	Statement  *Statement    `json:"statement,omitempty"`
	Export     *Export       `json:"export,omitempty"`
	Proofs     []Proof       `json:"proofs"` // all of the run, in the order of the stages

	Totals     []ClassTotal `json:"totals"`
	Bridge     []Bridge     `json:"bridge"`
	Ageing     []AgeBucket  `json:"ageing"`
	Fixes      []FixDone    `json:"fixes"`
	Cases      []Case       `json:"cases"`             // open cases of this account, oldest first
	Carried    []Carried    `json:"carried"`           // carried out, with due dates
	Rejects    []Reject     `json:"rejects"`           // the first 1,000
	RejectRows int64        `json:"reject_rows"`       // all of them
	Trend      []DayTotal   `json:"trend"`             // this account's last 30 days, for the chart
	Changes    []string     `json:"changes,omitempty"` // what changed against the attempt before

	// Differences gives all differences in their stable order, streaming.
	Differences iter.Seq2[*Difference, error] `json:"-"`
	// EachReject gives all rejects in the order of the files, streaming; nil: no
	// statement was read.
	EachReject iter.Seq2[*Reject, error] `json:"-"`
}

// Export is what ledgerlink says about the local side.
type Export struct {
	Source    string      `json:"source"`    // "core", "csv", "parquet", "sql"
	Watermark string      `json:"watermark"` // taken in the same snapshot
	Rows      int64       `json:"rows"`
	Totals    []SideTotal `json:"totals"`
	Proofs    []Proof     `json:"proofs"`
	Files     []FileUsed  `json:"files"`
}

// Bridge explains, in one currency, how our books become the channel's
// statement (余额调节表): Local + Σ lines = Channel, Residual 0. Refunds count
// negative.
type Bridge struct {
	Currency string       `json:"currency"`
	Local    int64        `json:"local_minor"`
	Lines    []BridgeLine `json:"lines"`
	Channel  int64        `json:"channel_minor"`
	Residual int64        `json:"residual_minor"`
}

// BridgeLine is one reason with its money.
type BridgeLine struct {
	Class Class `json:"class"`
	Kind  Kind  `json:"kind"`
	Rows  int64 `json:"rows"`
	Minor int64 `json:"minor"`
}

// AgeBucket counts open cases by age (账龄): "0-1", "2-7", "8-30", ">30" days.
type AgeBucket struct {
	Bucket   string `json:"bucket"`
	Currency string `json:"currency"`
	Cases    int64  `json:"cases"`
	Minor    int64  `json:"minor"`
}

// FixDone is one fix with its result.
type FixDone struct {
	Fix    Fix       `json:"fix"`
	Result FixResult `json:"result"`
}

// DayTotal is one day of the trend chart.
type DayTotal struct {
	Date      bizday.Date `json:"date"`
	Verdict   Verdict     `json:"verdict"`
	Matched   int64       `json:"matched"`
	Breaks    int64       `json:"breaks"`
	Carried   int64       `json:"carried"`
	AutoFixed int64       `json:"auto_fixed"`
}

// DayReport is the whole day: all accounts.
type DayReport struct {
	Date    bizday.Date  `json:"date"`
	Verdict Verdict      `json:"verdict"` // the loudest of the accounts
	Missing []string     `json:"missing"` // accounts without a current run
	Runs    []*RunReport `json:"runs"`
}
