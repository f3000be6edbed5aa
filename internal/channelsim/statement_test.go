package channelsim

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"tieout/internal/bizday"
)

// playedDays plays a plan through a running simulation.
func playedDays(t *testing.T, s *Sim, p Plan) []Day {
	t.Helper()
	traffic := must(NewTraffic(p))(t)
	var days []Day
	for {
		d, ok := traffic.Next()
		if !ok {
			return days
		}
		days = append(days, d)
		for _, f := range d.Files {
			if f.Kind != EmptyDay {
				if err := s.Inject(f); err != nil {
					t.Fatal(err)
				}
			}
		}
		var pays []PayRequest
		var refunds []RefundRequest
		for _, op := range d.Ops {
			if op.Pay != nil {
				pays = append(pays, *op.Pay)
			}
			if op.Refund != nil {
				refunds = append(refunds, *op.Refund)
			}
		}
		must(s.PayBatch(t.Context(), pays))(t)
		must(s.RefundBatch(t.Context(), refunds))(t)
	}
}

// weChatBill asks WeChat for a bill and fetches it.
func (sh *shop) weChatBill(path string) (status int, code string, body []byte) {
	sh.t.Helper()
	status, answer := sh.get(sh.c.WeChat.BaseURL + path)
	var a struct {
		Code        string
		HashValue   string `json:"hash_value"`
		DownloadURL string `json:"download_url"`
	}
	if err := json.Unmarshal(answer, &a); err != nil {
		sh.t.Fatal(err)
	}
	if status != http.StatusOK {
		return status, a.Code, nil
	}
	status, body = sh.get(a.DownloadURL)
	if strings.Contains(path, "tar_type=GZIP") && status == http.StatusOK {
		body = must(io.ReadAll(must(gzip.NewReader(bytes.NewReader(body)))(sh.t)))(sh.t)
	}
	if digest := sha1.Sum(body); hex.EncodeToString(digest[:]) != a.HashValue {
		return status, "DIGEST", body
	}
	return status, "", body
}

func (sh *shop) alipayBill(billType string, date bizday.Date) (subCode string, zipped []byte) {
	sh.t.Helper()
	value := sh.gateway("alipay.data.dataservice.bill.downloadurl.query", fmt.Sprintf(`{"bill_type":%q,"bill_date":%q,"secure":"true"}`, billType, date))
	var a alipayReply
	if err := json.Unmarshal(value, &a); err != nil {
		sh.t.Fatal(err)
	}
	if a.Code != "10000" {
		return a.SubCode, nil
	}
	resp := must(sh.http.Get(a.BillURL))(sh.t)
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return resp.Status, nil
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return "CUT", nil
	}
	return "", body
}

// unionPayFile returns the entries of the zip.
func (sh *shop) unionPayFile(date bizday.Date) (respCode string, files map[string]string, err error) {
	sh.t.Helper()
	a, err := sh.unionPay(sh.c.UnionPay.FileURL, map[string]string{"txnType": "76", "txnSubType": "01", "bizType": "000000", "fileType": "00", "settleDate": date.Format("0102")})
	if err != nil || a["respCode"] != "00" {
		return a["respCode"], nil, err
	}
	packed := must(base64.StdEncoding.DecodeString(a["fileContent"]))(sh.t)
	zipped := must(io.ReadAll(must(zlib.NewReader(bytes.NewReader(packed)))(sh.t)))(sh.t)
	return "00", unzipped(sh.t, zipped), nil
}

func TestStatements_SeededDays_ReadBack(t *testing.T) {
	s, clock := start(t, nil)
	sh := newShop(t, s)
	p := DefaultPlan(11, billDay.Add(-2), 3, 900)
	p.Files = nil
	days := playedDays(t, s, p)

	for _, d := range days {
		y, m, dd := d.Date.Add(1).YMD()
		clock.set(time.Date(y, m, dd, 10, 30, 0, 0, beijing))
		for channel, got := range readAll(t, sh, s, d.Date) {
			want := newRead()
			for _, e := range s.bill.entries(channel, d.Date, false) {
				key, fee := e.merchantRef, e.fee
				if e.isRefund() {
					key, fee = e.refundRef, -e.fee
				}
				if channel == Alipay || channel == UnionPay { // printed from the merchant's side
					fee = -fee
				}
				want.add(key, e.isRefund(), big.NewRat(e.amount, 100), big.NewRat(fee, 100))
			}
			if got.rows != want.rows || got.paid != want.paid || got.in.Cmp(want.in) != 0 || got.out.Cmp(want.out) != 0 || got.fees.Cmp(want.fees) != 0 {
				t.Errorf("%s %s: read %d rows, %s in, %s out, fees %s; booked %d, %s, %s, %s", channel, d.Date,
					got.rows, got.in.FloatString(2), got.out.FloatString(2), got.fees.FloatString(2), want.rows, want.in.FloatString(2), want.out.FloatString(2), want.fees.FloatString(2))
			}
			if got.rows < 50 {
				t.Errorf("%s %s: only %d rows", channel, d.Date, got.rows)
			}
			for k, n := range want.keys {
				if got.keys[k] != n {
					t.Errorf("%s %s: %s stands there %d times, want %d", channel, d.Date, k, got.keys[k], n)
				}
			}
		}
	}
}

func readAll(t *testing.T, sh *shop, s *Sim, date bizday.Date) map[string]*read {
	t.Helper()
	out := map[string]*read{}
	_, code, body := sh.weChatBill("/v3/bill/tradebill?bill_date=" + date.String() + "&tar_type=GZIP")
	if code != "" {
		t.Fatalf("WeChat: %s", code)
	}
	out[WeChat] = readWeChat(t, body)

	code, zipped := sh.alipayBill("trade", date)
	if code != "" {
		t.Fatalf("Alipay: %s", code)
	}
	files := unzipped(t, zipped)
	stem := sh.c.Alipay.PID + "0156_" + date.Compact()
	out[Alipay] = readAlipay(t, files[stem+"_业务明细.csv"], files[stem+"_业务明细(汇总).csv"])
	if m := alipayStart.FindStringSubmatch(files[stem+"_业务明细.csv"]); m == nil || m[1] != date.Format("2006年01月02日") || m[2] != date.Add(1).Format("2006年01月02日") {
		t.Errorf("Alipay dates: %q", m)
	}

	_, union, err := sh.unionPayFile(date)
	if err != nil {
		t.Fatal(err)
	}
	// The reader cuts bytes, so the text goes back into GBK.
	zm := gbk(union["INN"+date.Format("060102")+"88ZM_"+sh.c.UnionPay.MerID])
	out[UnionPay] = readZM(t, zm, sh.c.UnionPay.MerID)

	out[Bank] = readBank(t, bankFile(s.sheet(Bank, date)), sh.c.Bank.MerID, date.Compact())
	return out
}

func TestWeChat_BillKinds(t *testing.T) {
	s, _ := start(t, nil)
	sh := newShop(t, s)
	pay(t, s, PayRequest{Channel: WeChat, MerchantRef: "P0", AmountMinor: 5000, At: onDay(9, 0, 0).Add(-48 * time.Hour)},
		PayRequest{Channel: WeChat, MerchantRef: "P1", AmountMinor: 10000, At: onDay(9, 0, 0), Product: "a,b'c\"d`e\nf"})
	must(s.Refund(t.Context(), RefundRequest{Channel: WeChat, MerchantRef: "P0", RefundRef: "R1", AmountMinor: 2000, At: onDay(10, 0, 0)}))(t)

	const day = "?bill_date=2026-10-12"
	bill := func(path string) string {
		_, code, body := sh.weChatBill(path)
		if code != "" {
			t.Fatalf("%s: %s", path, code)
		}
		return string(body)
	}
	all := bill("/v3/bill/tradebill" + day)
	if r := readWeChat(t, []byte(all)); r.paid != 1 || r.refunded != 1 {
		t.Errorf("ALL: %+v", r)
	}
	if !strings.Contains(all, "`a\\ b\\'c\\\"d\\`e\\nf,") {
		t.Errorf("free text is not escaped: %s", all)
	}
	if r := readWeChat(t, []byte(bill("/v3/bill/tradebill"+day+"&bill_type=SUCCESS"))); r.paid != 1 || r.refunded != 0 {
		t.Errorf("SUCCESS: %+v", r)
	}
	refunds := bill("/v3/bill/tradebill" + day + "&bill_type=REFUND&tar_type=GZIP")
	if r := readWeChat(t, []byte(refunds)); r.paid != 0 || r.refunded != 1 {
		t.Errorf("REFUND: %+v", r)
	}
	if !strings.Contains(refunds, "\n`2026-10-10 09:00:00,") || !strings.Contains(refunds, ",`2026-10-12 10:00:00,") {
		t.Errorf("a refund's row begins with the payment's time and has its own behind it: %s", refunds)
	}

	// Fund flow: opening balance 49.70 of P0; +100.00, -0.60, -20.00+0.12.
	fund := crlfLines(t, strings.TrimPrefix(bill("/v3/bill/fundflowbill"+day), bom))
	var balances []string
	for _, line := range fund[1 : len(fund)-2] {
		balances = append(balances, strings.Split(line, ",`")[7])
	}
	if got := strings.Join(balances, " "); got != "149.70 149.10 129.22" {
		t.Errorf("balances: %s", got)
	}
	if fund[len(fund)-1] != "`3,`1,`100.00,`2,`20.48" {
		t.Errorf("summary: %s", fund[len(fund)-1])
	}
}

func TestWeChat_Refusals(t *testing.T) {
	s, clock := start(t, nil)
	sh := newShop(t, s)
	pay(t, s, PayRequest{Channel: WeChat, MerchantRef: "P1", AmountMinor: 100, At: onDay(9, 0, 0)})
	trade := "/v3/bill/tradebill?bill_date="
	refused := func(path string, status int, code string) {
		t.Helper()
		if st, c, _ := sh.weChatBill(path); st != status || c != code {
			t.Errorf("%s: %d %s, want %d %s", path, st, c, status, code)
		}
	}
	refused(trade+"2026-10-11", 400, "NO_STATEMENT_EXIST")
	refused(trade+"2026-10-13", 400, "PARAM_ERROR") // today
	refused(trade+"2026-06-01", 400, "PARAM_ERROR") // older than three months
	refused(trade+"2026-10-12&bill_type=X", 400, "PARAM_ERROR")
	clock.set(morning.Add(-31 * time.Minute)) // 09:59
	refused(trade+"2026-10-12", 400, "STATEMENT_CREATING")
	clock.set(morning)

	s.Inject(FileFault{Channel: WeChat, Date: billDay, Kind: NotReadyFirst, Times: 2})
	refused(trade+"2026-10-12", 400, "STATEMENT_CREATING")
	refused(trade+"2026-10-12", 400, "STATEMENT_CREATING")
	s.Inject(FileFault{Channel: WeChat, Date: billDay, Kind: FrequencyLimited, Times: 1})
	refused(trade+"2026-10-12", 429, "FREQUENCY_LIMITED")
	s.Inject(FileFault{Channel: WeChat, Date: billDay, Kind: BadDigest, Times: 1})
	refused(trade+"2026-10-12", 200, "DIGEST")
	s.Inject(FileFault{Channel: WeChat, Date: billDay, Kind: TruncatedBody, Times: 1})
	refused(trade+"2026-10-12", 200, "DIGEST")
	refused(trade+"2026-10-12", 200, "")

	key := sh.c.WeChat.MerchantKey
	sh.c.WeChat.MerchantKey = s.keys.AlipayApp.KeyPEM
	refused(trade+"2026-10-12", 401, "SIGN_ERROR")
	sh.c.WeChat.MerchantKey, sh.c.WeChat.MchID = key, "1999999999"
	refused(trade+"2026-10-12", 403, "NO_AUTH")
	sh.c.WeChat.MchID = s.opt.Merchants.WeChat
	sh.skew = 6 * time.Minute // the merchant's clock is ahead
	refused(trade+"2026-10-12", 401, "SIGN_ERROR")
	sh.skew = -4 * time.Minute
	refused(trade+"2026-10-12", 200, "")
}

func TestWeChat_LinkOpensOnceAndInTime(t *testing.T) {
	s, clock := start(t, nil)
	sh := newShop(t, s)
	pay(t, s, PayRequest{Channel: WeChat, MerchantRef: "P1", AmountMinor: 100, At: onDay(9, 0, 0)})
	link := func() string {
		_, answer := sh.get(sh.c.WeChat.BaseURL + "/v3/bill/tradebill?bill_date=2026-10-12")
		var a map[string]string
		if err := json.Unmarshal(answer, &a); err != nil {
			t.Fatal(err)
		}
		return a["download_url"]
	}
	url := link()
	if status, _ := sh.get(url); status != 200 {
		t.Errorf("first: %d", status)
	}
	if status, body := sh.get(url); status != 400 || !bytes.Contains(body, []byte("INVALID_REQUEST")) {
		t.Errorf("second: %d %s", status, body)
	}
	url = link()
	resp := must(sh.http.Get(url))(t) // unsigned
	resp.Body.Close()
	if resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("an unsigned download: %d", resp.StatusCode)
	}
	clock.set(morning.Add(31 * time.Second))
	if status, _ := sh.get(url); status != 400 {
		t.Errorf("after its life: %d", status)
	}
}

func TestWeChat_Queries(t *testing.T) {
	s, _ := start(t, nil)
	sh := newShop(t, s)
	ref := pay(t, s, PayRequest{Channel: WeChat, MerchantRef: "P1", AmountMinor: 12345, At: onDay(9, 0, 0), Delivery: Lost})[0].ChannelRef
	must(s.Refund(t.Context(), RefundRequest{Channel: WeChat, MerchantRef: "P1", RefundRef: "R1", AmountMinor: 45, At: onDay(10, 0, 0)}))(t)
	var q struct {
		TradeState    string `json:"trade_state"`
		TransactionID string `json:"transaction_id"`
		Status, Code  string
		Amount        struct{ Total, Refund int64 }
	}
	ask := func(path string) int {
		status, body := sh.get(sh.c.WeChat.BaseURL + path)
		q.Amount.Refund = 0
		if err := json.Unmarshal(body, &q); err != nil {
			t.Fatal(err)
		}
		return status
	}
	if st := ask("/v3/pay/transactions/out-trade-no/P1?mchid=" + sh.c.WeChat.MchID); st != 200 || q.TradeState != "SUCCESS" || q.TransactionID != ref || q.Amount.Total != 12345 {
		t.Errorf("payment: %d %+v", st, q)
	}
	if st := ask("/v3/pay/transactions/out-trade-no/P2?mchid=" + sh.c.WeChat.MchID); st != 404 || q.Code != "ORDER_NOT_EXIST" {
		t.Errorf("unknown payment: %d %+v", st, q)
	}
	if st := ask("/v3/refund/domestic/refunds/R1"); st != 200 || q.Status != "SUCCESS" || q.Amount.Refund != 45 {
		t.Errorf("refund: %d %+v", st, q)
	}
	if st := ask("/v3/refund/domestic/refunds/R2"); st != 404 || q.Code != "RESOURCE_NOT_EXISTS" {
		t.Errorf("unknown refund: %d %+v", st, q)
	}
}

func TestAlipay_BillsAndQueries(t *testing.T) {
	s, clock := start(t, nil)
	sh := newShop(t, s)
	pay(t, s, PayRequest{Channel: Alipay, MerchantRef: "P1", AmountMinor: 10000, At: onDay(9, 0, 0), Product: "a,b"})
	must(s.Refund(t.Context(), RefundRequest{Channel: Alipay, MerchantRef: "P1", RefundRef: "R1", AmountMinor: 2000, At: onDay(10, 0, 0)}))(t)

	if code, _ := sh.alipayBill("trade", billDay-1); code != "isp.bill_not_exist" {
		t.Errorf("a day without trades: %s", code)
	}
	if code, _ := sh.alipayBill("trade", billDay+1); code != "isv.invalid_arguments" {
		t.Errorf("today: %s", code)
	}
	if code, _ := sh.alipayBill("merchant_act", billDay); code != "isv.invalid_arguments" {
		t.Errorf("another type: %s", code)
	}
	s.Inject(FileFault{Channel: Alipay, Date: billDay, Kind: TruncatedBody, Times: 1})
	if code, _ := sh.alipayBill("trade", billDay); code != "CUT" {
		t.Errorf("a cut body: %q", code)
	}
	clock.set(morning.Add(-31 * time.Minute))
	if code, _ := sh.alipayBill("trade", billDay); code != "isp.bill_not_exist" {
		t.Errorf("before ten: %s", code)
	}
	clock.set(morning)

	_, zipped := sh.alipayBill("signcustomer", billDay)
	stem := sh.c.Alipay.PID + "0156_20261012_账务明细"
	files := unzipped(t, zipped)
	detail, summary := files[stem+".csv"], files[stem+"(汇总).csv"]
	if !strings.Contains(detail, "#支出合计：2笔，共20.60元") || !strings.Contains(detail, "#收入合计：1笔，共100.00元") || !strings.Contains(detail, ",79.40,") {
		t.Errorf("fund detail:\n%s", detail)
	}
	if !strings.Contains(summary, "合计,1,100.00,2,-20.60,79.40") {
		t.Errorf("fund summary:\n%s", summary)
	}

	var a alipayReply
	ask := func(method, content string) {
		t.Helper()
		a = alipayReply{}
		if err := json.Unmarshal(sh.gateway(method, content), &a); err != nil {
			t.Fatal(err)
		}
	}
	if ask("alipay.trade.query", `{"out_trade_no":"P1"}`); a.TradeStatus != "TRADE_SUCCESS" || a.TotalAmount != "100.00" {
		t.Errorf("payment: %+v", a)
	}
	if ask("alipay.trade.query", `{"out_trade_no":"P2"}`); a.SubCode != "ACQ.TRADE_NOT_EXIST" {
		t.Errorf("unknown payment: %+v", a)
	}
	if ask("alipay.trade.fastpay.refund.query", `{"out_trade_no":"P1","out_request_no":"R1"}`); a.RefundStatus != "REFUND_SUCCESS" || a.RefundAmount != "20.00" {
		t.Errorf("refund: %+v", a)
	}
	if ask("alipay.trade.fastpay.refund.query", `{"out_trade_no":"P1","out_request_no":"R2"}`); a.Code != "10000" || a.RefundStatus != "" {
		t.Errorf("unknown refund: %+v", a)
	}
	sh.c.Alipay.AppKey = s.keys.WeChatMerchant.KeyPEM
	if ask("alipay.trade.query", `{"out_trade_no":"P1"}`); a.SubCode != "isv.invalid-signature" {
		t.Errorf("a foreign key: %+v", a)
	}
}

func TestUnionPay_FilesAndQueries(t *testing.T) {
	s, _ := start(t, nil)
	sh := newShop(t, s)
	// The bill date runs from 23:00 to 23:00.
	pay(t, s, PayRequest{Channel: UnionPay, MerchantRef: "IN1", AmountMinor: 10000, At: onDay(23, 0, 0).AddDate(0, 0, -1)},
		PayRequest{Channel: UnionPay, MerchantRef: "IN2", AmountMinor: 100, At: onDay(22, 59, 59)},
		PayRequest{Channel: UnionPay, MerchantRef: "OUT", AmountMinor: 100, At: onDay(23, 0, 0)},
		PayRequest{Channel: UnionPay, MerchantRef: "VOIDED", AmountMinor: 2000, At: onDay(9, 0, 0)})
	must(s.Refund(t.Context(), RefundRequest{Channel: UnionPay, MerchantRef: "IN1", RefundRef: "R1", AmountMinor: 2500, At: onDay(10, 0, 0)}))(t)
	void := RefundRequest{Channel: UnionPay, MerchantRef: "VOIDED", RefundRef: "V1", AmountMinor: 2000, Void: true, At: onDay(22, 59, 59)}
	must(s.Refund(t.Context(), void))(t)
	for _, no := range []RefundRequest{
		{Channel: UnionPay, MerchantRef: "IN2", RefundRef: "V2", AmountMinor: 100, Void: true, At: onDay(23, 0, 0)},   // its day is over
		{Channel: UnionPay, MerchantRef: "IN2", RefundRef: "V3", AmountMinor: 99, Void: true, At: onDay(22, 59, 59)},  // a part
		{Channel: UnionPay, MerchantRef: "VOIDED", RefundRef: "R2", AmountMinor: 1, At: onDay(22, 59, 59)},            // nothing is left
		{Channel: UnionPay, MerchantRef: "VOIDED", RefundRef: "V1", AmountMinor: 2000, At: onDay(22, 59, 59)},         // a void's number
		{Channel: UnionPay, MerchantRef: "IN1", RefundRef: "V4", AmountMinor: 10000, Void: true, At: onDay(12, 0, 0)}, // refunded in part
	} {
		if _, err := s.Refund(t.Context(), no); err == nil {
			t.Errorf("%+v was taken", no)
		}
	}
	s.Inject(FileFault{Channel: UnionPay, Date: billDay, Kind: NotReadyFirst, Times: 1})
	if code, _, err := sh.unionPayFile(billDay); code != "98" || err != nil {
		t.Errorf("not ready: %s %v", code, err)
	}
	s.Inject(FileFault{Channel: UnionPay, Date: billDay, Kind: TruncatedBody, Times: 1})
	if _, _, err := sh.unionPayFile(billDay); err == nil {
		t.Error("a cut answer looks whole")
	}
	_, files, err := sh.unionPayFile(billDay)
	if err != nil {
		t.Fatal(err)
	}
	r := readZM(t, gbk(files["INN26101288ZM_"+sh.c.UnionPay.MerID]), sh.c.UnionPay.MerID)
	if r.rows != 5 || r.keys["IN1"]+r.keys["IN2"]+r.keys["R1"]+r.keys["VOIDED"]+r.keys["V1"] != 5 || r.out.Cmp(big.NewRat(45, 1)) != 0 {
		t.Errorf("%+v", r)
	}
	if _, ok := files["INN26101288ZME_"+sh.c.UnionPay.MerID]; !ok {
		t.Error("no ZME entry")
	}
	if code, _, _ := sh.unionPayFile(billDay - 3); code != "98" {
		t.Errorf("an empty day: %s", code)
	}

	ask := func(order string) map[string]string {
		return must(sh.unionPay(sh.c.UnionPay.QueryURL, map[string]string{"txnType": "00", "txnSubType": "00", "bizType": "000000", "orderId": order}))(t)
	}
	contains(t, ask("IN1"), map[string]string{"respCode": "00", "origRespCode": "00", "txnAmt": "10000", "txnType": "01"})
	contains(t, ask("R1"), map[string]string{"respCode": "00", "origRespCode": "00", "txnAmt": "2500", "txnType": "04"})
	contains(t, ask("V1"), map[string]string{"respCode": "00", "origRespCode": "00", "txnAmt": "2000", "txnType": "31"})
	contains(t, ask("X"), map[string]string{"respCode": "34"})
	sh.c.UnionPay.MerchantKey = s.keys.WeChatMerchant.KeyPEM
	contains(t, ask("IN1"), map[string]string{"respCode": "11", "queryId": ""})
}

func TestFileFaults_LastUntilRepublished(t *testing.T) {
	s, _ := start(t, nil)
	sh := newShop(t, s)
	pay(t, s, PayRequest{Channel: WeChat, MerchantRef: "Y1", AmountMinor: 700, At: onDay(9, 0, 0).Add(-24 * time.Hour)},
		PayRequest{Channel: WeChat, MerchantRef: "P1", AmountMinor: 100, At: onDay(9, 0, 0)},
		PayRequest{Channel: WeChat, MerchantRef: "P2", AmountMinor: 200, At: onDay(9, 0, 0), RepeatRow: true},
		PayRequest{Channel: WeChat, MerchantRef: "P3", AmountMinor: 300, At: onDay(9, 0, 0), Withhold: true})
	bill := func() string {
		_, code, body := sh.weChatBill("/v3/bill/tradebill?bill_date=2026-10-12")
		if code != "" {
			t.Fatal(code)
		}
		return string(body)
	}
	r := readWeChat(t, []byte(bill()))
	if r.rows != 3 || r.keys["P2"] != 2 || r.keys["P3"] != 0 {
		t.Errorf("first issue: %+v", r)
	}
	s.Inject(FileFault{Channel: WeChat, Date: billDay, Kind: TrailerOff})
	if b := bill(); !strings.HasSuffix(b, "\r\n`3,`5.01,`0.00,`0.00,`0.03000,`5.00,`0.00\r\n") {
		t.Errorf("the total is not one fen off: %s", b)
	}
	if err := s.Republish(WeChat, billDay); err != nil {
		t.Fatal(err)
	}
	r = readWeChat(t, []byte(bill()))
	if r.rows != 4 || r.keys["P3"] != 1 {
		t.Errorf("second issue: %+v", r)
	}

	other, _ := start(t, nil)
	pay(t, other, PayRequest{Channel: Bank, MerchantRef: "Y1", AmountMinor: 700, At: onDay(9, 0, 0).Add(-24 * time.Hour)},
		PayRequest{Channel: Bank, MerchantRef: "P1", AmountMinor: 100, At: onDay(9, 0, 0)})
	other.Inject(FileFault{Channel: Bank, Date: billDay, Kind: WrongDay})
	if r := readBank(t, bankFile(other.sheet(Bank, billDay)), other.opt.Merchants.Bank, "20261011"); r.keys["Y1"] != 1 || r.rows != 1 {
		t.Errorf("the wrong day's file: %+v", r)
	}
	other.Republish(Bank, billDay)
	if r := readBank(t, bankFile(other.sheet(Bank, billDay)), other.opt.Merchants.Bank, "20261012"); r.keys["P1"] != 1 {
		t.Errorf("the right file: %+v", r)
	}
	if err := s.Inject(FileFault{Channel: WeChat, Date: billDay, Kind: LocalOnly}); err == nil {
		t.Error("a fault of a row was taken for one of a file")
	}
}

func TestStatements_SameSeedSameBytes(t *testing.T) {
	var first map[string][]byte
	for run := range 2 {
		s, _ := start(t, func(o *Options) { o.Seed = 42 })
		playedDays(t, s, DefaultPlan(42, billDay.Add(-1), 2, 300))
		got := map[string][]byte{}
		sheet := func(c string) sheet { return s.sheet(c, billDay) }
		got["trade"], got["fund"], got["bank"] = weChatTrade(sheet(WeChat), "ALL"), weChatFundFlow(sheet(WeChat)), bankFile(sheet(Bank))
		_, got["alipay"], _ = alipayZip(sheet(Alipay), "trade")
		_, got["signcustomer"], _ = alipayZip(sheet(Alipay), "signcustomer")
		_, got["unionpay"], _ = unionPayZip(sheet(UnionPay))
		if run == 0 {
			first = got
			continue
		}
		for name := range first {
			if len(first[name]) < 1000 || !bytes.Equal(first[name], got[name]) {
				t.Errorf("%s: %d and %d bytes differ", name, len(first[name]), len(got[name]))
			}
		}
	}
}
