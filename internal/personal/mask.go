// Package personal hides numbers of people in texts that are kept or shown.
//
// In: a text that somebody else wrote. Out: the same text with stars. Called by
// normalize for the texts of records and rejects, and by whoever shows the
// beginning of a file in a message.
package personal

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"unicode/utf8"

	"tieout/internal/fault"
)

// Numbers says what is hidden besides card numbers and their security codes.
type Numbers struct{ Phone, Identity bool }

// Quote shows foreign text in a message as fault.Quote does, without any number
// of a person in it.
func Quote(text string) string {
	b := []byte(text[:min(len(text), 1024)])
	Hide(b, Numbers{Phone: true, Identity: true})
	return fault.Quote(string(b))
}

// Hide hides numbers of people in place: a hidden digit becomes '*'. Of a card
// number the first six and the last four digits stay, of a mobile phone number
// the first three and the last four, of a resident identity number the first
// six and the last two characters, of a card's security code nothing.
//
// A card number is 13 to 19 digits whose last is right by the Luhn formula
// (ISO/IEC 7812-1, annex B), written as one run or in groups with one blank or
// hyphen between them. One in ten other numbers of that length is hidden too. A
// security code is 3 or 4 digits behind a word for it.
func Hide(b []byte, n Numbers) {
	for i := nextDigit(b, 0); i < len(b); i = nextDigit(b, i) {
		end := digitsEnd(b, i)
		digits := end - i
		switch {
		case n.Identity && isIDNumber(b[i:], digits):
			stars(b[i+6 : i+16])
			end = i + 18
		case (digits == 3 || digits == 4) && endsInCodeWord(b[:i]):
			stars(b[i:end])
		default:
			after := 0
			if n.Phone {
				after = maskPhone(b, i, end)
			}
			if after == 0 {
				after = maskCard(b, i, end)
			}
			end = after
		}
		i = end
	}
}

// nextDigit returns where the first digit at i or behind it stands, or len(b).
// It looks at eight bytes at once: most texts are words with few digits.
func nextDigit(b []byte, i int) int {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	for ; len(b)-i >= 8; i += 8 {
		w := binary.LittleEndian.Uint64(b[i:])
		low := w &^ highs
		if digits := (low + (0x80-'0')*ones) &^ (low + (0x7F-'9')*ones) &^ w & highs; digits != 0 {
			return i + bits.TrailingZeros64(digits)/8
		}
	}
	for i < len(b) && b[i]-'0' > 9 {
		i++
	}
	return i
}

// endsInCodeWord tells whether text ends in a word for the security code of a
// card, such as `CVV2: ` or `"cvc":"`.
func endsInCodeWord(text []byte) bool {
	if !mayEndCodeWord(text) {
		return false
	}
	text = bytes.TrimSuffix(bytes.TrimRight(text[max(0, len(text)-24):], " \t:=#'\"：＝"), []byte("2"))
	return endsInFold(text, "cvv") || endsInFold(text, "cvc") || endsInFold(text, "cvn") || endsInFold(text, "安全码")
}

// mayEndCodeWord looks at the last character only: most numbers in a text follow
// another one, and cost no more than this.
func mayEndCodeWord(text []byte) bool {
	n := len(text)
	if n == 0 {
		return false
	}
	switch text[n-1] {
	case 'v', 'V', 'c', 'C', 'n', 'N', '2', ' ', '\t', ':', '=', '#', '\'', '"':
		return true
	}
	if n < 3 || text[n-1] < utf8.RuneSelf {
		return false
	}
	switch string(text[n-3:]) {
	case "码", "：", "＝":
		return true
	}
	return false
}

// endsInFold compares the end of text with a lower-case word.
func endsInFold(text []byte, word string) bool {
	if len(text) < len(word) {
		return false
	}
	end := text[len(text)-len(word):]
	for i := range end {
		c := end[i]
		if c-'A' <= 'Z'-'A' {
			c |= 0x20
		}
		if c != word[i] {
			return false
		}
	}
	return true
}

// maskPhone hides the middle of the mobile phone number that begins with the
// run b[start:end], and returns its end; 0 if there is none. It stands in one
// run, with or without 86 in front, or in groups of 3, 4 and 4.
func maskPhone(b []byte, start, end int) int {
	switch digits := end - start; {
	case digits == 13 && b[start] == '8' && b[start+1] == '6':
		start += 2
	case digits == 3:
		for _, n := range []int{4, 4} {
			if end >= len(b) || b[end] != ' ' && b[end] != '-' || digitsEnd(b, end+1) != end+1+n {
				return 0
			}
			end += 1 + n
		}
		if b[start] != '1' || b[start+1] < '3' {
			return 0
		}
		stars(b[start+4 : start+8])
		return end
	case digits != 11:
		return 0
	}
	if b[start] != '1' || b[start+1] < '3' {
		return 0
	}
	stars(b[start+3 : start+7])
	return end
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
