package normalize_test

import (
	"bytes"
	"testing"

	"tieout/internal/bizday"
	"tieout/internal/money"
	"tieout/normalize"
	"tieout/schemas"
)

// checkSound checks what holds for any bytes: each row is a record or a reject,
// the totals are those of the records, and a whole file has no line that is
// neither head, row nor tail.
func checkSound(t *testing.T, st schemas.Statement, c *collector, err error, content []byte, frame int64) {
	t.Helper()
	if err != nil {
		return // the file cannot be used, and says so
	}
	if st.Rows != st.Records+st.Rejects || st.Records != int64(len(c.records)) || st.Rejects != int64(len(c.rejects)) {
		t.Fatalf("%d rows, %d records (%d handed over), %d rejects (%d handed over)", st.Rows, st.Records, len(c.records), st.Rejects, len(c.rejects))
	}
	type key struct {
		kind     schemas.Kind
		currency string
	}
	sums := map[key]*money.Sum{}
	for _, r := range c.records {
		k := key{r.Kind, r.Currency}
		if sums[k] == nil {
			sums[k] = &money.Sum{}
		}
		sums[k].Add(r.AmountMinor)
		if r.AmountMinor < 0 || r.Offset >= int64(len(content)) {
			t.Fatalf("record %+v", r)
		}
	}
	if len(sums) != len(st.Totals) {
		t.Fatalf("%d kinds of records, %d totals", len(sums), len(st.Totals))
	}
	for _, total := range st.Totals {
		if v, err := sums[key{total.Kind, total.Currency}].Int64(); err != nil || v != total.Minor {
			t.Fatalf("total %+v, the records add up to %d (%v)", total, v, err)
		}
	}
	for _, p := range st.Proofs {
		if p.Name == "trailer.present" && p.OK {
			lines := int64(bytes.Count(content, []byte("\n")))
			if len(content) > 0 && content[len(content)-1] != '\n' {
				lines++
			}
			if lines != st.Rows+frame {
				t.Fatalf("%d lines, of which %d are head and tail, but %d rows", lines, frame, st.Rows)
			}
		}
	}
}

// sameForAnyWorkers reads with one worker and with several and returns what both
// gave.
func sameForAnyWorkers(t *testing.T, in normalize.Input) (schemas.Statement, *collector, error) {
	t.Helper()
	in.Workers = 1
	st, c, err := read(t, in)
	in.Workers = 3
	st2, c2, err2 := read(t, in)
	if !bytes.Equal(canonical(st, c, err), canonical(st2, c2, err2)) {
		t.Fatal("the number of workers changes the result")
	}
	return st, c, err
}

func FuzzWechat(f *testing.F) {
	seeds := rawStatements(f, "wechat")
	for _, files := range seeds {
		f.Add(content(f, files[0]))
	}
	if len(seeds) < 5 {
		f.Fatalf("only %d seeds", len(seeds))
	}
	def := definition(f, "wechat")
	f.Fuzz(func(t *testing.T, b []byte) {
		st, c, err := sameForAnyWorkers(t, normalize.Input{Definition: def, Date: bizday.None, Files: []normalize.File{file("f", b)}})
		checkSound(t, st, c, err, b, 3)
	})
}

func FuzzAlipay(f *testing.F) {
	seeds := rawStatements(f, "alipay")
	for _, files := range seeds {
		f.Add(content(f, files[0]), content(f, files[1]))
	}
	if len(seeds) < 4 {
		f.Fatalf("only %d seeds", len(seeds))
	}
	def := definition(f, "alipay")
	f.Fuzz(func(t *testing.T, detail, summary []byte) {
		st, c, err := sameForAnyWorkers(t, normalize.Input{Definition: def, Date: bizday.None, Files: []normalize.File{file("d", detail), file("s", summary)}})
		checkSound(t, st, c, err, detail, 9)
	})
}

func FuzzQuoted(f *testing.F) {
	rows := quotedRows(3)
	f.Add(quotedFile(rows))
	f.Add(quotedFile([]string{`2025-11-20 12:00:00,Q1,"open,1.00,P`}))
	f.Add(quotedFile([]string{`2025-11-20 12:00:00,"Q""1",a"b,"-1.00",R`}))
	def := quotedBank(f, "CNY")
	f.Fuzz(func(t *testing.T, b []byte) {
		st, c, err := sameForAnyWorkers(t, normalize.Input{Definition: def, Date: bizday.None, Files: []normalize.File{file("f", b)}})
		checkSound(t, st, c, err, b, 2)
	})
}
