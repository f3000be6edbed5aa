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
	dayPageFile     = "index.%s.html"
	dayWorkbookFile = "day.xlsx"
	dayJSONFile     = "day.json"
	pageFile        = "report.%s.html"
	workbookFile    = "report.xlsx"
	differencesFile = "differences.csv"
	rejectsFile     = "rejects.csv"
	jsonFile        = "report.json"
)

// compareRun is the run id of a comparison of two files.
const compareRun = "compare"

// Write writes the report of one run into dir: a page a language, the workbook,
// differences.csv and rejects.csv in the first of them, and report.json. The
// names that it returns are relative to dir. An empty langs means Chinese and
// English. What the run does not have (nil) is left out.
func Write(ctx context.Context, dir string, r *schemas.RunReport, langs []fault.Lang) ([]schemas.FileUsed, error) {
	langs = bothUnless(langs)
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

// WriteDay writes the report of a whole day into dir: a page a language, the
// workbook in the first of them, and day.json. The accounts' own reports stand
// in the folders of dir that bear their names.
func WriteDay(ctx context.Context, dir string, d *schemas.DayReport, langs []fault.Lang) ([]schemas.FileUsed, error) {
	langs = bothUnless(langs)
	f, err := openFolder(dir)
	if err != nil {
		return nil, err
	}
	defer f.abort()
	if err := writeDay(ctx, f, d, langs); err != nil {
		return nil, fmt.Errorf("report of %s: %w", d.Date, err)
	}
	return f.publish()
}

func bothUnless(langs []fault.Lang) []fault.Lang {
	if len(langs) == 0 {
		return []fault.Lang{fault.Chinese, fault.English}
	}
	return langs
}

func writeRun(ctx context.Context, f *folder, r *schemas.RunReport, langs []fault.Lang) error {
	book, err := newRunBook(tongue{langs[0]}, r)
	if err != nil {
		return fmt.Errorf("workbook: %w", err)
	}
	defer book.close()
	list, groups, err := writeDifferences(ctx, f, r, book)
	if err != nil {
		return err
	}
	rejected := int64(0)
	if err := f.fill(rejectsFile, func(w io.Writer) (err error) { rejected, err = writeRejects(ctx, w, tongue{langs[0]}, r); return err }); err != nil {
		return err
	}
	var classes []schemas.ClassTotal
	if list != nil {
		classes = list.Classes
	}
	checks := append(Verify(r, classes), checkTheRejects(r.RejectRows, rejected))
	p, err := newPage(r, langs, groups, checks)
	if err != nil {
		return err
	}
	var parts []part
	for _, lang := range langs {
		t := tongue{lang}
		view := titled{page: p, Title: plain(r.Account) + " " + r.Date.String() + " " + t.verdict(r.Verdict), Others: without(langs, lang)}
		parts = append(parts, part{fmt.Sprintf(pageFile, lang), func(w io.Writer) error { return render(w, lang, "run", view) }})
	}
	parts = append(parts, part{workbookFile, func(w io.Writer) error { return book.finish(w, p) }})
	if err := f.fillAll(parts); err != nil {
		return err
	}
	doc := runDocument{Format: runFormat, Run: r, Differences: list, Checks: checks, Files: f.used()}
	return f.fill(jsonFile, func(w io.Writer) error { return writeJSON(w, doc) })
}

func without(langs []fault.Lang, lang fault.Lang) []fault.Lang {
	var others []fault.Lang
	for _, l := range langs {
		if l != lang {
			others = append(others, l)
		}
	}
	return others
}

// writeDifferences goes through the differences once: all of them go to
// differences.csv and to the workbook, the first of each class to the pages. It returns nil if the
// run has no differences to go through.
func writeDifferences(ctx context.Context, f *folder, r *schemas.RunReport, book *runBook) (*listedDocument, []group, error) {
	if r.Differences == nil {
		return nil, nil, nil
	}
	count, groups := listed{}, grouper{}
	err := f.fill(differencesFile, func(w io.Writer) error {
		out, err := newDifferenceWriter(w, book.tongue)
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
			count.add(rowOf(d))
			groups.add(d)
			if err := out.add(d); err != nil {
				return err
			}
			if err := book.difference(d); err != nil {
				return err
			}
		}
		return out.close()
	})
	if err != nil {
		return nil, nil, err
	}
	classes, err := count.totals()
	if err != nil {
		return nil, nil, err
	}
	return &listedDocument{File: differencesFile, Rows: countOf(classes), Classes: classes}, groups.groups(), nil
}

func writeDay(_ context.Context, f *folder, d *schemas.DayReport, langs []fault.Lang) error {
	p, err := newDayPage(d)
	if err != nil {
		return err
	}
	var parts []part
	for _, lang := range langs {
		t := tongue{lang}
		view := titledDay{dayPage: p, Title: t.say("day.title") + " " + d.Date.String() + " " + t.verdict(d.Verdict), Others: without(langs, lang)}
		parts = append(parts, part{fmt.Sprintf(dayPageFile, lang), func(w io.Writer) error { return render(w, lang, "day", view) }})
	}
	parts = append(parts, part{dayWorkbookFile, func(w io.Writer) error { return writeDayBook(w, tongue{langs[0]}, d, p) }})
	if err := f.fillAll(parts); err != nil {
		return err
	}
	doc := dayDocument{Format: dayFormat, Date: d.Date, Verdict: d.Verdict, Missing: d.Missing, Accounts: p.summaries(), Files: f.used()}
	return f.fill(dayJSONFile, func(w io.Writer) error { return writeJSON(w, doc) })
}
