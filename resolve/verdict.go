package resolve

import (
	"fmt"

	"tieout/schemas"
)

// Standing is what a run ends with.
type Standing struct {
	Proofs   []schemas.Proof
	Open     int64 // open cases of the run's account
	Rejects  int64 // rows of the statement that could not be read: money may have moved in them
	Warnings int64 // things that want a look: warnings of readers, matches with a flag
	Carried  int64 // rows handed to the next run
}

// Verdict is the loudest answer that holds, and the sentence behind it:
// INCOMPLETE (a proof failed) > BREAKS (cases are open, or rows are unread) >
// WARNINGS (a warning, or an advisory proof failed) > PENDING (only carried
// rows) > RECONCILED.
func Verdict(s Standing) (schemas.Verdict, string) {
	var failed, advisory []string
	for _, p := range s.Proofs {
		switch {
		case p.OK:
		case p.Advisory:
			advisory = append(advisory, p.Name)
		default:
			failed = append(failed, p.Name)
		}
	}
	switch {
	case len(failed) > 0:
		return schemas.Incomplete, fmt.Sprintf("%d of %d proofs failed, first %s; nothing was fixed.", len(failed), len(s.Proofs), failed[0])
	case s.Open > 0:
		return schemas.Breaks, several(s.Open, "case waits", "cases wait") + " for people."
	case s.Rejects > 0:
		return schemas.Breaks, several(s.Rejects, "row of the statement cannot be read and waits", "rows of the statement cannot be read and wait") + " for people."
	case len(advisory) > 0:
		return schemas.Warnings, fmt.Sprintf("All rows are placed; the check %s wants a look.", advisory[0])
	case s.Warnings > 0:
		return schemas.Warnings, "All rows are placed; " + several(s.Warnings, "warning wants", "warnings want") + " a look."
	case s.Carried > 0:
		return schemas.Pending, several(s.Carried, "row waits", "rows wait") + " for the next statement."
	}
	return schemas.Reconciled, "Every row of both sides agrees."
}

func several(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// ExitCode is the exit code that a run earned by its result: 21 INCOMPLETE; 11
// a safety limit held automatic fixes back; 10 cases or unread rows wait for people; else 0.
func ExitCode(v schemas.Verdict, held int64) int {
	switch {
	case v == schemas.Incomplete:
		return 21
	case held > 0:
		return 11
	case v == schemas.Breaks:
		return 10
	case v == schemas.Warnings, v == schemas.Pending, v == schemas.Reconciled:
		return 0
	}
	return 50 // no verdict: our own result is broken
}
