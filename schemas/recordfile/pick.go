package recordfile

import (
	"context"
	"fmt"
	"slices"
)

// pick calls fn with the rows of a sorted list, and the place in the list of
// the chunk's first row. Of the pages that hold no such row nothing is
// unpacked, and of the others only the values of such rows are put together.
func (t *tableReader[B]) pick(ctx context.Context, set Columns, idx []int64, reset func(*B), fn func(at int, b *B, n int) error) error {
	s, err := t.scanner(set)
	if err != nil {
		return err
	}
	b, base, at := new(B), int64(0), 0
	for g := range t.footer.Groups {
		end := base + t.footer.Groups[g].Rows
		n, _ := slices.BinarySearch(idx[at:], end)
		if n > 0 {
			err := s.scanRows(ctx, g, base, idx[at:at+n], b, func(from, n int) error {
				err := fn(at+from, b, n)
				reset(b)
				return err
			})
			if err != nil {
				return err
			}
		}
		at, base = at+n, end
	}
	return nil
}

// scanRows reads rows of row group g, which begins at row base of the file,
// into b: those of chunkRows rows, which mostly are a page, at a time.
func (s *scanner[B]) scanRows(ctx context.Context, g int, base int64, idx []int64, b *B, fn func(from, n int) error) error {
	if err := s.open(g); err != nil {
		return s.table.damaged(err)
	}
	for from := 0; from < len(idx); {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, _ := slices.BinarySearch(idx[from:], idx[from]-(idx[from]-base)%chunkRows+chunkRows)
		n = min(n, chunkRows) // a row may be asked for more than once
		if err := s.readRows(b, base, idx[from:from+n]); err != nil {
			return s.table.damaged(err)
		}
		if err := fn(from, n); err != nil {
			return err
		}
		from += n
	}
	return nil
}

// readRows appends rows to b.
func (s *scanner[B]) readRows(b *B, base int64, idx []int64) (err error) {
	defer recovered(&err)
	for _, c := range s.columns {
		if err := c.readRows(s, b, base, idx); err != nil {
			return fmt.Errorf("column %s: %w", c.Name, err)
		}
	}
	return nil
}

// readRows keeps its last page, which may hold rows that come.
func (c *columnScanner[B]) readRows(s *scanner[B], b *B, base int64, idx []int64) error {
	for len(idx) > 0 {
		if err := c.seek(idx[0] - base); err != nil {
			return err
		}
		if err := c.startPage(s); err != nil {
			return err
		}
		first := base + c.at
		n, _ := slices.BinarySearch(idx, first+int64(c.pages[0].Rows))
		s.page.pick(idx[:n], first)
		if err := c.column.read(&s.page, b); err != nil {
			return err
		}
		idx = idx[n:]
	}
	return nil
}

// pick keeps some rows of the page; first is the number that its first row has
// in the list.
func (p *page) pick(idx []int64, first int64) {
	rows, all := p.spareRows[:0], len(idx) == p.rows
	for i, row := range idx {
		rows = append(rows, int32(row-first))
		all = all && int(row-first) == i
	}
	if p.spareRows = rows; all {
		return
	}
	p.rows, p.present, p.places = len(rows), len(rows), rows
	if p.flags != nil {
		p.pickPresent(rows)
	}
}

// pickPresent finds the places of the rows that have a value.
func (p *page) pickPresent(rows []int32) {
	flags, places := p.pickedFlags[:0], p.sparePlaces[:0]
	from, place := int32(0), int32(0)
	for _, row := range rows {
		for _, f := range p.flags[from:row] {
			place += int32(f)
		}
		from = row
		flags = append(flags, p.flags[row])
		if p.flags[row] != 0 {
			places = append(places, place)
		}
	}
	p.flags, p.places, p.present = flags, places, len(places)
	p.pickedFlags, p.sparePlaces = flags, places
}
