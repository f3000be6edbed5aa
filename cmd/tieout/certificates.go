package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"time"

	"tieout/internal/config"
	"tieout/internal/signing"
)

// endNotice is how long before its end a certificate is warned of.
const endNotice = 30 * 24 * time.Hour

// certificates warns every day of certificates that end soon, and of those that
// have ended.
func (s *site) certificates(ctx context.Context, now func() time.Time) error {
	return every(ctx, 24*time.Hour, func() {
		for _, e := range endings(s.cfg, now()) {
			s.log.Warn("a certificate ends", "option", e.Option, "serial", e.Serial, "ends", e.Ends)
		}
	})
}

// ending is a certificate that ends soon, or has ended.
type ending struct {
	Option string    `json:"option"` // of the configuration
	Serial string    `json:"serial"`
	Ends   time.Time `json:"ends"`
}

// endings looks through the files that the configuration names, in the order of
// their options. Keys have no end, but for those in certificates.
func endings(cfg *config.Config, now time.Time) []ending {
	files := certificateFiles(cfg)
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

// certificateFiles are the files that may hold certificates, by option.
func certificateFiles(cfg *config.Config) map[string]string {
	files := map[string]string{"api.cert_file": cfg.API.CertFile}
	for i, conf := range cfg.Interop {
		at := fmt.Sprintf("interop.%d.", i)
		files[at+"ca_file"], files[at+"wrap_key_file"] = conf.CAFile, conf.WrapKeyFile
		for id, file := range conf.VerifyKeys {
			files[at+"verify_keys."+id] = file
		}
	}
	for i, a := range cfg.Accounts {
		for _, part := range []struct {
			name string
			config.Fetch
		}{{"fetch", a.Fetch}, {"query", a.Query}} {
			at := fmt.Sprintf("accounts.%d.%s.", i, part.name)
			files[at+"cert_file"], files[at+"ca_file"] = part.CertFile, part.CAFile
			for id, file := range part.PlatformKeys {
				files[at+"platform_keys."+id] = file
			}
		}
	}
	for i, m := range cfg.Merchants {
		for j, key := range m.Keys {
			files[fmt.Sprintf("merchants.%d.keys.%d.public_key_file", i, j)] = key.PublicKeyFile
		}
	}
	return files
}
