package recordfile

import (
	"errors"
	"fmt"
	"slices"

	"tieout/schemas"
	"tieout/schemas/recordfile/internal/parquet"
)

// page is one unpacked page on its way into a chunk, with the working memory
// for it.
type page struct {
	column     *parquet.Column
	encoding   parquet.Encoding
	body       []byte  // behind the presence flags
	values     int     // that the body holds
	rows       int     // that are read
	present    int     // of them, those with a value
	flags      []uint8 // 1 where a row that is read has one; nil if all have
	places     []int32 // of the values that are read; nil if all are
	dictionary *dictionary

	spareFlags, pickedFlags []uint8
	spareRows, sparePlaces  []int32
	codes                   []uint32
	ints                    []int64
	days                    []int64
	joined                  parquet.Texts
}

// dictionary holds what the codes of a column chunk stand for.
type dictionary struct {
	texts parquet.Texts
	ints  []int64
}

var (
	errShort    = errors.New("a column ends before its rows do")
	errEncoding = errors.New("an encoding that is not known here")
)

// start reads the presence flags of a page.
func (p *page) start(c *parquet.Column, from *parquet.Page, body []byte) (err error) {
	p.column, p.encoding, p.body, p.rows, p.present = c, from.Encoding, body, from.Rows, from.Rows
	p.flags, p.places = nil, nil
	if c.Optional {
		p.flags, p.present, p.body, err = parquet.Presence(body, p.rows, p.spareFlags)
		if p.flags != nil {
			p.spareFlags = p.flags
		}
	}
	p.values = p.present
	return err
}

// read reads the entries of a dictionary page.
func (d *dictionary) read(c *parquet.Column, p *parquet.Page, body []byte) (err error) {
	d.texts.Reset()
	d.ints = d.ints[:0]
	switch {
	case p.Encoding != parquet.Plain:
		return errEncoding
	case c.Type == parquet.ByteArray:
		return d.texts.Plain(body, p.Rows, p.Rows, nil)
	default:
		d.ints, err = parquet.PlainInts(d.ints, body, p.Rows, width(c))
		return err
	}
}

func (d *dictionary) len() int { return max(d.texts.Len(), len(d.ints)) }

// width is the bytes of a number.
func width(c *parquet.Column) int {
	if c.Type == parquet.Int32 {
		return 4
	}
	return 8
}

// readCodes reads the codes of the values that are present.
func (p *page) readCodes() (err error) {
	if len(p.body) == 0 || p.dictionary.len() == 0 {
		return errShort
	}
	packed, width, most := p.body[1:], uint(p.body[0]), uint64(p.dictionary.len()-1)
	if p.places != nil {
		p.codes, err = parquet.PickCodes(p.codes[:0], packed, p.values, width, most, p.places)
	} else {
		p.codes, err = parquet.Codes(p.codes[:0], packed, p.values, width, most)
	}
	return err
}

// numbers appends the values that are present.
func (p *page) numbers(to []int64) ([]int64, error) {
	if p.present == 0 {
		return to, nil
	}
	switch p.encoding {
	case parquet.DeltaBinary:
		if p.places != nil {
			return parquet.PickInts(to, p.body, p.values, p.places)
		}
		to, rest, err := parquet.Int64s(to, p.body, p.values)
		if err == nil && len(rest) > 0 {
			err = errors.New("bytes are left over in a page")
		}
		return to, err
	case parquet.Plain:
		if p.places != nil {
			return parquet.PickPlainInts(to, p.body, p.values, width(p.column), p.places)
		}
		return parquet.PlainInts(to, p.body, p.values, width(p.column))
	case parquet.RLEDictionary:
		if err := p.readCodes(); err != nil {
			return to, err
		}
		for _, c := range p.codes {
			to = append(to, p.dictionary.ints[c])
		}
		return to, nil
	default:
		return to, errEncoding
	}
}

// sparse appends a value for each row, absent where there is none.
func (p *page) sparse(to []int64, absent int64) (_ []int64, err error) {
	if p.flags == nil {
		return p.numbers(to)
	}
	if p.ints, err = p.numbers(p.ints[:0]); err != nil {
		return to, err
	}
	next := 0
	for _, f := range p.flags {
		v := absent
		if f != 0 {
			v = p.ints[next]
			next++
		}
		to = append(to, v)
	}
	return to, nil
}

// appendFlags appends presence as the batch has it.
func appendFlags(to []bool, flags []uint8, rows int) []bool {
	at := len(to)
	to = slices.Grow(to, rows)[:at+rows]
	for i := range to[at:] {
		to[at+i] = flags == nil || flags[i] != 0
	}
	return to
}

func appendDates(to []date, days []int64) []date {
	for _, d := range days {
		to = append(to, date(d))
	}
	return to
}

// texts appends a text for each row.
func (p *page) texts(to *schemas.Text) error {
	t := &p.joined
	t.Ends, t.Bytes = to.Ends, to.Bytes
	err := p.join(t)
	to.Ends, to.Bytes = t.Ends, t.Bytes
	return err
}

func (p *page) join(t *parquet.Texts) error {
	switch {
	case p.present == 0:
		t.Nulls(p.rows)
		return nil
	case p.encoding == parquet.DeltaByteArray && p.places != nil:
		return t.PickDeltas(p.body, p.values, p.places, p.rows, p.flags)
	case p.encoding == parquet.DeltaByteArray:
		return t.Deltas(p.body, p.rows, p.values, p.flags)
	case p.encoding == parquet.Plain && p.places != nil:
		return t.PickPlain(p.body, p.values, p.places, p.rows, p.flags)
	case p.encoding == parquet.Plain:
		return t.Plain(p.body, p.rows, p.values, p.flags)
	case p.encoding == parquet.RLEDictionary:
		if err := p.readCodes(); err != nil {
			return err
		}
		return t.Pick(&p.dictionary.texts, p.codes, p.rows, p.flags)
	default:
		return errEncoding
	}
}

// appendRuns appends a page of a constant column.
func (p *page) appendRuns(to *runs) error {
	if p.present == 0 {
		to.add(p.rows, nil)
		return nil
	}
	if p.encoding == parquet.RLEDictionary && p.flags == nil {
		if err := p.readCodes(); err != nil {
			return err
		}
		for from := 0; from < len(p.codes); {
			end := from + 1
			for end < len(p.codes) && p.codes[end] == p.codes[from] {
				end++
			}
			to.add(end-from, p.dictionary.texts.At(int(p.codes[from])))
			from = end
		}
		return nil
	}
	var all schemas.Text
	if err := p.texts(&all); err != nil {
		return err
	}
	for i := range all.Len() {
		to.add(1, all.At(i))
	}
	return nil
}

// readWords appends an enum for each row. A code leads straight to its value.
func readWords[E word](p *page, to []E, parse func(*E, []byte) error) ([]E, error) {
	var values []E
	switch {
	case p.present == 0:
		return append(to, make([]E, p.rows)...), nil
	case p.encoding != parquet.RLEDictionary:
		return to, errEncoding
	case p.dictionary.texts.Len() > maxWords:
		return to, fmt.Errorf("%d words", p.dictionary.texts.Len())
	}
	for i := range p.dictionary.texts.Len() {
		var v E
		if err := parse(&v, p.dictionary.texts.At(i)); err != nil {
			return to, err
		}
		values = append(values, v)
	}
	if err := p.readCodes(); err != nil {
		return to, err
	}
	at := len(to)
	to = slices.Grow(to, p.rows)[:at+p.rows]
	if p.flags == nil {
		for i, c := range p.codes {
			to[at+i] = values[c]
		}
		return to, nil
	}
	next := 0
	for i, f := range p.flags {
		to[at+i] = 0
		if f != 0 {
			to[at+i] = values[p.codes[next]]
			next++
		}
	}
	return to, nil
}
