//go:build !linux

package store

// refuseNetwork looks at nothing where folders do not tell what they are.
func refuseNetwork(string) error { return nil }
