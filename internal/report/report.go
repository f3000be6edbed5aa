// Package report writes what people read.
package report

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"

	"tieout/internal/fault"
	"tieout/schemas"
)

// Write writes the reports of one run.
func Write(_ context.Context, dir string, r *schemas.RunReport, _ []fault.Lang) ([]schemas.FileUsed, error) {
	return writeJSON(dir, "report.json", r)
}

// WriteDay writes the report of a whole day.
func WriteDay(_ context.Context, dir string, d *schemas.DayReport, _ []fault.Lang) ([]schemas.FileUsed, error) {
	return writeJSON(dir, "day.json", d)
}

// Compare writes the report of two files.
func Compare(ctx context.Context, dir string, r *schemas.RunReport, langs []fault.Lang) ([]schemas.FileUsed, error) {
	return Write(ctx, dir, r, langs)
}

func writeJSON(dir, name string, v any) ([]schemas.FileUsed, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	body, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return []schemas.FileUsed{{Name: name, Size: int64(len(body))}}, os.WriteFile(filepath.Join(dir, name), body, 0o600)
}
