// Package migrations holds the SQL schema of the system of record, as numbered
// goose migrations. Files are only ever added.
package migrations

import "embed"

// Files are the migrations, in the order of their numbers.
//
//go:embed *.sql
var Files embed.FS
