package main

import (
	"cmp"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"tieout/internal/config"
	"tieout/internal/fault"
	"tieout/normalize"
	"tieout/schemas/channels"
)

// definitions returns the channels that come with the program and the
// operator's own. Every mistake of every own definition is listed; the error is
// E-7894.
func definitions(own []string) (map[string]*channels.Definition, []string, error) {
	all, err := channels.All()
	if err != nil {
		return nil, nil, err
	}
	byName, names := map[string]*channels.Definition{}, make([]string, 0, len(all)+len(own))
	add := func(d *channels.Definition) {
		byName[d.Name] = d
		names = append(names, d.Name)
	}
	for _, d := range all {
		add(d)
	}
	var wrong []error
	for _, file := range own {
		d, err := ownDefinition(file)
		if err == nil && byName[d.Name] != nil {
			err = errors.New("name: there is a channel " + d.Name + " already")
		}
		if err != nil {
			wrong = append(wrong, fault.New("E-7894", fault.V{"path": file}, mistakesOf(file, err)))
			continue
		}
		add(d)
	}
	return byName, names, errors.Join(wrong...)
}

// ownDefinition reads a definition and compiles it, as a run would.
func ownDefinition(file string) (*channels.Definition, error) {
	d, err := channels.Load(os.DirFS(filepath.Dir(file)), filepath.Base(file))
	if err != nil {
		return nil, err
	}
	return d, normalize.Check(d)
}

var unknownKey = regexp.MustCompile(`^line (\d+): field (\S+) not found in type \S+$`)

// mistakesOf lists the lines of an error as mistakes of a file, in an order
// that does not change.
func mistakesOf(file string, err error) config.Problems {
	var list config.Problems
	for line := range strings.Lines(err.Error()) {
		text := strings.TrimPrefix(strings.TrimSpace(line), "channel definition "+filepath.Base(file)+": ")
		p := config.Problem{File: file, Text: text}
		if m := unknownKey.FindStringSubmatch(text); m != nil {
			p.Line, _ = strconv.Atoi(m[1])
			p.Text = m[2] + ": there is no such key here"
		}
		if text != "yaml: unmarshal errors:" {
			list = append(list, p)
		}
	}
	slices.SortFunc(list, func(a, b config.Problem) int { return cmp.Or(a.Line-b.Line, strings.Compare(a.Text, b.Text)) })
	return list
}

// loadConfig reads and checks the configuration and the definitions that it
// names; nothing else is opened.
func (a *app) loadConfig() (*config.Config, map[string]*channels.Definition, error) {
	cfg, err := config.Load(a.cli.Config, channels.Names())
	if err != nil {
		return nil, nil, err
	}
	if a.cli.Lang == "" && cfg.Lang == "zh" {
		a.lang = fault.Chinese
	}
	defs, names, err := definitions(cfg.Channels)
	if err != nil {
		return nil, nil, err
	}
	var missing config.Problems
	for _, acct := range cfg.Accounts {
		if !slices.Contains(names, acct.Channel) {
			missing = append(missing, config.Problem{File: a.cli.Config, Text: "account " + acct.Name + ": channel " + acct.Channel + " is not one of " + strings.Join(names, ", ")})
		}
	}
	if len(missing) > 0 {
		return nil, nil, fault.New("E-7890", fault.V{"path": a.cli.Config, "count": len(missing)}, missing)
	}
	return cfg, defs, nil
}
