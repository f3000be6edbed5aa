package paycore

import (
	"strconv"
	"strings"
	"testing"
)

// Examples of ISO 7064 MOD 11,10: the standard's own, and a tax number that
// follows it.
func TestCheckDigit(t *testing.T) {
	for _, number := range []string{"07945", "86095742719"} {
		last := len(number) - 1
		if got := '0' + checkDigit(number[:last]); got != number[last] {
			t.Errorf("%s: got %c", number, got)
		}
	}
}

// Every number of one wrong digit is refused.
func TestVirtualNumber(t *testing.T) {
	for serial := int64(1); serial < 2_000_000_000; serial = serial*7 + 13 {
		number, err := VirtualNumber("955880", serial)
		if err != nil || !CheckedNumber(number) || !strings.Contains(number, strconv.FormatInt(serial, 10)) {
			t.Fatalf("serial %d: %s %v", serial, number, err)
		}
		for i := range number {
			for d := byte('0'); d <= '9'; d++ {
				if wrong := number[:i] + string(d) + number[i+1:]; wrong != number && CheckedNumber(wrong) {
					t.Errorf("%s passes for %s", wrong, number)
				}
			}
		}
	}
	for _, bad := range []struct {
		prefix string
		serial int64
	}{{"", 1}, {"95a", 1}, {"9558801234567", 1}, {"9", 0}, {"9", 10_000_000_000}} {
		if number, err := VirtualNumber(bad.prefix, bad.serial); err == nil {
			t.Errorf("%v makes %s", bad, number)
		}
	}
	for _, bad := range []string{"", "1", "١٢٣٤٥٦٧٨٩٠١٢٣", "95588000000000012 "} {
		if CheckedNumber(bad) {
			t.Errorf("%q passes", bad)
		}
	}
}
