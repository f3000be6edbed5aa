// Package report writes what people read: the reports of one account and day,
// and of a whole day.
//
// In: a schemas.RunReport with its stream of differences, filled by the
// pipeline or by a comparison of two files. Out: HTML in each language, an
// XLSX workbook, CSV and JSON files in one folder, which change all at once.
// The same input gives the same bytes: the only time is that of the run.
// Called by cmd and, through an interface, by the pipeline.
package report

import (
	"context"
	"fmt"
	"io"

	"tieout/internal/fault"
	"tieout/schemas"
)

// The names of the files; %s is a language.
const (
	pageFile        = "report.%s.html"
	workbookFile    = "report.xlsx"
	differencesFile = "differences.csv"
	rejectsFile     = "rejects.csv"
	jsonFile        = "report.json"
)

// Write writes the report of one run into dir: a page a language, the workbook
// in the first of them, differences.csv, rejects.csv and report.json. The
// names that it returns are relative to dir. An empty langs means Chinese and
// English. What the run does not have (nil) is left out.
func Write(ctx context.Context, dir string, r *schemas.RunReport, langs []fault.Lang) ([]schemas.FileUsed, error) {
	if len(langs) == 0 {
		langs = []fault.Lang{fault.Chinese, fault.English}
	}
	f, err := openFolder(dir)
	if err != nil {
		return nil, err
	}
	defer f.abort()
	if err := writeRun(ctx, f, r, langs); err != nil {
		return nil, fmt.Errorf("report of %s, %s: %w", r.Account, r.Date, err)
	}
	return f.publish()
}

// Compare writes the report of two files that no run stands behind.
func Compare(ctx context.Context, dir string, r *schemas.RunReport, langs []fault.Lang) ([]schemas.FileUsed, error) {
	return Write(ctx, dir, r, langs)
}

func writeRun(ctx context.Context, f *folder, r *schemas.RunReport, langs []fault.Lang) error {
	doc := runDocument{Format: runFormat, Run: r}
	var list []schemas.ClassTotal
	if r.Differences != nil {
		var err error
		if doc.Differences, err = writeDifferences(ctx, f, r); err != nil {
			return err
		}
		list = doc.Differences.Classes
	}
	if err := f.fill(rejectsFile, func(w io.Writer) error { return writeRejects(w, r.Rejects) }); err != nil {
		return err
	}
	doc.Checks = Verify(r, list)
	doc.Files = f.used()
	return f.fill(jsonFile, func(w io.Writer) error { return writeJSON(w, doc) })
}

// writeDifferences goes through the differences once.
func writeDifferences(ctx context.Context, f *folder, r *schemas.RunReport) (*listedDocument, error) {
	sums := listed{}
	err := f.fill(differencesFile, func(w io.Writer) error {
		out, err := newDifferenceWriter(w)
		if err != nil {
			return err
		}
		for d, err := range r.Differences {
			if err != nil {
				return err
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			sums.add(rowOf(d))
			if err := out.add(d); err != nil {
				return err
			}
		}
		return out.close()
	})
	if err != nil {
		return nil, err
	}
	classes, err := sums.totals()
	if err != nil {
		return nil, err
	}
	return &listedDocument{File: differencesFile, Rows: countOf(classes), Classes: classes}, nil
}

// WriteDay writes the report of a whole day into dir: a page a language, the
// workbook and day.json. The accounts' reports stand in the folders of dir that
// bear their names.
func WriteDay(_ context.Context, dir string, d *schemas.DayReport, langs []fault.Lang) ([]schemas.FileUsed, error) {
	f, err := openFolder(dir)
	if err != nil {
		return nil, err
	}
	defer f.abort()
	if err := f.fill("day.json", func(w io.Writer) error { return writeJSON(w, dayDocument{Format: dayFormat, Day: d}) }); err != nil {
		return nil, err
	}
	return f.publish()
}
