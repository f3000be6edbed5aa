package normalize

// masks says what is hidden in a text besides card numbers.
type masks struct{ phone, idNumber bool }

// maskIn hides numbers of people in place: a hidden digit becomes '*'. Of a
// card number the first six and the last four digits stay, of a mobile phone
// number the first three and the last four, of a resident identity number the
// first six and the last two characters.
//
// A card number is 13 to 19 digits whose last is right by the Luhn formula
// (ISO/IEC 7812-1, annex B), written as one run or in groups with one blank or
// hyphen between them. One in ten other numbers of that length is hidden too.
func maskIn(b []byte, m masks) {
	for i := 0; i < len(b); {
		if b[i]-'0' > 9 {
			i++
			continue
		}
		end := digitsEnd(b, i)
		n := end - i
		switch {
		case m.idNumber && isIDNumber(b[i:], n):
			stars(b[i+6 : i+16])
			end = i + 18
		case m.phone && n == 11 && b[i] == '1' && b[i+1] >= '3':
			stars(b[i+3 : i+7])
		default:
			end = maskCard(b, i, end)
		}
		i = end
	}
}

func digitsEnd(b []byte, i int) int {
	for i < len(b) && b[i]-'0' <= 9 {
		i++
	}
	return i
}

// maskCard hides the card number that begins with the run b[start:end], if
// there is one, and returns the end of what was looked at.
func maskCard(b []byte, start, end int) int {
	digits := end - start
	for stop := end; digits <= 19; {
		if digits >= 13 && luhn(b[start:stop]) {
			hideMiddle(b[start:stop], digits)
			return stop
		}
		if stop+1 >= len(b) || (b[stop] != ' ' && b[stop] != '-') || b[stop+1]-'0' > 9 {
			break
		}
		next := digitsEnd(b, stop+1)
		digits += next - stop - 1
		stop = next
	}
	return end
}

// luhn checks the digits of b, whatever else stands between them.
func luhn(b []byte) bool {
	sum, double := 0, false
	for i := len(b) - 1; i >= 0; i-- {
		d := int(b[i] - '0')
		if b[i]-'0' > 9 {
			continue
		}
		if double {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
		double = !double
	}
	return sum%10 == 0
}

// hideMiddle keeps the first six and the last four of so many digits.
func hideMiddle(b []byte, digits int) {
	k := 0
	for i, c := range b {
		if c-'0' > 9 {
			continue
		}
		if k >= 6 && k < digits-4 {
			b[i] = '*'
		}
		k++
	}
}

func stars(b []byte) {
	for i := range b {
		b[i] = '*'
	}
}

// isIDNumber knows the 18 characters of a Chinese resident identity number by
// its birth date and its check character (GB 11643); digits is how many digits
// b begins with.
func isIDNumber(b []byte, digits int) bool {
	if len(b) < 18 || digits < 17 || digits > 18 {
		return false
	}
	century, month := (b[6]-'0')*10+b[7]-'0', (b[10]-'0')*10+b[11]-'0'
	if century < 18 || century > 20 || month < 1 || month > 12 {
		return false
	}
	sum, weight := 0, 1
	for i := 16; i >= 0; i-- {
		weight = weight * 2 % 11
		sum += int(b[i]-'0') * weight
	}
	check := b[17]
	if check == 'x' {
		check = 'X'
	}
	return "10X98765432"[sum%11] == check
}
