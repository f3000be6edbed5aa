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
