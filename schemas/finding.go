package schemas

// Finding is one difference with all that resolve said about it: what goes
// from resolve to the cases. Only findings whose action is AUTO or MANUAL
// become part of a case.
type Finding struct {
	CaseID     string      `json:"case_id"`
	Difference *Difference `json:"difference"`
	Decision   Decision    `json:"decision"`
	// Exposure is the money that the difference leaves open, signed, minor
	// units of Difference.Currency: what the channel moved less what our books
	// moved. A MANUAL finding holds it in suspense; an AUTO finding does so
	// only when its fix is refused.
	Exposure int64  `json:"exposure"`
	Evidence string `json:"evidence"` // sha256 of the facts as shown
	// Fixes of an AUTO finding are applied as they are; those of a MANUAL one
	// are what people may propose, with their amounts already filled in.
	Fixes []Fix `json:"fixes,omitempty"`
}

// Spent is what automatic fixes of one cell used up on one account and date.
type Spent struct {
	Cell     string `json:"cell"`
	Currency string `json:"currency"`
	Count    int64  `json:"count"`
	Minor    int64  `json:"minor"`
}

// Explained says that a run paired a row of another day, whatever the class of
// the pair, so that what earlier dates found about its key is no difference any
// more; what is wrong with the pair, if anything, is a finding of that run. It
// is made of the claims and carried rows that a run placed with a row of the
// other side.
type Explained struct {
	Kind   Kind   `json:"kind"`
	Key    string `json:"key"`
	Reason string `json:"reason"` // one English sentence
}
