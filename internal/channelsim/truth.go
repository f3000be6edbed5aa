package channelsim

import (
	"encoding/json"
	"fmt"
	"io"

	"tieout/internal/bizday"
	"tieout/schemas"
)

// Fault is a kind of planned fault.
type Fault string

// Faults of one payment or refund.
const (
	MissedNotification  Fault = "missed_notification"   // paid, never notified: our books say UNKNOWN
	LateNotification    Fault = "late_notification"     // notified hours later, before the statement is read
	NoticeAfterFix      Fault = "notice_after_fix"      // notified after the night has fixed it: must have no second effect
	DoubledNotification Fault = "doubled_notification"  // notified twice: one effect
	LocalOnly           Fault = "local_only"            // our books say paid, the channel never heard of it
	ChannelOnly         Fault = "channel_only"          // collected in the channel's console; no order of ours
	AmountMismatch      Fault = "amount_mismatch"       // the channel charged another amount
	FeeMismatch         Fault = "fee_mismatch"          // the channel took another fee than agreed
	DuplicatePayment    Fault = "duplicate_payment"     // paid twice under one number
	DuplicateRow        Fault = "duplicate_row_in_file" // one payment, two identical rows
	CutoffLocalFirst    Fault = "cross_cutoff_local"    // our clock before the cut-off, the channel's after
	CutoffChannelFirst  Fault = "cross_cutoff_channel"  // the channel's clock before the cut-off, ours after
	RefundMissing       Fault = "refund_missing"        // refunded in our books, never at the channel
	RefundConsole       Fault = "refund_console"        // refunded in the channel's console
	RefundBehind        Fault = "refund_behind"         // refunded, never notified
	LateOnClosed        Fault = "late_success_on_closed"
	NeverPaid           Fault = "unknown_never_paid" // opened here, never paid there
	Withheld            Fault = "withheld_row"       // not in the first statement, in the re-issued one
)

// Faults of a channel's file on one day.
const (
	NotReadyFirst    Fault = "not_ready_first"         // NOT_READY for the first Times tries
	EmptyDay         Fault = "empty_day"               // no payment at all on that channel and day
	TruncatedBody    Fault = "truncated_body"          // the first Times downloads are cut
	TrailerOff       Fault = "trailer_off_by_one_fen"  // the control total is one fen off until Republish
	WrongDay         Fault = "wrong_day_file"          // the file of the day before under today's name until Republish
	Reissue          Fault = "reissue"                 // Republish adds the withheld rows
	BadDigest        Fault = "bad_digest"              // the first Times digests do not fit
	FrequencyLimited Fault = "frequency_limited_first" // the first Times applications are refused as too many
)

// Truth is one injected fault with what must be found: one line of the truth
// file.
type Truth struct {
	Date        bizday.Date   `json:"date"` // bill date on which it happened
	Channel     string        `json:"channel"`
	Account     string        `json:"account"` // our number at the channel
	Fault       Fault         `json:"fault"`
	Kind        schemas.Kind  `json:"kind,omitzero"` // absent for faults of files
	MerchantRef string        `json:"merchant_ref,omitempty"`
	RefundRef   string        `json:"refund_ref,omitempty"`
	AmountMinor int64         `json:"amount_minor,omitempty"` // on our side if we have one, else the channel's
	Currency    string        `json:"currency,omitempty"`
	Expect      []Expectation `json:"expect"` // in the order of the runs
}

// Expectation is what one run must say about the fault.
type Expectation struct {
	Date   bizday.Date        `json:"date"`             // the run's bill date
	After  string             `json:"after,omitempty"`  // "republish": only once the file was issued anew
	Class  schemas.Class      `json:"class,omitzero"`   // faults of rows
	Rule   string             `json:"rule,omitempty"`   // within the class, where it matters
	Cell   string             `json:"cell,omitempty"`   // of the decision table
	Action schemas.Action     `json:"action,omitempty"` //
	Fix    schemas.FixKind    `json:"fix,omitempty"`    // applied by itself
	Delta  int64              `json:"delta,omitempty"`  // channel - local, fen
	State  schemas.FetchState `json:"state,omitempty"`  // faults of files: where fetching ends
	Tries  int                `json:"tries,omitempty"`  // fetch attempts that end otherwise first
	Broken bool               `json:"broken,omitempty"` // the run is INCOMPLETE, and exits with the code below
	Exit   []int              `json:"exit,omitempty"`   // allowed exit codes of that run
}

// AfterRepublish marks an expectation that holds once the file is issued anew.
const AfterRepublish = "republish"

// WriteTruth writes the truth file: JSON, one fault a line.
func WriteTruth(w io.Writer, truths []Truth) error {
	enc := json.NewEncoder(w)
	for i := range truths {
		if err := enc.Encode(&truths[i]); err != nil {
			return fmt.Errorf("write truth %d: %w", i+1, err)
		}
	}
	return nil
}
