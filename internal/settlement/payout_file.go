package settlement

import (
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"

	"tieout/internal/money"
)

var payoutColumns = []string{"number", "payee_name", "payee_account", "payee_bank", "amount", "currency", "purpose"}

// Render writes the file for the bank: one line a payout in the order of their
// numbers, and a last line with the count and the sum. The same payouts give
// the same bytes. A name that could be taken for a formula is refused, since a
// bank would not know it with anything in front.
func Render(list []Payout) (body []byte, digest string, err error) {
	total, err := Total(list)
	if err != nil || len(list) == 0 {
		return nil, "", errors.Join(err, errNoPayouts(len(list)))
	}
	var out bytes.Buffer
	w := csv.NewWriter(&out)
	w.UseCRLF = true
	currency := money.Currency(list[0].Currency)
	lines := [][]string{payoutColumns}
	for _, p := range list {
		if p.Currency != list[0].Currency {
			return nil, "", fmt.Errorf("payout %s is in another currency than the file", p.Number)
		}
		if why := p.Payee.Wrong(); why != "" {
			return nil, "", fmt.Errorf("payout %s: %s", p.Number, why)
		}
		lines = append(lines, []string{p.Number, p.Payee.Name, p.Payee.Account, p.Payee.Bank, money.Format(p.AmountMinor, currency), p.Currency, p.purpose()})
	}
	lines = append(lines, []string{"TOTAL", strconv.Itoa(len(list)), "", "", money.Format(total, currency), list[0].Currency, ""})
	if err := w.WriteAll(lines); err != nil {
		return nil, "", err
	}
	sum := sha256.Sum256(out.Bytes())
	return out.Bytes(), hex.EncodeToString(sum[:]), nil
}

// purpose is what the payee reads.
func (p *Payout) purpose() string {
	switch {
	case p.Purpose != "":
		return p.Purpose
	case p.Batch == "":
		return "withdrawal"
	}
	return "settlement " + p.Batch
}

func errNoPayouts(n int) error {
	if n == 0 {
		return errors.New("a payout file has at least one payout")
	}
	return nil
}

// notForBank says why a text cannot stand in a bank's file; "" if it can.
func notForBank(s string) string {
	if s == "" {
		return "is empty"
	}
	switch s[0] {
	case '=', '+', '-', '@', ' ':
		return "begins like a formula"
	}
	for _, r := range s {
		if r < ' ' || r == 0x7f || r == '"' {
			return "holds a character that banks do not take"
		}
	}
	return ""
}

// BadLine says which line of a result file is wrong, and why.
type BadLine struct {
	Line   int
	Reason string
}

func (e *BadLine) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Reason) }

var resultColumns = []string{"number", "result", "amount", "currency", "bank_ref", "reason"}

// maxResults bounds a result file, in lines.
const maxResults = 1_000_000

// ReadResults reads a bank's result file: a header and the columns number,
// result (PAID, FAILED, UNKNOWN, RETURNED), amount, currency, bank_ref, reason.
// One bad line and nothing of the file is used.
func ReadResults(r io.Reader) ([]Answer, error) {
	in := csv.NewReader(r)
	in.FieldsPerRecord, in.ReuseRecord = len(resultColumns), true
	seen := map[string]bool{}
	var list []Answer
	for line := 1; ; line++ {
		row, err := in.Read()
		if err == io.EOF && line > 1 {
			return list, nil
		}
		if err != nil {
			return nil, &BadLine{line, err.Error()}
		}
		if line == 1 {
			row[0] = string(bytes.TrimPrefix([]byte(row[0]), []byte("\ufeff")))
			for i, want := range resultColumns {
				if row[i] != want {
					return nil, &BadLine{line, fmt.Sprintf("column %d is called %q, not %q", i+1, row[i], want)}
				}
			}
			continue
		}
		a, why := answerOf(row)
		switch {
		case why != "":
		case seen[a.Number]:
			why = "payout " + strconv.Quote(a.Number) + " stands twice"
		case line > maxResults:
			why = "the file has too many lines"
		}
		if why != "" {
			return nil, &BadLine{line, why}
		}
		seen[a.Number] = true
		list = append(list, a)
	}
}

func answerOf(row []string) (Answer, string) {
	a := Answer{Number: row[0], State: State(row[1]), Currency: row[3], BankRef: row[4], Reason: row[5]}
	switch a.State {
	case Paid, Failed, Unknown, Returned:
	default:
		return a, fmt.Sprintf("result %q is not PAID, FAILED, UNKNOWN or RETURNED", row[1])
	}
	exp, known := money.Currency(a.Currency).Exponent()
	if !known {
		return a, fmt.Sprintf("currency %q is not known", a.Currency)
	}
	amount, err := money.Parse([]byte(row[2]), exp)
	if err != nil || amount <= 0 {
		return a, fmt.Sprintf("amount %q is not one of %s", row[2], a.Currency)
	}
	a.AmountMinor = amount
	if a.Number == "" || len(a.Number) > 128 || len(a.BankRef) > 128 || len(a.Reason) > 512 {
		return a, "a number or a text is missing or too long"
	}
	return a, ""
}
