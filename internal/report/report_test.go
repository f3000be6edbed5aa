package report

import (
	"os"
	"testing"

	"tieout/internal/fault"
	"tieout/schemas"
)

var both = []fault.Lang{fault.Chinese, fault.English}

func TestPreview(t *testing.T) {
	dir := os.Getenv("PREVIEW")
	if dir == "" {
		t.Skip()
	}
	r := rich()
	if bad := failing(Verify(r, nil)); bad != nil {
		t.Error(bad)
	}
	if _, err := Write(t.Context(), dir+"/wechat-main", r, both); err != nil {
		t.Fatal(err)
	}
	d := &schemas.DayReport{Date: day, Verdict: schemas.Incomplete, Runs: []*schemas.RunReport{r}, Missing: []string{"bank-cmb"}}
	if _, err := WriteDay(t.Context(), dir, d, both); err != nil {
		t.Fatal(err)
	}
}
