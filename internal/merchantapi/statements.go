package merchantapi

import (
	"context"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"tieout/internal/bizday"
	"tieout/internal/fault"
)

// StatementPath names a day.
type StatementPath struct {
	Date string `path:"date" pattern:"^[0-9]{4}-[0-9]{2}-[0-9]{2}$" example:"2026-11-20" doc:"The channel's day."`
}

func (s *Server) registerStatements() {
	o := operation("download_statement", http.MethodGet, "/v1/statements/{date}", "Download a statement",
		"The merchant's own statement of a day, once the night has proven it: CSV with a line a payment or refund, a TOTAL line a currency, and last a DIGEST line with the SHA-256 of all bytes before it. ETag is the SHA-256 of the whole.")
	o.Responses["200"] = &huma.Response{Description: "The statement.", Content: map[string]*huma.MediaType{statementType: {Schema: &huma.Schema{Type: huma.TypeString}}}}
	huma.Register(s.api, o, s.downloadStatement)
}

const statementType = "text/csv; charset=utf-8"

// StatementHeader is what an answer says of the file that it brings.
type StatementHeader struct {
	Status      int
	ContentType string `header:"Content-Type"`
	Disposition string `header:"Content-Disposition"`
	ETag        string `header:"ETag" doc:"The SHA-256 of the file."`
}

func (s *Server) downloadStatement(ctx context.Context, in *struct {
	StatementPath
	IfNoneMatch string `header:"If-None-Match" doc:"The ETag of the one that is there: 304 if it is still the same."`
},
) (*StatementHeader, error) {
	c, err := s.admit(ctx, Download)
	if err != nil {
		return nil, err
	}
	date, err := bizday.Parse(in.Date)
	if err != nil {
		return nil, problem(c.lang, fault.New("E-6413", fault.V{"reason": "this is no date", "place": "path.date"}, nil))
	}
	file, err := s.bills.Statement(ctx, c.merchant.ID, c.merchant.Accounts, date)
	if errors.Is(err, ErrNotProven) {
		err = fault.New("E-6428", fault.V{"date": date}, err)
	}
	if err != nil {
		return nil, s.trouble(c, err)
	}
	tag := `"` + file.SHA256 + `"`
	if in.IfNoneMatch == tag {
		file.Close()
		return &StatementHeader{Status: http.StatusNotModified, ETag: tag}, nil
	}
	c.file = file
	return &StatementHeader{http.StatusOK, statementType, `attachment; filename="statement-` + date.String() + `.csv"`, tag}, nil
}
