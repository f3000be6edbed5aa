package match

import (
	"fmt"
	"slices"
	"testing"

	"tieout/schemas"
)

func sideOf(t testing.TB, records memory) *side {
	t.Helper()
	fresh, money := &side{}, &currencies{}
	for i := range records {
		if err := fresh.addRecord(&records[i], money); err != nil {
			t.Fatal(err)
		}
		fresh.orig = append(fresh.orig, int32(i))
	}
	s, err := newSide(records, fresh, nil, money)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Rows whose hashes are equal in all bits are still told apart by their bytes.
func TestFaultM09_EqualHashes(t *testing.T) {
	keys := []string{"a", "A", "a\x00", "\x00a", "0a", "00a", "a ", "ab", "a\x00b"}
	var rows memory
	for _, k := range keys {
		rows = append(rows, schemas.Record{Kind: schemas.Payment, Status: schemas.Success, MerchantRef: k},
			schemas.Record{Kind: schemas.Refund, Status: schemas.Success, MerchantRef: "o", RefundRef: k})
	}
	s := sideOf(t, rows)
	table := newKeyTable(s)
	clear(table.slots)
	table.next = nil
	const hash = 0xdeadbeef_00000003
	for row := range s.rows() {
		table.insert(row, hash)
	}
	for row := range s.rows() {
		if got := table.find(s, row, hash); got != row {
			t.Errorf("row %d (%q) is found as row %d", row, s.key(row), got)
		}
	}
	if table.next != nil {
		t.Error("different keys were taken for one")
	}
}

func TestKeyTableFindsAllRowsOfAKey(t *testing.T) {
	var rows memory
	for i := range 5000 {
		rows = append(rows, schemas.Record{Kind: schemas.Payment, Status: schemas.Success, MerchantRef: fmt.Sprintf("M%d", i%1700)})
	}
	table := newKeyTable(sideOf(t, rows))
	for k := range 1700 {
		head := table.lookup(uint8(schemas.Payment), fmt.Sprintf("M%d", k))
		if head == none {
			t.Fatalf("key %d is lost", k)
		}
		got := table.chain(head)
		slices.Sort(got)
		var want []int32
		for i := k; i < 5000; i += 1700 {
			want = append(want, int32(i))
		}
		if !slices.Equal(got, want) {
			t.Fatalf("key %d has rows %v, want %v", k, got, want)
		}
	}
	for _, absent := range []string{"M1700", "m1", "", "M"} {
		if table.lookup(uint8(schemas.Payment), absent) != none {
			t.Errorf("%q is found", absent)
		}
	}
	if table.lookup(uint8(schemas.Refund), "M1") != none {
		t.Error("another kind is found")
	}
}
