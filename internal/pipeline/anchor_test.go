package pipeline_test

import (
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"encoding/hex"
	"path/filepath"
	"strings"
	"testing"

	"tieout/internal/pipeline"
)

// An insider changes a line of the log and computes every hash after it anew:
// the chain agrees with itself, and not with what the nights published.
func TestAttack38_LogWrittenAnew(t *testing.T) {
	w := newWorld(t)
	w.play(day1, cleanDay)
	w.play(day2, "Q1  10.00  10:00:00  paid  paid")
	w.runAll(day1, day2)
	w.verify(day1, day2)
	writeLogAnew(t, filepath.Join(w.dir, "tieout.db"), 3)
	proofs, err := w.pipe.Verify(t.Context(), []pipeline.Account{w.acct}, day1, day2, false)
	if err != nil {
		t.Fatal(err)
	}
	named := 0
	for _, p := range proofs {
		switch {
		case p.Name == "core.chain" && !p.OK:
			t.Fatalf("the log was not written anew: %+v", p)
		case p.OK:
		case strings.HasPrefix(p.Name, "run.") && strings.Contains(p.Got, "export: the log of state moves is another up to line "):
			named++
		default:
			t.Errorf("%+v", p)
		}
	}
	if named != 2 {
		t.Errorf("%d nights do not agree with the log, want both", named)
	}
}

// writeLogAnew changes the detail of one line and chains all lines again.
func writeLogAnew(t *testing.T, path string, line int64) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	exec := func(query string, args ...any) {
		t.Helper()
		if _, err := db.ExecContext(t.Context(), query, args...); err != nil {
			t.Fatal(err)
		}
	}
	for _, trigger := range texts(t, db, `SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'order_event'`) {
		exec(`DROP TRIGGER ` + trigger)
	}
	exec(`UPDATE order_event SET detail = 'nobody saw this' WHERE seq = $1`, line)
	rows, err := db.QueryContext(t.Context(), `SELECT seq, at_us, subject, ref, from_state, to_state, cause, detail FROM order_event ORDER BY seq`)
	if err != nil {
		t.Fatal(err)
	}
	var hashes []string
	before := ""
	for rows.Next() {
		var seq, at int64
		var fields [6]string
		if err := rows.Scan(&seq, &at, &fields[0], &fields[1], &fields[2], &fields[3], &fields[4], &fields[5]); err != nil {
			t.Fatal(err)
		}
		text := func(b []byte, s string) []byte { return append(binary.BigEndian.AppendUint64(b, uint64(len(s))), s...) }
		b := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(text(nil, before), uint64(seq)), uint64(at))
		for _, f := range fields {
			b = text(b, f)
		}
		sum := sha256.Sum256(b)
		before = hex.EncodeToString(sum[:])
		hashes = append(hashes, before)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	for i, hash := range hashes {
		exec(`UPDATE order_event SET hash = $1 WHERE seq = $2`, hash, i+1)
	}
}
