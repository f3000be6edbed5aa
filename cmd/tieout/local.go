package main

import (
	"os"
	"strings"
	"time"

	"tieout/internal/config"
	"tieout/internal/fault"
	"tieout/internal/pipeline"
	"tieout/ledgerlink"
	"tieout/schemas"
)

// localSource opens our books for an account.
func (s *site) localSource(conf config.Account) (pipeline.Local, error) {
	l := s.cfg.Local
	switch l.Source {
	case "core":
		return ledgerlink.OpenCore(s.db), nil
	case "csv", "parquet":
		m, err := mapping(l)
		return datedFile{pattern: l.Path, mapping: m, parquet: l.Source == "parquet"}, err
	}
	if s.books == nil {
		books, err := openBooks(l)
		if err != nil {
			return nil, err
		}
		s.books = books
		s.closers = append(s.closers, func() { books.Close() })
	}
	return s.books, nil
}

// openBooks opens the database of our own system, to read.
func openBooks(l config.Local) (*ledgerlink.SQL, error) {
	m, err := mapping(l)
	if err != nil {
		return nil, err
	}
	dsn := l.Path
	if l.DSNFile != "" {
		body, err := os.ReadFile(l.DSNFile)
		if err != nil {
			return nil, fault.New("E-7892", fault.V{"account": "-", "option": "local.dsn_file", "reason": "the file cannot be read"}, nil)
		}
		dsn = strings.TrimSpace(string(body))
	}
	return ledgerlink.OpenSQL(ledgerlink.SQLConfig{Driver: l.Source, DSN: dsn, Name: l.Source, Query: l.Query, Lookup: l.Lookup, Watermark: l.Mark, Times: l.Times, Mapping: m})
}

// mapping says how the columns and words of our source are read; config has
// checked them.
func mapping(l config.Local) (ledgerlink.Mapping, error) {
	m := ledgerlink.Mapping{Columns: l.Columns, Major: l.Major}
	if l.Zone != "" {
		zone, err := time.LoadLocation(l.Zone)
		if err != nil {
			return m, fault.New("E-7892", fault.V{"account": "-", "option": "local.zone", "reason": "no such zone"}, err)
		}
		m.Zone = zone
	}
	if len(l.Status) > 0 {
		m.Statuses = map[string]schemas.Status{}
		for word, name := range l.Status {
			var st schemas.Status
			if err := st.UnmarshalText([]byte(name)); err != nil {
				return m, fault.New("E-7892", fault.V{"account": "-", "option": "local.status", "reason": err.Error()}, err)
			}
			m.Statuses[word] = st
		}
	}
	return m, nil
}

// placeholders fills in the path of a file source.
func placeholders(pattern string, req ledgerlink.ExportRequest) string {
	return strings.NewReplacer("{date}", req.Date.String(), "{yyyymmdd}", req.Date.Compact(), "{account}", req.Account, "{merchant}", req.Merchant, "{channel}", req.Channel).Replace(pattern)
}
