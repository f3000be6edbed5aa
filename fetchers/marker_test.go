package fetchers

import (
	"strings"
	"testing"
)

func TestParseDigest(t *testing.T) {
	const sum = "9e107d9d372bb6826bd81d3542a419d6"
	other := strings.Repeat("a", 32)
	for _, c := range []struct {
		name, text string
		alone      bool
		want       string // "" means refused
	}{
		{"bare", sum, true, sum},
		{"bare, upper case, CRLF", strings.ToUpper(sum) + "\r\n", true, sum},
		{"as md5sum writes it", sum + "  bill.txt\n", true, sum},
		{"binary mark", sum + " *bill.txt\n", true, sum},
		{"with folder", sum + "  out/2026/bill.txt", true, sum},
		{"with Windows folder", sum + "  D:\\out\\bill.txt", true, sum},
		{"byte order mark", "\xef\xbb\xbf" + sum, true, sum},
		{"several files", other + "  a.txt\n" + sum + "  bill.txt\n\n", false, sum},
		{"said twice", sum + "  bill.txt\n" + sum + "  bill.txt\n", false, sum},

		{"contradiction", sum + "  bill.txt\n" + other + "  bill.txt\n", false, ""},
		{"other file", sum + "  other.txt", true, ""},
		{"other case", sum + "  BILL.TXT", true, ""},
		{"bare for several", sum, false, ""},
		{"too short", sum[:31], true, ""},
		{"too long", sum + "0", true, ""},
		{"not hexadecimal", strings.Repeat("g", 32), true, ""},
		{"a page", "<html>", true, ""},
		{"nothing", "\n", true, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := parseDigest([]byte(c.text), MarkerMD5, "bill.txt", c.alone)
			if (err == nil) != (c.want != "") || got != c.want {
				t.Errorf("got %q, %v; want %q", got, err, c.want)
			}
		})
	}
}

func FuzzParseDigest(f *testing.F) {
	f.Add([]byte("9e107d9d372bb6826bd81d3542a419d6  bill.txt\n"), true)
	f.Add([]byte("\xef\xbb\xbf9E107D9D372BB6826BD81D3542A419D6 *bill.txt\r\n"), false)
	f.Fuzz(func(t *testing.T, text []byte, alone bool) {
		got, err := parseDigest(text, MarkerMD5, "bill.txt", alone)
		if err != nil {
			return
		}
		if len(got) != 32 || strings.ToLower(got) != got || !strings.Contains(strings.ToLower(string(text)), got) {
			t.Fatalf("%q out of %q", got, text)
		}
	})
}
