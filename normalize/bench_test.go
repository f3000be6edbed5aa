package normalize_test

import (
	"fmt"
	"testing"

	"tieout/internal/bizday"
	"tieout/normalize"
	"tieout/schemas"
)

// nothing is a sink that keeps nothing.
type nothing struct{}

func (nothing) Batch(*schemas.Batch) error  { return nil }
func (nothing) Reject(schemas.Reject) error { return nil }

func BenchmarkStatement(b *testing.B) {
	bill := wechatBill(wechatRows(200_000, 1))
	def := definition(b, "wechat")
	for _, workers := range []int{1, 2} {
		b.Run(fmt.Sprintf("channel=wechat/rows=2e5/workers=%d", workers), func(b *testing.B) {
			b.SetBytes(int64(len(bill)))
			b.ReportAllocs()
			for b.Loop() {
				st, err := normalize.Statement(b.Context(), normalize.Input{Definition: def, Date: bizday.Make(2025, 11, 20), Workers: workers,
					Files: []normalize.File{file("bill.csv", bill)}}, nothing{})
				if err != nil || st.Records != 200_000 {
					b.Fatal(st.Records, err)
				}
			}
		})
	}
}
