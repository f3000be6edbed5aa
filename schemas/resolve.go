package schemas

import "tieout/internal/bizday"

// Action is what the decision table says about a difference.
type Action string

// The actions.
const (
	ActionMatch  Action = "MATCH"  // accept; nothing to do
	ActionCarry  Action = "CARRY"  // wait for a later statement
	ActionAuto   Action = "AUTO"   // fix by itself, only inside the money fence
	ActionManual Action = "MANUAL" // queue for two people
)

// FixKind is one effect on the local books. Each is applied exactly once per
// fix key, in one transaction.
type FixKind string

// The fixes.
const (
	FixSetSuccess      FixKind = "SET_SUCCESS"      // payment or refund becomes SUCCESS, journal posted, merchant notified (补单)
	FixSetClosed       FixKind = "SET_CLOSED"       // an UNKNOWN payment that the channel never took becomes CLOSED
	FixSetFailed       FixKind = "SET_FAILED"       // a refund that the channel refused becomes FAILED
	FixSuspend         FixKind = "SUSPEND"          // post the open amount to suspense (挂账)
	FixReleaseSuspense FixKind = "RELEASE_SUSPENSE" // post it back (销账)
	FixAdjustFee       FixKind = "ADJUST_FEE"       // correct the accrued fee to what the channel charged
	FixWriteOff        FixKind = "WRITE_OFF"        // suspense to the write-off account, approved by two people
	FixReverse         FixKind = "REVERSE"          // opposite entry of an earlier fix (冲正)
)

// MovesOrder tells a fix of a payment or refund itself from one that only posts
// to our ledger of differences.
func (k FixKind) MovesOrder() bool {
	switch k {
	case FixSetSuccess, FixSetClosed, FixSetFailed, FixAdjustFee:
		return true
	}
	return false
}

// Decision is what resolve says about one difference.
type Decision struct {
	Cell     string    `json:"cell"` // row of the decision table, such as "P4"
	Action   Action    `json:"action"`
	Priority int       `json:"priority"` // 1 = money at risk now … 5; 0 = none
	Fixes    []FixKind `json:"fixes"`    // AUTO: what to apply; MANUAL: what is proposed
	Suspend  int64     `json:"suspend"`  // signed minor units to hold in suspense (+ received 暂收, - paid 暂付); 0 = none
	Query    bool      `json:"query"`    // an active query must confirm before any write
	DueDays  int       `json:"due_days"`
	Why      string    `json:"why"` // which condition of the fence failed, if the table said AUTO and it became MANUAL
}

// QueryAnswer is what the channel said when asked about one payment or refund.
type QueryAnswer struct {
	Key         string `json:"key"`
	Kind        Kind   `json:"kind"`
	Asked       bool   `json:"asked"` // false: the channel has no query, or the call failed (then Error says so)
	Found       bool   `json:"found"`
	Status      Status `json:"status"`
	AmountMinor int64  `json:"amount_minor"`
	Currency    string `json:"currency"`
	ChannelRef  string `json:"channel_ref"`
	MovedAt     int64  `json:"moved_at,omitempty"` // when the money moved, UTC microseconds; 0: the channel did not say
	Error       string `json:"error,omitempty"`
}

// Fix is one instruction for the local books.
type Fix struct {
	Key         string      `json:"key"` // (account, kind, merchant/refund/channel reference, fix kind): unique for ever
	Kind        FixKind     `json:"kind"`
	RunID       string      `json:"run_id"`
	CaseID      string      `json:"case_id"`
	Cell        string      `json:"cell"`
	Channel     string      `json:"channel"`
	Account     string      `json:"account"`
	BillDate    bizday.Date `json:"bill_date"`
	RecordKind  Kind        `json:"record_kind"`
	MerchantRef string      `json:"merchant_ref"`
	RefundRef   string      `json:"refund_ref,omitempty"`
	ChannelRef  string      `json:"channel_ref,omitempty"`
	AmountMinor int64       `json:"amount_minor"` // always what the statement and the query say; signed for SUSPEND
	FeeMinor    int64       `json:"fee_minor"`
	Currency    string      `json:"currency"`
	EventTime   int64       `json:"event_time"`
	Expect      []Status    `json:"expect"`             // local states from which the move is allowed; checked in the transaction
	Maker       string      `json:"maker"`              // "auto" or a person
	Checker     string      `json:"checker"`            // "" for auto
	Reverses    string      `json:"reverses,omitempty"` // REVERSE only: key of the fix that it undoes
}

// FixResult is what applying said.
type FixResult struct {
	Key    string `json:"key"`
	State  string `json:"state"`  // APPLIED, ALREADY_APPLIED, REFUSED
	RunID  string `json:"run_id"` // the run that applied it
	Reason string `json:"reason,omitempty"`
	TxnID  string `json:"txn_id,omitempty"` // ledger transaction
}

// CaseState is where a case stands.
type CaseState string

// The states of a case.
const (
	CaseOpen      CaseState = "OPEN"
	CaseProposed  CaseState = "PROPOSED"   // the maker proposed, the checker has not answered
	CaseResolved  CaseState = "RESOLVED"   // fixed or accepted by two people
	CaseAutoFixed CaseState = "AUTO_FIXED" // fixed by itself inside the fence
	CaseWithdrawn CaseState = "WITHDRAWN"  // a rerun or a later statement explained it
)

// Case is one open difference in the hands of people. Its id is made of
// account, leg, key and currency, not of the class: it survives reruns.
type Case struct {
	ID           string      `json:"id"`
	Channel      string      `json:"channel"`
	Account      string      `json:"account"`
	Kind         Kind        `json:"kind"`
	Key          string      `json:"key"`
	Currency     string      `json:"currency"`
	State        CaseState   `json:"state"`
	Class        Class       `json:"class"`
	Flag         string      `json:"flag,omitempty"` // "FIX_CONTRADICTED"
	Cell         string      `json:"cell"`
	Priority     int         `json:"priority"`
	Owner        string      `json:"owner"`
	FirstSeen    bizday.Date `json:"first_seen"` // bill date on which it was first a break
	LastSeen     bizday.Date `json:"last_seen"`
	DueOn        bizday.Date `json:"due_on"`
	LocalMinor   int64       `json:"local_minor"`
	ChannelMinor int64       `json:"channel_minor"`
	SuspendMinor int64       `json:"suspend_minor"` // what it holds in suspense now, signed
	Reason       string      `json:"reason"`
	Evidence     string      `json:"evidence"` // sha256 of the Difference as shown; an approval is bound to it
	Version      int64       `json:"version"`  // changes with every write; compare-and-set
}
