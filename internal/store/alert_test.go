package store_test

import (
	"context"
	"testing"
)

func TestAlertsThatDidNotArriveAreSeen(t *testing.T) {
	n := newNight(t)
	ctx := context.Background()
	var ids []int64
	for _, x := range []struct{ place, date string }{{"ops", "2026-11-20"}, {"mail", ""}, {"chat", "2026-11-20"}} {
		id, err := n.db.AddAlert(ctx, x.place, account, x.date, `{"exit_code":21}`)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	if err := n.db.EndAlert(ctx, ids[0], 1, ""); err != nil {
		t.Fatal(err)
	}
	if err := n.db.EndAlert(ctx, ids[1], 3, "HTTP 503"); err != nil {
		t.Fatal(err)
	}
	list, err := n.db.UnsentAlerts(ctx, 10)
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != 2 || list[0].Sink != "chat" || list[0].State != "PENDING" || list[0].BillDate != day ||
		list[1].Sink != "mail" || list[1].State != "FAILED" || list[1].Tries != 3 || list[1].LastError != "HTTP 503" || !list[1].Created.Equal(clock) {
		t.Errorf("%+v", list)
	}
}
