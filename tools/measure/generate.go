package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"time"
)

func cores() int { return runtime.GOMAXPROCS(0) }

// columns are those of a WeChat Pay ALL bill (WeChat Pay API v3, bill format).
const columns = "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,应结订单金额,代金券金额," +
	"微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注"

const summary = "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额"

// plan says how many payments of a million carry each difference.
var plan = []struct {
	word string
	ppm  int
}{{"channel_only", 100}, {"local_only", 100}, {"amount_mismatch", 60}, {"missed_notification", 300}, {"carried_forward", 100}}

// generate writes one day of payments, five in a hundred of them refunded, as
// both sides see it, with planted differences and their number.
func generate(dir string, rows int, seed uint64) error {
	statement, err := os.Create(filepath.Join(dir, "statement.csv"))
	if err != nil {
		return err
	}
	defer statement.Close()
	local, err := os.Create(filepath.Join(dir, "local.csv"))
	if err != nil {
		return err
	}
	defer local.Close()
	d := &day{rng: rand.New(rand.NewPCG(seed, 0)), statement: bufio.NewWriterSize(statement, 1<<20), local: bufio.NewWriterSize(local, 1<<20), truth: map[string]int64{}}
	d.statement.WriteString("\ufeff" + columns + "\r\n")
	d.local.WriteString("kind,order_no,refund_no,channel_txn_id,status,amount_minor,currency,fee_minor,created_at,completed_at\n")
	for n := range rows {
		d.payment(n)
	}
	fmt.Fprintf(d.statement, "%s\r\n`%d,`%s,`%s,`0.00,`%s000,`%s,`%s\r\n", summary, d.count, yuan(d.paid), yuan(d.refunded), yuan(d.fees), yuan(d.paid), yuan(d.refunded))
	truth, err := json.MarshalIndent(d.truth, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "truth.json"), truth, 0o644); err != nil {
		return err
	}
	return errors.Join(d.statement.Flush(), d.local.Flush(), statement.Close(), local.Close())
}

var (
	zone     = time.FixedZone("CST", 8*3600)
	midnight = time.Date(2026, 11, 20, 0, 0, 0, 0, zone)
)

// day is the day being written, with its control totals in fen.
type day struct {
	rng                         *rand.Rand
	statement, local            *bufio.Writer
	count, paid, refunded, fees int64
	truth                       map[string]int64
}

// difference draws what is wrong with a payment; "matched" is nothing.
func (d *day) difference() string {
	n := d.rng.IntN(1_000_000)
	for _, p := range plan {
		if n -= p.ppm; n < 0 {
			return p.word
		}
	}
	return "matched"
}

func (d *day) payment(n int) {
	what := d.difference()
	d.truth[what]++
	at := midnight.Add(time.Duration(2*3600+d.rng.IntN(20*3600)) * time.Second)
	if what == "carried_forward" {
		at = midnight.Add(24*time.Hour - time.Duration(1+d.rng.IntN(300))*time.Second)
	}
	amount := 1 + d.rng.Int64N(200_000)
	fee := (amount*6 + 500) / 1000
	order, txn := fmt.Sprintf("T%s%013d", at.Format("20060102"), n), fmt.Sprintf("4200%06d%018d", d.rng.IntN(1_000_000), n)
	if what != "local_only" && what != "carried_forward" {
		d.count, d.paid, d.fees = d.count+1, d.paid+amount, d.fees+fee
		d.row(at, txn, order, "SUCCESS", "0", "0", amount, 0, fee)
	}
	if what == "channel_only" {
		return
	}
	status, done, ours := "PAID", at.Format(time.RFC3339), amount
	switch what {
	case "missed_notification":
		status, done = "PENDING", ""
	case "amount_mismatch":
		ours += 1 + d.rng.Int64N(500)
	}
	fmt.Fprintf(d.local, "payment,%s,,%s,%s,%d,CNY,%d,%s,%s\n", order, txn, status, ours, fee, at.Format(time.RFC3339), done)
	if what == "matched" && d.rng.IntN(20) == 0 {
		d.refund(n, at, txn, order, amount)
	}
}

func (d *day) refund(n int, paid time.Time, txn, order string, amount int64) {
	at, back := paid.Add(time.Hour), (amount*6+500)/1000
	ref, id := fmt.Sprintf("TR%s%012d", at.Format("20060102"), n), fmt.Sprintf("5030%06d%018d", d.rng.IntN(1_000_000), n)
	d.truth["matched"]++
	d.count, d.refunded, d.fees = d.count+1, d.refunded+amount, d.fees-back
	d.row(at, txn, order, "REFUND", id, ref, 0, amount, -back)
	when := at.Format(time.RFC3339)
	fmt.Fprintf(d.local, "refund,%s,%s,%s,REFUNDED,%d,CNY,%d,%s,%s\n", order, ref, id, amount, -back, when, when)
}

// row writes one line of the bill; every value begins with a back-tick.
func (d *day) row(at time.Time, txn, order, state, refundID, refundNo string, paid, refunded, fee int64) {
	kind, refundState := "", ""
	if state == "REFUND" {
		kind, refundState = "ORIGINAL", "SUCCESS"
	}
	fmt.Fprintf(d.statement, "`%s,`wx0123456789abcdef,`1900000109,`0,`,`%s,`%s,`o%027d,`JSAPI,`%s,`OTHERS,`CNY,`%s,`0.00,`%s,`%s,`%s,`0.00,`%s,`%s,`商品%d,`,`%s000,`0.60%%,`%s,`%s,`\r\n",
		at.Format("2006-01-02 15:04:05"), txn, order, d.rng.Uint64()>>4, state, yuan(paid), refundID, refundNo, yuan(refunded), kind, refundState, d.rng.IntN(1000), yuan(fee), yuan(paid), yuan(refunded))
}

// yuan writes fen.
func yuan(fen int64) string {
	sign := ""
	if fen < 0 {
		sign, fen = "-", -fen
	}
	return fmt.Sprintf("%s%d.%02d", sign, fen/100, fen%100)
}
