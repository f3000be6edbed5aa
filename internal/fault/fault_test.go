package fault

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var idShape = regexp.MustCompile(`^E-(10|11|20|21|22|23|24|30|31|40|41|42|43|50|64|70|78|130|143)\d\d$`)

// Every row has its four parts in both languages, with the same values.
func TestTable(t *testing.T) {
	name := regexp.MustCompile(`\{[a-z_0-9]+\}`)
	for _, e := range Table() {
		if !idShape.MatchString(string(e.ID)) {
			t.Errorf("%s is not an exit code and two digits", e.ID)
		}
		for part, text := range map[string]Text{"what": e.What, "which": e.Which, "changed": e.Changed, "do": e.Do} {
			if part != "changed" && (text.EN == "" || text.ZH == "") {
				t.Errorf("%s: %s is missing in a language", e.ID, part)
			}
			en, zh := name.FindAllString(text.EN, -1), name.FindAllString(text.ZH, -1)
			slices.Sort(en)
			slices.Sort(zh)
			if !slices.Equal(slices.Compact(en), slices.Compact(zh)) {
				t.Errorf("%s: %s says %v in English and %v in Chinese", e.ID, part, en, zh)
			}
		}
	}
}

func TestMessageHasFourParts(t *testing.T) {
	err := New("E-4201", V{"path": "a\x1b[31mb\n", "want": "1", "got": "2"}, nil)
	for _, lang := range []Lang{English, Chinese} {
		lines := strings.Split(err.Message(lang), "\n")
		if len(lines) != 4 || !strings.HasPrefix(lines[0], "E-4201 ") {
			t.Errorf("%s: %q", lang, lines)
		}
		if strings.ContainsRune(err.Message(lang), 0x1b) {
			t.Errorf("%s: an escape character came through", lang)
		}
	}
}

// Control, bidi and zero-width characters are shown, never obeyed.
func TestAttack11_TerminalEscapes(t *testing.T) {
	for in, want := range map[string]string{"\x1b]0;x\a": `\u001b]0;x\u0007`, "a\nRESULT code=0": `a\nRESULT code=0`, "\u202egnp": `\u202egnp`, "a\u200bb": `a\u200bb`, "\xff": `\xff`} {
		if got := Safe(in, 80); got != want {
			t.Errorf("Safe(%q) = %q, want %q", in, got, want)
		}
	}
	if got := Safe(strings.Repeat("长", 100), 80); got != strings.Repeat("长", 80)+"…" {
		t.Errorf("the cut is wrong: %q", got)
	}
}

// The most severe of several codes wins, in the published order.
func TestWorst(t *testing.T) {
	for _, c := range []struct {
		codes []int
		want  int
	}{{[]int{0, 10}, 10}, {[]int{20, 10, 21}, 21}, {[]int{42, 50, 30}, 50}, {[]int{31, 40}, 40}, {[]int{}, 0}, {[]int{10, 130}, 130}, {[]int{21, 11}, 21}} {
		if got := Worst(c.codes...); got != c.want {
			t.Errorf("Worst(%v) = %d, want %d", c.codes, got, c.want)
		}
	}
}

func TestUnknownErrorsAreInternal(t *testing.T) {
	if f := Of(errors.New("x")); f.Exit() != 70 {
		t.Errorf("exit %d", f.Exit())
	}
}
