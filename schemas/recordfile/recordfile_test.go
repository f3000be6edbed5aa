package recordfile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"tieout/internal/bizday"
	"tieout/internal/fault"
	"tieout/schemas"
)

// someRecord draws a record; about a third of its optional values are absent.
func someRecord(r *rand.Rand, i int) schemas.Record {
	maybe := func(s string) string {
		if r.IntN(3) == 0 {
			return ""
		}
		return s
	}
	rec := schemas.Record{
		Channel: "wechat", Account: "1900000109", Kind: schemas.Kind(1 + r.IntN(9)),
		MerchantRef: maybe(fmt.Sprintf("M20261120%012d", i)), RefundRef: maybe(fmt.Sprintf("R%d", r.IntN(1e9))),
		ChannelRef: maybe(fmt.Sprintf("42000%05d20261120%010d", r.IntN(1e5), i)), ChannelRefundRef: maybe("50300\x0012"),
		Status: schemas.Status(1 + r.IntN(5)), StatusRaw: maybe("支付成功"),
		AmountMinor: r.Int64N(1 << 40), Currency: maybe("CNY"),
		SettleMinor: schemas.NullInt64{}, FeeMinor: schemas.Int64(r.Int64N(2000) - 1000), FeeSub: r.Int64N(1000000) - 500000,
		EventTime: 1763596800000000 + r.Int64N(86400e6), BillDate: bizday.Make(2026, 11, 20),
		Source: "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8", Line: int64(i + 6), Offset: int64(i) * 180,
		TradeType: maybe("JSAPI"), Bank: maybe("OTHERS"), Product: maybe(fmt.Sprintf("商品%d号", i%977)), Remark: maybe("=1+1"),
	}
	switch r.IntN(4) {
	case 0:
		rec.EventTime, rec.FeeMinor = schemas.NoTime, schemas.NullInt64{}
	case 1:
		rec.BillDate, rec.SettleMinor = bizday.None, schemas.Int64(0)
	}
	return rec
}

func someRecords(seed uint64, n int) []schemas.Record {
	r := rand.New(rand.NewPCG(seed, 1))
	records := make([]schemas.Record, n)
	for i := range records {
		records[i] = someRecord(r, i)
	}
	return records
}

// write puts the records into a file, in batches of the given size that also
// end where channel, account or source change.
func write(t testing.TB, records []schemas.Record, batch int, opt Options) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := NewWriter(&out, opt)
	if err != nil {
		t.Fatal(err)
	}
	var b schemas.Batch
	flush := func() {
		if err := w.Batch(&b); err != nil {
			t.Fatal(err)
		}
		b.Reset()
	}
	for i := range records {
		r := &records[i]
		if b.Len() == batch || b.Channel != r.Channel || b.Account != r.Account || b.Source != r.Source {
			flush()
		}
		b.Channel, b.Account, b.Source = r.Channel, r.Account, r.Source
		b.Append(r)
	}
	flush()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if w.Rows() != int64(len(records)) {
		t.Fatalf("writer counted %d rows of %d", w.Rows(), len(records))
	}
	return out.Bytes()
}

// differ explains how rows differ; to compare a million by reflection alone
// would take the test's whole time.
func differ(want, got []schemas.Record) string {
	if slices.Equal(want, got) {
		return ""
	}
	return cmp.Diff(want, got)
}

func open(t testing.TB, data []byte) *Reader {
	t.Helper()
	r, err := Open(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func readAll(t testing.TB, r *Reader) []schemas.Record {
	t.Helper()
	var got []schemas.Record
	err := r.Read(context.Background(), All, func(first int64, b *schemas.Batch) error {
		if first != int64(len(got)) {
			t.Fatalf("batch starts at row %d after %d rows", first, len(got))
		}
		for i := range b.Len() {
			got = append(got, b.Row(i))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestRoundTrip(t *testing.T) {
	for _, n := range []int{0, 1, 7, chunkRows, 3*chunkRows + 11} {
		want := someRecords(uint64(n), n)
		r := open(t, write(t, want, 1000, Options{RowGroupRows: chunkRows + 5}))
		if r.Rows() != int64(n) {
			t.Fatalf("%d rows, want %d", r.Rows(), n)
		}
		for _, r.Workers = range []int{0, 2, 8} {
			if diff := differ(want, readAll(t, r)); n > 0 && diff != "" {
				t.Fatalf("n=%d, %d workers (-want +got):\n%.2000s", n, r.Workers, diff)
			}
		}
	}
}

func TestFaultM08_SameBytesFromAnyBatchesAndWorkers(t *testing.T) {
	records := someRecords(8, 5*chunkRows+123)
	opt := Options{RowGroupRows: 3*chunkRows - 100}
	want := write(t, records, chunkRows, opt)
	for _, batch := range []int{1, 999, 3 * chunkRows} {
		for _, workers := range []int{1, 2, 8} {
			opt.Workers = workers
			if !bytes.Equal(want, write(t, records, batch, opt)) {
				t.Errorf("batches of %d with %d workers give other bytes", batch, workers)
			}
		}
	}
}

func TestSourcesAreKeptApart(t *testing.T) {
	records := someRecords(3, chunkRows+500)
	for i := range records {
		records[i].Source = fmt.Sprintf("%064x", i/700)
		records[i].Account = []string{"", "2"}[i/4000%2]
	}
	r := open(t, write(t, records, 256, Options{}))
	if diff := differ(records, readAll(t, r)); diff != "" {
		t.Fatalf("(-want +got):\n%.2000s", diff)
	}
}

func TestOptionsFillEmptyConstants(t *testing.T) {
	var out bytes.Buffer
	w, err := NewWriter(&out, Options{Channel: "bank", Account: "62", Source: "ab"})
	if err != nil {
		t.Fatal(err)
	}
	b := schemas.Batch{}
	b.Append(&schemas.Record{Kind: schemas.Payment, Status: schemas.Success, MerchantRef: "1"})
	if err := errors.Join(w.Batch(&b), w.Close()); err != nil {
		t.Fatal(err)
	}
	got := readAll(t, open(t, out.Bytes()))[0]
	if got.Channel != "bank" || got.Account != "62" || got.Source != "ab" {
		t.Fatalf("got %+v", got)
	}
}

func TestReadOnlyAskedColumns(t *testing.T) {
	records := someRecords(4, 2*chunkRows)
	r := open(t, write(t, records, 500, Options{}))
	row := 0
	err := r.Read(context.Background(), Keys|Amounts, func(_ int64, b *schemas.Batch) error {
		if b.ChannelRef.Len()+b.Remark.Len()+len(b.Status)+len(b.EventTime)+len(b.Line)+len(b.FeeMinor) != 0 {
			t.Fatal("a column that nobody asked for was read")
		}
		for i := range b.Len() {
			want := &records[row]
			if b.Kind[i] != want.Kind || string(b.MerchantRef.At(i)) != want.MerchantRef || b.AmountMinor[i] != want.AmountMinor {
				t.Fatalf("row %d differs", row)
			}
			row++
		}
		return nil
	})
	if err != nil || row != len(records) {
		t.Fatalf("%d rows, %v", row, err)
	}
}

func TestFetch(t *testing.T) {
	records := someRecords(5, 4*chunkRows+77)
	r := open(t, write(t, records, 2000, Options{RowGroupRows: chunkRows + 100}))
	rng := rand.New(rand.NewPCG(5, 5))
	for _, share := range []int{2, 50, 3000} {
		var idx []int64
		var want []schemas.Record
		for i := range records {
			if rng.IntN(share) == 0 {
				idx, want = append(idx, int64(i)), append(want, records[i])
			}
		}
		for name, known := range map[string]int{"none": 0, "half": 2, "all": 1} {
			var orders []string
			for i := range want {
				if known > 0 {
					orders = append(orders, "")
				}
				if known > 0 && i%known == 0 {
					orders[i] = fmt.Sprint("known ", i) // is not read, and so not what the file says
				}
			}
			got, err := r.Fetch(context.Background(), idx, orders)
			if err != nil {
				t.Fatal(err)
			}
			for i := range got {
				if known > 0 && i%known == 0 && got[i].MerchantRef == orders[i] {
					got[i].MerchantRef = want[i].MerchantRef
				}
			}
			if diff := differ(want, got); diff != "" {
				t.Fatalf("share %d, known %s (-want +got):\n%.1000s", share, name, diff)
			}
		}
	}
	for _, bad := range [][]int64{{3, 2}, {-1}, {int64(len(records))}} {
		if _, err := r.Fetch(context.Background(), bad, nil); err == nil {
			t.Errorf("fetch of %v gave no error", bad)
		}
	}
	if got, err := r.Fetch(context.Background(), nil, nil); err != nil || len(got) != 0 {
		t.Errorf("fetch of nothing: %v, %v", got, err)
	}
}

// drawn draws sorted rows of a file: single ones, some of them twice, and
// stretches that may span pages and row groups.
func drawn(rng *rand.Rand, rows int64) (idx []int64) {
	for row := rng.Int64N(40); row < rows; row += 1 + rng.Int64N(1<<rng.IntN(14)) {
		stretch := int64(1)
		if rng.IntN(30) == 0 {
			stretch = rng.Int64N(2 * chunkRows)
		}
		for end := min(row+stretch, rows); row < end; row++ {
			idx = append(idx, row)
		}
		if rng.IntN(20) == 0 {
			idx = append(idx, row-1)
		}
	}
	return idx
}

// Whatever rows and columns are asked for: what comes is what Read has there.
func TestRowsOfAListAreWhatReadGives(t *testing.T) {
	records := someRecords(12, 3*chunkRows+500)
	for i := range records {
		records[i].Source = fmt.Sprintf("%064x", i/6000)
		records[i].Account = []string{"", "2"}[i/9000%2]
		if i/2000%2 == 0 { // pages with few refunds, and pages of one word
			records[i].RefundRef, records[i].Bank, records[i].Kind = "", "OTHERS", schemas.Payment
		}
	}
	arrow, err := os.ReadFile("testdata/arrow-go.parquet")
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(12, 12))
	for name, data := range map[string][]byte{"ours": write(t, records, 5000, Options{RowGroupRows: 2*chunkRows - 77}), "arrow": arrow} {
		r := open(t, data)
		all := readAll(t, r)
		var columns schemas.Batch
		for i := range all {
			columns.Append(&all[i])
		}
		for range 15 {
			idx := drawn(rng, r.Rows())
			checkRows(t, r, Columns(rng.IntN(int(All)+1)), idx, &columns)
			got, err := r.Fetch(context.Background(), idx, nil)
			if err != nil {
				t.Fatal(err)
			}
			for i, row := range idx {
				if got[i] != all[row] {
					t.Fatalf("%s: row %d (-want +got):\n%s", name, row, cmp.Diff(all[row], got[i]))
				}
			}
		}
	}
}

// checkRows reads the rows idx and holds them against all rows.
func checkRows(t *testing.T, r *Reader, cols Columns, idx []int64, want *schemas.Batch) {
	t.Helper()
	seen := 0
	err := r.readRows(context.Background(), cols, idx, func(at int, b *schemas.Batch) error {
		if at != seen {
			t.Fatalf("a batch at place %d, not %d", at, seen)
		}
		n := 0
		for i, text := range texts(b) {
			for j := range text.Len() {
				if row := int(idx[at+j]); string(text.At(j)) != string(texts(want)[i].At(row)) {
					t.Fatalf("row %d: text column %d is %q, not %q", row, i, text.At(j), texts(want)[i].At(row))
				}
			}
			n = max(n, text.Len())
		}
		for i, v := range b.AmountMinor {
			if v != want.AmountMinor[idx[at+i]] {
				t.Fatalf("row %d: amount %d", idx[at+i], v)
			}
		}
		for i, v := range b.EventTime {
			if v != want.EventTime[idx[at+i]] {
				t.Fatalf("row %d: time %d", idx[at+i], v)
			}
		}
		seen += max(n, len(b.Status), len(b.AmountMinor), len(b.EventTime), len(b.Line), len(b.FeeSub))
		return nil
	})
	if err != nil || cols != 0 && seen != len(idx) {
		t.Fatalf("columns %b: %d of %d rows, %v", cols, seen, len(idx), err)
	}
}

// Rows that lie far apart in one row group are reached by skipping the pages between.
func TestFetchFarApart(t *testing.T) {
	records := someRecords(11, 4*chunkRows+3*chunkRows)
	r := open(t, write(t, records, chunkRows, Options{}))
	idx := []int64{3, 4*chunkRows + 10, 4*chunkRows + 11, 4*chunkRows + 2*chunkRows}
	got, err := r.Fetch(context.Background(), idx, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, row := range idx {
		if diff := cmp.Diff(records[row], got[i]); diff != "" {
			t.Errorf("row %d (-want +got):\n%s", row, diff)
		}
	}
}

func TestReaderServesSeveralGoroutines(t *testing.T) {
	records := someRecords(6, 2*chunkRows)
	r := open(t, write(t, records, 2000, Options{RowGroupRows: chunkRows}))
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			sum := int64(0)
			err := r.Read(context.Background(), Amounts, func(_ int64, b *schemas.Batch) error {
				for _, v := range b.AmountMinor {
					sum += v
				}
				return nil
			})
			for i := range records {
				sum -= records[i].AmountMinor
			}
			if err != nil || sum != 0 {
				t.Errorf("sum off by %d, %v", sum, err)
			}
		})
	}
	wg.Wait()
}

func TestCallersErrorComesBackAsItIs(t *testing.T) {
	defer goleak.VerifyNone(t)
	r := open(t, write(t, someRecords(7, 500), 100, Options{RowGroupRows: 20}))
	mine := errors.New("mine")
	for _, r.Workers = range []int{1, 3} {
		calls := 0
		err := r.Read(context.Background(), Keys, func(int64, *schemas.Batch) error {
			if calls++; calls == 7 {
				return mine
			}
			return nil
		})
		if err != mine || calls != 7 {
			t.Errorf("%d workers: got %v after %d calls", r.Workers, err, calls)
		}
		ctx, cancel := context.WithCancel(context.Background())
		err = r.Read(ctx, Keys, func(int64, *schemas.Batch) error { cancel(); return nil })
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%d workers, cancelled: got %v", r.Workers, err)
		}
	}
}

// full is a disk that takes so many bytes.
type full int

var errFull = errors.New("no space left")

func (f *full) Write(b []byte) (int, error) {
	if len(b) > int(*f) {
		return 0, errFull
	}
	*f -= full(len(b))
	return len(b), nil
}

// A full disk is told by the first call that meets it and by all later ones,
// and nothing goes on in the background.
func TestWriterTellsOfAFullDisk(t *testing.T) {
	defer goleak.VerifyNone(t)
	batch := batches(someRecords(10, 1000))[0]
	for room := 0; ; room += 20_000 {
		disk := full(room)
		w, err := NewWriter(&disk, Options{RowGroupRows: 300, Workers: 2})
		if err != nil {
			if !errors.Is(err, errFull) || room > 0 {
				t.Fatalf("room %d: %v", room, err)
			}
			continue
		}
		var first error
		for range 3 {
			err := w.Batch(batch)
			if first != nil && err == nil {
				t.Fatalf("room %d: a batch was taken after %v", room, first)
			}
			first = errors.Join(first, err)
		}
		err = w.Close()
		if first != nil && err == nil || err != nil && !errors.Is(err, errFull) {
			t.Fatalf("room %d: close gave %v after %v", room, err, first)
		}
		if err == nil {
			break
		}
	}
}

func TestWriterRefusesCrookedBatches(t *testing.T) {
	short := func(spoil func(*schemas.Batch)) error {
		w, err := NewWriter(&bytes.Buffer{}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		b := schemas.Batch{}
		b.Append(&schemas.Record{Kind: schemas.Payment})
		spoil(&b)
		return w.Batch(&b)
	}
	if short(func(*schemas.Batch) {}) != nil {
		t.Fatal("a straight batch was refused")
	}
	for name, spoil := range map[string]func(*schemas.Batch){
		"text":     func(b *schemas.Batch) { b.Remark.Reset() },
		"amount":   func(b *schemas.Batch) { b.AmountMinor = nil },
		"negative": func(b *schemas.Batch) { b.AmountMinor[0] = -1 },
	} {
		if short(spoil) == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// A damaged file is an error or, where the flip hits a byte that means nothing,
// the same rows; never other rows, never a panic.
func TestFaultZ07_DamagedParquet(t *testing.T) {
	want := someRecords(9, 700)
	data := write(t, want, 100, Options{RowGroupRows: 300})
	rng := rand.New(rand.NewPCG(9, 9))
	damagedFiles := 0
	for i := range 400 {
		bad := bytes.Clone(data)
		if i%4 == 0 {
			bad = bad[:rng.IntN(len(bad))]
		} else {
			bad[rng.IntN(len(bad))] ^= 1 << rng.IntN(8)
		}
		got, err := tryRead(bad)
		checkFetched(t, bad, want)
		if err != nil {
			if f := fault.Of(err); f.ID != "E-4260" {
				t.Fatalf("try %d: %v", i, err)
			}
			damagedFiles++
			continue
		}
		if diff := differ(want, got); diff != "" {
			t.Errorf("try %d: silently wrong (-want +got):\n%.600s", i, diff)
		}
	}
	if damagedFiles < 200 {
		t.Errorf("only %d of 400 damaged files were refused", damagedFiles)
	}
}

// checkFetched fetches some rows of a damaged file, which need not be those that
// the damage hit.
func checkFetched(t *testing.T, data []byte, want []schemas.Record) {
	t.Helper()
	r, err := Open(bytes.NewReader(data))
	if err != nil || r.Rows() != int64(len(want)) {
		return // told by the reader of all rows
	}
	idx := []int64{5, 6, 299, 300, 422, 699}
	got, err := r.Fetch(context.Background(), idx, nil)
	if err != nil {
		if f := fault.Of(err); f.ID != "E-4260" {
			t.Fatal(err)
		}
		return
	}
	for i, row := range idx {
		if got[i] != want[row] {
			t.Errorf("row %d is silently wrong (-want +got):\n%s", row, cmp.Diff(want[row], got[i]))
		}
	}
}

// tryRead reads all rows, once alone and once with workers, and fetches some;
// all must agree.
func tryRead(data []byte) (got []schemas.Record, err error) {
	r, err := Open(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	collect := func(workers int) (rows []schemas.Record, err error) {
		r.Workers = workers
		err = r.Read(context.Background(), All, func(_ int64, b *schemas.Batch) error {
			for i := range b.Len() {
				rows = append(rows, b.Row(i))
			}
			return nil
		})
		return rows, err
	}
	got, err = collect(1)
	again, err2 := collect(3)
	if (err == nil) != (err2 == nil) || err == nil && !slices.Equal(got, again) {
		return nil, fmt.Errorf("one worker and three differ: %w, %w", err, err2)
	}
	idx, some := everyThird(r.Rows(), got)
	fetched, err3 := r.Fetch(context.Background(), idx, nil)
	if err == nil && (err3 != nil || !slices.Equal(fetched, some)) {
		return nil, fmt.Errorf("fetched rows differ: %w", err3)
	}
	return got, err
}

// everyThird picks rows of a file, and what they are if all rows are known.
func everyThird(rows int64, all []schemas.Record) (idx []int64, some []schemas.Record) {
	for i := rows / 7 % 3; i < min(rows, 1000); i += 3 {
		idx = append(idx, i)
		if rows == int64(len(all)) {
			some = append(some, all[i])
		}
	}
	return idx, some
}

func TestOpenRefusesOtherParquet(t *testing.T) {
	var out bytes.Buffer
	w, err := NewOutcomeWriter(&out, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Outcome(schemas.Outcome{Class: schemas.Matched}), w.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(bytes.NewReader(out.Bytes())); err == nil || fault.Of(err).ID != "E-4260" {
		t.Fatalf("got %v", err)
	}
	if _, err := Open(bytes.NewReader([]byte("PAR1"))); err == nil {
		t.Fatal("no error")
	}
}

func TestOpenFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r.parquet")
	if err := os.WriteFile(path, write(t, someRecords(1, 3), 3, Options{}), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(readAll(t, r)) != 3 || r.Close() != nil {
		t.Fatal("not readable")
	}
	if _, err := OpenFile(path + "x"); err == nil || fault.Of(err).Exit() != 42 {
		t.Fatalf("got %v", err)
	}
}

func FuzzOpen(f *testing.F) {
	f.Add(write(f, someRecords(1, 20), 7, Options{RowGroupRows: 9}))
	f.Add([]byte("PAR1PAR1"))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := tryRead(data)
		if err != nil && fault.Of(err).ID != "E-4260" {
			t.Fatalf("%d rows, %v", len(got), err)
		}
	})
}
