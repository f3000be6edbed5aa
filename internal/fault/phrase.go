package fault

import (
	"cmp"
	"slices"
	"strings"
)

// A phrase is a text that our own code writes where no message stands: why a
// row was rejected, what a proof wants, what is wrong with an option. Results
// keep it in English, so that they are the same bytes in every language, and
// it is translated when it is shown. {name} stands for a value, a name of one
// letter for a number.

// spoken are the values of messages that are phrases. The others are names and
// numbers, which are the same in every language.
var spoken = map[string]bool{"reason": true, "note": true, "want": true, "got": true, "detail": true, "need": true, "limit": true, "why": true, "what": true, "date": true,
	"part": true, "formats": true}

// Both is a text that comes with its translation, such as one from a channel's
// definition, on its way through a result: Translate gives back either half.
func (t Text) Both() string { return t.EN + bothSign + t.ZH }

// bothSign parts the halves; no other text holds it.
const bothSign = "\tzh:"

// Translate shows a text of a result in a language. Values within it, and a
// text that no phrase fits, stay as they are.
func Translate(lang Lang, text string) string {
	if en, zh, ok := strings.Cut(text, bothSign); ok {
		return Text{en, zh}.in(lang)
	}
	if lang != Chinese || text == "" {
		return text
	}
	return phrases.translate(text)
}

// Phrases returns all phrases.
func Phrases() []Text {
	return slices.Concat(statementPhrases, proofPhrases, definitionPhrases, configPhrases, bookPhrases, matchPhrases, resolvePhrases, fetchPhrases, gatewayPhrases, controlPhrases, systemPhrases, settlementPhrases, splitPhrases, riskPhrases, ledgerPhrases, combinedPhrases, transferPhrases)
}

var phrases = newPhrasebook(Phrases())

// phrasebook finds phrases by what they say in English. Those with values lie
// under the byte that they begin with or else end with, the one that says most
// first; those that begin and end with a value lie under 0.
type phrasebook struct {
	whole        map[string]string
	begins, ends [256][]pattern
}

// pattern is a phrase with values: literal, value, literal, value, literal.
type pattern struct {
	literals []string
	names    []string // as {name}
	zh       string
}

func newPhrasebook(all []Text) *phrasebook {
	b := &phrasebook{whole: map[string]string{}}
	var patterns []pattern
	for _, t := range all {
		p := newPattern(t)
		if len(p.names) == 0 {
			b.whole[t.EN] = t.ZH
			continue
		}
		patterns = append(patterns, p)
	}
	slices.SortStableFunc(patterns, func(x, y pattern) int { return cmp.Compare(y.says(), x.says()) })
	for _, p := range patterns {
		first, last := p.literals[0], p.literals[len(p.names)]
		switch {
		case first != "":
			b.begins[first[0]] = append(b.begins[first[0]], p)
		case last != "":
			b.ends[last[len(last)-1]] = append(b.ends[last[len(last)-1]], p)
		default:
			b.begins[0] = append(b.begins[0], p)
		}
	}
	return b
}

func newPattern(t Text) pattern {
	p := pattern{zh: t.ZH}
	rest := t.EN
	for {
		i := strings.IndexByte(rest, '{')
		j := strings.IndexByte(rest, '}')
		if i < 0 || j < i {
			p.literals = append(p.literals, rest)
			return p
		}
		p.literals, p.names = append(p.literals, rest[:i]), append(p.names, rest[i:j+1])
		rest = rest[j+1:]
	}
}

// says is how much of a text the pattern fixes.
func (p *pattern) says() int {
	n := 0
	for _, l := range p.literals {
		n += len(l)
	}
	return n
}

// values returns what stands at the places of the names, or nil if the text is
// another one.
func (p *pattern) values(text string) []string {
	first, last := p.literals[0], p.literals[len(p.names)]
	if !strings.HasPrefix(text, first) || !strings.HasSuffix(text, last) || len(text) < len(first)+len(last) {
		return nil
	}
	text = text[len(first) : len(text)-len(last)]
	var values []string
	for i, name := range p.names {
		v, rest := text, ""
		if i+1 < len(p.names) {
			var ok bool
			if v, rest, ok = strings.Cut(text, p.literals[i+1]); !ok {
				return nil
			}
		}
		if !fits(name, v) {
			return nil
		}
		values, text = append(values, v), rest
	}
	return values
}

// fits tells whether a value can stand at the place of a name. A name of one
// letter is a number.
func fits(name, value string) bool {
	if len(name) > len("{n}") {
		return value != ""
	}
	return strings.Trim(value, "-0123456789") == "" && value != ""
}

// separators part the phrases of a text that is made of several.
var separators = map[string]string{"; ": "；", ": ": "：", ", ": "，"}

// translate takes the text apart and says each longest piece that is a phrase.
func (b *phrasebook) translate(text string) string {
	if zh, ok := b.phrase(text); ok {
		return zh
	}
	pieces, between := split(text)
	var out strings.Builder
	before := false // whether the piece before was translated
	for i := 0; i < len(pieces); {
		zh, n := b.longest(pieces[i:], between[i:])
		translated := n > 0
		if !translated {
			zh, n = pieces[i], 1
		}
		if i > 0 {
			sign := between[i-1]
			if before || translated {
				sign = separators[sign]
			}
			out.WriteString(sign)
		}
		out.WriteString(zh)
		before = translated
		i += n
	}
	return out.String()
}

// longest says the longest run of pieces from the first on that is a phrase.
func (b *phrasebook) longest(pieces, between []string) (zh string, n int) {
	var text strings.Builder
	for i, p := range pieces {
		if i > 0 {
			text.WriteString(between[i-1])
		}
		text.WriteString(p)
		if say, ok := b.phrase(text.String()); ok {
			zh, n = say, i+1
		}
	}
	return zh, n
}

// phrase says a text that is one phrase. Its values may hold phrases again.
func (b *phrasebook) phrase(text string) (string, bool) {
	if zh, ok := b.whole[text]; ok {
		return zh, true
	}
	if text == "" {
		return "", false
	}
	var best *pattern
	var values []string
	for _, list := range [...][]pattern{b.begins[text[0]], b.ends[text[len(text)-1]], b.begins[0]} {
		for i := range list {
			p := &list[i]
			if best != nil && best.says() >= p.says() {
				break
			}
			if v := p.values(text); v != nil {
				best, values = p, v
				break
			}
		}
	}
	if best == nil {
		return "", false
	}
	pairs := make([]string, 0, 2*len(values))
	for i, v := range values {
		if v[0] != '"' && !strings.HasSuffix(best.literals[i], `"`) { // what is quoted came from outside
			v = b.translate(v)
		}
		pairs = append(pairs, best.names[i], v)
	}
	return strings.NewReplacer(pairs...).Replace(best.zh), true
}

// maxPieces bounds the work on a long list.
const maxPieces = 32

// split cuts a text at its separators, but not within quotes; the last piece
// takes what is beyond the bound.
func split(text string) (pieces, between []string) {
	quoted := false
	from := 0
	for i := 0; i+2 <= len(text) && len(pieces) < maxPieces; i++ {
		if text[i] == '"' {
			quoted = !quoted
		}
		if _, ok := separators[text[i:i+2]]; ok && !quoted {
			pieces, between = append(pieces, text[from:i]), append(between, text[i:i+2])
			from = i + 2
		}
	}
	return append(pieces, text[from:]), append(between, "")
}

// Retell says in a language what Message said in English, which is how a run
// keeps the message that it ended with. Lines that are not of the message stay.
func Retell(lang Lang, message string) string {
	lines := strings.Split(message, "\n")
	id, first, _ := strings.Cut(lines[0], " ")
	row, ok := byID[ID(id)]
	if lang != Chinese || !ok || len(lines) != 4 {
		return Translate(lang, message)
	}
	parts := [4]Text{row.What, row.Which, row.Changed, row.Do}
	said := retellWhat(row.What, first)
	for i, word := range []Text{{}, changedWord, doWord} {
		line := strings.TrimPrefix(strings.TrimSpace(lines[i+1]), word.EN)
		text := parts[i+1]
		if text == (Text{}) {
			text = nothingWord
		}
		if zh, ok := retell(text, line); ok {
			line = zh
		}
		said += "\n  " + word.ZH + line
	}
	return id + " " + said
}

// retellWhat says the first part of a message, with its cause in parentheses.
func retellWhat(t Text, line string) string {
	if zh, ok := retell(t, line); ok {
		return zh
	}
	for i := range line {
		if line[i] != '(' && line[i] != '[' || i == 0 {
			continue
		}
		zh, ok := retell(t, line[:i-1])
		switch cause, inner := strings.CutSuffix(line[i+1:], ")"); {
		case ok && inner:
			return zh + " (" + Translate(Chinese, cause) + ")"
		case ok:
			return zh + line[i-1:]
		}
	}
	return line
}

// retell says a part of a message with the values that stand in it.
func retell(t Text, line string) (string, bool) {
	p := newPattern(t)
	if len(p.names) == 0 {
		return t.ZH, line == t.EN
	}
	values := p.values(line)
	if values == nil {
		return "", false
	}
	v := V{}
	for i, name := range p.names {
		v[strings.Trim(name, "{}")] = values[i]
	}
	return fill(t.ZH, v, Chinese), true
}
