package paycore

// Notification is what a channel sent, after its signature was found good.
type Notification struct {
	Channel, Account string
	ID               string // the channel's own number of it
	Digest           string // sha256 of Raw, hex
	Raw              []byte // as it came
	ReceivedAt       int64  // UTC microseconds
}

// Outgoing is a notice to a merchant that is due.
type Outgoing struct {
	ID       string
	Merchant string
	URL      string
	Payload  string // JSON, sent as it is
	Tries    int    // tries before this one
}

// NoticeState is where a notice to a merchant stands.
type NoticeState string

// The states of a notice. A dead one was tried as often as Schedule says.
const (
	NoticePending NoticeState = "PENDING"
	NoticeSent    NoticeState = "SENT"
	NoticeDead    NoticeState = "DEAD"
)

// NoticeStanding is a notice to a merchant as it stands in the outbox.
type NoticeStanding struct {
	ID, Merchant string
	Payload      string // JSON
	State        NoticeState
	Tries        int
	Next         int64  // when a pending one is tried; UTC microseconds, as all times here
	LastError    string // of the last try
	CreatedAt    int64
	UpdatedAt    int64
}
