package http

import (
	nethttp "net/http"
	"testing"

	"tieout/fetchers/conformance"
)

// TestConformance runs the suite of all sources over the WeChat client: real
// TLS, the signed application, the link, resume by Range and If-Range.
func TestConformance(t *testing.T) {
	conformance.Run(t, func(t *testing.T, p *conformance.Proxy) *conformance.Subject {
		s := newWeChatServer(t)
		refuse := ""
		s.apply = func(w nethttp.ResponseWriter, _ *nethttp.Request) bool {
			switch refuse {
			case "":
				return false
			case "NO_AUTH":
				s.answer(w, 403, `{"code":"NO_AUTH","message":"商户无权限"}`)
			default:
				s.answer(w, 400, `{"code":"`+refuse+`","message":"账单"}`)
			}
			return true
		}
		front := p.Front(s.srv.Listener.Addr().String())
		limits := conformance.Limits()
		line := func(c *WeChatConfig) {
			c.BaseURL, c.PrivateHosts = "https://"+front, []string{front}
			c.Limits = Limits{Connect: limits.Connect, TLS: limits.Idle, Header: limits.Idle, Idle: limits.Idle, Call: limits.Idle * 2, Total: limits.Total,
				MinRate: limits.MinRate, RateWindow: limits.RateOver, MaxBytes: limits.MaxBytes}
		}
		strangers := conformance.NewAuthority(t).Pool()
		return &conformance.Subject{
			Source:   s.client(line),
			Request:  wechatRequest,
			Publish:  func(data []byte) { refuse = ""; s.publish(data) },
			Withdraw: func() { refuse = "STATEMENT_CREATING" },
			Quiet:    func() { refuse = "NO_STATEMENT_EXIST" },
			Deny:     func() { refuse = "NO_AUTH" },
			Impostor: s.client(line, func(c *WeChatConfig) { c.RootCAs = strangers }),
		}
	})
}
