package normalize

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"
)

func TestGB18030Text(t *testing.T) {
	for _, text := range []string{
		"", "plain ASCII, longer than one word of eight bytes", "交易时间", "微信支付订单号,a", "12345678中", "1234567中12345678中文",
		"𠮷野家", "ḿ︐︙龴龻", "ñé€", "𠂇𠂉𠃌𡗗𢦏𤇾", "\x00\x7f",
	} {
		raw, err := simplifiedchinese.GB18030.NewEncoder().Bytes([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		got, bad := AppendGB18030([]byte("> "), raw)
		if string(got) != "> "+text || bad != -1 {
			t.Errorf("%x: got %q, bad %d, want %q", raw, got, bad, text)
		}
	}
}

// The additions, with the code points of the published index.
func TestGB18030Additions(t *testing.T) {
	for code, want := range map[string]rune{
		"\xA6\xD9": 0xFE10, "\xA6\xDA": 0xFE12, "\xA6\xDB": 0xFE11, "\xA6\xDC": 0xFE13, "\xA6\xDD": 0xFE14, "\xA6\xDE": 0xFE15,
		"\xA6\xDF": 0xFE16, "\xA6\xEC": 0xFE17, "\xA6\xED": 0xFE18, "\xA6\xF3": 0xFE19, "\xA8\xBC": 0x1E3F,
		"\xFE\x59": 0x9FB4, "\xFE\x61": 0x9FB5, "\xFE\x66": 0x9FB6, "\xFE\x67": 0x9FB7, "\xFE\x6D": 0x9FB8, "\xFE\x7E": 0x9FB9,
		"\xFE\x90": 0x9FBA, "\xFE\xA0": 0x9FBB, "\xFE\x51": 0x20087, "\xFE\x91": 0x241FE,
	} {
		got, bad := AppendGB18030(nil, []byte(code))
		if string(got) != string(want) || bad != -1 {
			t.Errorf("%X: got %+q, bad %d, want %U", code, got, bad, want)
		}
	}
}

func TestFaultC10_BadByte(t *testing.T) {
	for _, c := range []struct {
		src  string
		good string
		bad  int
	}{
		{"\x80", "", 0},
		{"ab\xFF", "ab", 2},
		{"12345678\xFFx", "12345678", 8},
		{"\x81", "", 0},
		{"\xD6\xD0\xD6 ", "中", 2},
		{"\xD6\xD0\xD6", "中", 2},
		{"\xD6\x20", "", 0},
		{"\xA2\xA0", "", 0},         // user-defined area
		{"\xD6\x7F", "", 0},         // 7F is no trail byte
		{"\xD6\xFF", "", 0},         // nor is FF
		{"\x81\x30\x81", "", 0},     // a four-byte code that is cut
		{"\x81\x30\x81\x3A", "", 0}, // its last byte is no digit
		{"\x81\x30\x80\x30", "", 0},
		{"\x81\x3A\x81\x30", "", 0}, // its second byte is no digit; x/text takes it
		{"\x84\x31\xA4\x37", "", 0}, // U+FFFD itself
		{"\x84\x31\xA5\x30", "", 0}, // behind U+FFFF
		{"\xE3\x32\x9A\x36", "", 0}, // behind U+10FFFF
		{"\xFE\x39\xFE\x39", "", 0},
	} {
		got, bad := AppendGB18030(nil, []byte(c.src))
		if string(got) != c.good || bad != c.bad {
			t.Errorf("%X: got %q, bad %d, want %q, bad %d", c.src, got, bad, c.good, c.bad)
		}
	}
}

// Every two-byte sequence and a sample of the four-byte ones give what x/text
// gives, where x/text gives a character, and an error where it does not.
func TestGB18030AgainstXText(t *testing.T) {
	added := map[string]bool{"\xFE\x51": true, "\xFE\x52": true, "\xFE\x53": true, "\xFE\x6C": true, "\xFE\x76": true, "\xFE\x91": true}
	for _, a := range gbAdditions {
		added[string([]byte{byte(a.code >> 8), byte(a.code)})] = true
	}
	var characters int
	check := func(code []byte) {
		want, err := simplifiedchinese.GB18030.NewDecoder().Bytes(code)
		if err != nil {
			t.Fatal(err)
		}
		got, bad := AppendGB18030(nil, code)
		refuse := bytes.ContainsRune(want, utf8.RuneError) || code[0] == 0x80 ||
			len(code) == 4 && code[1] > '9' // x/text takes 3A to 3F as a digit
		switch {
		case refuse && !added[string(code)]:
			if bad == -1 {
				t.Errorf("%X: got %+q, want an error", code, got)
			}
		case !refuse:
			if characters++; !bytes.Equal(got, want) || bad != -1 {
				t.Errorf("%X: got %+q, bad %d, want %+q", code, got, bad, want)
			}
		}
	}
	for lead := 0x80; lead <= 0xFF; lead++ {
		for trail := 0; trail <= 0xFF; trail++ {
			check([]byte{byte(lead), byte(trail)})
		}
	}
	if characters < 21_000 {
		t.Errorf("only %d two-byte sequences hold characters", characters)
	}
	random := rand.New(rand.NewPCG(18030, 4))
	for range 300_000 {
		check([]byte{byte(0x80 + random.IntN(128)), byte(0x2F + random.IntN(17)), byte(0x7F + random.IntN(129)), byte(0x2F + random.IntN(12))})
	}
	for code := range gbFourBMP { // all of the basic plane
		check([]byte{byte(code/12600) + 0x81, byte(code/1260%10) + 0x30, byte(code/10%126) + 0x81, byte(code%10) + 0x30})
	}
}

// 0x7C is a trail byte of many characters, so a text must be decoded before it
// is split at "|".
func TestGB18030TrailByteIsDelimiter(t *testing.T) {
	got, bad := AppendGB18030(nil, []byte("\x81\x7C!|!\x81\x7C"))
	if string(got) != "亅!|!亅" || bad != -1 || bytes.Count(got, []byte("|!")) != 1 {
		t.Errorf("got %q, bad %d", got, bad)
	}
}

func FuzzGB18030(f *testing.F) {
	for _, seed := range []string{"", "\x80", "\xD6\xD0\xCE\xC4", "12345678\xD6", "\x81\x30\x81\x30", "\xFE\x51", "a\xFF"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		got, bad := AppendGB18030(nil, src)
		if !utf8.Valid(got) || bytes.ContainsRune(got, utf8.RuneError) {
			t.Fatalf("%X became %+q", src, got)
		}
		if bad >= len(src) || bad < -1 {
			t.Fatalf("%X: bad is %d", src, bad)
		}
		if bad >= 0 { // what stands before the bad byte decodes alone, to the same
			again, worse := AppendGB18030(nil, src[:bad])
			if !bytes.Equal(again, got) || worse != -1 {
				t.Fatalf("%X: got %q up to byte %d, alone %q, bad %d", src, got, bad, again, worse)
			}
		}
	})
}

func BenchmarkGB18030(b *testing.B) {
	lines := map[string]string{
		"bill":  "2026-11-20 12:00:01,wx1234567890,1900000001,4200001234567890123456789,A20261120000001,用户标识,JSAPI,支付成功,ICBC_DEBIT,CNY,100.00,测试商品名称,备注\r\n",
		"ascii": "2026-11-20 12:00:01,wx1234567890,1900000001,4200001234567890123456789,A20261120000001,JSAPI,SUCCESS,ICBC_DEBIT,CNY,100.00\r\n",
		"hanzi": "交易时间公众账号商户号特约商户号设备号微信订单号商户订单号用户标识",
	}
	for _, name := range []string{"bill", "ascii", "hanzi"} {
		raw, err := simplifiedchinese.GB18030.NewEncoder().Bytes(bytes.Repeat([]byte(lines[name]), 2000))
		if err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprintf("text=%s", name), func(b *testing.B) {
			b.SetBytes(int64(len(raw)))
			b.ReportAllocs()
			var dst []byte
			for b.Loop() {
				dst, _ = AppendGB18030(dst[:0], raw)
			}
		})
	}
}
