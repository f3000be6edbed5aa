package main

import (
	"fmt"

	"go.yaml.in/yaml/v3"
)

// configCmd looks at the configuration and opens nothing.
type configCmd struct {
	Check configCheckCmd `cmd:"" help:"Check the configuration; name every mistake with its line."`
	Show  configShowCmd  `cmd:"" help:"Show the configuration with its defaults; secrets are file names and stay so."`
}

type configCheckCmd struct{}

// Run is called by kong.
func (*configCheckCmd) Run(a *app) error {
	cfg, _, err := a.loadConfig()
	if err != nil {
		return err
	}
	if a.cli.JSON {
		return a.printJSON(map[string]any{"code": 0, "file": a.cli.Config, "accounts": len(cfg.Accounts)})
	}
	a.say(fmt.Sprintf("%s: %s, no mistakes", a.cli.Config, counted(len(cfg.Accounts), "account")),
		fmt.Sprintf("%s：%d 个账户，配置无误", a.cli.Config, len(cfg.Accounts)))
	return nil
}

type configShowCmd struct{}

// Run is called by kong.
func (*configShowCmd) Run(a *app) error {
	cfg, _, err := a.loadConfig()
	if err != nil {
		return err
	}
	body, err := yaml.Marshal(cfg)
	if err != nil {
		return fmt.Errorf("encode the configuration: %w", err)
	}
	if a.cli.JSON {
		var tree any
		if err := yaml.Unmarshal(body, &tree); err != nil {
			return fmt.Errorf("encode the configuration: %w", err)
		}
		return a.printJSON(tree)
	}
	_, err = a.out.Write(body)
	return err
}
