package main

import (
	"tieout/internal/bizday"
	"tieout/internal/fault"
	"tieout/schemas"
)

// verifyCmd checks the invariants and writes nothing.
type verifyCmd struct {
	dates
	accounts
	ReadData bool `help:"Read every stored file and compare its hash."`
}

// Run is called by kong. A broken invariant ends with exit code 50, a damaged
// file with 42.
func (c *verifyCmd) Run(a *app) error {
	site, err := a.open()
	if err != nil {
		return err
	}
	defer site.close()
	accts, err := site.selected(c.accounts)
	if err != nil {
		return err
	}
	from, to := bizday.Make(2000, 1, 1), bizday.Make(2100, 1, 1)
	if c.Date != "" && len(accts) > 0 {
		if from, to, err = a.span(c.Date, accts[0].Definition.Day().Zone); err != nil {
			return err
		}
	}
	proofs, err := site.pipeline.Verify(a.ctx, accts, from, to, c.ReadData)
	if err != nil {
		return err
	}
	if a.cli.JSON {
		if err := a.printJSON(proofs); err != nil {
			return err
		}
	} else if !a.cli.Quiet {
		if err := printProofs(a, proofs); err != nil {
			return err
		}
	}
	return brokenProof(proofs)
}

// brokenProof is the first invariant that does not hold, as a fault.
func brokenProof(proofs []schemas.Proof) error {
	for _, p := range proofs {
		switch {
		case p.OK:
		case len(p.Name) > 4 && p.Name[:4] == "run.":
			return fault.New("E-4280", fault.V{"what": p.Name, "got": p.Got}, nil)
		default:
			return fault.New("E-5080", fault.V{"proof": p.Name, "want": p.Want, "got": p.Got, "note": p.Note, "account": "-", "date": "-"}, nil)
		}
	}
	return nil
}
