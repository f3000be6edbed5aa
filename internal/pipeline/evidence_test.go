package pipeline_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"

	"tieout/fetchers"
	"tieout/internal/fault"
	"tieout/internal/pipeline"
	"tieout/schemas"
)

// unproven offers files that do not end well.
type unproven struct {
	bodies []string
	cause  error
}

// Fetch implements fetchers.Source.
func (u unproven) Fetch(ctx context.Context, _ schemas.StatementRequest, keep fetchers.Keep) (schemas.Fetched, error) {
	for _, body := range u.bodies {
		if _, err := keep(ctx, "bill.csv", io.MultiReader(strings.NewReader(body), iotest.ErrReader(u.cause))); !errors.Is(err, u.cause) {
			return schemas.Fetched{}, errors.Join(errors.New("keep hides the reader's error"), err)
		}
	}
	return schemas.Fetched{}, u.cause
}

// What fails its proof is kept under its hash: the last of several tries, and
// only what the message names. The right file comes as if it had not been.
func TestFailedProofIsKeptAsEvidence(t *testing.T) {
	cut := fault.New("E-2112", fault.V{"channel": "wechat", "account": mchID, "date": day1, "place": "https://pay/bill", "want": "9 bytes", "got": "4 bytes"}, nil)
	for _, c := range []struct {
		name   string
		source unproven
		kept   string
	}{
		{"a cut body", unproven{[]string{"half", "half of it"}, cut}, "half of it"},
		{"a broken line", unproven{[]string{"half"}, fault.New("E-3110", fault.V{}, nil)}, ""},
		{"above the limit", unproven{[]string{"half"}, fault.New("E-2113", fault.V{}, nil)}, ""},
		{"no byte", unproven{[]string{""}, cut}, ""},
		{"nothing came", unproven{nil, cut}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.play(day1, cleanDay)
			w.acct.Source = c.source
			res, err := w.pipe.Run(context.Background(), w.acct, day1, pipeline.Options{})
			if err == nil || res.Exit != fault.Of(c.source.cause).Exit() {
				t.Fatalf("exit %d, %v", res.Exit, err)
			}
			raw, globErr := filepath.Glob(filepath.Join(w.dir, "lake", "raw", "*", "*"))
			if globErr != nil {
				t.Fatal(globErr)
			}
			if c.kept == "" {
				if len(raw) > 0 || strings.Contains(err.Error(), "E-2183") {
					t.Errorf("kept %q, said %v", raw, err)
				}
			} else if body, readErr := os.ReadFile(raw[0]); len(raw) != 1 || readErr != nil || string(body) != c.kept || !strings.Contains(err.Error(), "10 bytes, in "+raw[0]) {
				t.Errorf("kept %q: %q (%v), said %v", raw, body, readErr, err)
			}
			if issues, err := w.db.Statements(context.Background(), accountName, day1, "TRADE:ALL"); err != nil || len(issues) > 0 {
				t.Errorf("statements %v, %v", issues, err)
			}
			wantList(t, "temporary files", w.tempFiles(), nil)

			w.acct.Source = w.books
			w.run(day1, pipeline.Options{Now: true}, "")
			w.verify(day1, day1)
		})
	}
}

// A disk that fails while evidence comes, or while it is put in place, is never
// said to hold it.
func TestEvidenceOnABadDiskIsNotClaimed(t *testing.T) {
	cut := fault.New("E-2112", fault.V{}, nil)
	for k := 1; k <= 5; k++ {
		w := newWorld(t)
		w.play(day1, cleanDay)
		w.fs = &badDisk{illness: illness{errno: syscall.ENOSPC, forever: true}, k: k}
		w.restart()
		w.acct.Source = unproven{[]string{string(bytes.Repeat([]byte("x"), 100))}, cut}
		_, err := w.pipe.Run(context.Background(), w.acct, day1, pipeline.Options{})
		if err == nil || strings.Contains(err.Error(), "E-2183") {
			t.Errorf("operation %d fails: %v", k, err)
		}
		wantList(t, "temporary files", w.tempFiles(), nil)
	}
}
