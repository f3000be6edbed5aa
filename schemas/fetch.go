package schemas

import (
	"time"

	"tieout/internal/bizday"
)

// StatementRequest asks for one statement of one merchant account.
type StatementRequest struct {
	Channel   string
	Account   string // the merchant account number at the channel (mchid, pid, merId, …)
	Date      bizday.Date
	Statement string // "TRADE", "FUND" or "BANK"
	Variant   string // bill type of the channel: "ALL", "SUCCESS", "REFUND", "BASIC", "trade", "signcustomer", "ZM", …; "" is the default
}

// FetchState tells apart why there is or is no statement.
type FetchState string

// The states of a statement.
const (
	FetchNotReady       FetchState = "NOT_READY"       // the channel says, or the missing marker shows, that it comes later
	FetchEmptyConfirmed FetchState = "EMPTY_CONFIRMED" // the channel says that the day has no transactions
	FetchLate           FetchState = "LATE"            // not there, and its expected time has passed
	FetchFailed         FetchState = "FAILED"          // retries used up, or a permanent refusal
	FetchFetched        FetchState = "FETCHED"         // kept, and proven whole as far as the transport can
)

// Fetched is what one attempt brought.
type Fetched struct {
	State  FetchState    `json:"state"`
	Files  []FetchedFile `json:"files,omitempty"`
	Proofs []Proof       `json:"proofs,omitempty"` // transport proofs: digest, size, signature, marker
	Detail string        `json:"detail,omitempty"` // the channel's own word, such as NO_STATEMENT_EXIST; escaped
}

// FetchedFile is one raw file in the lake, bytes as received.
type FetchedFile struct {
	FileUsed
	// Place says where it came from, without any secret: protocol, host and
	// path; never a query string or a token.
	Place   string    `json:"place"`
	At      time.Time `json:"at"`
	Digest  string    `json:"digest,omitempty"` // the channel's own digest with its kind, such as "sha1:dcd7…", over the unpacked bytes
	Resumes int       `json:"resumes,omitempty"`
}
