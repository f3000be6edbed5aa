package fetchers

import (
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/encoding/simplifiedchinese"

	"tieout/internal/bizday"
	"tieout/internal/fault"
	"tieout/schemas"
)

// FileSpec says how a channel names the files of one statement in a folder, and
// how one knows that they are finished. Files are asked for by their exact
// name; a listing is never read, so a listing that cannot be parsed hides
// nothing.
//
// Dir and Name are patterns with these words in braces:
//
//	{merchant}                      the merchant account number
//	{variant} {statement}           of the request, in its own spelling
//	{yyyymmdd} {yymmdd} {yyyy} {mm} {dd}   the bill date; {yyyymmdd+1} is the day after
//	{part} {part2} {part3}          number of the part, plain or padded with zeros
type FileSpec struct {
	Dir    string // "" is the folder in which a login begins
	Name   string
	GBK    bool // names are GBK on the server's side; patterns are written in UTF-8
	Marker Marker
	Parts  Parts
	Empty  EmptyRule
	// Ready gives the instant from which the files of a date should be there;
	// nil means at any time. It decides only for EmptyNoFile.
	Ready func(bizday.Date) time.Time
	Poll  time.Duration // pause between the two looks at a file without a marker; 0 means 30 s
}

// Marker is a second file that is written after the data.
type Marker struct {
	Kind MarkerKind
	// Name is a pattern with the words of FileSpec, and {name} for the name of
	// the data file and {base} for that without its last extension. "" means
	// "{name}.ok", "{name}.md5", and so on. With several parts, a pattern
	// without {name}, {base} or {part} names one marker for the whole set.
	Name string
}

// MarkerKind says what a marker proves.
type MarkerKind string

// The kinds of markers. The digests are over the file as it lies there; the
// marker holds "hash" or lines of "hash  name", in hexadecimal of either case.
const (
	MarkerNone   MarkerKind = ""       // none: size and time must be the same in two looks
	MarkerOK     MarkerKind = "ok"     // its presence alone says that the data are finished
	MarkerMD5    MarkerKind = "md5"    // many banks; guards against accidents, not against forgers
	MarkerSHA1   MarkerKind = "sha1"   // likewise
	MarkerSHA256 MarkerKind = "sha256" //
)

// Parts says into how many files a statement is cut. The zero value is one file.
type Parts struct {
	Count int // fixed number; 0 means as many as there are
	Max   int // where Count is 0: the highest number that is looked for; 0 means a single file without a number
}

// EmptyRule says how the channel shows a day without transactions.
type EmptyRule string

// The ways to say "nothing happened".
const (
	EmptyNever      EmptyRule = ""            // there is always a file with rows; nothing at all is a fault
	EmptyZeroBytes  EmptyRule = "zero_bytes"  // a file of zero bytes
	EmptyNoFile     EmptyRule = "no_file"     // no file, once Ready has passed
	EmptyHeaderOnly EmptyRule = "header_only" // a file with a header and maybe a trailer: normalize reads it as any other
)

const maxParts = 999

// Check finds every mistake in the definition; each is E-7822.
func (s FileSpec) Check() error {
	var bad []error
	wrong := func(field, value, reason string) {
		bad = append(bad, fault.New("E-7822", fault.V{"field": field, "value": fault.Quote(value), "reason": reason}, nil))
	}
	for _, p := range []struct{ field, pattern string }{{"dir", s.Dir}, {"name", s.Name}, {"marker.name", s.Marker.Name}} {
		if reason := patternFlaw(p.pattern, p.field); reason != "" {
			wrong(p.field, p.pattern, reason)
		}
	}
	switch s.Marker.Kind {
	case MarkerNone, MarkerOK, MarkerMD5, MarkerSHA1, MarkerSHA256:
	default:
		wrong("marker.kind", string(s.Marker.Kind), "it must be ok, md5, sha1, sha256 or absent")
	}
	switch s.Empty {
	case EmptyNever, EmptyZeroBytes, EmptyHeaderOnly:
	case EmptyNoFile:
		if s.Ready == nil {
			wrong("empty", string(s.Empty), "it needs the time at which the file is due")
		}
	default:
		wrong("empty", string(s.Empty), "it must be zero_bytes, no_file, header_only or absent")
	}
	many := s.Parts.Count > 1 || s.Parts.Max > 0
	if many != strings.Contains(s.Name, "{part") {
		wrong("name", s.Name, "a statement in parts has {part} in its name, and only such a one")
	}
	if s.Parts.Count < 0 || s.Parts.Count > maxParts || s.Parts.Max < 0 || s.Parts.Max > maxParts {
		wrong("parts", fmt.Sprint(s.Parts.Count, s.Parts.Max), "from 0 to "+strconv.Itoa(maxParts))
	}
	return errors.Join(bad...)
}

// patternFlaw tries the pattern with harmless values and says what is wrong.
func patternFlaw(pattern, field string) string {
	if pattern == "" && field != "name" {
		return ""
	}
	text, err := expand(pattern, words{merchant: "1", date: bizday.Make(2026, 1, 2), part: 1, name: "n", base: "n"})
	switch {
	case err != nil:
		return err.Error()
	case field != "dir" && strings.ContainsAny(text, "/\\"):
		return "a name holds no slash"
	case field != "marker.name" && (strings.Contains(pattern, "{name}") || strings.Contains(pattern, "{base}")):
		return "{name} and {base} are for markers"
	}
	return ""
}

// target is one remote file: the bytes by which the server knows it, and the
// name that people read.
type target struct {
	path string // bytes for the wire
	name string // base name on the wire
	text string // base name in UTF-8
	show string // the same for people, escaped
}

// words are the values that a pattern may use.
type words struct {
	merchant, variant, statement string
	date                         bizday.Date
	part                         int
	name, base                   string
}

func wordsOf(req schemas.StatementRequest, part int) words {
	return words{merchant: req.Account, variant: req.Variant, statement: req.Statement, date: req.Date, part: part}
}

// file names the data file of one part.
func (s FileSpec) file(req schemas.StatementRequest, part int) (target, error) {
	return s.target(s.Name, wordsOf(req, part))
}

// marker names the marker of a data file.
func (s FileSpec) marker(req schemas.StatementRequest, part int, data target) (target, error) {
	w := wordsOf(req, part)
	w.name, w.base = data.text, strings.TrimSuffix(data.text, path.Ext(data.text))
	return s.target(s.markerPattern(), w)
}

func (s FileSpec) markerPattern() string {
	if s.Marker.Name == "" {
		return "{name}." + string(s.Marker.Kind)
	}
	return s.Marker.Name
}

// markerForSet tells whether one marker stands for all parts.
func (s FileSpec) markerForSet() bool {
	p := s.markerPattern()
	return !strings.Contains(p, "{name}") && !strings.Contains(p, "{base}") && !strings.Contains(p, "{part")
}

func (s FileSpec) target(pattern string, w words) (target, error) {
	dir, err := expand(s.Dir, w)
	if err != nil {
		return target{}, err
	}
	name, err := expand(pattern, w)
	if err != nil {
		return target{}, err
	}
	t := target{path: path.Join(dir, name), name: name, text: name, show: fault.Safe(name, 200)}
	if !s.GBK {
		return t, nil
	}
	for _, field := range []*string{&t.path, &t.name} {
		if *field, err = simplifiedchinese.GBK.NewEncoder().String(*field); err != nil {
			return target{}, fmt.Errorf("the name %s has no spelling in GBK", fault.Quote(name))
		}
	}
	return t, nil
}

// expand fills a pattern. The result never leaves its folder and never carries
// a control character: it goes into commands of the protocol.
func expand(pattern string, w words) (string, error) {
	var b strings.Builder
	for rest := pattern; rest != ""; {
		text, after, found := strings.Cut(rest, "{")
		b.WriteString(text)
		if !found {
			break
		}
		word, next, closed := strings.Cut(after, "}")
		if !closed {
			return "", errors.New("a brace is not closed")
		}
		value, err := w.value(word)
		if err != nil {
			return "", err
		}
		b.WriteString(value)
		rest = next
	}
	text := b.String()
	for i := range len(text) {
		if text[i] < ' ' || text[i] == 0x7f {
			return "", errors.New("it holds a control character")
		}
	}
	for _, step := range strings.FieldsFunc(text, func(r rune) bool { return r == '/' || r == '\\' }) {
		if step == ".." {
			return "", errors.New("a step .. leaves its folder")
		}
	}
	if strings.HasPrefix(text, "-") {
		return "", errors.New("it begins with a hyphen and could be taken for an option")
	}
	if pattern != "" && (text == "" || text == ".") {
		return "", errors.New("it is empty")
	}
	return text, nil
}

func (w words) value(word string) (string, error) {
	switch word {
	case "merchant":
		return plain("merchant", w.merchant)
	case "variant":
		return plain("variant", w.variant)
	case "statement":
		return plain("statement", w.statement)
	case "part":
		return strconv.Itoa(w.part), nil
	case "part2":
		return fmt.Sprintf("%02d", w.part), nil
	case "part3":
		return fmt.Sprintf("%03d", w.part), nil
	case "name":
		return w.name, nil
	case "base":
		return w.base, nil
	}
	layout, days, shifted := strings.Cut(word, "+")
	date := w.date
	if shifted {
		n, err := strconv.Atoi(days)
		if err != nil || n < 0 || n > 31 {
			return "", fmt.Errorf("{%s}: the shift must be a number of days from 0 to 31", fault.Safe(word, 40))
		}
		date = date.Add(n)
	}
	layouts := map[string]string{"yyyymmdd": "20060102", "yymmdd": "060102", "yyyy": "2006", "mm": "01", "dd": "02"}
	if l, ok := layouts[layout]; ok {
		return date.Format(l), nil
	}
	return "", fmt.Errorf("{%s} is not a known word", fault.Safe(word, 40))
}

// plain lets a value into a file name only if it cannot mean anything else
// there.
func plain(word, value string) (string, error) {
	for _, c := range []byte(value) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_', c == '-', c == '.':
		default:
			return "", fmt.Errorf("{%s}: %s holds more than letters, digits, \"_\", \"-\" and \".\"", word, fault.Quote(value))
		}
	}
	return value, nil
}
