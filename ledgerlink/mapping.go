package ledgerlink

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"tieout/internal/money"
	"tieout/schemas"
)

// The fields of a local row, which are also the documented column names.
const (
	FieldKind            = "kind"
	FieldOrderNo         = "order_no"
	FieldRefundNo        = "refund_no"
	FieldChannelTxnID    = "channel_txn_id" // the channel's number: of the refund on refund rows
	FieldStatus          = "status"
	FieldAmountMinor     = "amount_minor" // integer minor units
	FieldCurrency        = "currency"
	FieldFeeMinor        = "fee_minor"    // integer minor units
	FieldCreatedAt       = "created_at"   // RFC 3339
	FieldCompletedAt     = "completed_at" // RFC 3339; empty if it never completed
	FieldChannelPayTxnID = "channel_payment_txn_id"
	FieldTradeType       = "trade_type"
	FieldBank            = "bank"
	FieldProduct         = "product"
	FieldRemark          = "remark"
)

// fields lists them in the order of the layout; the first five are needed,
// currency too unless the mapping names one.
var fields = [...]string{FieldKind, FieldOrderNo, FieldStatus, FieldAmountMinor, FieldCurrency,
	FieldRefundNo, FieldChannelTxnID, FieldFeeMinor, FieldCreatedAt, FieldCompletedAt,
	FieldChannelPayTxnID, FieldTradeType, FieldBank, FieldProduct, FieldRemark}

const neededFields = 5

// Mapping says how the columns and words of a source are read. The zero value
// is the documented layout:
//
//	kind,order_no,refund_no,channel_txn_id,status,amount_minor,currency,fee_minor,created_at,completed_at
type Mapping struct {
	// Columns maps a field to the name of its column; a field that is missing
	// here has the documented name.
	Columns map[string]string
	// Kinds and Statuses map the words of the source; nil: the documented
	// words, in lower or upper case.
	Kinds    map[string]schemas.Kind
	Statuses map[string]schemas.Status
	// Currency is used where there is no currency column; "": there is one.
	Currency string
	// Zone is that of times without an offset, such as "2026-11-20 09:30:00";
	// nil: each time says its offset.
	Zone *time.Location
	// Major says that amounts and fees are in major units, such as 12.30.
	Major bool
}

// DefaultKinds are the documented words of the kinds.
var DefaultKinds = map[string]schemas.Kind{
	"payment": schemas.Payment, "refund": schemas.Refund, "fee": schemas.Fee, "payout": schemas.Payout, "split": schemas.Split,
	"split_return": schemas.SplitReturn, "adjustment": schemas.Adjustment, "chargeback": schemas.Chargeback, "transfer": schemas.Transfer,
}

// DefaultStatuses are the documented words of the states.
var DefaultStatuses = map[string]schemas.Status{
	"paid": schemas.Success, "success": schemas.Success, "refunded": schemas.Success,
	"pending": schemas.Unknown, "processing": schemas.Unknown, "unknown": schemas.Unknown, "paying": schemas.Unknown,
	"failed": schemas.Failed, "closed": schemas.Closed, "cancelled": schemas.Closed, "reversed": schemas.Reversed,
}

// words completes a mapping's words: its own as they are, the documented ones
// in both cases.
func words[T any](own, documented map[string]T) map[string]T {
	if own != nil {
		return own
	}
	all := make(map[string]T, 2*len(documented))
	for w, v := range documented {
		all[w], all[strings.ToUpper(w)] = v, v
	}
	return all
}

// Check names what is wrong with the mapping itself; nil if nothing is.
func (m Mapping) Check() error {
	for field, column := range m.Columns {
		if !slices.Contains(fields[:], field) {
			return fmt.Errorf("column mapping: there is no field %.40q", field)
		}
		if column == "" {
			return fmt.Errorf("column mapping: field %s has no column", field)
		}
	}
	if m.Currency != "" {
		if _, known := money.Currency(m.Currency).Exponent(); !known {
			return fmt.Errorf("currency %.8q is not known", m.Currency)
		}
	}
	return nil
}

// column returns the name of a field's column.
func (m Mapping) column(field string) string {
	if c := m.Columns[field]; c != "" {
		return c
	}
	return field
}

// columns are the positions of the fields in the source; -1: it has no such
// column. In the order of fields.
type columns [len(fields)]int

const (
	colKind = iota
	colOrderNo
	colStatus
	colAmount
	colCurrency
	colRefundNo
	colChannelTxnID
	colFee
	colCreatedAt
	colCompletedAt
	colChannelPayTxnID
	colTradeType
	colBank
	colProduct
	colRemark
)

// locate finds the columns of a mapping by name.
func (m Mapping) locate(header []string) (columns, error) {
	var at columns
	var missing []string
	for i, field := range fields {
		name := m.column(field)
		at[i] = slices.Index(header, name)
		if at[i] >= 0 && slices.Contains(header[at[i]+1:], name) {
			return at, fmt.Errorf("column %.60q stands there twice", name)
		}
		needed := i < neededFields && (i != colCurrency || m.Currency == "") || m.Columns[field] != ""
		if at[i] < 0 && needed {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		return at, fmt.Errorf("no column %s", strings.Join(missing, ", "))
	}
	return at, nil
}
