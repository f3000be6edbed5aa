package main

import (
	"encoding/json"
	"fmt"

	"tieout/internal/fault"
	"tieout/internal/paycore"
)

// notifyCmd works on the notices to merchants.
type notifyCmd struct {
	List   notifyListCmd   `cmd:"" help:"List notices: those given up, or in another state."`
	Resend notifyResendCmd `cmd:"" help:"Make notices due now, with all their tries."`
}

type notifyListCmd struct {
	State    string `enum:"PENDING,SENT,DEAD" default:"DEAD" help:"PENDING, SENT or DEAD (tried ten times within 48 hours)."`
	Merchant string `placeholder:"ID" help:"Only this merchant."`
	Limit    int    `help:"At most so many." default:"100"`
}

// noticeLine is one notice as it is printed. Its address may hold a token, and
// is not.
type noticeLine struct {
	ID       string              `json:"event_id"`
	Merchant string              `json:"merchant"`
	State    paycore.NoticeState `json:"state"`
	Tries    int                 `json:"tries"`
	Next     string              `json:"next,omitempty"` // of a PENDING one
	Changed  string              `json:"changed"`
	Error    string              `json:"error,omitempty"`
	Body     json.RawMessage     `json:"body"`
}

func lineOf(n paycore.NoticeStanding) noticeLine {
	l := noticeLine{n.ID, n.Merchant, n.State, n.Tries, "", moment(n.UpdatedAt), n.LastError, json.RawMessage(n.Payload)}
	if n.State == paycore.NoticePending {
		l.Next = moment(n.Next)
	}
	return l
}

// Run is called by kong.
func (c *notifyListCmd) Run(a *app) error {
	site, err := a.open()
	if err != nil {
		return err
	}
	defer site.close()
	list, err := site.db.Notices(a.ctx, c.Merchant, paycore.NoticeState(c.State), c.Limit)
	if err != nil {
		return err
	}
	lines := make([]noticeLine, len(list))
	for i, n := range list {
		lines[i] = lineOf(n)
	}
	if a.cli.JSON {
		return a.printJSON(lines)
	}
	if len(lines) == 0 {
		a.say("no notice is "+c.State, "没有状态为 "+c.State+" 的通知")
		return nil
	}
	t := newTable(3)
	for _, l := range lines {
		t.add(fault.Safe(l.ID, 120), l.Merchant, string(l.State), fmt.Sprint(l.Tries), l.Changed, l.Next, fault.Translate(a.lang, fault.Safe(l.Error, 120)))
	}
	return t.print(a.out, "")
}

type notifyResendCmd struct {
	IDs []string `arg:"" name:"id" help:"Event ids, as listed."`
	person
}

// Run is called by kong.
func (c *notifyResendCmd) Run(a *app) error {
	who, err := c.name()
	if err != nil {
		return err
	}
	site, err := a.open()
	if err != nil {
		return err
	}
	defer site.close()
	for _, id := range c.IDs {
		found, err := site.db.Resend(a.ctx, "", id)
		if err != nil {
			return err
		}
		if !found {
			return fault.New("E-6401", fault.V{"command": "notify resend", "reason": fmt.Sprintf("there is no notice %q", id)}, nil)
		}
		site.log.Info("resend", "event", id, "by", who)
		a.result.Changed = "notices"
	}
	a.say(fmt.Sprintf("%s due now", counted(int64(len(c.IDs)), "notice")), fmt.Sprintf("%d 条通知立即重发", len(c.IDs)))
	return nil
}
