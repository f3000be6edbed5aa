package pipeline

import "tieout/schemas"

// explained lists the rows of other days that this run placed with a row of the
// statement: what an earlier day found about them is no difference any more.
func (w *work) explained(claims []schemas.Claim) []schemas.Explained {
	var out []schemas.Explained
	day := w.acct.Definition.Day()
	for _, c := range claims {
		if isPair(c.Class) && c.EventTime != schemas.NoTime && day.DateOf(c.EventTime) != w.date {
			out = append(out, schemas.Explained{Kind: c.Kind, Key: c.Key, Reason: "paired by the statement of " + w.date.String()})
		}
	}
	return out
}

// isPair tells whether rows of the class stand with one row of the other side.
// What is wrong with the pair, if anything, is a finding of the day that made it.
func isPair(c schemas.Class) bool {
	switch c {
	case schemas.Matched, schemas.AmountMismatch, schemas.LocalBehind, schemas.LocalAhead, schemas.FeeMismatch, schemas.FeeRounding,
		schemas.CurrencyMismatch, schemas.DateMismatch, schemas.TypeMismatch:
		return true
	}
	return false
}
