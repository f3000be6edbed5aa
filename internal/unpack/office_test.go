package unpack

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"
)

// workbook saves a spreadsheet with a formula whose stored value is an amount,
// as people make it of a statement.
func workbook(t *testing.T) []byte {
	t.Helper()
	f := excelize.NewFile()
	for cell, v := range map[string]any{"A1": "商户订单号", "B1": "金额", "A2": "A1", "B2": 12.5} {
		if err := f.SetCellValue("Sheet1", cell, v); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.SetCellFormula("Sheet1", "B3", "SUM(B2:B2)*100"); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := f.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// A workbook is recognised by what it lists, before one byte of it is unpacked:
// neither its formulas nor the size of its tables matter.
func TestAttack06_Workbook(t *testing.T) {
	bomb := zipOf(t, file{"[Content_Types].xml", "<Types/>"}, file{"xl/workbook.xml", "<workbook/>"},
		file{"xl/sharedStrings.xml", "<sst>" + strings.Repeat("<si><t>=cmd|' /C calc'!A0</t></si>", 2<<20) + "</sst>"})
	for name, raw := range map[string][]byte{
		"formulas":             workbook(t),
		"shared-string bomb":   bomb,
		"in a zip":             zipOf(t, file{"bill.csv", "a,b\n"}, file{"bill.xlsx", string(workbook(t))}),
		"more than 100 sheets": zipOf(t, append(manySheets(120), file{"[Content_Types].xml", "<Types/>"})...),
		"of LibreOffice":       zipOf(t, file{"mimetype", "application/vnd.oasis.opendocument.spreadsheet"}, file{"content.xml", "<x/>"}, file{"META-INF/manifest.xml", "<m/>"}),
		"of the year 2000":     []byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + strings.Repeat("\x00", 4096)),
		"old one in a zip":     zipOf(t, file{"bill.xls", "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"}),
	} {
		t.Run(name, func(t *testing.T) {
			never := func() (*os.File, error) {
				t.Error("it was unpacked to a temporary file")
				return nil, os.ErrPermission
			}
			heap := heapDuring(func() {
				_, err := Open(context.Background(), "bill.xlsx", bytes.NewReader(raw), int64(len(raw)), Auto, Limits{}, never)
				wantFault(t, err, "E-2445", "bill.xlsx")
			})
			if heap > 8<<20 {
				t.Errorf("%d bytes of heap", heap)
			}
		})
	}
	if _, err := opened(t, zipOf(t, file{"content.xml", "x"}, file{"xl", "y"}), Auto, Limits{}); err != nil {
		t.Errorf("names that a statement may have: %v", err)
	}
}

func manySheets(n int) []file {
	all := make([]file, n)
	for i := range all {
		all[i] = file{"xl/worksheets/sheet" + strings.Repeat("1", i) + ".xml", "<x/>"}
	}
	return all
}
