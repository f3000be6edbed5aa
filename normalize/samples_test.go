package normalize_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha1"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tieout/internal/bizday"
	"tieout/internal/fault"
	"tieout/normalize"
)

// TestRealBills reads real bills that others have published. They are not ours
// to keep in the tree: TIEOUT_SAMPLES names the folder that holds them.
func TestRealBills(t *testing.T) {
	root := os.Getenv("TIEOUT_SAMPLES")
	if root == "" {
		t.Skip("TIEOUT_SAMPLES names no folder of real bills")
	}
	paths, err := filepath.Glob(filepath.Join(root, "wechat", "*"))
	if err != nil {
		t.Fatal(err)
	}
	if len(paths) == 0 {
		t.Fatal("TIEOUT_SAMPLES names a folder without a wechat bill")
	}
	expected := map[string]struct {
		format   string
		rows     int64
		merchant string
		date     string
		fault    fault.ID
		sha1     string // the digest that the platform gave with the bill
	}{
		"gunsluo-merchant-ALL-20210128.csv":            {"trade_all_current", 3, "1601959334", "2021-01-28", "", "dcd7ceb3d382a1181798368bb15d8437de46c00f"},
		"gunsluo-merchant-ALL-20210128.lf.csv.gz":      {"trade_all_current", 3, "1601959334", "2021-01-28", "", ""},
		"gunsluo-merchant-REFUND-20210201.lf.csv":      {"trade_refund_current", 2, "1601959334", "2021-02-01", "", ""},
		"gunsluo-merchant-fundflow-20210201.lf.csv":    {"fundflow", 2, "", "2021-02-01", "E-2130", ""}, // its summary says 3 rows
		"gunsluo-merchant-fundflow-20210201.lf.csv.gz": {"fundflow", 2, "", "2021-02-01", "E-2130", ""},
	}
	for _, path := range paths {
		name := filepath.Base(path)
		t.Run(name, func(t *testing.T) {
			e, ok := expected[name]
			if !ok {
				t.Fatal("a sample that this test does not know: add what it must give")
			}
			b := sample(t, path)
			if sum := sha1.Sum(b); e.sha1 != "" && hex.EncodeToString(sum[:]) != e.sha1 {
				t.Errorf("the sample is not the bill that the platform sent: sha1 %x", sum)
			}
			st, c, err := read(t, normalize.Input{Definition: definition(t, "wechat"), Date: bizday.None, Files: []normalize.File{file(name, b)}})
			want(t, st, err, e.fault)
			if st.Format != e.format || st.Records != e.rows || st.Merchant != e.merchant || st.BillDate.String() != e.date || len(c.rejects) != 0 {
				t.Errorf("read as\n%s", canonical(st, c, err))
			}
			if e.fault != "" {
				if p := proof(t, st, "trailer.rows"); p.Want != "3" || p.Got != "2" {
					t.Errorf("proof %+v, want 3 stated and 2 found", p)
				}
			}
		})
	}
}

func sample(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(path, ".gz") {
		return b
	}
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	if b, err = io.ReadAll(z); err != nil {
		t.Fatal(err)
	}
	return b
}
