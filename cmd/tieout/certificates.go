package main

import (
	"context"
	"maps"
	"os"
	"slices"
	"time"

	"tieout/internal/config"
	"tieout/internal/signing"
)

// endNotice is how long before its end a certificate is warned of.
const endNotice = 14 * 24 * time.Hour

// certificates warns every day of certificates that end soon, and of those that
// have ended.
func (s *site) certificates(ctx context.Context, now func() time.Time) error {
	return every(ctx, 24*time.Hour, func() {
		for _, conf := range s.cfg.Accounts {
			for _, e := range endings(conf, now()) {
				s.log.Warn("a certificate ends", "account", conf.Name, "option", e.option, "serial", e.serial, "ends", e.at)
			}
		}
	})
}

// ending is a certificate that ends soon, or has ended.
type ending struct {
	option, serial string
	at             time.Time
}

// endings looks through the files of an account, in the order of their options.
// What is no certificate has no end.
func endings(conf config.Account, now time.Time) []ending {
	files := map[string]string{}
	for prefix, f := range map[string]config.Fetch{"fetch.": conf.Fetch, "query.": conf.Query} {
		files[prefix+"cert_file"], files[prefix+"ca_file"] = f.CertFile, f.CAFile
		for id, file := range f.PlatformKeys {
			files[prefix+"platform_keys."+id] = file
		}
	}
	var list []ending
	for _, option := range slices.Sorted(maps.Keys(files)) {
		text, err := os.ReadFile(files[option])
		if err != nil {
			continue // one that is needed is missed when it is loaded
		}
		certs, err := signing.ParseCertificates(text)
		if err != nil {
			continue
		}
		for _, c := range certs {
			if !now.Before(c.NotAfter.Add(-endNotice)) {
				list = append(list, ending{option, signing.SerialHex(c), c.NotAfter})
			}
		}
	}
	return list
}
