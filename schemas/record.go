// Package schemas holds every shape that outlives a process: records, outcomes,
// differences, decisions, cases, manifests.
//
// The five stages never import each other; what one writes and the next reads
// is declared here, and nothing here does any work beyond naming and encoding.
package schemas

import (
	"fmt"

	"tieout/internal/bizday"
)

// Side tells whose book a row stands in.
type Side uint8

// The two sides.
const (
	Local   Side = 1 // our books (我方)
	Channel Side = 2 // the channel's statement (渠道)
)

// Kind is the kind of money movement.
type Kind uint8

// The kinds. Direction follows from the kind: amounts are never negative.
const (
	Payment Kind = iota + 1
	Refund
	Fee
	Payout
	Split
	SplitReturn
	Adjustment
	Chargeback
	Transfer
)

// Status is a record's state, in words that both sides share.
type Status uint8

// The states. Unknown means that we do not know yet (processing, not notified);
// it is not "an unreadable word": that is a reject.
const (
	Success Status = iota + 1
	Unknown
	Failed
	Closed
	Reversed
)

// NullInt64 is an int64 that a source may leave out.
type NullInt64 struct {
	V     int64
	Valid bool
}

// Int64 makes a present value.
func Int64(v int64) NullInt64 { return NullInt64{V: v, Valid: true} }

// NoTime is the absent event time.
const NoTime int64 = -1 << 63

// Record is one money movement of one side. Text ids are bytes as the source
// gave them, never numbers; an empty text means "the source does not say".
type Record struct {
	Channel string // channel name, such as "wechat"
	Account string // our merchant account at the channel
	Kind    Kind

	MerchantRef      string // the order or payment number that we sent (商户订单号)
	RefundRef        string // the refund request number that we sent; "" on payments
	ChannelRef       string // the channel's number of the payment
	ChannelRefundRef string // the channel's number of the refund

	Status    Status
	StatusRaw string // the source's own word

	AmountMinor int64 // what was asked for, the field that matching compares; >= 0
	Currency    string
	SettleMinor NullInt64 // settled amount
	FeeMinor    NullInt64 // fee: positive when we pay it, negative when it is given back
	FeeSub      int64     // the rest of the fee below one minor unit, in millionths of it, same sign

	EventTime int64       // when it happened, UTC microseconds; NoTime if not said
	BillDate  bizday.Date // the statement's day in the channel's zone; on the local side the day of EventTime

	Source string // sha256 of the raw file the row stands in
	Line   int64  // 1-based line (or record number) in that file
	Offset int64  // byte offset of the row in that file

	TradeType string // extras that reports show; each at most 256 bytes
	Bank      string
	Product   string
	Remark    string
}

// Key is the exact-match key: the refund number for what has one, else the
// merchant number, else "" (such rows are never matched on amount and time).
func (r *Record) Key() string {
	if r.Kind == Payment || r.RefundRef == "" {
		return r.MerchantRef
	}
	return r.RefundRef
}

var (
	sideNames   = names{"", "LOCAL", "CHANNEL"}
	kindNames   = names{"", "PAYMENT", "REFUND", "FEE", "PAYOUT", "SPLIT", "SPLIT_RETURN", "ADJUSTMENT", "CHARGEBACK", "TRANSFER"}
	statusNames = names{"", "SUCCESS", "UNKNOWN", "FAILED", "CLOSED", "REVERSED"}
)

func (s Side) String() string   { return sideNames.text(uint8(s)) }
func (k Kind) String() string   { return kindNames.text(uint8(k)) }
func (s Status) String() string { return statusNames.text(uint8(s)) }

// MarshalText and UnmarshalText carry the names into JSON and Parquet.
func (s Side) MarshalText() ([]byte, error)   { return []byte(s.String()), nil }
func (k Kind) MarshalText() ([]byte, error)   { return []byte(k.String()), nil }
func (s Status) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

func (s *Side) UnmarshalText(b []byte) error   { return sideNames.parse(b, (*uint8)(s)) }
func (k *Kind) UnmarshalText(b []byte) error   { return kindNames.parse(b, (*uint8)(k)) }
func (s *Status) UnmarshalText(b []byte) error { return statusNames.parse(b, (*uint8)(s)) }

// names maps a small enum to its words; index 0 is the absent value.
type names []string

func (n names) text(i uint8) string {
	if int(i) < len(n) {
		return n[i]
	}
	return fmt.Sprintf("?%d", i)
}

func (n names) parse(b []byte, to *uint8) error {
	for i, s := range n {
		if s == string(b) {
			*to = uint8(i)
			return nil
		}
	}
	return fmt.Errorf("unknown word %.40q", b)
}

// MarshalJSON writes null or the number.
func (n NullInt64) MarshalJSON() ([]byte, error) {
	if !n.Valid {
		return []byte("null"), nil
	}
	return fmt.Appendf(nil, "%d", n.V), nil
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (n *NullInt64) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*n = NullInt64{}
		return nil
	}
	_, err := fmt.Sscanf(string(b), "%d", &n.V)
	n.Valid = err == nil
	return err
}
