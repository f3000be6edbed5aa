package merchantapi_test

import (
	"strings"
	"testing"
	"time"

	"tieout/internal/paycore"
)

// A merchant sees what he could not be told, and has it sent again; another's
// notices are not there for him.
func TestFaultA3_DeadNoticeIsSentAgain(t *testing.T) {
	w := newWorld(t)
	c, ctx := w.client("M01"), t.Context()
	w.paidOrder("M01", "O1")
	pending, err := c.Notices(ctx, "PENDING")
	if err != nil || len(pending.Notices) != 1 || !strings.Contains(string(pending.Notices[0].Body), `"order_no":"O1"`) {
		t.Fatalf("got %+v, %v", pending, err)
	}
	id := pending.Notices[0].EventID
	w.give(id)
	dead, err := c.Notices(ctx, "DEAD")
	if err != nil || len(dead.Notices) != 1 || dead.Notices[0].EventID != id || dead.Notices[0].Tries != 1 || dead.Notices[0].LastError != "the merchant answered HTTP 500" {
		t.Fatalf("got %+v, %v", dead, err)
	}
	if _, err := w.client("M02").Resend(ctx, "resend-key-1", id); code(err) != "E-6416" {
		t.Errorf("another's notice: %v", err)
	}
	if list, err := w.client("M02").Notices(ctx, "DEAD"); err != nil || len(list.Notices) != 0 {
		t.Errorf("another's notices: %+v, %v", list, err)
	}
	if list, err := c.Notices(ctx, "DEAD"); err != nil || len(list.Notices) != 1 {
		t.Fatalf("got %+v, %v", list, err)
	}
	if n, err := c.Resend(ctx, "resend-key-1", id); err != nil || n.State != "PENDING" {
		t.Errorf("got %+v, %v", n, err)
	}
	due, err := w.db.ClaimNotices(ctx, w.clock.now(), 1, 10)
	if err != nil || len(due) != 1 || due[0].ID != id || due[0].Tries != 0 {
		t.Errorf("due: %+v, %v", due, err)
	}
	// The same request again is no third time.
	if err := w.db.NoticeTried(ctx, due[0], true, w.clock.now(), ""); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Resend(ctx, "resend-key-1", id); err != nil {
		t.Error(err)
	}
	if counts, err := w.db.OutboxCounts(ctx); err != nil || counts["SENT"] != 1 {
		t.Errorf("got %v, %v", counts, err)
	}
	if _, err := c.Notices(ctx, "LOST"); code(err) != "E-6413" {
		t.Errorf("a state that is none: %v", err)
	}
}

// give takes the only notice that is due and gives it up.
func (w *world) give(id string) {
	w.t.Helper()
	due, err := w.db.ClaimNotices(w.t.Context(), w.clock.now(), 1, 10)
	if err != nil || len(due) != 1 || due[0].ID != id {
		w.t.Fatalf("due: %+v, %v", due, err)
	}
	if err := w.db.NoticeTried(w.t.Context(), paycore.Outgoing{ID: id}, false, time.Time{}, "the merchant answered HTTP 500"); err != nil {
		w.t.Fatal(err)
	}
}
