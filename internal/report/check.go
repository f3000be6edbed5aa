package report

import (
	"bufio"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"tieout/internal/money"
	"tieout/schemas"
)

// Check reads the report of a run back from its folder and computes again what
// it shows, from report.json and differences.csv alone. It returns all checks
// with both numbers; the report is sound if every one is OK. An error means
// that a file cannot be read at all.
func Check(dir string) ([]schemas.Proof, error) {
	body, err := os.ReadFile(filepath.Join(dir, jsonFile))
	if err != nil {
		return nil, fmt.Errorf("check a report: %w", err)
	}
	var doc readDocument
	if err := json.Unmarshal(body, &doc); err != nil {
		return nil, fmt.Errorf("check %s: %w", jsonFile, err)
	}
	if doc.Format != runFormat {
		return nil, fmt.Errorf("check %s: format %q, this program knows %q", jsonFile, plain(doc.Format), runFormat)
	}
	amounts, err := checkAmountsOf(body)
	if err != nil {
		return nil, fmt.Errorf("check %s: %w", jsonFile, err)
	}
	var list []schemas.ClassTotal
	if doc.Differences != nil {
		var bad schemas.Proof
		if list, bad, err = listOf(filepath.Join(dir, differencesFile)); err != nil {
			return nil, fmt.Errorf("check %s: %w", differencesFile, err)
		}
		if !bad.OK && amounts.OK {
			amounts = bad
		}
	}
	rejected, err := rowsOf(filepath.Join(dir, rejectsFile))
	if err != nil {
		return nil, fmt.Errorf("check %s: %w", rejectsFile, err)
	}
	checks := append(Verify(doc.report(), list), checkTheRejects(doc.Run.RejectRows, rejected), amounts, checkTheFiles(dir, doc.Files))
	if doc.Differences != nil {
		p := checkList(doc.Differences.Classes, list)
		p.Note = "report.json = differences.csv"
		checks = append(checks, p)
	}
	return checks, nil
}

// readDocument is what Check needs of report.json.
type readDocument struct {
	Format string `json:"format"`
	Run    struct {
		Verdict   schemas.Verdict      `json:"verdict"`
		Statement *schemas.Statement   `json:"statement"`
		Proofs    []schemas.Proof      `json:"proofs"`
		Totals    []schemas.ClassTotal `json:"totals"`
		Bridge    []schemas.Bridge     `json:"bridge"`
		Cases     []struct{}           `json:"cases"`
		Carried   []readCarried        `json:"carried"`

		RejectRows int64 `json:"reject_rows"`
	} `json:"run"`
	Differences *listedDocument    `json:"differences"`
	Files       []schemas.FileUsed `json:"files"`
}

type readCarried struct {
	Side   schemas.Side `json:"side"`
	Record struct {
		Kind        schemas.Kind `json:"kind"`
		AmountMinor int64        `json:"amount_minor"`
		Currency    string       `json:"currency"`
	} `json:"record"`
}

// report makes the parts of a run that Verify looks at.
func (d *readDocument) report() *schemas.RunReport {
	r := &schemas.RunReport{Verdict: d.Run.Verdict, Statement: d.Run.Statement, Proofs: d.Run.Proofs, Totals: d.Run.Totals, Bridge: d.Run.Bridge,
		Cases: make([]schemas.Case, len(d.Run.Cases))}
	for _, c := range d.Run.Carried {
		r.Carried = append(r.Carried, schemas.Carried{Side: c.Side,
			Record: schemas.Record{Kind: c.Record.Kind, AmountMinor: c.Record.AmountMinor, Currency: c.Record.Currency}})
	}
	return r
}

// checkAmountsOf compares both forms of each amount of a document.
func checkAmountsOf(body []byte) (schemas.Proof, error) {
	var value any
	if err := unmarshalNumbers(body, &value); err != nil {
		return schemas.Proof{}, err
	}
	p := schemas.Proof{Name: checkAmounts, OK: true, Note: "minor units = the text beside them"}
	n := int64(0)
	comparePairs(value, "", func(minor int64, text, currency string) {
		n++
		if want := money.Format(minor, money.Currency(currency)); want != text && p.OK {
			p.OK, p.Want, p.Got, p.Currency = false, want, text, currency
		}
	})
	if p.OK {
		p.Want, p.Got = digits(n), digits(n)
	}
	return p, nil
}

func comparePairs(v any, currency string, fn func(minor int64, text, currency string)) {
	switch v := v.(type) {
	case []any:
		for _, x := range v {
			comparePairs(x, currency, fn)
		}
	case map[string]any:
		if c, ok := v["currency"].(string); ok {
			currency = c
		}
		for _, key := range sortedKeys(v) {
			x := v[key]
			if major, ok := majorKey(key); ok && currency != "" {
				if number, isNumber := x.(json.Number); isNumber {
					minor, err := number.Int64()
					text, isText := v[major].(string)
					if err != nil || !isText {
						text = "no text beside " + key
					}
					fn(minor, text, currency)
				}
			}
			comparePairs(x, currency, fn)
		}
	}
}

// listOf counts differences.csv. The proof is of the first row whose two forms
// of an amount, or whose delta and amounts, do not agree.
func listOf(path string) ([]schemas.ClassTotal, schemas.Proof, error) {
	ok := schemas.Proof{Name: checkAmounts, OK: true}
	f, err := os.Open(path)
	if err != nil {
		return nil, ok, err
	}
	defer f.Close()
	rows, err := readCSV(f, differenceColumns)
	if err != nil {
		return nil, ok, err
	}
	count, bad := listed{}, ok
	for {
		cells, err := rows.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, ok, err
		}
		r, p, err := readRow(cells)
		if err != nil {
			line, _ := rows.FieldPos(0)
			return nil, ok, fmt.Errorf("line %d: %w", line, err)
		}
		if !p.OK && bad.OK {
			bad = p
		}
		count.add(r)
	}
	totals, err := count.totals()
	return totals, bad, err
}

// readCSV starts to read a file that newCSV began.
func readCSV(f io.Reader, columns []string) (*csv.Reader, error) {
	in := bufio.NewReader(f)
	if mark, err := in.Peek(len(bom)); err == nil && string(mark) == bom {
		_, _ = in.Discard(len(bom)) // it was just peeked
	}
	rows := csv.NewReader(in)
	rows.ReuseRecord = true
	header, err := rows.Read()
	if err != nil {
		return nil, err
	}
	if !slices.Equal(header, columns) {
		return nil, errors.New("the header is not that of such a list")
	}
	return rows, nil
}

// rowsOf counts rejects.csv.
func rowsOf(path string) (int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	rows, err := readCSV(f, rejectColumns)
	if err != nil {
		return 0, err
	}
	for n := int64(0); ; n++ {
		if _, err := rows.Read(); errors.Is(err, io.EOF) {
			return n, nil
		} else if err != nil {
			return n, err
		}
	}
}

// Places of the columns that readRow needs.
var (
	classAt, deltaAt            = columnAt("class"), columnAt("delta_minor")
	localKindAt, channelKindAt  = columnAt("local_kind"), columnAt("channel_kind")
	currencyIn, amountIn, majIn = columnAt("local_currency") - localKindAt, columnAt("local_amount_minor") - localKindAt, columnAt("local_amount") - localKindAt
)

func columnAt(name string) int { return slices.Index(differenceColumns, name) }

func readRow(cells []string) (listedRow, schemas.Proof, error) {
	var r listedRow
	proof := schemas.Proof{Name: checkAmounts, OK: true, Note: "differences.csv"}
	if err := r.class.UnmarshalText([]byte(cells[classAt])); err != nil {
		return r, proof, err
	}
	for _, side := range []struct {
		at       int
		kind     *schemas.Kind
		currency *string
		amount   *int64
	}{{localKindAt, &r.localKind, &r.localCurrency, &r.localAmount}, {channelKindAt, &r.channelKind, &r.channelCurrency, &r.channelAmount}} {
		if cells[side.at] == "" {
			continue
		}
		if err := side.kind.UnmarshalText([]byte(cells[side.at])); err != nil {
			return r, proof, err
		}
		*side.currency = cells[side.at+currencyIn]
		v, err := strconv.ParseInt(cells[side.at+amountIn], 10, 64)
		if err != nil {
			return r, proof, err
		}
		*side.amount = v
		if want, got := money.Format(v, money.Currency(*side.currency)), cells[side.at+majIn]; want != got && proof.OK {
			proof.OK, proof.Want, proof.Got, proof.Currency = false, want, got, *side.currency
		}
	}
	delta, err := money.Sub(r.channelAmount, r.localAmount)
	if err != nil {
		return r, proof, err
	}
	if want := digits(delta); want != cells[deltaAt] && proof.OK {
		proof.OK, proof.Want, proof.Got = false, want, plain(cells[deltaAt])
	}
	return r, proof, nil
}

// checkTheFiles compares each file with its size and digest.
func checkTheFiles(dir string, files []schemas.FileUsed) schemas.Proof {
	p := schemas.Proof{Name: checkFiles, OK: true, Want: digits(int64(len(files))), Got: digits(int64(len(files))), Note: "files with their digests"}
	for _, f := range files {
		body, err := os.Open(filepath.Join(dir, filepath.Base(f.Name)))
		if err != nil {
			return schemas.Proof{Name: checkFiles, Want: f.SHA256, Got: "no file", Note: f.Name}
		}
		sum := sha256.New()
		n, err := io.Copy(sum, body)
		_ = body.Close() // it was only read
		if got := hex.EncodeToString(sum.Sum(nil)); err != nil || got != f.SHA256 || n != f.Size {
			return schemas.Proof{Name: checkFiles, Want: f.SHA256, Got: got, Note: f.Name}
		}
	}
	return p
}
