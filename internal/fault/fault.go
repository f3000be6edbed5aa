// Package fault is the table of everything that can go wrong, as people read it.
//
// In: a stable id and the values of the moment. Out: an error with an exit code
// and a message of four parts (what, which, what was changed, what to do) in
// English and Chinese. Every stage returns these errors; cmd alone prints them.
//
// An id is "E-" + exit code + two digits: E-2104 ends the program with code 21.
// Rows are added to the file of the area (fetch.go, normalize.go, …), never
// changed in meaning, and never removed.
//
// Beside the messages stand the phrases: what our own code writes into results
// and into the values of messages, in English, and how it is said in Chinese.
package fault

import (
	"errors"
	"fmt"
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ID names one row of the table, for ever.
type ID string

// Lang selects the language of a message.
type Lang string

// The languages that the table holds.
const (
	English Lang = "en"
	Chinese Lang = "zh"
)

// Text is one part of a message in both languages; {name} stands for a value.
type Text struct{ EN, ZH string }

// Entry is one row of the table.
type Entry struct {
	ID      ID
	What    Text // what happened
	Which   Text // which channel, account, date, file, line, column, value
	Changed Text // what was changed; empty means "nothing"
	Do      Text // what the reader does now
}

// V holds the values of a message. Values are text as people read it; they are
// escaped and cut when the message is made.
type V map[string]any

// Error is a fault that happened.
type Error struct {
	ID     ID
	Values V
	Err    error // the cause, for the log; nil if the fault is the cause
}

// New makes a fault. A nil cause is allowed.
func New(id ID, v V, cause error) *Error { return &Error{ID: id, Values: v, Err: cause} }

// Exit returns the exit code, the number in front of the last two digits.
func (id ID) Exit() int {
	n := 0
	for _, c := range strings.TrimPrefix(string(id), "E-") {
		n = n*10 + int(c-'0')
	}
	return n / 100
}

// Exit returns the exit code of the fault.
func (e *Error) Exit() int { return e.ID.Exit() }

func (e *Error) Unwrap() error { return e.Err }

// Error gives the English message on one line, for logs.
func (e *Error) Error() string {
	return strings.ReplaceAll(e.Message(English), "\n  ", " ")
}

// The words between the parts of a message.
var (
	changedWord = Text{"Changed: ", "变更："}
	nothingWord = Text{"nothing.", "无。"}
	doWord      = Text{"Do: ", "处理："}
)

// Parts are the four parts of a message, as text in one language.
type Parts struct{ What, Which, Changed, Do string }

// Parts gives the four parts of the message; none of them for an id that is not
// in the table.
func (e *Error) Parts(lang Lang) Parts {
	row := byID[e.ID]
	say := func(t Text) string { return fill(t.in(lang), e.Values, lang) }
	p := Parts{say(row.What), say(row.Which), say(row.Changed), say(row.Do)}
	if p.Changed == "" {
		p.Changed = nothingWord.in(lang)
	}
	return p
}

// Message gives the four parts, one a line, the first with the id.
func (e *Error) Message(lang Lang) string {
	if _, ok := byID[e.ID]; !ok {
		return fmt.Sprintf("%s (not in the table) %v", e.ID, e.Err)
	}
	p := e.Parts(lang)
	var cause string
	if e.Err != nil {
		var inner *Error
		if errors.As(e.Err, &inner) {
			cause = " [" + string(inner.ID) + "]"
		} else {
			cause = " (" + Safe(Translate(lang, e.Err.Error()), 240) + ")"
		}
	}
	return string(e.ID) + " " + p.What + cause + "\n  " + p.Which + "\n  " + changedWord.in(lang) + p.Changed + "\n  " + doWord.in(lang) + p.Do
}

func (t Text) in(lang Lang) string {
	if lang == Chinese {
		return t.ZH
	}
	return t.EN
}

// fill replaces {name} by its value; a value that our own code has written, a
// phrase, is said in the language. A missing value shows as {name}: a test
// fails on it, a user still reads the rest.
func fill(s string, v V, lang Lang) string {
	if !strings.Contains(s, "{") {
		return s
	}
	var b strings.Builder
	for {
		i := strings.IndexByte(s, '{')
		if i < 0 {
			b.WriteString(s)
			return b.String()
		}
		j := strings.IndexByte(s[i:], '}')
		if j < 0 {
			b.WriteString(s)
			return b.String()
		}
		b.WriteString(s[:i])
		name := s[i+1 : i+j]
		if val, ok := v[name]; ok {
			text := fmt.Sprint(val)
			if spoken[name] {
				text = Translate(lang, text)
			}
			b.WriteString(Safe(text, 240))
		} else {
			b.WriteString("{" + name + "}")
		}
		s = s[i+j+1:]
	}
}

// Safe makes foreign text fit for a terminal, a log line or a message: control,
// format (bidi, zero-width) and invalid characters are written as escapes, and
// the text is cut after max characters.
func Safe(s string, max int) string {
	var b strings.Builder
	n := 0
	for i := 0; i < len(s); {
		r, w := utf8.DecodeRuneInString(s[i:])
		if n++; n > max {
			b.WriteString("…")
			break
		}
		switch {
		case r == utf8.RuneError && w == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\r':
			b.WriteString(`\r`)
		case unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
		i += w
	}
	return b.String()
}

// Quote is Safe within double quotes, cut at 80 characters, for a value that
// came from a file.
func Quote(s string) string { return `"` + Safe(s, 80) + `"` }

// severity orders the exit codes when several channels end differently.
var severity = []int{50, 42, 30, 43, 41, 23, 22, 21, 24, 11, 40, 31, 20, 10, 0}

// Worst returns the most severe of several exit codes. A code outside the
// published order (64, 70, 78, 130, 143) wins over all.
func Worst(codes ...int) int {
	best, rank := 0, len(severity)
	for _, c := range codes {
		r := -1
		for i, s := range severity {
			if s == c {
				r = i
			}
		}
		if r < rank {
			best, rank = c, r
		}
	}
	return best
}

// Of finds the fault in an error chain; any other error is E-7001, internal.
func Of(err error) *Error {
	var f *Error
	if errors.As(err, &f) {
		return f
	}
	return New("E-7001", V{}, err)
}

// Table returns all rows, sorted by id.
func Table() []Entry {
	rows := make([]Entry, 0, len(byID))
	for _, e := range byID {
		rows = append(rows, e)
	}
	sort.Slice(rows, func(i, j int) bool { return rows[i].ID < rows[j].ID })
	return rows
}

var byID = index(general, fetchRows, normalizeRows, unpackRows, linkRows, matchRows, resolveRows, pipelineRows, configRows, apiRows, settlementRows, controlRows, riskRows, ledgerRows, transferRows)

func index(areas ...[]Entry) map[ID]Entry {
	m := map[ID]Entry{}
	for _, rows := range areas {
		for _, e := range rows {
			if _, dup := m[e.ID]; dup {
				panic("fault: two rows with the id " + string(e.ID))
			}
			m[e.ID] = e
		}
	}
	return m
}
