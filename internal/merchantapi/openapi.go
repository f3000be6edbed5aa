package merchantapi

import (
	_ "embed"
	"html/template"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"tieout/internal/fault"
)

// apiConfig is huma without anything that it would add by itself.
func apiConfig() huma.Config {
	schemas := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	return huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{Title: "tieout merchant API", Version: "1", Description: "Orders, payments and refunds. " +
				"Every request is signed: the headers Tieout-Merchant, Tieout-Key, Tieout-Timestamp, Tieout-Nonce and Tieout-Signature. " +
				"Amounts are whole numbers of the smallest unit of their currency."},
			Components: &huma.Components{Schemas: schemas},
		},
		OpenAPIPath:                  "/openapi",
		Formats:                      map[string]huma.Format{"application/json": huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat},
		DefaultFormat:                "application/json",
		NoFormatFallback:             false,
		RejectUnknownQueryParameters: true,
		Transformers:                 []huma.Transformer{undocumented},
	}
}

// operation declares an operation. Every answer that is not what was asked for
// is a Problem.
func operation(id, method, path, summary, description string) huma.Operation {
	return huma.Operation{OperationID: id, Method: method, Path: path, Summary: summary, Description: description, MaxBodyBytes: maxBody,
		DefaultStatus: http.StatusOK, Responses: map[string]*huma.Response{"default": {Description: "A problem; its code says which.",
			Content: map[string]*huma.MediaType{problemType: {Schema: problemSchema()}}}}}
}

func problemSchema() *huma.Schema {
	return huma.NewMapRegistry("", huma.DefaultSchemaNamer).Schema(reflect.TypeFor[Problem](), false, "")
}

//go:embed docs.html
var docsHTML string

// page shows the document for people, with nothing from elsewhere.
func (s *Server) page(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	t, err := template.New("docs").Parse(docsHTML)
	if err == nil {
		err = t.Execute(w, s.document())
	}
	if err != nil {
		s.log.Error("docs not shown", "error", err)
	}
}

// document is what the page shows of the OpenAPI document.
type document struct {
	Title, Description string
	Operations         []shownOperation
	Schemas            []shownSchema
	Codes              []shownCode
}

type shownOperation struct {
	Method, Path, Summary, Description, Body, Answer string
}

type shownSchema struct {
	Name   string
	Fields []shownField
}

type shownField struct {
	Name, Type, Doc string
	Required        bool
}

type shownCode struct {
	Code       string
	Status     int
	EN, ZH, Do string
}

func (s *Server) document() document {
	api := s.api.OpenAPI()
	d := document{Title: api.Info.Title, Description: api.Info.Description, Codes: codes()}
	for path, item := range api.Paths {
		for _, op := range []*huma.Operation{item.Get, item.Post} {
			if op == nil {
				continue
			}
			shown := shownOperation{Method: op.Method, Path: path, Summary: op.Summary, Description: op.Description, Answer: refName(op.Responses["200"].Content["application/json"])}
			if op.RequestBody != nil {
				shown.Body = refName(op.RequestBody.Content["application/json"])
			}
			d.Operations = append(d.Operations, shown)
		}
	}
	slices.SortFunc(d.Operations, func(a, b shownOperation) int { return strings.Compare(a.Path+a.Method, b.Path+b.Method) })
	for name, schema := range api.Components.Schemas.Map() {
		d.Schemas = append(d.Schemas, shownSchema{name, fieldsOf(schema)})
	}
	slices.SortFunc(d.Schemas, func(a, b shownSchema) int { return strings.Compare(a.Name, b.Name) })
	return d
}

func refName(m *huma.MediaType) string {
	if m == nil || m.Schema == nil {
		return ""
	}
	return m.Schema.Ref[strings.LastIndex(m.Schema.Ref, "/")+1:]
}

func fieldsOf(schema *huma.Schema) []shownField {
	var fields []shownField
	for name, f := range schema.Properties {
		kind := f.Type
		if f.Ref != "" {
			kind = f.Ref[strings.LastIndex(f.Ref, "/")+1:]
		}
		if f.Type == "array" && f.Items != nil {
			kind = "list of " + f.Items.Ref[strings.LastIndex(f.Items.Ref, "/")+1:]
		}
		fields = append(fields, shownField{name, kind, f.Description, slices.Contains(schema.Required, name)})
	}
	slices.SortFunc(fields, func(a, b shownField) int { return strings.Compare(a.Name, b.Name) })
	return fields
}

// codes lists what an answer can say.
func codes() []shownCode {
	var list []shownCode
	for _, row := range fault.Table() {
		if status, ok := statusOf[row.ID]; ok {
			list = append(list, shownCode{string(row.ID), status, row.What.EN, row.What.ZH, row.Do.EN})
		}
	}
	return list
}
