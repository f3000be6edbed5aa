package config

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"tieout/internal/fault"
)

// Problems are the mistakes of one file, in line order.
type Problems []Problem

// Problem is one mistake.
type Problem struct {
	File string
	Line int    // 1-based; 0 if the file as a whole
	Text string // a phrase
}

// In says the mistake in a language, behind its place.
func (p Problem) In(lang fault.Lang) string {
	text := fault.Translate(lang, p.Text)
	if p.Line == 0 {
		return p.File + ": " + text
	}
	return fmt.Sprintf("%s:%d: %s", p.File, p.Line, text)
}

func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.In(fault.English)
	}
	return strings.Join(lines, "\n")
}

var (
	yamlLine    = regexp.MustCompile(`^(?:yaml: )?line (\d+): (.*)$`)
	yamlUnknown = regexp.MustCompile(`^field (\S+) not found in type \S+$`)
)

func yamlProblems(path string, err error) []Problem {
	texts := []string{err.Error()}
	var te *yaml.TypeError
	if errors.As(err, &te) {
		texts = te.Errors
	}
	var out []Problem
	for _, t := range texts {
		p := Problem{File: path, Text: t}
		if m := yamlLine.FindStringSubmatch(t); m != nil {
			p.Line, _ = strconv.Atoi(m[1])
			p.Text = m[2]
		}
		p.Text = yamlUnknown.ReplaceAllString(p.Text, "$1: there is no such option here")
		out = append(out, p)
	}
	return out
}
