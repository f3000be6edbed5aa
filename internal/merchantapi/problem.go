package merchantapi

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"tieout/internal/fault"
)

// Problem is every answer that is not what was asked for, as RFC 9457 has it.
type Problem struct {
	Type    string `json:"type" doc:"Where the code is explained."`
	Title   string `json:"title" doc:"What happened."`
	Status  int    `json:"status"`
	Code    string `json:"code" doc:"Stable; decide by it." example:"E-6418"`
	Detail  string `json:"detail" doc:"What it is about."`
	Changed string `json:"changed" doc:"What was changed by the request."`
	Do      string `json:"do" doc:"What to do now."`
}

// Error implements error.
func (p *Problem) Error() string { return p.Code + " " + p.Title }

// GetStatus implements huma.StatusError.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType implements huma.ContentTypeFilter.
func (*Problem) ContentType(string) string { return problemType }

const problemType = "application/problem+json"

// statusOf is the HTTP status of each fault of the API. Any other fault is
// trouble of our own.
var statusOf = map[fault.ID]int{
	"E-6410": http.StatusUnauthorized,
	"E-6411": http.StatusForbidden,
	"E-6412": http.StatusTooManyRequests,
	"E-6413": http.StatusBadRequest,
	"E-6414": http.StatusUnsupportedMediaType,
	"E-6415": http.StatusRequestEntityTooLarge,
	"E-6416": http.StatusNotFound,
	"E-6417": http.StatusNotFound,
	"E-6418": http.StatusConflict,
	"E-6419": http.StatusUnprocessableEntity,
	"E-6420": http.StatusServiceUnavailable,
	"E-6421": http.StatusUnprocessableEntity,
	"E-6422": http.StatusUnprocessableEntity,
	"E-6423": http.StatusServiceUnavailable,
	"E-6432": http.StatusServiceUnavailable,
	"E-6433": http.StatusUnprocessableEntity,
	"E-6434": http.StatusUnprocessableEntity,
	"E-6427": http.StatusUnprocessableEntity,
	"E-6428": http.StatusNotFound,
	"E-6429": http.StatusUnprocessableEntity,
}

// problem says a fault in the language of the request. Trouble of our own is
// not described to the outside.
func problem(lang fault.Lang, f *fault.Error) *Problem {
	status, ok := statusOf[f.ID]
	if !ok {
		f = fault.New("E-6423", fault.V{}, nil)
		status = http.StatusServiceUnavailable
	}
	parts := f.Parts(lang)
	return &Problem{Type: "/docs#" + string(f.ID), Title: parts.What, Status: status, Code: string(f.ID), Detail: parts.Which, Changed: parts.Changed, Do: parts.Do}
}

// write sends a problem that happened before or behind the operations.
func (p *Problem) write(w http.ResponseWriter) {
	body, err := json.Marshal(p)
	if err != nil { // text and numbers only
		panic("merchantapi: " + err.Error())
	}
	w.Header().Set("Content-Type", problemType)
	if p.Status == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", "1") // the limits count by the second
	}
	w.WriteHeader(p.Status)
	w.Write(body) //nolint:errcheck // who does not read it asks again
}

// undocumented turns what huma says about a request into our words. What the
// request held is not repeated.
func undocumented(ctx huma.Context, _ string, v any) (any, error) {
	var e *huma.ErrorModel
	if err, ok := v.(error); !ok || !errors.As(err, &e) {
		return v, nil
	}
	reason, place := e.Detail, make([]string, 0, len(e.Errors))
	for _, d := range e.Errors {
		reason = d.Message
		place = append(place, d.Location)
	}
	f := fault.New("E-6413", fault.V{"reason": reason, "place": strings.Join(place, ", ")}, nil)
	p := problem(language(ctx.Header("Accept-Language")), f)
	p.Status = e.Status // as it is on the way out
	return p, nil
}

// language is the one that a request prefers, of the two that there are.
func language(accept string) fault.Lang {
	if strings.HasPrefix(strings.ToLower(strings.TrimSpace(accept)), "zh") {
		return fault.Chinese
	}
	return fault.English
}
