// Parquetgo prints rows and content hash of a Parquet file as
// parquet-go/parquet-go reads it.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/parquet-go/parquet-go"

	"tieout/schemas/interop/contenthash"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: parquetgo FILE")
		os.Exit(64)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return err
	}
	in, err := parquet.OpenFile(f, st.Size())
	if err != nil {
		return err
	}
	h := contenthash.New()
	var rows int64
	for _, group := range in.RowGroups() {
		n, err := hashGroup(h, group)
		if err != nil {
			return err
		}
		rows += n
	}
	if rows != in.NumRows() {
		return fmt.Errorf("%d rows read, the footer says %d", rows, in.NumRows())
	}
	fmt.Println(rows, h.Sum())
	return nil
}

func hashGroup(h *contenthash.Hash, group parquet.RowGroup) (rows int64, err error) {
	in := group.Rows()
	defer in.Close()
	buf := make([]parquet.Row, 256)
	for {
		n, err := in.ReadRows(buf)
		for _, row := range buf[:n] {
			if err := hashRow(h, row); err != nil {
				return rows, err
			}
			rows++
		}
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return rows, err
		}
	}
}

func hashRow(h *contenthash.Hash, row parquet.Row) error {
	for i, v := range row {
		if v.Column() != i {
			return fmt.Errorf("value %d of a row belongs to column %d", i, v.Column())
		}
		switch {
		case v.IsNull():
			h.Null()
		case v.Kind() == parquet.Int64:
			h.Int(v.Int64())
		case v.Kind() == parquet.Int32:
			h.Int(int64(v.Int32()))
		case v.Kind() == parquet.ByteArray:
			h.Bytes(string(v.ByteArray()))
		default:
			return fmt.Errorf("column %d holds a %s", i, v.Kind())
		}
	}
	h.Row()
	return nil
}
