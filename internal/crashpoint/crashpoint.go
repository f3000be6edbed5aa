//go:build !crashpoints

// Package crashpoint marks the places where a crash is survived.
//
// Hit is called before and after each durable step of every stage. In a normal
// build it is empty and inlined away. Built with the tag "crashpoints" it kills
// the process at the point that TIEOUT_CRASH=name:n names, or calls the hook
// that a simulation armed.
package crashpoint

// Hit does nothing in a normal build.
func Hit(string) {}
