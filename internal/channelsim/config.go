package channelsim

import (
	"io"
	"log"
	"net"
	"strconv"
)

// Config is what a merchant needs to talk to the running channels: what he
// would find in the channels' consoles and contracts. Keys are PEM text.
type Config struct {
	CAPEM    string // root of the TLS certificates of HTTPS and FTP
	WeChat   WeChatConfig
	Alipay   AlipayConfig
	UnionPay UnionPayConfig
	Bank     BankConfig
}

// WeChatConfig is the account at WeChat Pay.
type WeChatConfig struct {
	BaseURL        string // instead of https://api.mch.weixin.qq.com
	MchID, AppID   string
	MerchantSerial string // of the merchant API certificate, upper-case hexadecimal
	MerchantKey    string // private key
	PlatformSerial string // PUB_KEY_ID_…
	PlatformKey    string // public key
	APIv3Key       string // 32 ASCII characters
}

// AlipayConfig is the account at Alipay.
type AlipayConfig struct {
	GatewayURL string // instead of https://openapi.alipay.com/gateway.do
	AppID, PID string
	AppKey     string // private key of the application
	AlipayKey  string // Alipay's public key
	// For certificate mode: the app's certificate, Alipay's, and the roots.
	AppCert, AlipayCert, RootCert string
}

// UnionPayConfig is the account at UnionPay.
type UnionPayConfig struct {
	FileURL     string // instead of https://filedownload.95516.com/
	QueryURL    string // instead of https://gateway.95516.com/gateway/api/queryTrans.do
	GatewayURL  string // instead of https://gateway.95516.com
	MerID       string
	CertID      string // serial of the merchant's certificate, decimal
	MerchantKey string // private key
	RootCert    string
	MiddleCert  string
	SFTP        SFTPConfig // serves <merId>_<yyyymmdd>.zip with .ok and .md5
}

// BankConfig is the account at the demo bank; FTP and SFTP serve the same
// files, <merId>_<yyyymmdd>.txt with the markers .ok and .md5.
type BankConfig struct {
	MerID string
	FTP   FTPConfig
	SFTP  SFTPConfig
}

// FTPConfig is a login to the FTP server, which takes plain and explicit TLS
// sessions on the same port.
type FTPConfig struct {
	Addr           string // host:port
	User, Password string
	Dir            string // pattern: {yyyymmdd} is the bill date
}

// SFTPConfig is a login to the SFTP server.
type SFTPConfig struct {
	Addr           string // host:port
	User, Password string
	Dir            string // pattern: {yyyymmdd} is the bill date
	HostKey        string // one line of an authorized_keys file
	Fingerprint    string // SHA256:…
}

// Config describes the running channels.
func (s *Sim) Config() Config {
	k, m := s.keys, s.opt.Merchants
	return Config{
		CAPEM: k.CA.CertPEM,
		WeChat: WeChatConfig{
			BaseURL: s.base, MchID: m.WeChat, AppID: weChatAppID,
			MerchantSerial: k.WeChatMerchant.SerialHex(), MerchantKey: k.WeChatMerchant.KeyPEM,
			PlatformSerial: weChatPlatformID, PlatformKey: k.WeChatPlatform.PublicPEM,
			APIv3Key: k.APIv3Key,
		},
		Alipay: AlipayConfig{
			GatewayURL: s.base + "/gateway.do", AppID: alipayAppID, PID: m.Alipay,
			AppKey: k.AlipayApp.KeyPEM, AlipayKey: k.AlipayPlatform.PublicPEM,
			AppCert: k.AlipayApp.CertPEM, AlipayCert: k.AlipayPlatform.CertPEM, RootCert: k.AlipayRoot.CertPEM,
		},
		UnionPay: UnionPayConfig{
			FileURL: s.base + "/", QueryURL: s.base + "/gateway/api/queryTrans.do", GatewayURL: s.base,
			MerID: m.UnionPay, CertID: k.UnionPayMerchant.SerialDecimal(), MerchantKey: k.UnionPayMerchant.KeyPEM,
			RootCert: k.UnionPayRoot.CertPEM, MiddleCert: k.UnionPayMiddle.CertPEM,
			SFTP: s.sftp.login(UnionPay),
		},
		Bank: BankConfig{MerID: m.Bank, FTP: s.ftp.login(Bank), SFTP: s.sftp.login(Bank)},
	}
}

const (
	weChatAppID      = "wx0123456789abcdef"
	weChatPlatformID = "PUB_KEY_ID_0116040101012026000000000001"
	alipayAppID      = "2021000000010101"
)

func hostPort(host string, port int) string { return net.JoinHostPort(host, strconv.Itoa(port)) }

// quiet is the log of servers whose clients break connections on purpose.
func quiet() *log.Logger { return log.New(io.Discard, "", 0) }
