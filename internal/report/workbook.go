package report

import (
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/xuri/excelize/v2"

	"tieout/internal/money"
)

// maxSheetRows is how many rows a sheet can hold (ECMA-376, as Excel limits
// it); a longer list goes on in another sheet.
const maxSheetRows = 1_048_576

// workbook writes an XLSX file sheet by sheet, each as a stream.
//
// Text goes into typed string cells: no spreadsheet program takes it for a
// formula or a number, so ids keep all their digits. Formulas are ours alone.
type workbook struct {
	file    *excelize.File
	head    int            // style of header cells
	strong  int            // style of cells in bold
	whole   int            // style of counts
	amounts map[string]int // style of amounts by currency
	sums    map[string]int // the same in bold
	sheets  int
	limit   int // rows of a sheet; less in tests
}

func newWorkbook() (*workbook, error) {
	w := &workbook{file: excelize.NewFile(), amounts: map[string]int{}, sums: map[string]int{}, limit: maxSheetRows}
	var err error
	for _, x := range []struct {
		to    *int
		style excelize.Style
	}{
		{&w.head, excelize.Style{Font: &excelize.Font{Bold: true, Color: "FFFFFF"}, Fill: excelize.Fill{Type: "pattern", Pattern: 1, Color: []string{"1F3A5F"}},
			Alignment: &excelize.Alignment{Vertical: "center"}}},
		{&w.strong, excelize.Style{Font: &excelize.Font{Bold: true}}},
		{&w.whole, excelize.Style{NumFmt: 3}},
	} {
		if *x.to, err = w.file.NewStyle(&x.style); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// amountStyle shows an amount with the decimals of its currency, less than
// zero in red.
func (w *workbook) amountStyle(currency string, bold bool) (int, error) {
	styles := w.amounts
	if bold {
		styles = w.sums
	}
	if id, ok := styles[currency]; ok {
		return id, nil
	}
	exp, _ := money.Currency(currency).Exponent()
	format := "#,##0"
	if exp > 0 {
		format += "." + strings.Repeat("0", exp)
	}
	format += ";[Red]-" + format
	style := excelize.Style{CustomNumFmt: &format}
	if bold {
		style.Font = &excelize.Font{Bold: true}
	}
	id, err := w.file.NewStyle(&style)
	styles[currency] = id
	return id, err
}

// column is one column of a sheet: its header and its width in characters.
type column struct {
	Name  string
	Width int
}

// sheet is one list of the workbook; it goes on in further sheets when it is
// longer than one can be.
type sheet struct {
	book    *workbook
	name    string
	columns []column
	header  []any
	out     *excelize.StreamWriter
	current string // name of the sheet at work
	part    int
	row     int // last row written, 1-based
	last    int // last row of the list on this sheet, above the totals
	total   map[totalCell]*money.Sum
}

// totalCell is a column whose amounts are added up, in one currency.
type totalCell struct {
	column   int
	currency string
}

// amount is an amount in minor units, for a cell.
type amount struct {
	Minor    int64
	Currency string
	Added    bool // belongs to the total of its column
}

// sheet starts a list.
func (w *workbook) sheet(name string, columns []column) (*sheet, error) {
	s := &sheet{book: w, name: sheetName(name), columns: columns, total: map[totalCell]*money.Sum{}}
	for _, c := range columns {
		s.header = append(s.header, excelize.Cell{StyleID: w.head, Value: plain(c.Name)})
	}
	return s, s.open()
}

// sheetName cuts a name to what a sheet may be called.
func sheetName(name string) string {
	name = strings.Map(func(r rune) rune {
		if strings.ContainsRune(`:\/?*[]'`, r) {
			return ' '
		}
		return r
	}, name)
	for utf8.RuneCountInString(name) > 26 {
		_, n := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-n]
	}
	return name
}

// open starts the next sheet of the list, with its header.
func (s *sheet) open() error {
	s.part++
	s.current = s.name
	if s.part > 1 {
		s.current += " " + strconv.Itoa(s.part)
	}
	f := s.book.file
	if s.book.sheets == 0 {
		if err := f.SetSheetName(f.GetSheetName(0), s.current); err != nil {
			return err
		}
	} else if _, err := f.NewSheet(s.current); err != nil {
		return err
	}
	s.book.sheets++
	var err error
	if s.out, err = f.NewStreamWriter(s.current); err != nil {
		return err
	}
	for i, c := range s.columns {
		if err := s.out.SetColWidth(i+1, i+1, float64(c.Width)); err != nil {
			return err
		}
	}
	if err := s.out.SetPanes(&excelize.Panes{Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft"}); err != nil {
		return err
	}
	s.row, s.last = 1, 1
	return s.out.SetRow("A1", s.header, excelize.RowOpts{Height: 20})
}

// add writes one row. Cells are text, int64 counts, amounts or nil.
func (s *sheet) add(cells ...any) error {
	if s.row == s.book.limit {
		if err := s.close(); err != nil {
			return err
		}
		if err := s.open(); err != nil {
			return err
		}
	}
	s.row++
	s.last = s.row
	for i, c := range cells {
		if a, ok := c.(amount); ok && a.Added {
			k := totalCell{i, a.Currency}
			if s.total[k] == nil {
				s.total[k] = &money.Sum{}
			}
			s.total[k].Add(a.Minor)
		}
	}
	return s.write(cells, false)
}

// write puts cells into the current row.
func (s *sheet) write(cells []any, bold bool) error {
	row := make([]any, len(cells))
	for i, c := range cells {
		var err error
		if row[i], err = s.book.cell(c, bold); err != nil {
			return err
		}
	}
	return s.out.SetRow("A"+strconv.Itoa(s.row), row)
}

func (w *workbook) cell(v any, bold bool) (any, error) {
	switch v := v.(type) {
	case string:
		if v == "" {
			return nil, nil
		}
		if bold {
			return excelize.Cell{StyleID: w.strong, Value: plain(v)}, nil
		}
		return plain(v), nil
	case int64:
		return excelize.Cell{StyleID: w.whole, Value: v}, nil
	case int:
		return excelize.Cell{StyleID: w.whole, Value: int64(v)}, nil
	case amount:
		id, err := w.amountStyle(v.Currency, bold)
		return excelize.Cell{StyleID: id, Value: amountValue(v.Minor, v.Currency)}, err
	}
	return nil, nil
}

// exactDigits is how many decimal digits a spreadsheet keeps of a number.
const exactDigits = 1_000_000_000_000_000

// amountValue is what a cell holds of an amount: a number that reads back as
// exactly the amount, else text. A spreadsheet knows numbers only as doubles:
// up to 15 digits those are exact in the sense that the text of the double is
// the text of the amount, and this is checked for each cell. An unknown
// currency shows its minor units as text that says so.
func amountValue(minor int64, currency string) any {
	exp, ok := money.Currency(currency).Exponent()
	if !ok {
		return money.Format(minor, money.Currency(currency))
	}
	text := money.FormatScaled(minor, exp)
	if minor >= exactDigits || minor <= -exactDigits {
		return text
	}
	if exp == 0 {
		return minor
	}
	number, err := strconv.ParseFloat(text, 64) //nolint:forbidigo // for the cell alone: nothing is computed with it
	if err != nil || strconv.FormatFloat(number, 'f', exp, 64) != text {
		return text
	}
	return number
}

// totals writes a line of totals for each currency, one blank row below the
// list: formulas over the list, each with the total that was added up exactly.
// A list that goes on over several sheets has the totals of all as numbers.
func (s *sheet) totals(word string, currencyColumn int) error {
	if len(s.total) == 0 || s.last+2 > s.book.limit {
		return nil
	}
	s.row++
	byCurrency := map[string][]any{}
	for k, sum := range s.total {
		cells := byCurrency[k.currency]
		if cells == nil {
			cells = make([]any, len(s.columns))
			cells[0] = excelize.Cell{StyleID: s.book.strong, Value: plain(word)}
			cells[currencyColumn] = excelize.Cell{StyleID: s.book.strong, Value: plain(k.currency)}
			byCurrency[k.currency] = cells
		}
		v, err := sum.Int64()
		if err != nil {
			return err
		}
		id, err := s.book.amountStyle(k.currency, true)
		if err != nil {
			return err
		}
		cells[k.column] = excelize.Cell{StyleID: id, Value: amountValue(v, k.currency), Formula: s.formula(k, currencyColumn)}
	}
	for _, currency := range sortedKeys(byCurrency) {
		if s.row == s.book.limit {
			return nil
		}
		s.row++
		if err := s.out.SetRow("A"+strconv.Itoa(s.row), byCurrency[currency]); err != nil {
			return err
		}
	}
	return nil
}

// formula adds up one column for one currency. The currency of a file is put
// into it only if it is one of the known codes.
func (s *sheet) formula(k totalCell, currencyColumn int) string {
	if _, known := money.Currency(k.currency).Exponent(); !known || s.part > 1 {
		return ""
	}
	of := func(column int) string {
		name, err := excelize.ColumnNumberToName(column + 1)
		if err != nil {
			return ""
		}
		return "$" + name + "$2:$" + name + "$" + strconv.Itoa(s.last)
	}
	return "SUMIFS(" + of(k.column) + "," + of(currencyColumn) + `,"` + k.currency + `")`
}

// close ends the current sheet. Its list can be filtered by every column.
func (s *sheet) close() error {
	if s.last > 1 {
		name, err := excelize.ColumnNumberToName(len(s.columns))
		if err != nil {
			return err
		}
		if err := s.book.file.AutoFilter(s.current, "A1:"+name+strconv.Itoa(s.last), nil); err != nil {
			return err
		}
	}
	return s.out.Flush()
}

// write puts the file together. at is the only time in it.
func (w *workbook) write(out io.Writer, title string, at time.Time) error {
	stamp := at.UTC().Format(time.RFC3339)
	if err := w.file.SetDocProps(&excelize.DocProperties{Creator: "tieout", LastModifiedBy: "tieout", Title: plain(title), Created: stamp, Modified: stamp}); err != nil {
		return err
	}
	w.file.SetZipWriter(func(out io.Writer) excelize.ZipWriter { return &sortedZip{out: out} })
	return w.file.Write(out)
}

func (w *workbook) close() error { return w.file.Close() }
