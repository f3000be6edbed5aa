package pipeline

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"

	"tieout/schemas"
	"tieout/schemas/recordfile"
)

// stageFiles is a finished stage: where it wrote, and what.
type stageFiles struct {
	dir string
	m   *schemas.Manifest
}

func (s stageFiles) open(name string) (*os.File, error) { return openOutput(s.dir, s.m, name) }

// contentDifference names the first thing that two results of a stage do not say
// alike, as file:row, both from 1; "" if they say the same, however their files
// are laid out.
func contentDifference(ctx context.Context, was, is stageFiles) (string, error) {
	for _, o := range was.m.Outputs {
		again, ok := outputOf(is.m, o.Name)
		if !ok {
			return o.Name, nil
		}
		if again == o {
			continue
		}
		row, err := differentRow(ctx, was, is, o.Name)
		if err != nil {
			return "", err
		}
		if row > 0 {
			return fmt.Sprintf("%s:%d", o.Name, row), nil
		}
	}
	for _, o := range is.m.Outputs {
		if _, ok := outputOf(was.m, o.Name); !ok {
			return o.Name, nil
		}
	}
	if !maps.Equal(was.m.Counts, is.m.Counts) || !slices.Equal(was.m.Totals, is.m.Totals) || !slices.Equal(was.m.Proofs, is.m.Proofs) {
		return manifestFile, nil
	}
	return "", nil
}

// differentRow is the number of the first row, or line, that differs, from 1; 0
// if none does.
func differentRow(ctx context.Context, was, is stageFiles, name string) (int64, error) {
	if name == statementFile {
		return differentStatement(was, is)
	}
	a, err := was.open(name)
	if err != nil {
		return 0, err
	}
	defer a.Close()
	b, err := is.open(name)
	if err != nil {
		return 0, err
	}
	defer b.Close()
	switch {
	case name == outcomesFile:
		return differentOutcome(ctx, a, b)
	case filepath.Ext(name) == ".parquet":
		return differentRecord(ctx, a, b)
	}
	return differentLine(a, b)
}

// differentStatement leaves the version of the definition out: it is no result.
func differentStatement(was, is stageFiles) (int64, error) {
	a, err := readLines[schemas.Statement](was.dir, was.m, statementFile)
	if err != nil {
		return 0, err
	}
	b, err := readLines[schemas.Statement](is.dir, is.m, statementFile)
	if err != nil {
		return 0, err
	}
	for i := range min(len(a), len(b)) {
		a[i].Definition, b[i].Definition = "", ""
		if !reflect.DeepEqual(a[i], b[i]) {
			return int64(i) + 1, nil
		}
	}
	return shorter(int64(len(a)), int64(len(b))), nil
}

// differentRecord fetches both files' rows a batch at a time.
func differentRecord(ctx context.Context, was, is *os.File) (int64, error) {
	a, err := recordfile.Open(was)
	if err != nil {
		return 0, err
	}
	b, err := recordfile.Open(is)
	if err != nil {
		return 0, err
	}
	rows := min(a.Rows(), b.Rows())
	numbers := make([]int64, 0, schemas.BatchRows)
	for from := int64(0); from < rows; from += schemas.BatchRows {
		numbers = numbers[:0]
		for n := from; n < min(from+schemas.BatchRows, rows); n++ {
			numbers = append(numbers, n)
		}
		these, err := a.Fetch(ctx, numbers, nil)
		if err != nil {
			return 0, err
		}
		those, err := b.Fetch(ctx, numbers, nil)
		if err != nil {
			return 0, err
		}
		for i := range these {
			if these[i] != those[i] {
				return from + int64(i) + 1, nil
			}
		}
	}
	return shorter(a.Rows(), b.Rows()), nil
}

// differentOutcome reads both files side by side.
func differentOutcome(ctx context.Context, was, is *os.File) (int64, error) {
	a, err := recordfile.OpenOutcomes(was)
	if err != nil {
		return 0, err
	}
	b, err := recordfile.OpenOutcomes(is)
	if err != nil {
		return 0, err
	}
	next, stop := iter.Pull2(b.All(ctx))
	defer stop()
	row := int64(0)
	for these, err := range a.All(ctx) {
		those, erb, ok := next()
		if err := errors.Join(err, erb); err != nil {
			return 0, err
		}
		row++
		if !ok || these != those {
			return row, nil
		}
	}
	return shorter(a.Rows(), b.Rows()), nil
}

// differentLine compares files of lines.
func differentLine(was, is io.Reader) (int64, error) {
	a, b := bufio.NewReader(was), bufio.NewReader(is)
	for line := int64(1); ; line++ {
		this, err := a.ReadBytes('\n')
		that, erb := b.ReadBytes('\n')
		if !bytes.Equal(this, that) {
			return line, nil
		}
		if err == io.EOF && erb == io.EOF {
			return 0, nil
		}
		if err := errors.Join(err, erb); err != nil {
			return 0, fmt.Errorf("compare line %d: %w", line, err)
		}
	}
}

// shorter is the first row that only one of two files has, from 1; 0 if they are
// of one length.
func shorter(a, b int64) int64 {
	if a == b {
		return 0
	}
	return min(a, b) + 1
}
