package normalize

import (
	"fmt"
	"slices"

	"tieout/internal/money"
	"tieout/internal/personal"
	"tieout/schemas"
	"tieout/schemas/channels"
)

// plan is a format with its columns in the order of one file, compiled into
// flat tables for the row loop. It is read-only and shared by the workers.
type plan struct {
	def      *channels.Definition
	format   *channels.Format
	names    []string // of the columns, as the file has them; cells are counted against it
	columns  []column
	rules    []rule
	totals   []total
	exponent int

	read   []int       // columns whose cells are more than text
	used   []int       // columns whose cells are looked at
	counts []int       // totals that count every row
	sums   []columnSum // totals of one column of every row
	chosen []int       // the other totals
	unique []int       // columns whose values do not repeat

	merchantCol, currencyCol, dayCol, balanceCol int // -1: none
	slack                                        int64
	balanceSign                                  []int8 // per total: +1, -1, 0
}

type op uint8

const (
	opSkip op = iota
	opID
	opText
	opAmount
	opCount
	opWord
	opTime
	opDate
	opClock
	opMerchant
	opCurrency
)

var opOf = map[string]op{"skip": opSkip, "id": opID, "text": opText, "amount": opAmount, "count": opCount, "word": opWord,
	"time": opTime, "date": opDate, "clock": opClock, "merchant": opMerchant, "currency": opCurrency}

// column says how to read the cells of one column.
type column struct {
	op       op
	optional bool
	digits   bool
	cd       bool
	absolute bool
	open     bool
	sign     int8 // +1: never below zero, -1: never above, 0: any
	decimals int
	max      int
	none     [][]byte
	// longestNone is how many bytes the longest of them has.
	longestNone int
	words       [][]byte
	layout      *layout
	dated       int // bytes of a time's cell that tell its date, if they come first, else 0
	masks       personal.Numbers
	unescape    []replacement
	escape      byte // that every replaced text begins with
}

type replacement struct{ from, to []byte }

// Words are numbered by their place in the column's list; otherWord is what an
// open column may hold besides, noWord a word that could not be read.
const (
	maxWords  = 62
	otherWord = 62
	noWord    = 63
)

// condition holds if the word of the column is in the set.
type condition struct {
	col int
	set uint64
}

// selection is all that must hold for a row to be taken.
type selection struct {
	words   []condition
	nonzero []int // amount columns
}

// rule makes a record; column numbers are -1 where the record has no value.
type rule struct {
	when     selection
	kind     schemas.Kind
	status   schemas.Status
	statusBy int // column, -1: constant
	statuses [maxWords]schemas.Status
	warn     *channels.Text

	merchantRef, refundRef, channelRef, channelRefundRef int
	statusRaw, amount, settle, fee, event, clock         int
	tradeType, bank, product, remark                     int
	amountSign, settleSign                               int8
	feeDecimals                                          int
	feeNegate, feeBySummary                              bool
	warnBit                                              uint64
	need, zero                                           []int
	sumPlus, sumMinus                                    []int
	sumEquals                                            int // -1: no identity
}

// total is one number over the rows.
type total struct {
	channels.Total
	key      string
	count    bool
	when     selection
	sum      []int
	decimals int
}

// columnSum is a total and its only column.
type columnSum struct{ total, col int }

func compile(def *channels.Definition, f *channels.Format, names []string) (*plan, error) {
	exp, _ := def.Currency.Exponent()
	p := &plan{def: def, format: f, names: names, exponent: exp,
		merchantCol: -1, currencyCol: -1, dayCol: -1, balanceCol: -1, slack: f.Day.Slack.Microseconds()}
	table := def.Columns[f.Columns]
	for i, name := range names {
		c, err := compileColumn(table[name], exp)
		if err != nil {
			return nil, fmt.Errorf("channel %s, format %s, column %s: %w", def.Name, f.Name, name, err)
		}
		switch c.op {
		case opMerchant:
			p.merchantCol = i
		case opCurrency:
			p.currencyCol = i
		}
		if c.op != opSkip && c.op != opText {
			p.read = append(p.read, i)
		}
		if table[name].Unique {
			p.unique = append(p.unique, i)
		}
		p.columns = append(p.columns, c)
	}
	p.dayCol = p.col(f.Day.Column)
	if f.Summary == nil {
		for _, r := range def.Rows[f.Rows] {
			c, err := p.compileRule(r)
			if err != nil {
				return nil, fmt.Errorf("channel %s, format %s: %w", def.Name, f.Name, err)
			}
			if c.warn != nil {
				c.warnBit = 1 << len(p.rules)
			}
			p.rules = append(p.rules, c)
		}
	}
	for i, c := range p.columns {
		needed := func(r rule) bool { return slices.Contains(r.need, i) }
		if c.op != opSkip || slices.Contains(p.unique, i) || slices.ContainsFunc(p.rules, needed) {
			p.used = append(p.used, i)
		}
	}
	p.compileTotals(def.Totals[f.Totals])
	if f.Balance != nil {
		p.balanceCol = p.col(f.Balance.Column)
	}
	return p, nil
}

// col returns the place of a column, or -1 if this file does not have it.
func (p *plan) col(name string) int {
	if name == "" {
		return -1
	}
	return slices.Index(p.names, name)
}

func compileColumn(c channels.Column, exp int) (column, error) {
	out := column{op: opOf[c.Type], optional: c.Optional, digits: c.Digits, cd: c.Form == "cd", absolute: c.Absolute, open: c.Open, max: c.Max, decimals: decimalsOf(c, exp)}
	out.sign = signOf(c.Sign)
	for _, n := range c.None {
		out.none = append(out.none, []byte(n))
		out.longestNone = max(out.longestNone, len(n))
	}
	if len(c.Words) > maxWords {
		return out, fmt.Errorf("more than %d words", maxWords)
	}
	for _, w := range c.Words {
		out.words = append(out.words, []byte(w))
	}
	if c.Layout != "" {
		l, err := newLayout(c.Layout)
		if err != nil {
			return out, err
		}
		out.layout = l
		if out.dated = l.clockAt; out.op == opDate {
			out.dated = l.length
		}
	}
	out.masks = personal.Numbers{Phone: slices.Contains(c.Mask, "phone"), Identity: slices.Contains(c.Mask, "id_number")}
	for from, to := range c.Unescape {
		if from == "" || len(out.unescape) > 0 && from[0] != out.escape {
			return out, fmt.Errorf("texts to unescape must begin with one and the same byte")
		}
		out.escape = from[0]
		out.unescape = append(out.unescape, replacement{[]byte(from), []byte(to)})
	}
	return out, nil
}

// decimalsOf returns how many decimals the amounts of a column are printed with.
func decimalsOf(c channels.Column, exp int) int {
	switch {
	case c.Decimals != nil:
		return *c.Decimals
	case c.Unit == "minor":
		return 0
	}
	return exp
}

func signOf(s string) int8 {
	switch s {
	case "any":
		return 0
	case "negative":
		return -1
	}
	return 1
}

// selection compiles When and NonZero. A column that this file does not have
// holds no word and no amount, so that nothing is selected by it.
func (p *plan) selection(when map[string][]string, nonzero []string) selection {
	s := selection{nonzero: p.cols(nonzero)}
	never := len(s.nonzero) < len(nonzero)
	for name, words := range when {
		c := condition{col: p.col(name)}
		if c.col < 0 {
			never = true
			continue
		}
		for _, w := range words {
			c.set |= 1 << slices.Index(p.def.Columns[p.format.Columns][name].Words, w)
		}
		s.words = append(s.words, c)
	}
	if never {
		s.words = []condition{{}}
	}
	return s
}

func (p *plan) compileRule(r channels.Row) (rule, error) {
	s := r.Set
	c := rule{when: p.selection(r.When, r.NonZero), kind: r.Kind, status: r.Status, statusBy: p.col(r.StatusBy), warn: r.Warn,
		merchantRef: p.col(s.MerchantRef), refundRef: p.col(s.RefundRef), channelRef: p.col(s.ChannelRef), channelRefundRef: p.col(s.ChannelRefundRef),
		statusRaw: p.col(s.StatusRaw), amount: p.col(s.Amount), settle: p.col(s.Settle), fee: p.col(s.Fee),
		event: p.col(s.EventTime), clock: p.col(s.EventClock),
		tradeType: p.col(s.TradeType), bank: p.col(s.Bank), product: p.col(s.Product), remark: p.col(s.Remark),
		amountSign: signOf(s.AmountSign), settleSign: signOf(s.SettleSign), feeNegate: s.FeeSign == "deducted", feeBySummary: s.FeeSign == "summary", sumEquals: -1}
	if c.amount < 0 || p.columns[c.amount].decimals != p.exponentOf(c.amount) {
		return c, fmt.Errorf("the amount %q is not in the file, or not in whole minor units", s.Amount)
	}
	if c.settle >= 0 && p.columns[c.settle].decimals != p.exponentOf(c.settle) {
		return c, fmt.Errorf("the column %q is not in whole minor units", s.Settle)
	}
	if c.fee >= 0 {
		c.feeDecimals = p.columns[c.fee].decimals - p.exponentOf(c.fee)
		if c.feeDecimals < 0 || c.feeDecimals > 6 {
			return c, fmt.Errorf("the fee %q has more than six decimals below one minor unit, or less than none", s.Fee)
		}
	}
	if r.StatusBy != "" && c.statusBy < 0 {
		return c, fmt.Errorf("the column %q of the status is not in the file", r.StatusBy)
	}
	for w, status := range r.Statuses {
		if i := slices.Index(p.def.Columns[p.format.Columns][r.StatusBy].Words, w); i >= 0 {
			c.statuses[i] = status
		}
	}
	c.need, c.zero = p.cols(r.Need), p.cols(r.Zero)
	if r.Sum != nil {
		c.sumPlus, c.sumMinus, c.sumEquals = p.cols(r.Sum.Plus), p.cols(r.Sum.Minus), p.col(r.Sum.Equals)
	}
	return c, nil
}

// exponentOf returns how many decimals an amount column needs to be in whole
// minor units: none if it is printed in minor units.
func (p *plan) exponentOf(col int) int {
	if p.def.Columns[p.format.Columns][p.names[col]].Unit == "minor" {
		return 0
	}
	return p.exponent
}

// cols drops the columns that this file does not have.
func (p *plan) cols(names []string) []int {
	var out []int
	for _, n := range names {
		if i := p.col(n); i >= 0 {
			out = append(out, i)
		}
	}
	return out
}

// all tells whether every row is taken.
func (s *selection) all() bool { return len(s.words)+len(s.nonzero) == 0 }

// compileTotals takes the totals whose columns the file has, in the order of
// their keys.
func (p *plan) compileTotals(table map[string]channels.Total) {
	keys := make([]string, 0, len(table))
	for k := range table {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		t := total{Total: table[k], key: k, count: table[k].Count, when: p.selection(table[k].When, table[k].NonZero)}
		t.sum = p.cols(table[k].Sum)
		if len(t.Sum) > 0 {
			// A file can state a total of columns that it does not have: zero.
			t.decimals = decimalsOf(p.def.Columns[p.format.Columns][t.Sum[0]], p.exponent)
		}
		switch i := len(p.totals); {
		case t.count && t.when.all():
			p.counts = append(p.counts, i)
		case len(t.sum) == 1 && t.when.all():
			p.sums = append(p.sums, columnSum{i, t.sum[0]})
		default:
			p.chosen = append(p.chosen, i)
		}
		p.totals = append(p.totals, t)
		p.balanceSign = append(p.balanceSign, p.signInBalance(k))
	}
}

func (p *plan) signInBalance(key string) int8 {
	b := p.format.Balance
	switch {
	case b == nil:
		return 0
	case slices.Contains(b.Plus, key):
		return 1
	case slices.Contains(b.Minus, key):
		return -1
	}
	return 0
}

// totalAt returns the place of the total with this key, or -1.
func (p *plan) totalAt(key string) int {
	return slices.IndexFunc(p.totals, func(t total) bool { return t.key == key })
}

// currency of all amounts of the file.
func (p *plan) currency() money.Currency { return p.def.Currency }
