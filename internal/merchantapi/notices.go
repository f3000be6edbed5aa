package merchantapi

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"tieout/internal/fault"
	"tieout/internal/paycore"
)

// Notice is what we told the merchant, or could not tell him.
type Notice struct {
	EventID   string          `json:"event_id"`
	State     string          `json:"state" enum:"PENDING,SENT,DEAD" doc:"DEAD: tried ten times within 48 hours, and not tried again by itself."`
	Tries     int             `json:"tries,omitempty"`
	NextAt    string          `json:"next_at,omitempty" format:"date-time" doc:"When a PENDING one is tried."`
	LastError string          `json:"last_error,omitempty" doc:"Why the last try failed."`
	Body      json.RawMessage `json:"body,omitempty" doc:"What is sent."`
}

// NoticeList is the latest of them.
type NoticeList struct {
	Notices []Notice `json:"notices"`
}

// maxNotices bounds a list.
const maxNotices = 100

func (s *Server) registerNotices() {
	huma.Register(s.api, operation("query_notices", http.MethodGet, "/v1/notices", "List notices",
		"Shows the latest 100 notices of a state, those that changed last first."), s.queryNotices)
	huma.Register(s.api, operation("resend_notice", http.MethodPost, "/v1/notices/{event_id}/resend", "Send a notice again",
		"Makes a notice due now, with all its tries, whatever became of it before."), s.resendNotice)
}

func (s *Server) queryNotices(ctx context.Context, in *struct {
	State string `query:"state" enum:"PENDING,SENT,DEAD" default:"DEAD"`
},
) (*reply[NoticeList], error) {
	c, err := s.admit(ctx, Query)
	if err != nil {
		return nil, err
	}
	list, err := s.books.Notices(ctx, c.merchant.ID, paycore.NoticeState(in.State), maxNotices)
	if err != nil {
		return nil, s.trouble(c, err)
	}
	out := NoticeList{Notices: make([]Notice, len(list))}
	for i, n := range list {
		out.Notices[i] = Notice{EventID: n.ID, State: string(n.State), Tries: n.Tries, LastError: fault.Translate(c.lang, n.LastError), Body: json.RawMessage(n.Payload)}
		if n.State == paycore.NoticePending {
			out.Notices[i].NextAt = stamp(n.Next)
		}
	}
	return &reply[NoticeList]{http.StatusOK, out}, nil
}

func (s *Server) resendNotice(ctx context.Context, in *struct {
	Idempotent
	EventID string `path:"event_id" maxLength:"200"`
},
) (*reply[Notice], error) {
	c, err := s.admit(ctx, Resend)
	if err != nil {
		return nil, err
	}
	return do(ctx, s, c, work[Notice]{operation: Resend, key: in.Key, subject: in.EventID, finish: s.finishResend(c.merchant.ID)})
}

// finishResend makes a notice due.
func (s *Server) finishResend(merchant string) func(context.Context, string) (Notice, error) {
	return func(ctx context.Context, id string) (Notice, error) {
		found, err := s.books.Resend(ctx, merchant, id)
		if err == nil && !found {
			err = problem(fault.English, fault.New("E-6416", fault.V{"number": fault.Quote(id)}, nil))
		}
		return Notice{EventID: id, State: string(paycore.NoticePending)}, err
	}
}
