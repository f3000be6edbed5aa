package match

import (
	"context"
	"fmt"
	"math"
	"sync"

	"tieout/internal/bizday"
	"tieout/internal/fault"
	"tieout/schemas"
	"tieout/schemas/recordfile"
)

// side holds the rows of one side by column, only what matching looks at: the
// fresh rows first, then the carried ones, then (local side) the late ones.
// About 40 bytes and the key a row.
type side struct {
	set      RowSet
	carried  []schemas.Carried
	late     []LateRow
	lateRows []int32 // position in late of the rows behind the carried ones
	fresh    int32

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

// bytesPerRow estimates the memory of a row, with its slots in the key table.
const bytesPerRow = 128

// load reads a row set and adds what was carried in.
func load(ctx context.Context, set RowSet, carried []schemas.Carried, money *currencies) (*side, error) {
	n := set.Rows() + int64(len(carried))
	if n >= math.MaxInt32 {
		return nil, fault.New("E-4160", fault.V{"rows": n, "limit": math.MaxInt32}, nil)
	}
	s := &side{set: set, carried: carried, fresh: int32(set.Rows())}
	s.reserve(int(n))
	err := set.Read(ctx, matchColumns, func(first int64, b *schemas.Batch) error {
		if int(first) != len(s.kind) {
			return fmt.Errorf("batch starts at row %d after %d rows", first, len(s.kind))
		}
		if first == 0 && b.Len() > 0 {
			s.reserveKeys(int64(len(b.MerchantRef.Bytes)+len(b.RefundRef.Bytes)) * (n + n/50) / int64(b.Len()))
		}
		return s.addBatch(b, money)
	})
	if err != nil {
		return nil, err
	}
	if len(s.kind) != int(s.fresh) {
		return nil, fmt.Errorf("read %d rows of %d", len(s.kind), s.fresh)
	}
	for i := range carried {
		if err := s.addRecord(&carried[i].Record, money); err != nil {
			return nil, fmt.Errorf("carried row %d: %w", i, err)
		}
	}
	return s, nil
}

func (s *side) reserve(n int) {
	s.kind, s.status = make([]schemas.Kind, 0, n), make([]schemas.Status, 0, n)
	s.amount, s.currency, s.time = make([]int64, 0, n), make([]uint8, 0, n), make([]int64, 0, n)
	s.fees.minor, s.keyEnd = make([]int32, 0, n), make([]uint32, 0, n)
	s.class, s.rule, s.pass, s.mate = make([]schemas.Class, n), make([]rule, n), make([]passID, n), make([]int32, n)
	for i := range s.mate {
		s.mate[i] = none
	}
	s.notes = map[int32]note{}
}

func (s *side) reserveKeys(n int64) {
	if n > 0 && n < math.MaxUint32 {
		s.keys = make([]byte, 0, n)
	}
}

// addBatch appends the rows of a batch.
func (s *side) addBatch(b *schemas.Batch, money *currencies) error {
	n := b.Len()
	s.kind = append(s.kind, b.Kind[:n]...)
	s.status = append(s.status, b.Status[:n]...)
	s.amount = append(s.amount, b.AmountMinor[:n]...)
	s.time = append(s.time, b.EventTime[:n]...)
	last, code := []byte(nil), uint8(0)
	for i := range n {
		if cur := b.Currency.At(i); last == nil || string(cur) != string(last) {
			var err error
			if code, err = money.code(cur); err != nil {
				return err
			}
			last = append(last[:0:0], cur...)
		}
		s.currency = append(s.currency, code)
		key := b.MerchantRef.At(i)
		if b.Kind[i] != schemas.Payment {
			if refund := b.RefundRef.At(i); len(refund) > 0 {
				key = refund
			}
		}
		s.keys = append(s.keys, key...)
		s.keyEnd = append(s.keyEnd, uint32(len(s.keys)))
		if err := s.fees.add(schemas.NullInt64{V: b.FeeMinor[i], Valid: b.FeeValid[i]}, b.FeeSub[i]); err != nil {
			return fmt.Errorf("row %d: %w", len(s.keyEnd)-1, err)
		}
		if err := s.check(len(s.keyEnd)-1, b.BillDate[i]); err != nil {
			return err
		}
	}
	return nil
}

// addRecord appends one row.
func (s *side) addRecord(r *schemas.Record, money *currencies) error {
	code, err := money.code([]byte(r.Currency))
	if err != nil {
		return err
	}
	s.kind, s.status = append(s.kind, r.Kind), append(s.status, r.Status)
	s.amount, s.currency, s.time = append(s.amount, r.AmountMinor), append(s.currency, code), append(s.time, r.EventTime)
	if err := s.fees.add(r.FeeMinor, r.FeeSub); err != nil {
		return err
	}
	s.keys = append(s.keys, r.Key()...)
	s.keyEnd = append(s.keyEnd, uint32(len(s.keys)))
	row := len(s.keyEnd) - 1
	if row >= len(s.class) {
		s.class, s.rule = append(s.class, 0), append(s.rule, 0)
		s.pass, s.mate = append(s.pass, 0), append(s.mate, none)
	}
	return s.check(row, r.BillDate)
}

// check refuses values that no stage before may hand on, and keeps those that
// are seldom there.
func (s *side) check(row int, date bizday.Date) error {
	switch {
	case s.kind[row] == 0 || s.status[row] < schemas.Success || s.status[row] > schemas.Reversed:
		return fmt.Errorf("row %d has kind %s and status %s", row, s.kind[row], s.status[row])
	case s.amount[row] < 0:
		return fmt.Errorf("row %d has the negative amount %d", row, s.amount[row])
	case int64(len(s.keys)) > math.MaxUint32:
		return fault.New("E-4160", fault.V{"rows": row, "limit": int64(math.MaxUint32)}, nil)
	}
	if s.time[row] == schemas.NoTime && s.date == nil {
		s.date = make([]bizday.Date, row, cap(s.kind))
	}
	if s.date != nil {
		s.date = append(s.date, date)
	}
	return nil
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
		return schemas.RowRef{In: fresh, Row: int64(row)}
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
