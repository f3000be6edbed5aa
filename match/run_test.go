package match

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"tieout/internal/fault"
	"tieout/internal/money"
	"tieout/schemas"
	"tieout/schemas/recordfile"
)

// largeDay draws a day with the shares of a real one: nearly all rows agree.
func largeDay(n int, seed uint64) (local, channel memory) {
	r := rand.New(rand.NewPCG(seed, 3))
	in := baseInputs()
	day := in.Day.Of(in.Date)
	for i := range n {
		at := day.From + r.Int64N(day.To-day.From)
		l := schemas.Record{Channel: "wechat", Account: "1", Kind: schemas.Payment, MerchantRef: fmt.Sprintf("M20261120%012d%04d", i, r.IntN(10000)),
			ChannelRef: fmt.Sprintf("42000%05d20261120%010d", r.IntN(100000), i), Status: schemas.Success, AmountMinor: 1 + r.Int64N(200_000), Currency: "CNY",
			FeeMinor: schemas.Int64(r.Int64N(1000)), EventTime: at, BillDate: in.Date, Source: "local", Line: int64(i + 2)}
		c := l
		c.Source, c.TradeType, c.Bank, c.Product = "statement", "JSAPI", "OTHERS", fmt.Sprintf("商品%d号", i%977)
		hasL, hasC := true, true
		switch k := r.IntN(10_000); {
		case k < 5:
			hasL = false
		case k < 10:
			hasC = false
		case k < 15:
			l.AmountMinor++
		case k < 30:
			l.Status = schemas.Unknown
		case k < 33:
			channel = append(channel, c)
		case k < 36:
			c.MerchantRef = ""
		}
		if hasL {
			local = append(local, l)
		}
		if hasC {
			channel = append(channel, c)
		}
	}
	return local, channel
}

// file writes records as a stage would, and opens them.
func file(t testing.TB, records memory) *recordfile.Reader {
	t.Helper()
	r, err := recordfile.Open(bytes.NewReader(fileBytes(t, records)))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func fileBytes(t testing.TB, records memory) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := recordfile.NewWriter(&out, recordfile.Options{Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	for part := range slices.Chunk(records, schemas.BatchRows) {
		b := schemas.Batch{Channel: part[0].Channel, Account: part[0].Account, Source: part[0].Source}
		for i := range part {
			b.Append(&part[i])
		}
		if err := w.Batch(&b); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// written is the result of a match as the bytes of its files.
func written(t *testing.T, in Inputs) []byte {
	t.Helper()
	var outcomes, all bytes.Buffer
	ow, err := recordfile.NewOutcomeWriter(&outcomes, max(1, in.Workers))
	if err != nil {
		t.Fatal(err)
	}
	dw := recordfile.NewLineWriter[schemas.Difference](&all)
	res, err := Run(context.Background(), in, sink{ow.Outcome, ow.Pairs, dw.Add})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(ow.Close(), dw.Close()); err != nil {
		t.Fatal(err)
	}
	cw := recordfile.NewLineWriter[schemas.Carried](&all)
	for i := range res.CarriedOut {
		if err := cw.Add(&res.CarriedOut[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := cw.Close(); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(&all, "%v\n%v\n%v\n", res.Totals, res.Claims, res.Proofs)
	return append(all.Bytes(), outcomes.Bytes()...)
}

type sink struct {
	outcome    func(schemas.Outcome) error
	pairs      func(alike schemas.Outcome, local, channel []int64) error
	difference func(*schemas.Difference) error
}

func (s sink) Outcome(o schemas.Outcome) error { return s.outcome(o) }
func (s sink) Pairs(alike schemas.Outcome, local, channel []int64) error {
	return s.pairs(alike, local, channel)
}
func (s sink) Difference(d *schemas.Difference) error { return s.difference(d) }

func TestT14_SameBytesFromAnyWorkers(t *testing.T) {
	local, channel := largeDay(20_000, 14)
	in := baseInputs()
	in.Local, in.ChannelRows, in.Workers = file(t, local), file(t, channel), 1
	want := written(t, in)
	for _, workers := range []int{2, 8, 16} {
		in.Workers = workers
		if !bytes.Equal(want, written(t, in)) {
			t.Errorf("%d workers give other bytes", workers)
		}
	}
	// Rows in memory, in batches of three, are the same rows.
	in.Local, in.ChannelRows = local, channel
	if !bytes.Equal(want, written(t, in)) {
		t.Error("other batches give other bytes")
	}
}

// A day that stands alone has the same outcomes and differences, and no claims.
func TestADayAlone(t *testing.T) {
	local, channel := largeDay(20_000, 5)
	in := baseInputs()
	in.Local, in.ChannelRows = local, channel
	among, alone := &collector{}, &collector{}
	first, err := Run(context.Background(), in, among)
	if err != nil {
		t.Fatal(err)
	}
	in.Alone = true
	res, err := Run(context.Background(), in, alone)
	if err != nil {
		t.Fatal(err)
	}
	if len(first.Claims) == 0 || len(res.Claims) != 0 {
		t.Errorf("%d claims among others, %d alone", len(first.Claims), len(res.Claims))
	}
	first.Claims = nil
	if diff := gocmp.Diff(first, res); diff != "" {
		t.Error(diff)
	}
	if !slices.Equal(among.outcomes, alone.outcomes) || plainDifferences(among) != plainDifferences(alone) {
		t.Error("a day alone has other outcomes")
	}
}

// What memory does not hold goes through the scratch file, and changes nothing.
func TestFaultM08_SameBytesFromLittleMemory(t *testing.T) {
	local, channel := largeDay(60_000, 3)
	in := baseInputs()
	in.Local, in.ChannelRows, in.Workers = local, channel, 2
	want := written(t, in)
	scratch, err := os.Create(filepath.Join(t.TempDir(), "scratch"))
	if err != nil {
		t.Fatal(err)
	}
	defer scratch.Close()
	in.Scratch, in.Memory = scratch, 2<<20
	if !bytes.Equal(want, written(t, in)) {
		t.Error("little memory gives other bytes")
	}
	if at, err := scratch.Seek(0, io.SeekEnd); err != nil || at < 2<<20 {
		t.Errorf("%d bytes went through the scratch file, %v", at, err)
	}
}

func TestFaultS1_ScratchFileFails(t *testing.T) {
	local, channel := largeDay(20_000, 3)
	in := baseInputs()
	in.Local, in.ChannelRows, in.Memory = local, channel, 1<<20
	for _, s := range []fullScratch{{write: syscall.ENOSPC}, {read: syscall.EIO}} {
		in.Scratch = s
		if _, err := Run(context.Background(), in, &collector{}); !errors.Is(err, cmp.Or(s.write, s.read)) {
			t.Errorf("%+v: got %v", s, err)
		}
	}
}

// fullScratch fails to write, or to read.
type fullScratch struct{ write, read error }

func (s fullScratch) WriteAt(p []byte, _ int64) (int, error) { return len(p), s.write }
func (s fullScratch) ReadAt([]byte, int64) (int, error)      { return 0, s.read }

func TestFaultM08_SameResultFromShuffledRows(t *testing.T) {
	local, channel := largeDay(20_000, 8)
	in := baseInputs()
	in.Local, in.ChannelRows = file(t, local), file(t, channel)
	base := &collector{}
	first, err := Run(context.Background(), in, base)
	if err != nil {
		t.Fatal(err)
	}
	if len(base.differences) < 40 {
		t.Fatalf("only %d differences", len(base.differences))
	}
	for seed := range uint64(3) {
		r := rand.New(rand.NewPCG(seed, 1))
		in.Local, in.ChannelRows = file(t, mixed(r, local)), file(t, mixed(r, channel))
		again := &collector{}
		res, err := Run(context.Background(), in, again)
		if err != nil {
			t.Fatal(err)
		}
		if plainDifferences(base) != plainDifferences(again) {
			t.Errorf("seed %d: other differences", seed)
		}
		if fmt.Sprint(first) != fmt.Sprint(res) {
			t.Errorf("seed %d: %v\nnot %v", seed, res, first)
		}
	}
}

// Every row stands in exactly one outcome, and the money of the outcomes is the
// money of the rows, on both sides.
func TestT08_OutcomesAddUp(t *testing.T) {
	local, channel := largeDay(5_000, 1)
	in := baseInputs()
	in.Local, in.ChannelRows = local, channel
	got := &collector{}
	res, err := Run(context.Background(), in, got)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[schemas.RowRef]int{}
	var money [2]int64
	for _, o := range got.outcomes {
		if o.Local != (schemas.RowRef{}) {
			seen[o.Local]++
			money[0] += local[o.Local.Row].AmountMinor
		}
		if o.Channel != (schemas.RowRef{}) {
			seen[o.Channel]++
			money[1] += channel[o.Channel.Row].AmountMinor
		}
	}
	if len(seen) != len(local)+len(channel) {
		t.Errorf("%d rows are placed, of %d", len(seen), len(local)+len(channel))
	}
	for ref, n := range seen {
		if n != 1 {
			t.Errorf("%v stands in %d outcomes", ref, n)
		}
	}
	var outcomes, localMinor, channelMinor int64
	for _, x := range res.Totals {
		outcomes, localMinor, channelMinor = outcomes+x.Outcomes, localMinor+x.LocalMinor, channelMinor+x.ChannelMinor
		if x.DeltaMinor != x.ChannelMinor-x.LocalMinor {
			t.Errorf("%s: delta %d", x.Class, x.DeltaMinor)
		}
	}
	if outcomes != int64(len(got.outcomes)) || localMinor != money[0] || channelMinor != money[1] {
		t.Errorf("totals say %d outcomes, %d and %d; the rows %d, %d and %d", outcomes, localMinor, channelMinor, len(got.outcomes), money[0], money[1])
	}
	passes := int64(0)
	for _, n := range res.Passes {
		passes += n
	}
	if passes != outcomes {
		t.Errorf("passes placed %d outcomes of %d", passes, outcomes)
	}
}

// The proofs must fail on a result that lost a row, or changed money.
func TestProofsFire(t *testing.T) {
	in := baseInputs()
	in.Local = memory{{Kind: schemas.Payment, MerchantRef: "a", Status: schemas.Success, AmountMinor: 100, Currency: "CNY"},
		{Kind: schemas.Payment, MerchantRef: "b", Status: schemas.Success, AmountMinor: 200, Currency: "CNY"}}
	in.ChannelRows = memory{}
	for name, spoil := range map[string]func(e *engine){
		"partition.local": func(e *engine) { e.local.class[0] = 0 },
		"sum.local":       func(e *engine) { e.local.amount[1]++ },
		"carry.local":     func(e *engine) { e.local.class[0] = schemas.LocalInTransit },
	} {
		e := newEngine(in)
		if err := e.load(context.Background()); err != nil {
			t.Fatal(err)
		}
		for _, p := range plan {
			if err := p.run(e, context.Background()); err != nil {
				t.Fatal(err)
			}
		}
		want := cameIn(e.agreed.whole[onLocal], e.local)
		spoil(e)
		got, alone := newLedger(), &collector{}
		if err := e.outcomes(context.Background(), alone, func(l, c int32, class schemas.Class, by passID) { got.add(e.local, l) }); err != nil {
			t.Fatal(err)
		}
		if slices.ContainsFunc(alone.outcomes, func(o schemas.Outcome) bool { return o.Class == schemas.Matched }) {
			t.Error("a row that stands alone is paired")
		}
		proofs := append(proveSame("local", want, got, e.money.names), e.proveCarry(schemas.Local, nil))
		if !slices.ContainsFunc(proofs, func(p schemas.Proof) bool { return p.Name == name && !p.OK }) {
			t.Errorf("%s does not fire: %v", name, proofs)
		}
	}
}

func TestSumsBeyondInt64AreAnError(t *testing.T) {
	in := baseInputs()
	huge := schemas.Record{Kind: schemas.Payment, Status: schemas.Success, AmountMinor: 1<<63 - 1, Currency: "CNY"}
	a, b := huge, huge
	a.MerchantRef, b.MerchantRef = "a", "b"
	in.Local, in.ChannelRows = memory{a, b}, memory{}
	if _, err := Run(context.Background(), in, &collector{}); !errors.Is(err, money.ErrOverflow) {
		t.Fatalf("got %v", err)
	}
}

func TestMemoryLimit(t *testing.T) {
	local, channel := largeDay(1000, 1)
	in := baseInputs()
	in.Local, in.ChannelRows, in.Memory = local, channel, 1000
	_, err := Run(context.Background(), in, &collector{})
	if err == nil || fault.Of(err).ID != "E-4161" || strings.Contains(fault.Of(err).Message(fault.English), "{") {
		t.Fatalf("got %v", err)
	}
}

func TestErrorsEndTheRun(t *testing.T) {
	local, channel := largeDay(2000, 2)
	mine := errors.New("mine")
	fails := func(sink Sink, change func(*Inputs)) error {
		in := baseInputs()
		in.Local, in.ChannelRows = local, channel
		change(&in)
		_, err := Run(context.Background(), in, sink)
		return err
	}
	keep := func(*Inputs) {}
	ok := &collector{}
	for name, err := range map[string]error{
		"outcome":    fails(sink{func(schemas.Outcome) error { return mine }, ok.Pairs, ok.Difference}, keep),
		"pairs":      fails(sink{ok.Outcome, func(schemas.Outcome, []int64, []int64) error { return mine }, ok.Difference}, keep),
		"difference": fails(sink{ok.Outcome, ok.Pairs, func(*schemas.Difference) error { return mine }}, keep),
		"late": fails(ok, func(in *Inputs) {
			in.Late = func(context.Context, []schemas.LookupKey) ([]LateRow, error) { return nil, mine }
		}),
		"read":  fails(ok, func(in *Inputs) { in.Local = broken{local, mine, nil} }),
		"fetch": fails(ok, func(in *Inputs) { in.ChannelRows = broken{channel, nil, mine} }),
	} {
		if !errors.Is(err, mine) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if err := fails(ok, func(in *Inputs) { in.Local = panics{local} }); err == nil || !strings.Contains(err.Error(), "panic") {
		t.Errorf("a panic in a worker gives %v", err)
	}
	if err := fails(ok, func(in *Inputs) { in.Local = memory{{Kind: schemas.Payment, MerchantRef: "x"}} }); err == nil {
		t.Error("a row without a status is accepted")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	in := baseInputs()
	in.Local, in.ChannelRows = local, channel
	if _, err := Run(ctx, in, ok); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// Two rows of another run that say the same but for their product: which of them
// is named must not depend on the order of the answer.
func TestLate_OrderOfTheAnswerDecidesNothing(t *testing.T) {
	in := baseInputs()
	row := schemas.Record{Kind: schemas.Payment, MerchantRef: "A", Status: schemas.Success, AmountMinor: 100, Currency: "CNY", EventTime: in.Day.Of(in.Date).From + 1, Product: "label:C"}
	in.ChannelRows = memory{row}
	late := []LateRow{{Record: row, ClaimedBy: "run-1"}, {Record: row, ClaimedBy: "run-1"}}
	late[0].Record.Product, late[1].Record.Product = "label:T1", "label:T2"
	first := plainDifferences(run(t, in, late).sink)
	slices.Reverse(late)
	if again := plainDifferences(run(t, in, late).sink); first != again || !strings.Contains(first, "label:T") {
		t.Errorf("got %s\nthen %s", first, again)
	}
}

type broken struct {
	memory
	read, fetch error
}

func (b broken) Read(ctx context.Context, cols recordfile.Columns, fn func(int64, *schemas.Batch) error) error {
	if b.read != nil {
		return b.read
	}
	return b.memory.Read(ctx, cols, fn)
}

func (b broken) Fetch(ctx context.Context, idx []int64, orders []string) ([]schemas.Record, error) {
	if b.fetch != nil {
		return nil, b.fetch
	}
	return b.memory.Fetch(ctx, idx, orders)
}

type panics struct{ memory }

func (panics) Read(context.Context, recordfile.Columns, func(int64, *schemas.Batch) error) error {
	panic("hostile")
}

// T09, as three nights in a row: what one night carries out, the next gets.
func TestT09_ThreeNights(t *testing.T) {
	base := baseInputs()
	cut := base.Day.Of(base.Date).To
	ours := schemas.Record{Kind: schemas.Payment, MerchantRef: "A", Status: schemas.Success, AmountMinor: 100, Currency: "CNY", EventTime: cut - 100_000}
	theirs := ours
	theirs.EventTime = cut + 1_000_000
	early := schemas.Record{Kind: schemas.Payment, MerchantRef: "B", Status: schemas.Success, AmountMinor: 100, Currency: "CNY", EventTime: cut - 100_000}
	late := early
	late.EventTime = cut + 200_000

	night := func(date int, local, channel memory, carried []schemas.Carried, claims []schemas.Claim) Result {
		in := baseInputs()
		in.Date = in.Date.Add(date)
		in.Local, in.ChannelRows, in.Claims = local, channel, claims
		for _, c := range carried {
			if c.Side == schemas.Local {
				in.CarriedLocal = append(in.CarriedLocal, c)
			} else {
				in.CarriedChannel = append(in.CarriedChannel, c)
			}
		}
		got := &collector{}
		res, err := Run(context.Background(), in, got)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range got.outcomes {
			if o.Class.Break() {
				t.Errorf("night %d shows a break: %v", date, o)
			}
		}
		for _, p := range res.Proofs {
			if !p.OK {
				t.Errorf("night %d: %v", date, p)
			}
		}
		return res
	}
	// Night 0: we have A, its row is in tomorrow's bill. The bill has B, our row
	// came after the export was taken.
	first := night(0, memory{ours}, memory{early}, nil, nil)
	if len(first.CarriedOut) != 2 {
		t.Fatalf("carried out %v", first.CarriedOut)
	}
	// Night 1: both are found. The export shows A again, in its window.
	second := night(1, memory{ours, late}, memory{theirs}, first.CarriedOut, first.Claims)
	if len(second.CarriedOut) != 0 || len(second.Claims) == 0 {
		t.Fatalf("carried out %v, claims %v", second.CarriedOut, second.Claims)
	}
	// Night 0 again, with the export of today: it matches B itself, and claims
	// it, so that night 1, made anew, leaves B alone.
	again := night(0, memory{ours, late}, memory{early}, nil, second.Claims)
	if len(again.CarriedOut) != 1 || again.CarriedOut[0].Record.MerchantRef != "A" || len(again.Claims) == 0 {
		t.Fatalf("the rerun carries out %v and claims %v", again.CarriedOut, again.Claims)
	}
	anew := night(1, memory{ours, late}, memory{theirs}, again.CarriedOut, again.Claims)
	if len(anew.CarriedOut) != 0 {
		t.Fatalf("night 1 anew carries out %v", anew.CarriedOut)
	}
}
