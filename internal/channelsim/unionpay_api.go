package channelsim

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"tieout/internal/bizday"
	"tieout/internal/signing"
)

// unionPayService verifies a signed form, runs the service on its fields and
// answers with signed fields, k=v&k=v without percent encoding.
func (s *Sim) unionPayService(w http.ResponseWriter, r *http.Request, service func(in, out map[string]string)) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return
	}
	out := map[string]string{"version": string(signing.UnionPay510), "encoding": "UTF-8", "signMethod": "01", "accessType": "0"}
	in, err := signing.Form(body)
	if err == nil {
		err = s.unionPayVerified(in)
	}
	if err != nil {
		out["respCode"], out["respMsg"] = "11", "验证签名失败[9100004]"
	} else {
		for _, k := range []string{"merId", "txnType", "txnSubType", "bizType", "txnTime", "orderId", "settleDate", "fileType"} {
			out[k] = in[k]
		}
		out["respCode"], out["respMsg"] = "00", "成功[0000000]"
		service(in, out)
	}
	if err := s.signUnionPay(out); err != nil {
		http.Error(w, "sign answer", http.StatusInternalServerError)
		return
	}
	answer := signing.EncodeUnionPayAnswer(out)
	w.Header().Set("Content-Type", "text/html;charset=UTF-8")
	w.Header().Set("Date", s.opt.Now().UTC().Format(http.TimeFormat))
	if out["fileContent"] != "" {
		date, _ := s.settled(out["settleDate"])
		s.serve(w, link{channel: UnionPay, date: date, body: answer}, true)
		return
	}
	w.Write(answer)
}

func (s *Sim) unionPayVerified(in map[string]string) error {
	switch {
	case in["merId"] != s.opt.Merchants.UnionPay:
		return errors.New("the merchant is not known")
	case in["certId"] != s.keys.UnionPayMerchant.SerialDecimal():
		return errors.New("the certificate is not the merchant's")
	case in["signMethod"] != "01":
		return errors.New("signMethod")
	}
	// A request names the merchant's certificate and does not bring it along, so
	// it is checked against the one on file.
	inner := sha256.Sum256(signing.UnionPayString(in))
	outer := sha256.Sum256([]byte(hex.EncodeToString(inner[:])))
	sig, err := base64.StdEncoding.DecodeString(in["signature"])
	if err != nil {
		return err
	}
	return rsa.VerifyPKCS1v15(s.keys.UnionPayMerchant.public(), crypto.SHA256, outer[:], sig)
}

func (s *Sim) signUnionPay(fields map[string]string) error {
	fields["signPubKeyCert"] = s.keys.UnionPaySigner.CertPEM
	var err error
	fields["signature"], err = signing.SignUnionPay(signing.UnionPay510, s.keys.UnionPaySigner.rsa(), fields)
	return err
}

// unionPayFileTransfer is transaction 76/01: the settlement file of a date.
func (s *Sim) unionPayFileTransfer(w http.ResponseWriter, r *http.Request) {
	s.unionPayService(w, r, func(in, out map[string]string) {
		date, ok := s.settled(in["settleDate"])
		switch {
		case in["txnType"] != "76" || in["txnSubType"] != "01" || in["bizType"] != "000000" || in["fileType"] != "00" || !ok:
			out["respCode"], out["respMsg"] = "10", "报文格式错误[9100001]"
			return
		case !s.ready(UnionPay, date):
			out["respCode"], out["respMsg"] = "98", "文件不存在[9800000]"
			return
		}
		sh := s.sheet(UnionPay, date)
		if len(sh.rows) == 0 {
			out["respCode"], out["respMsg"] = "98", "文件不存在[9800000]"
			return
		}
		name, zipped, err := unionPayZip(sh)
		if err == nil {
			out["fileContent"], err = unionPayContent(zipped)
		}
		if err != nil {
			out["respCode"], out["respMsg"] = "99", "系统错误[9900000]"
			return
		}
		out["fileName"] = name
	})
}

// settled turns MMDD into the most recent date that has begun.
func (s *Sim) settled(mmdd string) (bizday.Date, bool) {
	n, err := strconv.Atoi(mmdd)
	if err != nil || len(mmdd) != 4 {
		return bizday.None, false
	}
	today := bizday.Of(s.opt.Now(), s.zone)
	year, _, _ := today.YMD()
	for _, y := range []int{year, year - 1} {
		d, err := bizday.Parse(fmt.Sprintf("%04d-%02d-%02d", y, n/100, n%100))
		if err == nil && d <= today {
			return d, true
		}
	}
	return bizday.None, false
}

// unionPayQueryTrans is transaction 00: how a payment or a refund stands. The
// orderId of a refund is the refund's own.
func (s *Sim) unionPayQueryTrans(w http.ResponseWriter, r *http.Request) {
	s.unionPayService(w, r, func(in, out map[string]string) {
		if in["txnType"] != "00" || in["orderId"] == "" {
			out["respCode"], out["respMsg"] = "10", "报文格式错误[9100001]"
			return
		}
		e := s.bill.find(UnionPay, in["orderId"], "")
		if e == nil {
			e = s.bill.find(UnionPay, "", in["orderId"])
		}
		switch {
		case e == nil && s.bill.waiting(UnionPay, in["orderId"], in["txnTime"], s.opt.Now()):
			out["origRespCode"], out["origRespMsg"] = "05", "交易已受理，请稍后查询交易结果[0500000]"
			return
		case e == nil || !e.ordered.IsZero() && e.ordered.Format(compactTime) != in["txnTime"]: // it is found by both
			out["respCode"], out["respMsg"] = "34", "查无此交易[3400000]"
			return
		}
		for k, v := range s.unionPayFields(e) {
			out[k] = v
		}
		out["origRespCode"], out["origRespMsg"] = "00", "成功[0000000]"
	})
}

// unionPayFields are a payment or a refund as notifications and queries show
// it; amounts are in fen.
func (s *Sim) unionPayFields(e *entry) map[string]string {
	f := map[string]string{
		"version": string(signing.UnionPay510), "encoding": "UTF-8", "signMethod": "01", "txnType": "01", "txnSubType": "01",
		"bizType": "000201", "accessType": "0", "merId": s.opt.Merchants.UnionPay, "orderId": e.merchantRef,
		"txnTime": e.orderedAt().Format(compactTime), "txnAmt": strconv.FormatInt(e.amount, 10), "currencyCode": "156",
		"queryId": unionPayQuery(e), "traceNo": traceNo(e), "traceTime": e.at.Format("0102150405"),
		"settleAmt": strconv.FormatInt(e.amount, 10), "settleCurrencyCode": "156", "settleDate": settleDate(e.date),
	}
	if e.isRefund() {
		f["txnType"], f["txnSubType"], f["orderId"], f["origQryId"] = "04", "00", e.refundRef, e.channelRef
	}
	if e.void {
		f["txnType"] = "31"
	}
	return f
}

// orderedAt is the txnTime of what the entry books.
func (e *entry) orderedAt() time.Time {
	if e.ordered.IsZero() {
		return e.at.Add(-3 * time.Second)
	}
	return e.ordered
}

// compactTime is how UnionPay writes times.
const compactTime = "20060102150405"

func itoa(n int) string { return strconv.Itoa(n) }
