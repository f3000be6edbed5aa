package merchantapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"tieout/internal/crashpoint"
	"tieout/internal/fault"
	"tieout/internal/paycore"
)

// Idempotent is embedded in the input of every operation that changes something.
type Idempotent struct {
	Key string `header:"Idempotency-Key" required:"true" minLength:"8" maxLength:"64" pattern:"^[A-Za-z0-9_-]+$" doc:"Stands for this request for ever: the same request again gives the same answer."`
}

// reply is the answer of an operation.
type reply[T any] struct {
	Status int
	Body   T
}

// work is what one request that changes something does.
type work[T any] struct {
	operation Permission
	key       string
	subject   string // number of what it makes or moves
	commands  []paycore.Command
	refused   *fault.Error // why nothing is done, where that is known before; kept as any answer
	// ended makes the answer of a request that is done with its commands; nil:
	// finish has to be called.
	ended func([]paycore.Result) T
	// finish does what lies outside of the books, and may be repeated; an error
	// leaves the rest to the next time. subject is the one of the first time.
	finish func(ctx context.Context, subject string) (T, error)
}

// admit checks that the merchant may do something.
func (s *Server) admit(ctx context.Context, p Permission) (*call, error) {
	c := callOf(ctx)
	if !slices.Contains(c.merchant.Allow, p) {
		return nil, problem(c.lang, fault.New("E-6411", fault.V{"permission": p}, nil))
	}
	return c, nil
}

// trouble turns an error into what the merchant is told, and logs it if it is
// our own.
func (s *Server) trouble(c *call, err error) error {
	var p *Problem
	if errors.As(err, &p) {
		return p
	}
	f := fault.Of(err)
	if _, theirs := statusOf[f.ID]; !theirs {
		s.log.Error("request failed", "merchant", c.merchant.ID, "error", err)
	}
	return problem(c.lang, f)
}

// do runs a request once, and answers it as often as it is asked.
func do[T any](ctx context.Context, s *Server, c *call, w work[T]) (*reply[T], error) {
	ctx = context.WithoutCancel(ctx) // what has begun is not left because the caller has gone
	commands, err := s.core.Complete(w.commands...)
	if err != nil {
		return nil, s.trouble(c, err)
	}
	req := paycore.Request{Merchant: c.merchant.ID, Key: w.key, Digest: c.digest, Operation: string(w.operation), Subject: w.subject, At: s.now().UnixMicro()}
	said, err := s.books.ExecuteOnce(ctx, req, commands, func(results []paycore.Result) (paycore.Answer, error) {
		if w.refused != nil {
			return failed(problem(c.lang, w.refused))
		}
		for _, r := range results {
			if r.Effect == paycore.Refused {
				return failed(problem(c.lang, fault.New("E-6419", fault.V{"reason": r.Reason, "number": w.subject}, nil)))
			}
		}
		if w.ended == nil {
			return paycore.Answer{Status: http.StatusServiceUnavailable, Body: "{}"}, nil
		}
		return succeeded(w.ended(results))
	})
	if errors.Is(err, paycore.ErrKeyTaken) {
		return nil, problem(c.lang, fault.New("E-6418", fault.V{"key": fault.Quote(w.key)}, nil))
	}
	if err != nil {
		return nil, s.trouble(c, err)
	}
	if !said.Done {
		crashpoint.Hit("api.kept")
		if said, err = finish(ctx, s, req, said.Subject, w.finish); err != nil {
			return nil, s.trouble(c, err)
		}
	}
	return answered[T](said)
}

// finish does the rest of a request and keeps its answer.
func finish[T any](ctx context.Context, s *Server, req paycore.Request, subject string, rest func(context.Context, string) (T, error)) (paycore.Answer, error) {
	body, err := rest(ctx, subject)
	var p *Problem
	var a paycore.Answer
	switch {
	case errors.As(err, &p) && p.Status != http.StatusServiceUnavailable:
		a, err = failed(p)
	case err != nil:
		return a, err
	default:
		a, err = succeeded(body)
	}
	if err != nil {
		return a, err
	}
	crashpoint.Hit("api.finished")
	return s.books.AnswerRequest(ctx, req, a)
}

func succeeded(body any) (paycore.Answer, error) {
	text, err := json.Marshal(body)
	return paycore.Answer{Done: true, Status: http.StatusOK, Body: string(text)}, err
}

func failed(p *Problem) (paycore.Answer, error) {
	text, err := json.Marshal(p)
	return paycore.Answer{Done: true, Status: p.Status, Body: string(text)}, err
}

// answered reads a kept answer.
func answered[T any](said paycore.Answer) (*reply[T], error) {
	if said.Status >= 400 {
		p := &Problem{}
		if err := json.Unmarshal([]byte(said.Body), p); err != nil {
			return nil, fmt.Errorf("read a kept answer: %w", err)
		}
		return nil, p
	}
	r := &reply[T]{Status: said.Status}
	if err := json.Unmarshal([]byte(said.Body), &r.Body); err != nil {
		return nil, fmt.Errorf("read a kept answer: %w", err)
	}
	return r, nil
}

// resumeAtOnce bounds the requests that Resume takes.
const resumeAtOnce = 1000

// Resume carries on refunds and closings that were left when the program ended;
// a payment is carried on by its merchant, who asks again for what its payer
// needs. It returns how many are done.
func (s *Server) Resume(ctx context.Context) (done int, err error) {
	open, err := s.books.OpenRequests(ctx, resumeAtOnce)
	if err != nil {
		return 0, err
	}
	for _, req := range open {
		switch Permission(req.Operation) {
		case Refund:
			_, err = finish(ctx, s, req, req.Subject, s.finishRefund(req.Merchant))
		case Close:
			_, err = finish(ctx, s, req, req.Subject, s.finishClose(req.Merchant, fault.English))
		case TransferOut, Withdraw:
			_, err = finish(ctx, s, req, req.Subject, s.finishMove(req.Merchant))
		case Resend:
			_, err = finish(ctx, s, req, req.Subject, s.finishResend(req.Merchant))
		default:
			continue
		}
		if err != nil {
			s.log.Warn("request not carried on", "merchant", req.Merchant, "number", req.Subject, "error", err)
			continue
		}
		done++
	}
	return done, ctx.Err()
}
