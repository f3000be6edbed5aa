package personal

import "testing"

func TestAttack36_Numbers(t *testing.T) {
	all := Numbers{Phone: true, Identity: true}
	for text, want := range map[string]string{
		"6222021234567890128":      "622202*********0128",
		"4111 1111 1111 1111":      "4111 11** **** 1111",
		"6222-0212-3456-7890-128":  "6222-02**-****-***0-128",
		"4111111111111112":         "4111111111111112", // Luhn says no
		"13812345678":              "138****5678",
		"+8613812345678":           "+86138****5678",
		"138 1234 5678":            "138 **** 5678",
		"138-1234-5678.":           "138-****-5678.",
		"12812345678":              "12812345678",
		"138 1234 567":             "138 1234 567",
		"11010519491231002X":       "110105**********2X",
		"110105194912310021":       "110105194912310021", // wrong check character
		"CVV2: 123":                "CVV2: ***",
		`{"cvc":"1234","n":"123"}`: `{"cvc":"****","n":"123"}`,
		"安全码：321":                  "安全码：***",
		"安全码＝321":                  "安全码＝***", "CVN='4321'": "CVN='****'", "cvC\t123": "cvC\t***", "品321": "品321", "会员卡2号": "会员卡2号",
		"No. 123":                          "No. 123",
		"cvv 12345":                        "cvv 12345",
		"":                                 "",
		"86":                               "86",
		"卡6222021234567890128电13812345678": "卡622202*********0128电138****5678",
	} {
		b := []byte(text)
		Hide(b, all)
		if string(b) != want {
			t.Errorf("%q is shown as %q, want %q", text, b, want)
		}
	}
	phone := []byte("13812345678 11010519491231002X")
	if Hide(phone, Numbers{}); string(phone) != "13812345678 11010519491231002X" {
		t.Errorf("hidden without being asked: %q", phone)
	}
	if got := Quote("6222021234567890128\x1b[0m"); got != `"622202*********0128\u001b[0m"` {
		t.Errorf("quoted as %s", got)
	}
}

func FuzzHide(f *testing.F) {
	for _, s := range []string{"6222021234567890128", "4111 1111 1111 1111", "11010519491231002X", "13812345678", "a1b2", "cvv2: 123", "+86 138-1234-5678"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		b := []byte(s)
		Hide(b, Numbers{Phone: true, Identity: true})
		if len(b) != len(s) {
			t.Fatal("the length changed")
		}
		for i := range b {
			if b[i] != s[i] && (b[i] != '*' || s[i]-'0' > 9) {
				t.Fatalf("%q became %q: only digits are hidden", s, b)
			}
		}
		for i := 0; i < len(b); i++ { // no run of 13 to 19 digits that passes Luhn is left
			end := digitsEnd(b, i)
			if n := end - i; n >= 13 && n <= 19 && luhn(b[i:end]) && s[i:end] == string(b[i:end]) && !joined(s, i) {
				t.Fatalf("%q still shows a card number", b)
			}
			i = max(i, end)
		}
	})
}

// joined tells whether the digits at i continue a group before them, so that
// they were looked at as part of a longer number.
func joined(s string, i int) bool { return i > 0 && (s[i-1] == ' ' || s[i-1] == '-') }
