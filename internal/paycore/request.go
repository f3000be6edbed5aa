package paycore

import "errors"

// Request is one signed request of a merchant that changes something. Its key
// stands for it for ever.
type Request struct {
	Merchant  string
	Key       string // the merchant's idempotency key
	Digest    string // sha256 of all that he asks for, hex
	Operation string
	Subject   string // number of the order, payment or refund that it is about
	At        int64  // UTC microseconds
}

// Answer is what a request was answered. One that is not Done has work left to
// do; asking again with the same key carries it on.
type Answer struct {
	Subject string // of the request, as it was first made
	Done    bool
	Status  int    // HTTP status
	Body    string // JSON
}

// ErrKeyTaken says that a merchant used a key before, for something else.
var ErrKeyTaken = errors.New("the key stands for another request")
