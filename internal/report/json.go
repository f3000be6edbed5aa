package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode"

	"tieout/internal/bizday"
	"tieout/internal/money"
	"tieout/schemas"
)

// The names of the JSON formats; the number changes when a field changes its
// meaning or goes away.
const (
	runFormat = "tieout-report/1"
	dayFormat = "tieout-day/1"
)

// runDocument is report.json. Its keys are snake_case; beside every amount in
// minor units ("delta_minor": 150) stands the same amount as text in the
// currency's own unit ("delta": "1.50").
type runDocument struct {
	Format      string             `json:"format"`
	Run         *schemas.RunReport `json:"run"`
	Differences *listedDocument    `json:"differences"` // null: the run ended before there were any
	Checks      []schemas.Proof    `json:"checks"`      // of the report itself
	Files       []schemas.FileUsed `json:"files"`       // the other files of the report
}

// listedDocument says what differences.csv holds.
type listedDocument struct {
	File    string               `json:"file"`
	Rows    int64                `json:"rows"`
	Classes []schemas.ClassTotal `json:"classes"`
}

// dayDocument is day.json.
type dayDocument struct {
	Format   string             `json:"format"`
	Date     bizday.Date        `json:"date"`
	Verdict  schemas.Verdict    `json:"verdict"`
	Missing  []string           `json:"missing"` // accounts without a result
	Accounts []daySummary       `json:"accounts"`
	Files    []schemas.FileUsed `json:"files"` // the other files of the report
}

// writeJSON writes v with the keys and amounts that the documents promise.
func writeJSON(w io.Writer, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	in := json.NewDecoder(bytes.NewReader(raw))
	in.UseNumber()
	value, err := readValue(in)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	if err := appendValue(&out, value, "", 0); err != nil {
		return err
	}
	out.WriteByte('\n')
	_, err = w.Write(out.Bytes())
	return err
}

// object is a JSON object that keeps the order of its keys.
type object []member

type member struct {
	key   string
	value any // object, []any, string, json.Number, bool or nil
}

func readValue(in *json.Decoder) (any, error) {
	tok, err := in.Token()
	if err != nil {
		return nil, err
	}
	switch tok {
	case json.Delim('{'):
		var o object
		for in.More() {
			key, err := in.Token()
			if err != nil {
				return nil, err
			}
			v, err := readValue(in)
			if err != nil {
				return nil, err
			}
			o = append(o, member{key.(string), v})
		}
		_, err := in.Token()
		return o, err
	case json.Delim('['):
		list := []any{}
		for in.More() {
			v, err := readValue(in)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err := in.Token()
		return list, err
	}
	return tok, nil
}

// appendValue writes a value. currency is that of the nearest object around it
// that names one.
func appendValue(out *bytes.Buffer, v any, currency string, depth int) error {
	switch v := v.(type) {
	case object:
		return appendObject(out, v, currency, depth)
	case []any:
		if len(v) == 0 {
			out.WriteString("[]")
			return nil
		}
		for i, x := range v {
			out.WriteString(opening(i, '['))
			indent(out, depth+1)
			if err := appendValue(out, x, currency, depth+1); err != nil {
				return err
			}
		}
		indent(out, depth)
		out.WriteByte(']')
		return nil
	}
	return appendScalar(out, v)
}

func appendObject(out *bytes.Buffer, o object, currency string, depth int) error {
	if len(o) == 0 {
		out.WriteString("{}")
		return nil
	}
	for _, m := range o {
		if c, ok := m.value.(string); ok && snake(m.key) == "currency" {
			currency = c
		}
	}
	n := 0
	put := func(key string, value any) error {
		out.WriteString(opening(n, '{'))
		n++
		indent(out, depth+1)
		if err := appendScalar(out, key); err != nil {
			return err
		}
		out.WriteString(": ")
		return appendValue(out, value, currency, depth+1)
	}
	for _, m := range o {
		key := snake(m.key)
		if err := put(key, m.value); err != nil {
			return err
		}
		major, ok := majorKey(key)
		minor, isNumber := m.value.(json.Number)
		if !ok || !isNumber || currency == "" {
			continue
		}
		v, err := minor.Int64()
		if err != nil {
			return fmt.Errorf("amount %s: %w", key, err)
		}
		if err := put(major, money.Format(v, money.Currency(currency))); err != nil {
			return err
		}
	}
	indent(out, depth)
	out.WriteByte('}')
	return nil
}

func appendScalar(out *bytes.Buffer, v any) error {
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err
	}
	out.Truncate(out.Len() - 1) // the line end that Encode adds
	return nil
}

func opening(i int, bracket byte) string {
	if i == 0 {
		return string(bracket)
	}
	return ","
}

func indent(out *bytes.Buffer, depth int) {
	out.WriteByte('\n')
	for range depth {
		out.WriteByte(' ')
	}
}

// majorKey names the text beside an amount in minor units.
func majorKey(key string) (string, bool) {
	if key == "minor" {
		return "amount", true
	}
	return strings.CutSuffix(key, "_minor")
}

// snake writes a Go field name as a JSON key: "AmountMinor" is "amount_minor",
// "CaseID" is "case_id". What has a small letter in front stays as it is: it is
// a key already.
func snake(key string) string {
	if key == "" || !unicode.IsUpper(rune(key[0])) {
		return key
	}
	var b strings.Builder
	for i := range len(key) {
		c := key[i]
		if c >= 'A' && c <= 'Z' {
			if i > 0 && (key[i-1] < 'A' || key[i-1] > 'Z') {
				b.WriteByte('_')
			}
			c += 'a' - 'A'
		}
		b.WriteByte(c)
	}
	return b.String()
}

// unmarshalNumbers reads JSON and keeps its numbers as they are written.
func unmarshalNumbers(body []byte, to any) error {
	in := json.NewDecoder(bytes.NewReader(body))
	in.UseNumber()
	return in.Decode(to)
}
