package normalize

import (
	"tieout/internal/bizday"
	"tieout/internal/fault"
)

// identify settles merchant and date: what was asked for, else what the files
// say about themselves, else what their first row says. All must agree.
func (r *reading) identify(files []*opened) error {
	for _, o := range files {
		merchant, date := o.merchant, o.date
		if r.st.Merchant == "" && merchant == "" || r.st.BillDate == bizday.None && date == bizday.None {
			m, d := o.peek()
			if merchant == "" {
				merchant = m
			}
			if date == bizday.None {
				date = d
			}
		}
		if r.st.Merchant == "" {
			r.st.Merchant = merchant
		}
		if r.st.BillDate == bizday.None {
			r.st.BillDate = date
		}
		if o.merchant != "" && o.merchant != r.st.Merchant {
			return fault.New("E-2331", fault.V{"channel": r.st.Channel, "file": o.file.Name, "want": r.st.Merchant, "got": o.merchant}, nil)
		}
		if o.date != bizday.None && o.date != r.st.BillDate {
			return fault.New("E-2330", fault.V{"channel": r.st.Channel, "file": o.file.Name, "want": r.st.BillDate, "got": o.date}, nil)
		}
	}
	if m := r.st.Merchant; m != "" && !r.in.Definition.HasMerchant(m) {
		return fault.New("E-2331", fault.V{"channel": r.st.Channel, "file": files[0].file.Name, "want": r.in.Definition.Merchant, "got": fault.Quote(m)}, nil)
	}
	if r.st.Account == "" {
		r.st.Account = r.st.Merchant
	}
	return nil
}

// peek takes merchant and date from the first row that tells them.
func (o *opened) peek() (merchant string, date bizday.Date) {
	date = bizday.None
	b, reader, err := o.firstBlock()
	if err != nil {
		return "", date
	}
	for at := 0; b.base+int64(at) < b.end; {
		line, next, err := b.line(at)
		if err != nil || b.body.startsTail(line) {
			break
		}
		row, _ := b.cutLineEnd(line, false)
		var bad badCell
		if reader.line, reader.cells = reader.cut.cut(row, &bad); reader.cells != nil {
			reader.read(&bad)
			if col := o.plan.merchantCol; merchant == "" && col >= 0 && checkID(reader.cell(col), false, 64) == "" {
				merchant = string(reader.cell(col))
			}
			if col := o.plan.dayCol; date == bizday.None && col >= 0 && reader.valid[col] {
				date = bizday.Date(reader.times[col])
				if o.plan.columns[col].op == opTime {
					date = o.plan.def.Day().DateOf(reader.times[col])
				}
			}
		}
		if (merchant != "" || o.plan.merchantCol < 0) && (date != bizday.None || o.plan.dayCol < 0) {
			break
		}
		at = next
	}
	return merchant, date
}

// firstBlock loads the first block of a file without reading its rows.
func (o *opened) firstBlock() (*block, *rowReader, error) {
	body, err := o.body()
	if err != nil {
		return nil, nil, err
	}
	cut, err := newCutter(o.plan)
	if err != nil {
		return nil, nil, err
	}
	b := &block{body: body, start: body.start, end: min(body.start+headSize, body.end), stats: newStats(o.plan)}
	if _, err := b.open(); err != nil {
		return nil, nil, err
	}
	return b, newRowReader(o.plan, &target{date: o.date}, cut), nil
}
