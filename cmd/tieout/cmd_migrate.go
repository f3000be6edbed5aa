package main

import (
	"fmt"
	"path/filepath"

	"tieout/internal/store"
)

// migrateCmd upgrades the database.
type migrateCmd struct{}

// Run is called by kong. A backup is written first, by the database itself.
func (*migrateCmd) Run(a *app) error {
	cfg, _, err := a.loadConfig()
	if err != nil {
		return err
	}
	path := filepath.Join(cfg.Data, "tieout.db")
	if err := a.ownDisk(path); err != nil {
		return err
	}
	backup := path + ".backup-" + a.now().UTC().Format("20060102T150405Z")
	made, err := store.Migrate(a.ctx, path, backup, a.now)
	if err != nil {
		return err
	}
	if made {
		a.say(fmt.Sprintf("upgraded %s; the database as it was is in %s", path, backup), fmt.Sprintf("已升级 %s；升级前的数据库在 %s", path, backup))
	} else {
		a.say(path+" is up to date", path+" 已是最新版本")
	}
	return nil
}

// versionCmd prints the version.
type versionCmd struct{}

// Run is called by kong.
func (*versionCmd) Run(a *app) error {
	if a.cli.JSON {
		return a.printJSON(map[string]any{"version": buildName()})
	}
	_, err := fmt.Fprintln(a.out, "tieout "+buildName())
	return err
}
