package gateway_test

import (
	"errors"
	"net/http"
	"net/url"
	"testing"
	"time"

	"tieout/internal/channelsim"
	"tieout/internal/gateway"
	"tieout/internal/paycore"
	"tieout/internal/signing"
)

// An app in certificate mode pays, is told and refunds as any other; each of its
// requests names both certificates, that of a page too.
func TestAlipayCertificates(t *testing.T) {
	w := newWorldOf(t, channelsim.Options{AlipayCerts: true}, nil)
	for _, method := range []gateway.Method{gateway.Precreate, gateway.Page, gateway.Wap} {
		no := "PAYCERT" + string(method)
		w.create("alipay", "O-"+no, no, method)
		given := must(w.desk.Pay(t.Context(), no, gateway.Payer{}))(t)
		w.shown(given)
		if q := must(url.Parse(given.PayURL))(t).Query(); given.PayURL != "" && (q.Get("app_cert_sn") != w.alipay.app || q.Get("alipay_root_cert_sn") != w.alipay.root) {
			t.Errorf("%s: %s", method, given.PayURL)
		}
		if r := must(w.sim.PayNow(t.Context(), "alipay", no, channelsim.Delivered, time.Time{}))(t); r.Acknowledged != 1 {
			t.Errorf("%s: the notification was refused", method)
		}
		w.payment(no, paycore.Success)
		w.do(paycore.Done, paycore.CreateRefund{RefundNo: "REF" + no, PayNo: no, AmountMinor: 45, Currency: "CNY"})
		if err := w.desk.Refund(t.Context(), "REF"+no); err != nil {
			t.Error(err)
		}
		w.refund("REF"+no, paycore.Success)
	}
	w.sound()
}

// What is signed with a certificate that was not configured is not believed,
// though the signature fits.
func TestAlipayCertificates_UnknownOne(t *testing.T) {
	w := newWorldOf(t, channelsim.Options{AlipayCerts: true}, nil)
	known := w.alipay.certs
	w.alipay.certs = signing.PublicKeys{"00000000000000000000000000000001": public(t, w.sim.Config().Alipay.AlipayCert)}
	w.open()
	w.create("alipay", "O-1", "PAYCERT1", gateway.Page)
	w.shown(must(w.desk.Pay(t.Context(), "PAYCERT1", gateway.Payer{}))(t))
	if r := must(w.sim.PayNow(t.Context(), "alipay", "PAYCERT1", channelsim.Delivered, time.Time{}))(t); r.Acknowledged != 0 {
		t.Error("the notification was taken")
	}
	w.payment("PAYCERT1", paycore.Paying)

	c := w.sim.Config().Alipay
	link := gateway.Link{Client: w.http, Ask: w.accounts["alipay-main"].Channel, NotifyURL: w.notify, Now: w.clock.now}
	conf := gateway.AlipayConfig{Link: link, Gateway: c.GatewayURL, AppID: c.AppID, Key: private(t, c.AppKey), AppCertSN: w.alipay.app, RootCertSN: w.alipay.root}
	conf.CertKeys = w.alipay.certs
	if err := must(gateway.NewAlipay(conf))(t).Close(t.Context(), "PAYCERT1"); !errors.Is(err, gateway.ErrUnknown) || !errors.Is(err, signing.ErrUnknownKey) {
		t.Errorf("the answer was believed: %v", err)
	}
	conf.CertKeys = nil
	if _, err := gateway.NewAlipay(conf); err == nil {
		t.Error("it begins without any key")
	}

	w.alipay.certs = known
	w.db.Close()
	w.open()
	form := must(signing.Form(w.lastHeard().body))(t)
	delete(form, "alipay_cert_sn")
	n := w.lastHeard()
	n.body = []byte(signing.EncodeForm(form))
	if rec := w.tell(n); rec.Body.String() == "success" {
		t.Error("a notification whose certificate's name was taken out was believed")
	}
	if rec := w.tell(w.lastHeard()); rec.Code != http.StatusOK || rec.Body.String() != "success" {
		t.Errorf("the same with its certificate: %d %s", rec.Code, rec.Body)
	}
	w.payment("PAYCERT1", paycore.Success)
	w.sound()
}
