package channelsim

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"tieout/internal/bizday"
	"tieout/schemas"
)

func allDays(t *testing.T, p Plan) []Day {
	t.Helper()
	traffic := must(NewTraffic(p))(t)
	var days []Day
	for d, ok := traffic.Next(); ok; d, ok = traffic.Next() {
		days = append(days, d)
	}
	return days
}

func month() Plan {
	p := DefaultPlan(3, bizday.Make(2026, 10, 1), 30, 2000)
	p.NotifyURL = map[string]string{WeChat: "http://127.0.0.1/w", Alipay: "http://127.0.0.1/a", UnionPay: "http://127.0.0.1/u"}
	return p
}

func TestTraffic_SamePlanSameDays(t *testing.T) {
	p := month()
	p.Days = 6
	a, b := allDays(t, p), allDays(t, p)
	if !reflect.DeepEqual(a, b) {
		t.Error("the same plan gave other traffic")
	}
	p.Seed++
	if reflect.DeepEqual(a, allDays(t, p)) {
		t.Error("another seed gave the same traffic")
	}
}

func TestTraffic_MonthHasEveryFaultAsOftenAsPlanned(t *testing.T) {
	p := month()
	days := allDays(t, p)
	if len(days) != p.Days {
		t.Fatalf("%d days", len(days))
	}
	found := map[Fault]int{}
	payments, refunds := 0, 0
	for _, d := range days {
		for i, op := range d.Ops {
			if i > 0 && op.At.Before(d.Ops[i-1].At) {
				t.Fatal("ops are not in the order of time")
			}
			switch {
			case op.RefundRef != "":
				refunds++
			default:
				payments++
			}
		}
		for _, truth := range d.Truth {
			found[truth.Fault]++
		}
	}
	for f, rate := range p.Rates {
		want := rate * p.PerDay * p.Days / 1_000_000
		least := want
		switch f {
		case CutoffLocalFirst, CutoffChannelFirst: // none on the last day
			least = want * 28 / 30
		case RefundBehind, RefundConsole, RefundMissing: // the first day has nothing to refund
			least = want * 28 / 30
		}
		if found[f] < least || found[f] > want || want == 0 {
			t.Errorf("%s: %d, planned %d", f, found[f], want)
		}
	}
	for f, want := range p.Files {
		if found[f] != want {
			t.Errorf("%s: %d, planned %d", f, found[f], want)
		}
	}
	if found[Withheld] != p.Files[Reissue] {
		t.Errorf("%d withheld rows for %d re-issued files", found[Withheld], p.Files[Reissue])
	}
	if payments < 60_000 || payments > 60_800 || refunds < 2800 || refunds > 3200 {
		t.Errorf("%d payments, %d refunds", payments, refunds)
	}
}

// TestTraffic_TruthFollowsFromTheOps derives each class from what the ops do,
// without looking at the fault's name.
func TestTraffic_TruthFollowsFromTheOps(t *testing.T) {
	p := month()
	zone := must(time.LoadLocation("Asia/Shanghai"))(t)
	type side struct {
		op Op
		n  int // payments at the channel under the number
	}
	byKey := map[string]*side{}
	var truths []Truth
	emptied := map[fileDay]bool{}
	for _, d := range allDays(t, p) {
		truths = append(truths, d.Truth...)
		for _, f := range d.Files {
			emptied[fileDay{f.Channel, f.Date}] = f.Kind == EmptyDay
		}
		for _, op := range d.Ops {
			key := op.MerchantRef + "/" + op.RefundRef
			s := byKey[key]
			if s == nil {
				s = &side{op: op}
				byKey[key] = s
			}
			if op.Pay != nil || op.Refund != nil {
				s.n++
			}
			if op.Account != "" && op.Channel == "" || len(op.MerchantRef) > 32 || len(op.RefundRef) > 32 {
				t.Fatalf("op %+v", op)
			}
		}
	}
	billOf := func(channel string, at time.Time) bizday.Date { return day(channel, zone).DateOf(at.UnixMicro()) }
	for key, s := range byKey {
		if op := s.op; op.Pay != nil && emptied[fileDay{op.Channel, billOf(op.Channel, op.Pay.At)}] {
			t.Errorf("%s was paid on a day that must be empty", key)
		}
	}
	for _, truth := range truths {
		if truth.Kind == 0 {
			continue
		}
		s := byKey[truth.MerchantRef+"/"+truth.RefundRef]
		if s == nil {
			t.Fatalf("no op for %+v", truth)
		}
		op, first := s.op, truth.Expect[0]
		var at time.Time
		var amount int64
		if op.Pay != nil {
			at, amount = op.Pay.At, op.Pay.AmountMinor
		} else if op.Refund != nil {
			at, amount = op.Refund.At, op.Refund.AmountMinor
		}
		var want schemas.Class
		switch local := op.Local; {
		case op.Pay != nil && op.Pay.RepeatRow, s.n > 1:
			want = schemas.DuplicateChannel
		case op.Pay != nil && op.Pay.Withhold:
			want = schemas.LocalOnly
		case local.Step == StepNone:
			want = schemas.ChannelOnly
		case s.n == 0 && truth.Kind == schemas.Refund:
			want = schemas.LocalInTransit
		case s.n == 0:
			want = schemas.LocalOnly
		case billOf(op.Channel, at) != truth.Date:
			want = schemas.LocalInTransit
		case amount != local.AmountMinor:
			want = schemas.AmountMismatch
		case op.Pay != nil && op.Pay.FeeDelta != 0:
			want = schemas.FeeMismatch
		case local.Step == StepLeave, local.Step == StepClose, op.Pay != nil && op.Pay.Delivery == Late && op.Pay.DeliverAt.After(dayEnd(truth.Date, zone).Add(p.NightAt)):
			want = schemas.LocalBehind
		default:
			want = schemas.Matched
		}
		if first.Class != want {
			t.Errorf("%s: the ops make it %s, its truth says %s", truth.Fault, want, first.Class)
		}
		if want == schemas.AmountMismatch && first.Delta != amount-op.Local.AmountMinor {
			t.Errorf("%s: delta %d, the ops give %d", truth.Fault, first.Delta, amount-op.Local.AmountMinor)
		}
		if first.Date != truth.Date {
			t.Errorf("%s of %s is expected first on %s", truth.Fault, truth.Date, first.Date)
		}
	}
}

func dayEnd(d bizday.Date, zone *time.Location) time.Time {
	y, m, day := d.Add(1).YMD()
	return time.Date(y, m, day, 0, 0, 0, 0, zone)
}

func TestTraffic_RefusesABadPlan(t *testing.T) {
	for name, change := range map[string]func(*Plan){
		"no days":         func(p *Plan) { p.Days = 0 },
		"shares":          func(p *Plan) { p.Shares = map[string]int{WeChat: 1} },
		"unknown channel": func(p *Plan) { p.Shares = map[string]int{"x": 1_000_000} },
		"unknown fault":   func(p *Plan) { p.Rates = map[Fault]int{"x": 1} },
		"negative rate":   func(p *Plan) { p.Rates = map[Fault]int{LocalOnly: -1} },
	} {
		p := month()
		change(&p)
		if _, err := NewTraffic(p); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestWriteTruth_OneLineAFault(t *testing.T) {
	p := month()
	p.Days = 5
	var out bytes.Buffer
	n := 0
	for _, d := range allDays(t, p) {
		n += len(d.Truth)
		if err := WriteTruth(&out, d.Truth); err != nil {
			t.Fatal(err)
		}
	}
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if len(lines) != n || n < 50 {
		t.Fatalf("%d lines for %d faults", len(lines), n)
	}
	for _, line := range lines {
		var truth Truth
		dec := json.NewDecoder(strings.NewReader(line))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&truth); err != nil || truth.Fault == "" || len(truth.Expect) == 0 {
			t.Fatalf("%s: %v", line, err)
		}
	}
}
