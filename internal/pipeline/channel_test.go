package pipeline_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"tieout/fetchers"
	"tieout/internal/bizday"
	"tieout/schemas"
)

// channelBooks plays the channel: it publishes the statement of each day, and
// answers questions.
type channelBooks struct {
	mu      sync.Mutex
	rows    map[bizday.Date][]trade
	raw     map[bizday.Date][]byte                     // published instead of the rows
	answer  map[string]func() (schemas.Fetched, error) // by date: instead of a statement
	silent  error                                      // what queries fail with
	fetched int
	asked   int
}

func newChannelBooks() *channelBooks {
	return &channelBooks{rows: map[bizday.Date][]trade{}, raw: map[bizday.Date][]byte{}, answer: map[string]func() (schemas.Fetched, error){}}
}

// add books a trade as often as the channel did.
func (b *channelBooks) add(tr trade) {
	if tr.theirs.word == "-" {
		return
	}
	day := bizday.Of(tr.theirs.at, zone)
	for range tr.theirs.copies {
		b.rows[day] = append(b.rows[day], tr)
	}
}

// drop takes a number out of a day's statement; change gives it another amount.
func (b *channelBooks) drop(day bizday.Date, no string) {
	b.rows[day] = slices.DeleteFunc(slices.Clone(b.rows[day]), func(tr trade) bool { return tr.no == no })
}

func (b *channelBooks) change(day bizday.Date, no string, minor int64) {
	rows := slices.Clone(b.rows[day])
	for i := range rows {
		if rows[i].no == no {
			rows[i].theirs.minor = minor
		}
	}
	b.rows[day] = rows
}

// Fetch implements fetchers.Source.
func (b *channelBooks) Fetch(ctx context.Context, req schemas.StatementRequest, keep fetchers.Keep) (schemas.Fetched, error) {
	b.fetched++
	if f := b.answer[req.Date.String()]; f != nil {
		return f()
	}
	rows, published := b.rows[req.Date]
	if raw, ok := b.raw[req.Date]; ok {
		return b.give(ctx, req, raw, keep)
	}
	if !published {
		return schemas.Fetched{State: schemas.FetchEmptyConfirmed, Detail: "NO_STATEMENT_EXIST"}, nil
	}
	return b.give(ctx, req, weChatBill(rows), keep)
}

func (b *channelBooks) give(ctx context.Context, req schemas.StatementRequest, body []byte, keep fetchers.Keep) (schemas.Fetched, error) {
	f, err := keep(ctx, req.Date.Compact()+".csv", bytes.NewReader(body))
	if err != nil {
		return schemas.Fetched{}, err
	}
	return schemas.Fetched{State: schemas.FetchFetched, Files: []schemas.FetchedFile{{FileUsed: f, Place: "test://channel/" + req.Date.Compact(), At: morning.UTC()}}}, nil
}

var errTimeout = errors.New("the question got no answer in time")

// Query implements pipeline.Querier: the channel confirms what it has booked on
// any day.
func (b *channelBooks) Query(_ context.Context, kind schemas.Kind, merchantRef, refundRef string, _ time.Time) (schemas.QueryAnswer, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked++
	key := merchantRef
	if kind == schemas.Refund {
		key = refundRef
	}
	ans := schemas.QueryAnswer{Key: key, Kind: kind}
	if b.silent != nil {
		return ans, b.silent
	}
	ans.Asked = true
	for _, day := range slices.Sorted(maps.Keys(b.rows)) {
		for _, tr := range b.rows[day] {
			if tr.no == key && (tr.of != "") == (kind == schemas.Refund) {
				ans.Found, ans.Status, ans.AmountMinor, ans.Currency, ans.ChannelRef = true, schemas.Success, tr.theirs.minor, "CNY", channelRefOf(tr.no)
				if kind == schemas.Refund {
					ans.ChannelRef = refundRefOf(tr.no)
				}
				return ans, nil
			}
		}
	}
	return ans, nil
}

// channelRefOf is the number that the channel gives a payment.
func channelRefOf(no string) string { return "4200" + digits(no) }

func refundRefOf(no string) string { return "5030" + digits(no) }

func digits(s string) string {
	h := fnv.New64a()
	h.Write([]byte(s))
	return fmt.Sprintf("%020d", h.Sum64())
}

const (
	billHead = "\ufeff交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,应结订单金额,代金券金额," +
		"微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注\r\n"
	billTail = "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额\r\n"
)

// weChatBill writes the ALL bill of the WeChat Pay API v3.
func weChatBill(rows []trade) []byte {
	var b bytes.Buffer
	b.WriteString(billHead)
	var paid, back, fees int64
	for _, tr := range rows {
		minor, fee := tr.theirs.minor, feeOf(tr.theirs.minor)
		status, settled, ordered, asked := "SUCCESS", yuan(minor), yuan(minor), "0.00"
		refund := []string{"0", "0", "0.00", "0.00", "", ""}
		merchantRef, channelRef := tr.no, channelRefOf(tr.no)
		if tr.of != "" {
			fee = -fee
			status, settled, ordered, asked = "REFUND", "0.00", "0.00", yuan(minor)
			refund = []string{refundRefOf(tr.no), tr.no, yuan(minor), "0.00", "ORIGINAL", "SUCCESS"}
			merchantRef, channelRef = tr.of, channelRefOf(tr.of)
			back += minor
		} else {
			paid += minor
		}
		fees += fee
		cells := append([]string{tr.theirs.at.Format("2006-01-02 15:04:05"), "wx0", mchID, "0", "", channelRef, merchantRef, "payer", "JSAPI", status, "OTHERS",
			"CNY", settled, "0.00"}, refund...)
		tick(&b, append(cells, "goods", "", yuan(fee)+"000", "0.60%", ordered, asked, ""))
	}
	b.WriteString(billTail)
	tick(&b, []string{fmt.Sprint(len(rows)), yuan(paid), yuan(back), "0.00", yuan(fees) + "000", yuan(paid), yuan(back)})
	return b.Bytes()
}

func tick(b *bytes.Buffer, cells []string) {
	b.WriteString("`" + strings.Join(cells, ",`") + "\r\n")
}

// feeOf is 0.6 %, rounded half up.
func feeOf(minor int64) int64 { return (minor*ratePPM + 500_000) / 1_000_000 }

func yuan(minor int64) string {
	sign := ""
	if minor < 0 {
		sign, minor = "-", -minor
	}
	return fmt.Sprintf("%s%d.%02d", sign, minor/100, minor%100)
}
