package main

import (
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"tieout/internal/fault"
)

// initCmd writes the configuration that a new user edits.
type initCmd struct{}

//go:embed init.yaml
var initYAML []byte

// Run is called by kong. An existing file is never overwritten.
func (*initCmd) Run(a *app) error {
	if err := os.MkdirAll(filepath.Dir(a.cli.Config), 0o700); err != nil {
		return fault.New("E-4101", fault.V{"path": filepath.Dir(a.cli.Config), "reason": err.Error()}, nil)
	}
	f, err := os.OpenFile(a.cli.Config, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fault.New("E-6401", fault.V{"command": "init", "reason": a.cli.Config + " exists already"}, nil)
	}
	if err != nil {
		return fault.New("E-4101", fault.V{"path": a.cli.Config, "reason": err.Error()}, nil)
	}
	_, werr := f.Write(initYAML)
	if err := errors.Join(werr, f.Close()); err != nil {
		return fault.New("E-4101", fault.V{"path": a.cli.Config, "reason": err.Error()}, nil)
	}
	a.say(fmt.Sprintf("wrote %s; edit it, then run: tieout config check", a.cli.Config),
		fmt.Sprintf("已生成 %s；请编辑后运行：tieout config check", a.cli.Config))
	return nil
}
