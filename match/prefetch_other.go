//go:build !amd64

package match

func prefetch(*byte) {}
