// Package interop checks that record files are what the Parquet format says,
// and not only what our own reader takes them for: two readers that others
// wrote read a file of ours, and all three must find the same content.
//
// It is a module of its own, so that neither reader is a dependency of the
// program, and each reader is a program of its own: one of them panics in
// goroutines that nobody can recover. `go test` in this folder runs it all.
package interop
