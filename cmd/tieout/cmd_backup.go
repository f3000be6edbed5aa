package main

import (
	"fmt"
	"path/filepath"

	"tieout/internal/bizday"
	"tieout/internal/fault"
	"tieout/internal/store"
	"tieout/ledgerlink"
)

// backupCmd copies the database while the service goes on.
type backupCmd struct {
	Out string `required:"" placeholder:"FILE" help:"Where the copy goes; it must not be there yet."`
}

// Run is called by kong. A copy whose books do not hold is no backup: it is
// opened and checked as the database would be.
func (c *backupCmd) Run(a *app) error {
	site, err := a.open()
	if err != nil {
		return err
	}
	defer site.close()
	path, err := filepath.Abs(c.Out)
	if err != nil {
		return fault.New("E-4101", fault.V{"path": c.Out, "reason": err.Error()}, err)
	}
	if err := site.db.Backup(a.ctx, path); err != nil {
		return err
	}
	if err := a.verifyCopy(site, path); err != nil {
		return err
	}
	if a.cli.JSON {
		return a.printJSON(map[string]any{"code": 0, "backup": path})
	}
	a.say(fmt.Sprintf("%s is a copy of the database; its books hold. The files of %s are to be copied after it", path, site.lake.Root()),
		fmt.Sprintf("%s 为数据库备份，账目校验通过；请随后复制 %s 中的文件", path, site.lake.Root()))
	return nil
}

// verifyCopy checks the invariants on the copy.
func (a *app) verifyCopy(site *site, path string) error {
	db, err := store.Open(a.ctx, path, a.now, false)
	if err != nil {
		return err
	}
	defer db.Close()
	copied := *site.pipeline
	copied.Store, copied.Books = db, ledgerlink.NewLink(db, nil)
	proofs, err := copied.Verify(a.ctx, site.accounts, bizday.Make(2000, 1, 1), bizday.Make(2100, 1, 1), false)
	if err != nil {
		return err
	}
	return brokenProof(proofs)
}
