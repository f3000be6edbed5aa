package channelsim

import (
	"bytes"
	"io"
	"net/http"
)

// Call is a kind of call of a channel's API.
type Call string

// The calls. UnionPay has no call that prepares or closes: the payer's browser
// posts the order. Its query of a refund is its query of a payment.
const (
	Prepaying      Call = "prepay"
	Querying       Call = "query"
	Closing        Call = "close"
	Refunding      Call = "refund"
	QueryingRefund Call = "query_refund"

	noticeFirst Call = "notice_first"
)

// CallFault is what goes wrong with one call.
type CallFault uint8

// The faults. After RequestLost, ServerError and Hang nothing happened at the
// channel; after the others the call had its effect.
const (
	NoCallFault  CallFault = iota
	RequestLost            // the connection breaks before the request arrives
	AnswerLost             // the connection breaks before the answer is out
	ServerError            // HTTP 500, unsigned
	Hang                   // no answer until the caller goes away
	BadSignature           // the answer's signature does not fit
	NoticeFirst            // of a refund: its notification comes before the answer
)

type callKind struct {
	channel string
	call    Call
}

// FailNext makes the next calls of a kind go wrong, one fault a call, in this
// order and after those that were asked for before.
func (s *Sim) FailNext(channel string, call Call, faults ...CallFault) {
	s.bill.mu.Lock()
	defer s.bill.mu.Unlock()
	for _, f := range faults {
		kind := callKind{channel, call}
		if f == NoticeFirst {
			kind.call = noticeFirst
		}
		s.bill.calls[kind] = append(s.bill.calls[kind], f)
	}
}

// spendCall takes the next fault of a kind of call.
func (b *billing) spendCall(channel string, call Call) CallFault {
	b.mu.Lock()
	defer b.mu.Unlock()
	kind := callKind{channel, call}
	left := b.calls[kind]
	if len(left) == 0 {
		return NoCallFault
	}
	b.calls[kind] = left[1:]
	return left[0]
}

// faulty serves a call with the fault that was asked for.
func (s *Sim) faulty(channel string, call Call, serve http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		switch s.bill.spendCall(channel, call) {
		case RequestLost:
			panic(http.ErrAbortHandler)
		case AnswerLost:
			serve(&recorded{header: http.Header{}}, r)
			panic(http.ErrAbortHandler)
		case ServerError:
			http.Error(w, "Internal Server Error", http.StatusInternalServerError)
		case Hang:
			io.Copy(io.Discard, r.Body) // only then the server sees the caller go
			<-r.Context().Done()
		case BadSignature:
			a := &recorded{header: http.Header{}, status: http.StatusOK}
			serve(a, r)
			a.spoil()
			a.send(w)
		default:
			serve(w, r)
		}
	}
}

// recorded keeps an answer instead of sending it.
type recorded struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *recorded) Header() http.Header         { return a.header }
func (a *recorded) WriteHeader(status int)      { a.status = status }
func (a *recorded) Write(p []byte) (int, error) { return a.body.Write(p) }

// spoil changes one letter of the signature, wherever the channel puts it.
func (a *recorded) spoil() {
	other := func(c byte) byte {
		if c == 'A' {
			return 'B'
		}
		return 'A'
	}
	const name = "Wechatpay-Signature"
	if sign := []byte(a.header.Get(name)); len(sign) > 0 {
		sign[0] = other(sign[0])
		a.header.Set(name, string(sign))
		return
	}
	for _, before := range []string{`"sign":"`, "signature="} {
		if i := bytes.Index(a.body.Bytes(), []byte(before)); i >= 0 {
			at := i + len(before)
			a.body.Bytes()[at] = other(a.body.Bytes()[at])
		}
	}
}

func (a *recorded) send(w http.ResponseWriter) {
	for k, v := range a.header {
		w.Header()[k] = v
	}
	w.WriteHeader(a.status)
	w.Write(a.body.Bytes())
}
