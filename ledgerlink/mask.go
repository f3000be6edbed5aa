package ledgerlink

// mask hides what may be a card number in a value that people will read: of a
// run of 13 to 19 digits with a right Luhn check digit the first six and the
// last four stay.
func mask(s string) string {
	b := []byte(s)
	for i := 0; i < len(b); {
		j := i
		for j < len(b) && b[j]-'0' <= 9 {
			j++
		}
		if n := j - i; n >= 13 && n <= 19 && luhn(b[i:j]) {
			for k := i + 6; k < j-4; k++ {
				b[k] = '*'
			}
		}
		i = j + 1
	}
	return string(b)
}

func luhn(digits []byte) bool {
	sum := 0
	for i, c := range digits {
		d := int(c - '0')
		if (len(digits)-i)%2 == 0 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}
