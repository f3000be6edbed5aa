package http

import (
	"log/slog"
	nethttp "net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"tieout/internal/signing"
)

// TestPlainHTTP: only what is said to be inside, and only when it is asked for.
func TestPlainHTTP(t *testing.T) {
	s := newWeChatServer(t)
	plain := httptest.NewUnstartedServer(s)
	plain.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	plain.Start()
	defer plain.Close()
	want := bill(3)
	s.publish(want)
	s.host = plain.URL
	config := WeChatConfig{Options: s.options(), BaseURL: plain.URL, MchID: "1900000001", Serial: "1", Key: ourKey(), Plain: true,
		PlatformKeys: signing.PublicKeys{"PUB_KEY_ID_1": &channelKey().PublicKey}}
	for _, c := range []struct {
		plain   bool
		private []string
		ok      bool
	}{{true, []string{plain.Listener.Addr().String()}, true}, {true, []string{"127.0.0.1"}, true}, {false, []string{"127.0.0.1"}, false}, {true, nil, false}, {true, []string{"127.0.0.2"}, false}} {
		config.PlainHTTP, config.PrivateHosts = c.plain, c.private
		w, err := NewWeChat(config)
		if (err == nil) != c.ok {
			t.Errorf("%+v: %v", c, err)
		}
		if err != nil {
			continue
		}
		var b box
		if _, err := w.Fetch(t.Context(), wechatRequest, b.keep); err != nil {
			t.Errorf("%+v: %v", c, err)
		}
		b.wantOnly(t, want)
		w.Close()
	}
}

// TestPrivateHostMustBeNamed: https at loopback is refused at the dial until the
// account says that this host lies inside.
func TestPrivateHostMustBeNamed(t *testing.T) {
	s := newWeChatServer(t)
	s.publish(bill(1))
	_, err := s.client(func(c *WeChatConfig) { c.PrivateHosts = nil }).Fetch(t.Context(), wechatRequest, new(box).keep)
	wantFault(t, err, "E-3011", "127.0.0.1 is not a public address")
	if len(s.auths) != 0 {
		t.Error("credentials were sent")
	}
}

func TestUserAgentIsSent(t *testing.T) {
	s := newWeChatServer(t)
	s.publish(bill(1))
	var agents []string
	note := func(_ nethttp.ResponseWriter, r *nethttp.Request) bool {
		agents = append(agents, r.UserAgent())
		return false
	}
	s.apply, s.file = note, note
	if _, err := s.client(func(c *WeChatConfig) { c.UserAgent = "tieout/1.2" }).Fetch(t.Context(), wechatRequest, new(box).keep); err != nil {
		t.Fatal(err)
	}
	if strings.Join(agents, " ") != "tieout/1.2 tieout/1.2" {
		t.Errorf("%q", agents)
	}
}
