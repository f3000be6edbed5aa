// Package channels holds what is known about each channel, as data: one folder
// a channel, with its definition, the source of every rule, and samples.
//
// In: channel.yaml files, embedded or an operator's own. Out: checked
// Definitions. The normalize stage compiles and runs them; the pipeline takes
// days, windows and statement kinds from them; the command line lists them.
package channels

import (
	"regexp"
	"time"

	"tieout/internal/bizday"
	"tieout/internal/money"
	"tieout/schemas"
)

// Definition is one channel. Parse fills and checks it; it is read-only after.
type Definition struct {
	Name    string `yaml:"name"`    // "wechat"; the folder's name
	Title   Text   `yaml:"title"`   // for people
	Version string `yaml:"version"` // changes with every change of meaning; part of a run's identity

	Zone   string `yaml:"zone"`    // zone of bill dates and of times without one, "Asia/Shanghai"
	CutOff string `yaml:"cut_off"` // wall clock at which a bill date begins; "-23:00" is on the day before

	Currency money.Currency `yaml:"currency"` // of every amount; a currency column must agree
	Merchant string         `yaml:"merchant"` // pattern of the merchant number, whole match; "" accepts any

	Statements []Statement `yaml:"statements"`
	Match      Match       `yaml:"match"`

	// Columns holds tables of column rules, shared by formats: table name ->
	// column name as in the file (half-width parentheses) -> rule.
	Columns map[string]map[string]Column `yaml:"columns"`
	Totals  map[string]map[string]Total  `yaml:"totals"` // tables of totals likewise
	Rows    map[string][]Row             `yaml:"rows"`   // lists of row rules likewise

	Formats []Format  `yaml:"formats"`
	Refuse  []Refusal `yaml:"refuse"`

	day      bizday.Day
	merchant *regexp.Regexp
}

// HasMerchant tells whether a merchant number has the channel's form.
func (d *Definition) HasMerchant(number string) bool {
	return d.Merchant == "" || d.merchant.MatchString(number)
}

// Day says how the channel cuts time into bill dates.
func (d *Definition) Day() bizday.Day { return d.day }

// Statement returns the rules of a statement kind, and false if the channel
// has none.
func (d *Definition) Statement(kind string) (Statement, bool) {
	for _, s := range d.Statements {
		if s.Kind == kind {
			return s, true
		}
	}
	return Statement{}, false
}

// Text is a text in both languages.
type Text struct {
	EN string `yaml:"en"`
	ZH string `yaml:"zh"`
}

// Statement is one kind of statement that the channel issues.
type Statement struct {
	Kind     string   `yaml:"kind"`     // "TRADE", "FUND" or "BANK"
	Matching bool     `yaml:"matching"` // its rows are matched against the local side
	Variants []string `yaml:"variants"` // bill types, the default first
	Parts    []Part   `yaml:"parts"`    // files that make it up; none means one file of part ""
	// IgnoreOthers lets other files stand beside the parts, with a warning;
	// without it they are a fault.
	IgnoreOthers bool `yaml:"ignore_others"`
}

// Part is one file of a statement of several files.
type Part struct {
	Name     string `yaml:"name"`
	Optional bool   `yaml:"optional"`
}

// Match holds the channel's defaults for matching.
type Match struct {
	WindowBefore time.Duration        `yaml:"window_before"` // around the cut-off
	WindowAfter  time.Duration        `yaml:"window_after"`
	CarryDays    map[schemas.Kind]int `yaml:"carry_days"`  // days a one-sided row is carried
	CompareFee   []schemas.Kind       `yaml:"compare_fee"` // kinds whose fee is compared
}

// Shape is a file shape; each has one decoder.
type Shape string

// The shapes.
const (
	Delimited Shape = "delimited"
	Fixed     Shape = "fixed"
	Tagged    Shape = "tagged"
)

// Format is one layout of one file.
type Format struct {
	Name      string   `yaml:"name"`      // "trade_all_current"
	Statement string   `yaml:"statement"` // kind of statement
	Variants  []string `yaml:"variants"`  // bill types that come in it; none means any
	Part      string   `yaml:"part"`      // part of the statement
	Shape     Shape    `yaml:"shape"`

	// FileName recognises files by name (pattern, whole match); the groups
	// "merchant" and "date" are read. "" looks at the content alone.
	FileName   string `yaml:"file_name"`
	DateLayout string `yaml:"date_layout"` // of dates in FileName and Preamble, such as "yyyyMMdd"
	// MerchantSuffix stands behind the merchant number wherever the file prints
	// its account, such as Alipay's "0156".
	MerchantSuffix string `yaml:"merchant_suffix"`

	Encoding string `yaml:"encoding"` // "utf-8" (default) or "gb18030"
	BOM      string `yaml:"bom"`      // "optional" (default), "required", "none"
	LineEnd  string `yaml:"line_end"` // "any" (default: as the first line has it), "crlf", "lf"

	Delimited *DelimitedShape `yaml:"delimited"`
	Fixed     *FixedShape     `yaml:"fixed"`
	Tagged    *TaggedShape    `yaml:"tagged"`

	Preamble []Line     `yaml:"preamble"` // the lines before the header, in order
	Headers  [][]string `yaml:"headers"`  // known headers, exact; delimited only
	// HeaderSet binds columns by name in any order instead of Headers.
	HeaderSet *HeaderSet        `yaml:"header_set"`
	Aliases   map[string]string `yaml:"aliases"` // column name in a file -> name in the table

	Columns string `yaml:"columns"` // name of the column table
	Rows    string `yaml:"rows"`    // name of the list of row rules
	Totals  string `yaml:"totals"`  // name of the table of totals

	Day      DayCheck `yaml:"day"`
	Tail     []Tail   `yaml:"tail"` // what stands behind the rows, in order; none: the file just ends
	Balance  *Balance `yaml:"balance"`
	Summary  *Summary `yaml:"summary"`  // the file holds no records, but totals of another part
	EmptyOK  bool     `yaml:"empty_ok"` // no rows and nothing that proves it is accepted, with a warning
	compiled compiledFormat
}

type compiledFormat struct {
	fileName *regexp.Regexp
}

// FileNamePattern is the compiled FileName, nil if there is none.
func (f *Format) FileNamePattern() *regexp.Regexp { return f.compiled.fileName }

// DelimitedShape cuts a line at a delimiter.
type DelimitedShape struct {
	Delimiter  string `yaml:"delimiter"`   // one or more bytes; looked for after decoding
	CellPrefix string `yaml:"cell_prefix"` // every cell of a row begins with it, such as "`"
	Trim       string `yaml:"trim"`        // characters cut off both ends of every cell
	Quoting    string `yaml:"quoting"`     // "none" (default) or "rfc4180", strict and within one line
	Terminated bool   `yaml:"terminated"`  // a delimiter stands behind the last cell too
	Headerless bool   `yaml:"headerless"`  // the file has no line of column names; Headers says what they are
}

// FixedShape cuts a line by byte offset, before decoding.
type FixedShape struct {
	Length    int          `yaml:"length"`    // bytes of a row without its line end
	Separator string       `yaml:"separator"` // bytes between two fields; "" is none
	Fields    []FixedField `yaml:"fields"`    // in order, without gaps but for the separator
}

// FixedField is one field of a fixed-width row.
type FixedField struct {
	Name  string `yaml:"name"`
	Width int    `yaml:"width"` // bytes
	// Align is "left" (default: blanks behind the value are padding; numbers are
	// padded with zeros and fill the field) or "right" (blanks in front are).
	Align string `yaml:"align"`
}

// AlignLeft and AlignRight are the values of FixedField.Align.
const (
	AlignLeft  = "left"
	AlignRight = "right"
)

// TaggedShape gathers several lines into a row.
type TaggedShape struct {
	Start     string   `yaml:"start"`     // tag of the line that begins a row
	Tags      []string `yaml:"tags"`      // tags of a row = its columns, in order; a tag comes at most once a row
	Separator string   `yaml:"separator"` // between tag and value, such as "=" or ":"
}

// HeaderSet is a header known by its set of names.
type HeaderSet struct {
	Required []string `yaml:"required"`
	Optional []string `yaml:"optional"`
}

// Line is one line before the rows. Named groups are read: "merchant", "date"
// (the bill date), "until" (the day after it), and any name of a total, which
// is then proven like one of the tail.
type Line struct {
	Pattern string `yaml:"pattern"` // whole match
	re      *regexp.Regexp
}

// Regexp is the compiled pattern.
func (l *Line) Regexp() *regexp.Regexp { return l.re }

// Column says how the cells of one column are read.
type Column struct {
	Type string `yaml:"type"` // "skip", "id", "text", "amount", "count", "word", "time", "date", "clock", "merchant", "currency"

	// Optional lets an amount, count, time, date or clock be empty. Ids and texts
	// always may.
	Optional bool `yaml:"optional"`

	// id: ASCII letters, digits and punctuation; 1 to Max bytes.
	Max    int      `yaml:"max"`    // default 64
	Digits bool     `yaml:"digits"` // only digits
	None   []string `yaml:"none"`   // values that mean "no value"; the empty cell always does

	// Unique says that no two rows of a file hold the same value. A repeated one
	// is a proof that fails, but only an advisory one: matching tells a row that
	// was sent twice from two different ones.
	Unique bool `yaml:"unique"`

	// amount: decimal digits; Unit "major" (yuan; default) or "minor" (fen);
	// Decimals behind the point, default the currency's. Sign "positive"
	// (default: never below zero), "negative" (never above), "any". Form
	// "decimal" (default) or "cd": C, D or, before zero, a blank in front of
	// digits.
	Unit     string `yaml:"unit"`
	Decimals *int   `yaml:"decimals"`
	Sign     string `yaml:"sign"`
	Form     string `yaml:"form"`
	// Absolute takes the sign off, for a column that is printed with a minus or
	// without, and whose direction is in its name.
	Absolute bool `yaml:"absolute"`

	// word: one of Words; others are rejected unless Open.
	Words []string `yaml:"words"`
	Open  bool     `yaml:"open"`

	// time, date, clock: yyyy yy MM dd HH mm ss and literal characters. A time
	// without a year gets the year that is nearest to the bill date.
	Layout string `yaml:"layout"`

	// text: Mask lists what is hidden besides card numbers, which always are:
	// "phone", "id_number". Unescape replaces, left to right.
	Mask     []string          `yaml:"mask"`
	Unescape map[string]string `yaml:"unescape"`
}

// Row makes a record of a row. The first rule whose When holds is taken; a row
// for which none holds is rejected.
type Row struct {
	When map[string][]string `yaml:"when"` // word column -> words; all must hold; none: always
	// NonZero adds to When: these amount columns are not zero.
	NonZero []string     `yaml:"nonzero"`
	Kind    schemas.Kind `yaml:"kind"`
	Warn    *Text        `yaml:"warn"` // said once for the rows of this rule

	Status   schemas.Status            `yaml:"status"`    // constant, or
	StatusBy string                    `yaml:"status_by"` // word column, and
	Statuses map[string]schemas.Status `yaml:"statuses"`  // its total table

	Set  Fields   `yaml:"set"`
	Need []string `yaml:"need"` // columns that must hold a value
	Zero []string `yaml:"zero"` // amount columns that must be zero
	// Sum is an identity of the row: the sum of Plus - Minus = Equals.
	Sum *Identity `yaml:"sum"`
}

// Fields maps columns to the fields of a record; "" leaves the field out.
type Fields struct {
	MerchantRef      string `yaml:"merchant_ref"`
	RefundRef        string `yaml:"refund_ref"`
	ChannelRef       string `yaml:"channel_ref"`
	ChannelRefundRef string `yaml:"channel_refund_ref"`
	StatusRaw        string `yaml:"status_raw"`
	Amount           string `yaml:"amount"`
	AmountSign       string `yaml:"amount_sign"` // narrows the column's Sign for this kind of row: "positive", "negative", "any"; the record holds the absolute amount
	Settle           string `yaml:"settle"`
	SettleSign       string `yaml:"settle_sign"`
	Fee              string `yaml:"fee"`
	// FeeSign: "charged" (default: a positive number is a fee that we pay),
	// "deducted" (a negative number is), "summary" (the summary file proves
	// which, see Summary.Net).
	FeeSign   string `yaml:"fee_sign"`
	EventTime string `yaml:"event_time"` // a time column, or a date column with EventClock
	// EventClock is the clock column that belongs to a date column.
	EventClock string `yaml:"event_clock"`
	TradeType  string `yaml:"trade_type"`
	Bank       string `yaml:"bank"`
	Product    string `yaml:"product"`
	Remark     string `yaml:"remark"`
}

// Identity is a sum that must hold in each row.
type Identity struct {
	Plus   []string `yaml:"plus"`
	Minus  []string `yaml:"minus"`
	Equals string   `yaml:"equals"`
}

// Total is a number computed over all rows whose amounts can be read, records
// and rejects alike, and proven against what the file says.
type Total struct {
	Name     string              `yaml:"name"`     // of the proof: "rows", "amount"; default: the table's key
	Count    bool                `yaml:"count"`    // counts rows, or
	Sum      []string            `yaml:"sum"`      // adds columns up
	When     map[string][]string `yaml:"when"`     // only rows with these words
	NonZero  []string            `yaml:"nonzero"`  // only rows where these amounts are not zero
	Abs      bool                `yaml:"abs"`      // the file prints it without sign
	Advisory bool                `yaml:"advisory"` // a difference is shown but holds nothing up
}

// Tail is a line, or a table of two lines, behind the rows.
type Tail struct {
	Pattern  string `yaml:"pattern"` // whole match; named groups are totals
	Optional bool   `yaml:"optional"`
	// Table lists the known label lines; the next line holds the values, cut
	// like a row. Labels are totals.
	Table [][]string `yaml:"table"`
	re    *regexp.Regexp
}

// Regexp is the compiled pattern, nil for a table.
func (t *Tail) Regexp() *regexp.Regexp { return t.re }

// DayCheck says which column's day is the bill date.
type DayCheck struct {
	Column string        `yaml:"column"` // time or date column; "" checks nothing
	Slack  time.Duration `yaml:"slack"`  // allowed before and after the bill date
}

// Balance says how the running balance moves from row to row.
type Balance struct {
	Column   string   `yaml:"column"`   // amount column: the balance after the row
	Plus     []string `yaml:"plus"`     // totals whose share of the row raises it
	Minus    []string `yaml:"minus"`    // totals whose share lowers it
	Advisory bool     `yaml:"advisory"` // a break is shown but holds nothing up
}

// Summary describes a file that only repeats the totals of another part.
type Summary struct {
	Of     string              `yaml:"of"`     // the part
	Row    map[string][]string `yaml:"row"`    // which row is the total, by word column
	Equals map[string]string   `yaml:"equals"` // column -> total of the other part
	Net    *Net                `yaml:"net"`
}

// Net derives how the channel signs fees: either Gross + Σ Fees = Result (fees
// printed negative), or Gross - Σ Fees = Result (printed positive).
type Net struct {
	Gross  string   `yaml:"gross"`
	Fees   []string `yaml:"fees"`
	Result string   `yaml:"result"`
}

// Refusal names files that look like the channel's but are something else.
type Refusal struct {
	Pattern string `yaml:"pattern"` // found anywhere in the first 4 KiB, decoded
	Why     Text   `yaml:"why"`
	re      *regexp.Regexp
}

// Regexp is the compiled pattern.
func (r *Refusal) Regexp() *regexp.Regexp { return r.re }
