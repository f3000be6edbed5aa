package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tieout/internal/gateway"
	"tieout/internal/store"
)

// What waits for a person is listed, in his language, and is taken up again on
// his word; what the program works on by itself is listed on request.
func TestChannelTasks(t *testing.T) {
	dir := unpacked(t, "case")
	now := func() time.Time { return time.Date(2025, 11, 22, 3, 0, 0, 0, time.UTC) }
	tieout := func(want int, args ...string) (stdout, stderr string) {
		t.Helper()
		var out, errs bytes.Buffer
		args = append([]string{"-c", filepath.Join(dir, "tieout.yaml")}, args...)
		if got := run(args, strings.NewReader(""), &out, &errs, now, store.NetworkOf); got != want {
			t.Fatalf("%v: exit code %d, want %d: %s", args, got, want, errs.String())
		}
		return out.String(), errs.String()
	}
	if out, _ := tieout(0, "channel", "tasks", "--all"); out != "" {
		t.Errorf("nothing was sent, listed is %q", out)
	}
	db, err := store.Open(t.Context(), filepath.Join(dir, "data", "tieout.db"), now, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range []gateway.Task{
		{Subject: gateway.ForRefund, Number: "REF00001", Account: "shop", State: gateway.Stuck, Note: "no certain answer: the channel's answer is not known"},
		{Subject: gateway.ForPayment, Number: "PAY00002", Account: "shop", State: gateway.Sent, Note: "nobody has paid yet"},
	} {
		if _, err := db.Intend(t.Context(), task); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	out, _ := tieout(0, "channel", "tasks")
	if !strings.Contains(out, "REF00001") || !strings.Contains(out, "no certain answer") || strings.Contains(out, "PAY00002") {
		t.Errorf("listed is %q", out)
	}
	if out, _ = tieout(0, "--lang", "zh", "channel", "tasks", "--all"); !strings.Contains(out, "没有确定的应答：渠道的应答未知") || !strings.Contains(out, "尚无人付款") {
		t.Errorf("in Chinese: %q", out)
	}
	if out, _ = tieout(0, "--json", "channel", "tasks"); !strings.Contains(out, `"number": "REF00001"`) {
		t.Errorf("as JSON: %q", out)
	}
	tieout(0, "channel", "retry", "REFUND", "REF00001")
	if out, _ = tieout(0, "channel", "tasks"); out != "" {
		t.Errorf("after it was taken up: %q", out)
	}
	if _, said := tieout(64, "channel", "retry", "REFUND", "REF00001"); !strings.Contains(said, `no REFUND "REF00001" waits for a person`) {
		t.Errorf("said: %q", said)
	}
}
