package main

import (
	"fmt"
	"time"

	"tieout/internal/fault"
	"tieout/internal/gateway"
)

// channelTasksCmd lists payments and refunds that the channels have not decided.
type channelTasksCmd struct {
	All   bool `help:"Also what the program still asks about by itself, not only what waits for a person."`
	Limit int  `help:"At most so many." default:"100"`
}

// taskLine is one task as it is printed.
type taskLine struct {
	Subject gateway.Subject `json:"subject"`
	Number  string          `json:"number"`
	Account string          `json:"account"`
	State   gateway.State   `json:"state"`
	Tries   int             `json:"tries"`
	Next    string          `json:"next,omitempty"` // when it is worked on by itself
	Changed string          `json:"changed"`
	Note    string          `json:"note"`
}

// Run is called by kong.
func (c *channelTasksCmd) Run(a *app) error {
	site, err := a.open()
	if err != nil {
		return err
	}
	defer site.close()
	states := []gateway.State{gateway.Stuck}
	if c.All {
		states = append(states, gateway.Intent, gateway.Sent, gateway.Closing, gateway.Dropping)
	}
	tasks, err := site.db.ListTasks(a.ctx, c.Limit, states...)
	if err != nil {
		return err
	}
	lines := make([]taskLine, len(tasks))
	for i, t := range tasks {
		lines[i] = taskLine{t.Subject, t.Number, t.Account, t.State, t.Tries, "", moment(t.UpdatedAt), t.Note}
		if t.State != gateway.Stuck {
			lines[i].Next = moment(t.Next)
		}
	}
	if a.cli.JSON {
		return a.printJSON(lines)
	}
	out := newTable(4)
	for _, l := range lines {
		out.add(string(l.Subject), l.Number, l.Account, string(l.State), fmt.Sprint(l.Tries), l.Changed, l.Next, fault.Translate(a.lang, l.Note))
	}
	return out.print(a.out, "")
}

func moment(us int64) string { return time.UnixMicro(us).UTC().Format(time.RFC3339) }

// channelRetryCmd takes up what waited for a person: the channel is asked again
// before anything is sent.
type channelRetryCmd struct {
	Subject string `arg:"" enum:"PAYMENT,REFUND,EXTRA" help:"PAYMENT, REFUND or EXTRA, as listed."`
	Number  string `arg:"" help:"Number, as listed."`
}

// Run is called by kong.
func (c *channelRetryCmd) Run(a *app) error {
	site, err := a.open()
	if err != nil {
		return err
	}
	defer site.close()
	found, err := site.db.ReopenTask(a.ctx, gateway.Subject(c.Subject), c.Number)
	if err != nil {
		return err
	}
	if !found {
		return fault.New("E-6401", fault.V{"command": "channel retry", "reason": fmt.Sprintf("no %s %q waits for a person", c.Subject, c.Number)}, nil)
	}
	if a.cli.JSON {
		return a.printJSON(map[string]any{"subject": c.Subject, "number": c.Number, "retried": true})
	}
	return nil
}
