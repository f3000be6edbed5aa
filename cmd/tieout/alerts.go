package main

import (
	"tieout/internal/alert"
)

// alertPlaces loads the addresses of the places that are told.
func (s *site) alertPlaces() ([]alert.Place, error) {
	k := &keys{account: "alerts"}
	places := make([]alert.Place, len(s.cfg.Alerts))
	for i, c := range s.cfg.Alerts {
		places[i] = alert.Place{Name: c.Name, Kind: c.Kind, SMTP: c.SMTP, User: c.User, From: c.From, To: c.To, Exits: c.Exits}
		if c.URLFile != "" {
			places[i].URL = k.secret(c.Name+".url_file", c.URLFile)
		}
		if c.KeyFile != "" {
			places[i].Key = k.secret(c.Name+".key_file", c.KeyFile)
		}
	}
	return places, k.err()
}
