package schemas

import "tieout/internal/bizday"

// Proof is one check whose two numbers must be equal; a report prints both.
type Proof struct {
	Name     string `json:"name"` // stable word, such as "trailer.rows", "partition.local", "carry", "ledger.suspense"
	OK       bool   `json:"ok"`
	Want     string `json:"want"`               // what the source or the rule says, as text for people
	Got      string `json:"got"`                // what was found
	Currency string `json:"currency,omitempty"` // for sums
	Advisory bool   `json:"advisory,omitempty"` // a failure is shown but does not make the day INCOMPLETE
	Note     string `json:"note,omitempty"`
}

// Verdict is the answer of a run, from the loudest to the quietest.
type Verdict uint8

// The verdicts.
const (
	Incomplete Verdict = iota + 1 // a proof failed: nothing is fixed, settlement waits
	Breaks                        // differences wait for people
	Warnings                      // all placed, something wants a look
	Pending                       // only carried items are open
	Reconciled
)

var verdictNames = names{"", "INCOMPLETE", "BREAKS", "WARNINGS", "PENDING", "RECONCILED"}

func (v Verdict) String() string                { return verdictNames.text(uint8(v)) }
func (v Verdict) MarshalText() ([]byte, error)  { return []byte(v.String()), nil }
func (v *Verdict) UnmarshalText(b []byte) error { return verdictNames.parse(b, (*uint8)(v)) }

// Reject is a row of a file that is not a record: it is kept, counted and shown.
type Reject struct {
	Source string `json:"source"` // sha256 of the raw file
	File   string `json:"file"`   // entry name, escaped
	Line   int64  `json:"line"`   // 1-based
	Offset int64  `json:"offset"` // byte offset of the row
	Column int    `json:"column"` // 1-based cell number; 0 if the whole row
	Field  string `json:"field"`  // column name as in the file
	Value  string `json:"value"`  // cut at 80 characters, escaped, card numbers masked
	Reason string `json:"reason"`
}

// SideTotal counts one side of one file or export.
type SideTotal struct {
	Kind     Kind   `json:"kind"`
	Currency string `json:"currency"`
	Rows     int64  `json:"rows"`
	Minor    int64  `json:"minor"` // Σ amount_minor
	FeeMinor int64  `json:"fee_minor"`
}

// Statement is what normalize found out about one statement (one account, one
// date, all its files).
type Statement struct {
	Channel    string      `json:"channel"`
	Account    string      `json:"account"`
	Merchant   string      `json:"merchant,omitempty"` // number at the channel, as the files print it; "" if they do not
	BillDate   bizday.Date `json:"bill_date"`          // asked for, or found in the files; bizday.None if neither
	Format     string      `json:"format"`             // name of the layout found, such as "trade_all_current"
	Kind       string      `json:"kind"`               // TRADE, FUND or BANK
	Definition string      `json:"definition"`         // version of the channel definition
	Rows       int64       `json:"rows"`               // data rows in the file = records + rejects
	Records    int64       `json:"records"`
	Rejects    int64       `json:"rejects"`
	Totals     []SideTotal `json:"totals"`
	Opening    NullInt64   `json:"opening_minor"` // FUND: balance before the first movement, if the running balance closes
	Closing    NullInt64   `json:"closing_minor"` // FUND: balance after the last
	Proofs     []Proof     `json:"proofs"`
	Warnings   []string    `json:"warnings,omitempty"`
	Files      []FileUsed  `json:"files"`
}

// FileUsed names a raw file that was read.
type FileUsed struct {
	Name   string `json:"name"` // as the channel called it, escaped
	SHA256 string `json:"sha256"`
	Size   int64  `json:"size"`
}

// Manifest is written last by a stage, and says what it read and wrote. It
// holds no clock, no path and no run id: the same inputs give the same bytes.
type Manifest struct {
	Stage    string            `json:"stage"`
	Account  string            `json:"account"`
	Date     string            `json:"date"`
	Versions map[string]string `json:"versions"` // program, definition, rules, decision table, config digest
	Inputs   []FileUsed        `json:"inputs"`
	Outputs  []FileUsed        `json:"outputs"`
	Counts   map[string]int64  `json:"counts"`
	Totals   []SideTotal       `json:"totals,omitempty"`
	Proofs   []Proof           `json:"proofs,omitempty"`
	Digest   string            `json:"digest"` // sha256 over the fields above
}
