//go:build tools

// Package lint pins the linter that CI builds from source. It is a module of
// its own, so that its dependencies stay out of the program's.
package lint

import _ "github.com/golangci/golangci-lint/v2/cmd/golangci-lint"
