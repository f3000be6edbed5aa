package match

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"sync"

	"tieout/internal/bizday"
	"tieout/internal/fault"
	"tieout/schemas"
	"tieout/schemas/recordfile"
)

// side holds rows of one side by column, only what matching looks at: the fresh
// rows first, then the carried ones, then (local side) the late ones. About 40
// bytes and the key a row.
type side struct {
	set      RowSet
	orig     []int32 // of the fresh rows: their numbers in set, ascending
	carried  []schemas.Carried
	late     []LateRow
	lateRows []int32 // position in late of the rows behind the carried ones
	fresh    int32

	whole map[int32]*schemas.Record // fresh rows that are kept as they were read
	refs  schemas.Text              // the channel's numbers of the fresh rows, once they are read

	kind     []schemas.Kind
	status   []schemas.Status
	amount   []int64
	currency []uint8
	time     []int64 // schemas.NoTime if the source does not say
	fees     fees
	date     []bizday.Date // nil while every row has a time
	keys     []byte
	keyEnd   []uint32

	// Where a row was placed; class 0 is "not yet".
	class []schemas.Class
	rule  []rule
	pass  []passID
	mate  []int32        // row of the other side; none if alone
	notes map[int32]note // of the few rows that are one of several
}

// none is no row.
const none int32 = -1

// note ties rows together.
type note struct {
	occurrence int32
	group      int64
}

// matchColumns is what a side is loaded from.
const matchColumns = recordfile.Keys | recordfile.Amounts | recordfile.Status | recordfile.Times | recordfile.Fees

// bytesPerRow estimates the memory of a row that is left to the passes, with its
// slots in the key table.
const bytesPerRow = 160

// newSide makes the side of the rows that are left to the passes, and adds what
// was carried in.
func newSide(set RowSet, fresh *side, carried []schemas.Carried, money *currencies) (*side, error) {
	s := fresh
	s.set, s.carried, s.fresh = set, carried, fresh.rows()
	for i := range carried {
		if err := s.addRecord(&carried[i].Record, money); err != nil {
			return nil, fmt.Errorf("carried row %d: %w", i, err)
		}
	}
	n := len(s.kind)
	s.class, s.rule, s.pass, s.mate = make([]schemas.Class, n), make([]rule, n), make([]passID, n), make([]int32, n)
	for i := range s.mate {
		s.mate[i] = none
	}
	s.notes = map[int32]note{}
	return s, nil
}

// clear makes room for n rows, in the memory of the rows before.
func (s *side) clear(n int) {
	s.orig = resized(s.orig, n)[:0]
	s.kind, s.status, s.currency = resized(s.kind, n)[:0], resized(s.status, n)[:0], resized(s.currency, n)[:0]
	s.amount, s.time = resized(s.amount, n)[:0], resized(s.time, n)[:0]
	s.fees.minor, s.fees.sub, s.fees.big = resized(s.fees.minor, n)[:0], nil, nil
	s.keys, s.keyEnd, s.date = s.keys[:0], resized(s.keyEnd, n)[:0], nil
}

// addFresh appends a row of the row set.
func (s *side) addFresh(x *cells) error {
	s.orig = append(s.orig, x.row)
	return s.add(x)
}

// addRow appends a row of another side of the same row set.
func (s *side) addRow(from *side, row int32) error {
	x := from.cells(row)
	return s.addFresh(&x)
}

// terms returns what a row says of what decides a class.
func (s *side) terms(row int32) terms {
	return terms{s.status[row], s.amount[row], s.currency[row], s.fees.at(row)}
}

// cells returns a fresh row; its key is valid as long as no row is added.
func (s *side) cells(row int32) cells {
	return cells{row: s.orig[row], kind: s.kind[row], status: s.status[row], currency: s.currency[row], amount: s.amount[row],
		time: s.time[row], date: s.billDate(row), fee: s.fees.at(row), key: s.key(row)}
}

func (s *side) add(x *cells) error {
	s.kind, s.status, s.currency = append(s.kind, x.kind), append(s.status, x.status), append(s.currency, x.currency)
	s.amount, s.time = append(s.amount, x.amount), append(s.time, x.time)
	s.fees.add(x.fee)
	s.keys = append(s.keys, x.key...)
	s.keyEnd = append(s.keyEnd, uint32(len(s.keys)))
	if int64(len(s.keys)) > math.MaxUint32 {
		return fault.New("E-4160", fault.V{"rows": len(s.kind), "limit": int64(math.MaxUint32)}, nil)
	}
	if x.time == schemas.NoTime && s.date == nil {
		s.date = make([]bizday.Date, len(s.kind)-1, cap(s.kind))
	}
	if s.date != nil {
		s.date = append(s.date, x.date)
	}
	return nil
}

// mergeRows appends the rows of several lists, each in the order of the row
// set, in that order.
func mergeRows(to *side, lists []*side) error {
	type place struct{ list, row int32 }
	var all []place
	for i, s := range lists {
		for row := range s.rows() {
			all = append(all, place{int32(i), row})
		}
	}
	slices.SortFunc(all, func(a, b place) int { return cmp.Compare(lists[a.list].orig[a.row], lists[b.list].orig[b.row]) })
	to.clear(len(all))
	for _, p := range all {
		if err := to.addRow(lists[p.list], p.row); err != nil {
			return err
		}
	}
	return nil
}

// addRecord appends a carried or late row.
func (s *side) addRecord(r *schemas.Record, money *currencies) error {
	x := cells{kind: r.Kind, status: r.Status, amount: r.AmountMinor, time: r.EventTime, date: r.BillDate, key: []byte(r.Key())}
	var err error
	if x.currency, err = money.code([]byte(r.Currency)); err != nil {
		return err
	}
	if x.fee, err = feeOfRow(r.FeeMinor, r.FeeSub); err != nil {
		return err
	}
	if err := x.check(); err != nil {
		return err
	}
	if s.notes != nil { // late: behind rows that have their places
		s.class, s.rule = append(s.class, 0), append(s.rule, 0)
		s.pass, s.mate = append(s.pass, 0), append(s.mate, none)
	}
	return s.add(&x)
}

func (s *side) rows() int32 { return int32(len(s.kind)) }

// key returns the match key of a row; valid as long as no row is added.
func (s *side) key(row int32) []byte {
	var start uint32
	if row > 0 {
		start = s.keyEnd[row-1]
	}
	return s.keys[start:s.keyEnd[row]]
}

// billDate of a row without a time; bizday.None if it says none.
func (s *side) billDate(row int32) bizday.Date {
	if s.date == nil {
		return bizday.None
	}
	return s.date[row]
}

// isCarried tells whether the row was carried in.
func (s *side) isCarried(row int32) bool {
	return row >= s.fresh && int(row) < int(s.fresh)+len(s.carried)
}

func (s *side) isLate(row int32) bool { return int(row) >= int(s.fresh)+len(s.carried) }

// ref names the row as outcomes do.
func (s *side) ref(row int32, fresh, carried schemas.Input) schemas.RowRef {
	switch {
	case row == none:
		return schemas.RowRef{}
	case row < s.fresh:
		return schemas.RowRef{In: fresh, Row: int64(s.orig[row])}
	case s.isCarried(row):
		return schemas.RowRef{In: carried, Row: int64(row - s.fresh)}
	}
	return schemas.RowRef{In: schemas.InLate, Row: int64(s.lateRows[int(row)-int(s.fresh)-len(s.carried)])}
}

// place writes down where a row belongs. A row is placed once: a second time
// is a defect of the program.
func (s *side) place(row int32, v verdict, p passID, mate int32) {
	if s.class[row] != 0 {
		panic(fmt.Sprintf("match: row %d is %s already, now %s", row, s.class[row], v.class))
	}
	s.class[row], s.rule[row], s.pass[row], s.mate[row] = v.class, v.rule, p, mate
}

// currencies gives currencies small numbers. The numbers depend on the order
// of reading; nothing that leaves the package does.
type currencies struct {
	mu    sync.Mutex
	names []string
}

func (c *currencies) code(name []byte) (uint8, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, n := range c.names {
		if n == string(name) {
			return uint8(i), nil
		}
	}
	if len(c.names) == math.MaxUint8 {
		return 0, fmt.Errorf("more than %d currencies in one day", math.MaxUint8)
	}
	c.names = append(c.names, string(name))
	return uint8(len(c.names) - 1), nil
}
