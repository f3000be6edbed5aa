package main

import (
	"fmt"
	"sort"

	"github.com/alecthomas/kong"
)

const description = "tieout reconciles payments: statements of payment channels against our own books, to the cent, with evidence."

// exitCodes is the published table. docs/runbook.md has one entry for each; a
// test keeps the two equal.
var exitCodes = map[int]string{
	0:   "finished, nothing open (or already final)",
	10:  "finished; items wait for review",
	11:  "finished, but a safety limit stopped automatic fixes, or an override is needed",
	20:  "input not available yet; nothing changed",
	21:  "input incomplete or corrupt; held",
	22:  "input issued again with other content; held",
	23:  "input of the wrong day, merchant or currency; held",
	24:  "input cannot be parsed; held",
	30:  "trust or login failure (TLS, host key, signature, credentials)",
	31:  "network retries used up",
	40:  "locked by another run, or database busy",
	41:  "disk full or I/O error",
	42:  "stored data fails verification; all writes refused",
	43:  "schema mismatch",
	50:  "own result breaks an invariant; nothing applied",
	64:  "usage",
	70:  "internal error",
	78:  "configuration",
	130: "interrupted (SIGINT), safe to rerun",
	143: "terminated (SIGTERM), safe to rerun",
}

// helpWithExitCodes prints kong's help; that of the whole program ends with the
// table.
func helpWithExitCodes(options kong.HelpOptions, ctx *kong.Context) error {
	if err := kong.DefaultHelpPrinter(options, ctx); err != nil || ctx.Selected() != nil {
		return err
	}
	codes := make([]int, 0, len(exitCodes))
	for c := range exitCodes {
		codes = append(codes, c)
	}
	sort.Ints(codes)
	fmt.Fprintln(ctx.Stdout, "\nExit codes (an unknown code is a failure):")
	for _, c := range codes {
		fmt.Fprintf(ctx.Stdout, "  %3d  %s\n", c, exitCodes[c])
	}
	return nil
}
