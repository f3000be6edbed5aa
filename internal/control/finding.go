package control

import "time"

// State of a finding.
type State string

// The states. A finding is GONE when its check does not see it any more;
// RESOLVED is the decision of two people to leave it as it is.
const (
	Open     State = "OPEN"
	Proposed State = "PROPOSED"
	Resolved State = "RESOLVED"
	Gone     State = "GONE"
)

// Finding is what a check found about one number.
type Finding struct {
	ID       string    `json:"id"`
	Check    string    `json:"check"`
	Ref      string    `json:"ref"`
	Detail   string    `json:"detail"`
	Priority int       `json:"priority"`
	State    State     `json:"state"`
	FirstRun int64     `json:"first_run"`
	LastRun  int64     `json:"last_run"`
	Maker    string    `json:"maker,omitempty"`
	Reason   string    `json:"reason,omitempty"`
	Checker  string    `json:"checker,omitempty"`
	Version  int64     `json:"version"`
	Since    time.Time `json:"since"`
}

// Run is one pass over the checks.
type Run struct {
	Seq    int64     `json:"seq"`
	Whole  bool      `json:"whole"`
	LogSeq int64     `json:"log_seq"`
	Checks int       `json:"checks"`
	Hits   int       `json:"hits"`
	Raised int       `json:"raised"`
	Gone   int       `json:"gone"`
	At     time.Time `json:"at"`
}

// Hit is a row that breaks a check.
type Hit struct{ Ref, Detail string }
