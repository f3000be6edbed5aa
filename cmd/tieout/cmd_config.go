package main

import (
	"fmt"
	"time"

	"go.yaml.in/yaml/v3"
)

// configCmd looks at the configuration and opens no books.
type configCmd struct {
	Check configCheckCmd `cmd:"" help:"Check the configuration; name every mistake with its line."`
	Show  configShowCmd  `cmd:"" help:"Show the configuration with its defaults; secrets are file names and stay so."`
}

type configCheckCmd struct{}

// Run is called by kong. A certificate that ends is no mistake: it is warned of,
// also where the rest is quiet.
func (*configCheckCmd) Run(a *app) error {
	cfg, _, err := a.loadConfig()
	if err != nil {
		return err
	}
	list := endings(cfg, a.now())
	if a.cli.JSON {
		return a.printJSON(map[string]any{"code": 0, "file": a.cli.Config, "accounts": len(cfg.Accounts), "certificates": append([]ending{}, list...)})
	}
	for _, e := range list {
		line := a.tr("%s: certificate %s ends on %s\n", "%s：证书 %s 将于 %s 到期\n")
		if !a.now().Before(e.Ends) {
			line = a.tr("%s: certificate %s ended on %s\n", "%s：证书 %s 已于 %s 到期\n")
		}
		fmt.Fprintf(a.err, line, e.Option, e.Serial, e.Ends.UTC().Format(time.DateOnly))
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
