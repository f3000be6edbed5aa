// Xitongsys prints rows and content hash of a Parquet file as
// xitongsys/parquet-go reads it.
package main

import (
	"fmt"
	"os"

	"github.com/xitongsys/parquet-go-source/local"
	"github.com/xitongsys/parquet-go/reader"

	"tieout/schemas/interop/contenthash"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: xitongsys FILE")
		os.Exit(64)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(path string) error {
	f, err := local.NewLocalFileReader(path)
	if err != nil {
		return err
	}
	defer f.Close()
	in, err := reader.NewParquetColumnReader(f, 1)
	if err != nil {
		return err
	}
	defer in.ReadStop()
	rows := in.GetNumRows()
	columns := make([][]any, in.SchemaHandler.GetColumnNum())
	for i := range columns {
		values, _, _, err := in.ReadColumnByIndex(int64(i), rows)
		if err != nil {
			return fmt.Errorf("column %d: %w", i, err)
		}
		if int64(len(values)) != rows {
			return fmt.Errorf("column %d has %d values, the footer says %d", i, len(values), rows)
		}
		columns[i] = values
	}
	h := contenthash.New()
	for row := range rows {
		for i, values := range columns {
			if err := hashValue(h, values[row]); err != nil {
				return fmt.Errorf("column %d: %w", i, err)
			}
		}
		h.Row()
	}
	fmt.Println(rows, h.Sum())
	return nil
}

func hashValue(h *contenthash.Hash, v any) error {
	switch v := v.(type) {
	case nil:
		h.Null()
	case int64:
		h.Int(v)
	case int32:
		h.Int(int64(v))
	case string:
		h.Bytes(v)
	default:
		return fmt.Errorf("holds a %T", v)
	}
	return nil
}
