package paycore

import "strings"

// SamePerson compares names as people do: neither capitals nor blanks around a
// name make another person.
func SamePerson(a, b string) bool {
	return strings.EqualFold(strings.TrimSpace(a), strings.TrimSpace(b))
}
