package main

import (
	"crypto/rsa"

	"tieout/internal/config"
	"tieout/internal/signing"
)

// alipayKeys are how an app and Alipay know each other: by public keys or, in
// certificate mode, by certificates.
type alipayKeys struct {
	one           *rsa.PublicKey     // Alipay's; nil where its messages name theirs
	named         signing.PublicKeys // Alipay's by alipay_cert_sn
	appSN, rootSN string             // what a request names; "" without certificate mode
}

// alipay loads them. private is the app's key, which its certificate must fit;
// nil where nothing is signed.
func (k *keys) alipay(f config.Fetch, private *rsa.PrivateKey) (a alipayKeys) {
	if f.CertFile == "" {
		a.named = k.public(f.PlatformKeys)
		if len(a.named) == 1 {
			for _, key := range a.named {
				return alipayKeys{one: key}
			}
		}
		return a
	}
	app := k.bytes("cert_file", f.CertFile)
	a.appSN = k.alipaySN("cert_file", app)
	if key, err := signing.ParsePublicKey(app); private != nil && (err != nil || !private.PublicKey.Equal(key)) {
		k.bad("cert_file", "is not the certificate of private_key_file")
	}
	var err error
	if a.rootSN, err = signing.AlipayRootSN(k.bytes("root_cert_file", f.RootCertFile)); err != nil {
		k.bad("root_cert_file", "holds no root certificate that is signed with RSA")
	}
	a.named = signing.PublicKeys{}
	for id, key := range k.public(f.PlatformKeys) {
		a.named[k.alipaySN("platform_keys."+id, k.bytes("platform_keys."+id, f.PlatformKeys[id]))] = key
	}
	return a
}

// alipaySN is the number of the first certificate of a file; its authorities may
// follow.
func (k *keys) alipaySN(option string, text []byte) string {
	certs, err := signing.ParseCertificates(text)
	if err == nil {
		var sn string
		if sn, err = signing.AlipaySN(certs[0]); err == nil {
			return sn
		}
	}
	k.bad(option, "a certificate in PEM is needed")
	return ""
}
