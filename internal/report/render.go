package report

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"time"

	"tieout/internal/bizday"
	"tieout/internal/fault"
	"tieout/schemas"
)

//go:embed templates
var sources embed.FS

// The pages of each language are parsed once, when the first is written.
var (
	chinesePages = sync.OnceValues(func() (*template.Template, error) { return parsePages(tongue{fault.Chinese}) })
	englishPages = sync.OnceValues(func() (*template.Template, error) { return parsePages(tongue{fault.English}) })
)

func pagesOf(lang fault.Lang) (*template.Template, error) {
	if lang == fault.Chinese {
		return chinesePages()
	}
	return englishPages()
}

// parsePages puts the style into the pages. A page holds all that it shows:
// its policy lets a browser run no script, load nothing and send nothing, and
// use no style but this one, which it names by its digest.
func parsePages(t tongue) (*template.Template, error) {
	css, err := sources.ReadFile("templates/style.css")
	if err != nil {
		return nil, err
	}
	style := strings.TrimSpace(string(css))
	digest := sha256.Sum256([]byte(style))
	policy := "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(digest[:]) + "'; base-uri 'none'; form-action 'none'"
	pages := template.New("").Funcs(t.funcs()).Funcs(template.FuncMap{"csp": func() string { return policy }})
	for _, name := range []string{"frame.html", "run.html", "day.html", "settlement.html"} {
		text, err := sources.ReadFile("templates/" + name)
		if err != nil {
			return nil, err
		}
		if _, err := pages.Parse(t.fixedWords(strings.Replace(string(text), "STYLE", style, 1))); err != nil {
			return nil, fmt.Errorf("template %s: %w", name, err)
		}
	}
	return pages, nil
}

var fixedWord = regexp.MustCompile(`\{\{t "([a-z0-9_.]+)"\}\}`)

// fixedWords puts the words that stand in a page whatever it shows where they
// are called for: a third of the time of a long list went into calling for them.
func (t tongue) fixedWords(text string) string {
	return fixedWord.ReplaceAllStringFunc(text, func(call string) string {
		return template.HTMLEscapeString(t.say(fixedWord.FindStringSubmatch(call)[1]))
	})
}

// render writes one page in one language.
func render(w io.Writer, lang fault.Lang, name string, view any) error {
	pages, err := pagesOf(lang)
	if err != nil {
		return err
	}
	return pages.ExecuteTemplate(w, name, view)
}

// titled is a page with its title in one language, and the other languages.
type titled struct {
	*page
	Title  string
	Others []fault.Lang
}

// groupOf is a group on its page.
type groupOf struct {
	Page  titled
	Group group
}

// funcs is what the templates can call. Foreign text goes through plain (or
// number, word, …, which call it); html/template escapes all of it once more
// for its place in the page.
func (t tongue) funcs() template.FuncMap {
	return template.FuncMap{
		"lang": func() string { return string(t.lang) },
		"language": func(l fault.Lang) string {
			if l == fault.Chinese {
				return "中文"
			}
			return "English"
		},
		"t":         t.say,
		"word":      t.word,
		"proof":     t.proof,
		"tell":      t.tell,
		"verdict":   t.verdict,
		"money":     t.money,
		"signed":    t.signed,
		"plain":     func(v any) string { return plain(fmt.Sprint(v)) },
		"n":         countOfAny,
		"weekday":   func(d bizday.Date) string { return t.weekday(d.Weekday()) },
		"at":        func(at time.Time, zone string) string { return clockTime(at, zone) },
		"time":      inZone,
		"utc":       utc,
		"tone":      toneOf,
		"number":    func(r schemas.Record) string { return plain(numberOf(&r)) },
		"fixnumber": func(f schemas.Fix) string { return plain(fixNumber(f)) },
		"overdue":   func(due, on bizday.Date) bool { return due != bizday.None && due < on },
		"rows":      t.rows,
		"with2":     func(p titled, g group) groupOf { return groupOf{p, g} },
		"first":     firstShown,
		"cut":       t.cut,
		"why":       func(p any) string { return pageOf(p).why(t) },
		"details":   func(p any) string { return pageOf(p).details(t) },
		"daywhy":    func(d titledDay) string { return d.why(t) },
		"neg": func(v int64) string {
			if v < 0 {
				return " neg"
			}
			return ""
		},
	}
}

func pageOf(p any) *page {
	if v, ok := p.(titled); ok {
		return v.page
	}
	return p.(*page)
}

func countOfAny(v any) string {
	switch v := v.(type) {
	case int:
		return count(int64(v))
	case int64:
		return count(v)
	}
	return fmt.Sprint(v)
}

// firstShown cuts a list to what a page shows.
func firstShown(list any) any {
	v := reflect.ValueOf(list)
	return v.Slice(0, min(v.Len(), maxShown)).Interface()
}

// cut says how many rows a page leaves out, and where they stand.
func (t tongue) cut(rows any, file string) template.HTML {
	n := reflect.ValueOf(rows).Int()
	if n <= maxShown {
		return ""
	}
	return template.HTML(fmt.Sprintf(`<p class="cut">%s %s <span class="mono">%s</span></p>`,
		count(n-maxShown), template.HTMLEscapeString(t.say("more")), template.HTMLEscapeString(file)))
}

func fixNumber(f schemas.Fix) string {
	switch {
	case f.RefundRef != "":
		return f.RefundRef
	case f.MerchantRef != "":
		return f.MerchantRef
	}
	return f.ChannelRef
}
