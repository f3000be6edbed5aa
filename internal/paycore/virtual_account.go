package paycore

import (
	"errors"
	"fmt"
)

// VirtualAccount is the number under which one payer of a merchant transfers
// money to one of our bank accounts. It stands for that payer for ever.
type VirtualAccount struct {
	Number    string // prefix of the bank, serial, check digit
	Account   string // our account at the bank, as the configuration names it
	Merchant  string
	Payer     string // as the merchant names him
	CreatedAt int64
}

// serialDigits of a virtual account number.
const serialDigits = 10

var errVirtualNumber = errors.New("a virtual account number is a prefix of 1 to 12 digits and a serial of at most 10")

// VirtualNumber makes the number of the serial-th payer under a bank's prefix.
func VirtualNumber(prefix string, serial int64) (string, error) {
	if len(prefix) < 1 || len(prefix) > 12 || !digits(prefix) || serial < 1 || serial > 9_999_999_999 {
		return "", errVirtualNumber
	}
	body := fmt.Sprintf("%s%0*d", prefix, serialDigits, serial)
	return body + string('0'+checkDigit(body)), nil
}

// CheckedNumber tells whether a number is of digits and ends in their check
// digit. A payer who mistypes one digit pays into no other payer's account.
func CheckedNumber(number string) bool {
	last := len(number) - 1
	return last >= serialDigits+1 && digits(number) && number[last] == '0'+checkDigit(number[:last])
}

// checkDigit is that of ISO 7064 MOD 11,10 (GB/T 17710).
func checkDigit(body string) byte {
	p := 10
	for _, c := range []byte(body) {
		s := (p + int(c-'0')) % 10
		if s == 0 {
			s = 10
		}
		p = 2 * s % 11
	}
	return byte((11 - p) % 10)
}

func digits(s string) bool {
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return s != ""
}
