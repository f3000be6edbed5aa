package interop_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"tieout/internal/interop"
	"tieout/internal/signing"
)

// envelope is a debit as the organisation would send it.
func (w *world) envelope(id string, d interop.Debit, change func(*signing.Envelope)) signing.Envelope {
	w.t.Helper()
	part, err := json.Marshal(d)
	if err != nil {
		w.t.Fatal(err)
	}
	e := signing.Envelope{Suite: w.other.Suite, Sender: "nucc", Receiver: "tieout", Key: "nucc-1", MessageID: id,
		SentAt: strconv.FormatInt(w.clock.now().Unix(), 10), Kind: interop.KindDebit}
	if change != nil {
		change(&e)
	}
	if e, err = signing.Seal(e, part, w.other.Sign, w.other.Wrap); err != nil {
		w.t.Fatal(err)
	}
	return e
}

// send sends an envelope as it is; the body is what is answered.
func (w *world) send(e signing.Envelope) (int, []byte) {
	w.t.Helper()
	text, err := json.Marshal(e)
	if err != nil {
		w.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.url, bytes.NewReader(text))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := w.http.RoundTrip(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return resp.StatusCode, body
}

// said opens an answer of ours as the organisation does.
func (w *world) said(body []byte) (a interop.Answer) {
	w.t.Helper()
	var e signing.Envelope
	if err := json.Unmarshal(body, &e); err != nil {
		w.t.Fatalf("%s: %v", body, err)
	}
	part, err := e.Open(w.other.Suite, "tieout", "nucc", w.other.Verify, w.other.Unwrap, w.clock.now())
	if err == nil {
		err = json.Unmarshal(part, &a)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

func TestAttack23_InteropMessagesThatNobodySigned(t *testing.T) {
	for _, suite := range signing.Suites() {
		t.Run(string(suite), func(t *testing.T) {
			w := newWorld(t, suite)
			debit := interop.Debit{Number: "T1", Token: w.token(), AmountMinor: 100, Currency: "CNY", Payee: "x"}
			good := w.envelope("m-good", debit, nil)
			flip := func(s string) string { // another first character of the same alphabet
				if strings.HasPrefix(s, "A") {
					return "B" + s[1:]
				}
				return "A" + s[1:]
			}
			weaker := signing.SuiteRSA
			if suite == weaker {
				weaker = signing.SuiteSM
			}
			changes := map[string]func(e *signing.Envelope){
				"unsigned":          func(e *signing.Envelope) { e.Signature = "" },
				"tampered":          func(e *signing.Envelope) { e.Sealed = flip(e.Sealed) },
				"another key":       func(e *signing.Envelope) { e.WrappedKey = flip(e.WrappedKey) },
				"another kind":      func(e *signing.Envelope) { e.Kind = interop.KindRefund },
				"another message":   func(e *signing.Envelope) { e.MessageID = "m-other" },
				"another time":      func(e *signing.Envelope) { e.SentAt = strconv.FormatInt(w.clock.now().Unix()+1, 10) },
				"another sender":    func(e *signing.Envelope) { e.Sender = "unionpay" },
				"another receiver":  func(e *signing.Envelope) { e.Receiver = "bank" },
				"unknown key":       func(e *signing.Envelope) { e.Key = "nucc-2" },
				"no suite":          func(e *signing.Envelope) { e.Suite = "" },
				"suite none":        func(e *signing.Envelope) { e.Suite = "NONE" },
				"downgraded":        func(e *signing.Envelope) { e.Suite = weaker },
				"an answer's place": func(e *signing.Envelope) { e.ReplyTo = "m-1" },
			}
			for _, other := range signing.Suites() {
				if other != suite {
					changes["resealed as "+string(other)] = func(e *signing.Envelope) { *e = w.sealedAs(other, debit) }
				}
			}
			changes["signed by a stranger"] = func(e *signing.Envelope) {
				*e = w.sealed(w.envelopeOf(debit), w.stranger.sign, w.other.Wrap)
			}
			changes["wrapped for a stranger"] = func(e *signing.Envelope) {
				*e = w.sealed(w.envelopeOf(debit), w.other.Sign, w.stranger.wrap)
			}
			for name, change := range changes {
				e := good
				change(&e)
				if status, body := w.send(e); status != http.StatusUnauthorized || len(body) != 0 {
					t.Errorf("%s: answered %d %s", name, status, body)
				}
			}
			w.holds(100_000)
			if status, body := w.send(good); status != http.StatusOK || w.said(body).Result != interop.Success {
				t.Errorf("the good one: %d %s", status, body)
			}
			w.holds(99_900)
		})
	}
}

// sealedAs is a debit by somebody who makes the key of another suite up: the
// only thing that he can choose is what the message says of itself.
func (w *world) sealedAs(suite signing.Suite, d interop.Debit) signing.Envelope {
	stranger := rsaSides()[2]
	if suite != signing.SuiteRSA {
		stranger = smSide()
	}
	e := w.envelopeOf(d)
	e.Suite = suite
	return w.sealed(e, stranger.sign, stranger.wrap)
}

func (w *world) envelopeOf(d interop.Debit) signing.Envelope {
	e := w.envelope("m-forged", d, nil)
	e.WrappedKey, e.Sealed, e.Signature = "", "", ""
	return e
}

func (w *world) sealed(e signing.Envelope, sign signing.Signer, wrap signing.Wrapper) signing.Envelope {
	w.t.Helper()
	e, err := signing.Seal(e, []byte(`{"number":"T1","token":"tok-A1","amount_minor":100,"currency":"CNY","payee":"x"}`), sign, wrap)
	if err != nil {
		w.t.Fatal(err)
	}
	return e
}

// The same envelope again has the same answer; another one under its id has
// none, even if the organisation signed it; both stay so for ever, and an old
// one is not even read.
func TestAttack23_InteropReplay(t *testing.T) {
	w := newWorld(t, signing.SuiteSM)
	debit := interop.Debit{Number: "T1", Token: w.token(), AmountMinor: 100, Currency: "CNY", Payee: "x"}
	first := w.envelope("m-1", debit, nil)
	for range 3 {
		if _, body := w.send(first); w.said(body).Result != interop.Success {
			t.Errorf("got %s", body)
		}
	}
	w.asks(interop.KindRefund, interop.Refund{Number: "R1", Debit: "T1", AmountMinor: 100, Currency: "CNY"})
	if _, body := w.send(first); w.said(body) != (interop.Answer{Result: interop.Success, Number: "T1", AmountMinor: 100, Currency: "CNY"}) {
		t.Errorf("another answer than the first time: %+v", w.said(body))
	}
	debit.Number = "T2"
	if _, body := w.send(w.envelope("m-1", debit, nil)); w.said(body) != (interop.Answer{Result: interop.Refused, Reason: "MESSAGE_ID"}) {
		t.Errorf("got %+v", w.said(body))
	}
	w.holds(100_000)
	w.clock.pass(5 * time.Minute)
	if status, _ := w.send(first); status != http.StatusUnauthorized {
		t.Errorf("an old message: %d", status)
	}
	early := w.envelope("m-2", debit, func(e *signing.Envelope) { e.SentAt = strconv.FormatInt(w.clock.now().Add(5*time.Minute).Unix(), 10) })
	if status, _ := w.send(early); status != http.StatusUnauthorized {
		t.Errorf("a message of the future: %d", status)
	}
	if _, body := w.send(w.envelope("m-1", debit, nil)); w.said(body).Reason != "MESSAGE_ID" {
		t.Errorf("the id is forgotten: %s", body)
	}
	w.holds(100_000)
}

// An answer counts only for the message that it answers, under the agreed suite
// and key: whoever sits on the line can neither make one nor use an old one.
func TestAttack23_InteropAnswersOfOthers(t *testing.T) {
	w := newWorld(t, signing.SuiteSM)
	w.asks(interop.KindDebit, interop.Debit{Number: "T1", Token: w.token(), AmountMinor: 100, Currency: "CNY", Payee: "x"})
	var kept []byte
	relay := func(change func([]byte) []byte) error {
		url, transport := w.serve(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			var e signing.Envelope
			if err := json.Unmarshal(body, &e); err != nil {
				t.Error(err)
			}
			_, answer := w.send(e)
			rw.Write(change(answer)) //nolint:errcheck // the test sees what is missing
		}))
		return interop.NewClient(w.other, url, transport).Ask(context.WithoutCancel(t.Context()), interop.KindDebitQuery, interop.Query{Number: "T1"}, new(interop.Answer))
	}
	if err := relay(func(b []byte) []byte { kept = b; return b }); err != nil {
		t.Fatal(err)
	}
	var e signing.Envelope
	if err := json.Unmarshal(kept, &e); err != nil {
		t.Fatal(err)
	}
	forged, err := signing.Seal(signing.Envelope{Suite: e.Suite, Sender: e.Sender, Receiver: e.Receiver, Key: e.Key, MessageID: "x", ReplyTo: e.ReplyTo, SentAt: e.SentAt, Kind: e.Kind},
		[]byte(`{"result":"FAILED"}`), w.stranger.sign, w.own.Wrap)
	if err != nil {
		t.Fatal(err)
	}
	lie, err := json.Marshal(forged)
	if err != nil {
		t.Fatal(err)
	}
	for name, answer := range map[string][]byte{"of another message": kept, "forged": lie, "nothing": nil, "unsealed": []byte(`{"result":"FAILED"}`)} {
		if err := relay(func([]byte) []byte { return answer }); err == nil {
			t.Errorf("%s: it was believed", name)
		}
	}
}
