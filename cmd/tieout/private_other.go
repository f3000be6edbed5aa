//go:build !unix

package main

// keepPrivate has nothing to switch off: files inherit the rights of their
// folder, and there are no core files.
func keepPrivate() error { return nil }
