package ledgerlink

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"tieout/internal/digest"
	"tieout/internal/fault"
	"tieout/schemas"
)

// Limits of a local file; whatever is beyond is refused, memory stays bounded.
const (
	maxLine    = 1 << 20
	maxColumns = 512
	maxCell    = 64 << 10
	keptReject = 1000 // rejects kept for the report; all are counted
)

// CSV is a local file of comma-separated values: RFC 4180, UTF-8 with or
// without a byte order mark, first line the column names, lines ended by LF or
// CRLF. A line break inside quotes is not accepted: it is also how an unclosed
// quote swallows rows. Empty lines are skipped.
type CSV struct {
	path    string
	file    *os.File
	mapping Mapping
	workers int
	stat    os.FileInfo
	used    schemas.FileUsed
	names   []string
	at      columns
	start   int64 // offset of the first data line

	rejects     []schemas.Reject
	rejectCount int64
}

// OpenCSV opens a file, hashes it and reads its first line. Close it.
func OpenCSV(path string, m Mapping) (*CSV, error) {
	if err := m.Check(); err != nil {
		return nil, fault.New("E-7850", fault.V{"account": filepath.Base(path), "reason": err}, nil)
	}
	file, stat, used, err := openLocal(path)
	if err != nil {
		return nil, err
	}
	c := &CSV{path: path, file: file, mapping: m, workers: runtime.GOMAXPROCS(0), stat: stat, used: used}
	if err := c.readHeader(); err != nil {
		file.Close()
		return nil, err
	}
	return c, nil
}

// openLocal opens a regular file and hashes it.
func openLocal(path string) (*os.File, os.FileInfo, schemas.FileUsed, error) {
	none := schemas.FileUsed{}
	broken := func(err error) error {
		return fault.New("E-4101", fault.V{"path": path, "reason": errors.Unwrap(err)}, err)
	}
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil, none, fault.New("E-2050", fault.V{"file": filepath.Base(path), "path": path}, err)
	}
	if err != nil {
		return nil, nil, none, broken(err)
	}
	stat, err := file.Stat()
	if err == nil && !stat.Mode().IsRegular() {
		err = &os.PathError{Op: "open", Path: path, Err: errors.New("not a regular file")}
	}
	sum := ""
	if err == nil {
		sum, err = digest.File(file, stat.Size())
	}
	if err != nil {
		file.Close()
		return nil, nil, none, broken(err)
	}
	used := schemas.FileUsed{Name: fault.Safe(filepath.Base(path), 255), SHA256: sum, Size: stat.Size()}
	return file, stat, used, nil
}

// unchanged refuses a file that was written to since it was opened.
func unchanged(file *os.File, before os.FileInfo, path string) error {
	now, err := file.Stat()
	if err == nil && (now.Size() != before.Size() || !now.ModTime().Equal(before.ModTime())) {
		err = fault.New("E-2152", fault.V{"file": path}, nil)
	}
	return err
}

// Close closes the file.
func (c *CSV) Close() error { return c.file.Close() }

// Rejects returns the first 1,000 rows that the last Export could not read, in
// the order of the file, and how many there are.
func (c *CSV) Rejects() ([]schemas.Reject, int64) { return c.rejects, c.rejectCount }

// Export implements Source; it reads all rows of the file with all cores.
// Rejected rows make the export incomplete: the good rows are given all the
// same, and the error is E-2151.
func (c *CSV) Export(ctx context.Context, req ExportRequest, give func(*schemas.Batch) error) (schemas.Export, error) {
	c.rejects, c.rejectCount = nil, 0
	var t tally
	scan := csvScan{file: c.file, from: c.start, size: c.stat.Size(), path: c.path, workers: c.workers,
		reader: func() *rowReader { return newRowReader(c.mapping, c.at, c.names, req.query()) },
		batch:  schemas.Batch{Channel: req.Channel, Account: req.Merchant, Source: c.used.SHA256}}
	lines, err := scan.run(ctx, func(b *schemas.Batch, rejects []schemas.Reject) error {
		c.keep(rejects)
		t.add(b)
		if b.Len() == 0 {
			return nil
		}
		return give(b)
	})
	if err != nil {
		return schemas.Export{}, err
	}
	if err := unchanged(c.file, c.stat, c.path); err != nil {
		return schemas.Export{}, err
	}
	return fileExport("csv", c.used, &t, lines, c.rejects, c.rejectCount, req)
}

// keep files the rejects of one block under the file's name.
func (c *CSV) keep(rejects []schemas.Reject) {
	c.rejectCount += int64(len(rejects))
	for _, r := range rejects[:min(len(rejects), keptReject-len(c.rejects))] {
		r.Source, r.File = c.used.SHA256, c.used.Name
		c.rejects = append(c.rejects, r)
	}
}

// fileExport sums up what was read of a file, and refuses one with rejects.
func fileExport(source string, used schemas.FileUsed, t *tally, lines int64, rejects []schemas.Reject, rejected int64, req ExportRequest) (schemas.Export, error) {
	totals, err := t.list()
	if err != nil {
		return schemas.Export{}, err
	}
	export := schemas.Export{Source: source, Watermark: "sha256:" + used.SHA256, Rows: t.rows, Totals: totals, Files: []schemas.FileUsed{used}}
	read := t.rows + rejected
	export.Proofs = []schemas.Proof{
		{Name: "export.rows", OK: lines == read, Want: number(lines), Got: number(read), Note: "rows in the file; records and rejects"},
		{Name: "export.rejects", OK: rejected == 0, Want: "0", Got: number(rejected), Note: "rows that cannot be read"},
	}
	if rejected > 0 {
		r := rejects[0]
		return export, fault.New("E-2151", fault.V{"count": rejected, "line": r.Line, "column": r.Column, "field": r.Field,
			"value": fault.Quote(r.Value), "reason": r.Reason, "file": used.Name, "sha256": used.SHA256}, nil)
	}
	return export, whole(req, export.Proofs)
}

// Lookup implements Source: all rows of a file are in its export already.
func (c *CSV) Lookup(context.Context, ExportRequest, []schemas.LookupKey) ([]schemas.Record, error) {
	return nil, ErrNoLookup
}

var bom = []byte("\xef\xbb\xbf")

// readHeader reads the column names and finds the mapped ones.
func (c *CSV) readHeader() error {
	head := make([]byte, min(maxLine, int(c.stat.Size())))
	if _, err := io.ReadFull(io.NewSectionReader(c.file, 0, c.stat.Size()), head); err != nil {
		return fault.New("E-4101", fault.V{"path": c.path, "reason": "the first line cannot be read"}, err)
	}
	if bytes.HasPrefix(head, []byte("\xff\xfe")) || bytes.HasPrefix(head, []byte("\xfe\xff")) {
		return c.notCSV("it is UTF-16; save it as UTF-8")
	}
	line := bytes.TrimPrefix(head, bom)
	c.start = int64(len(head) - len(line))
	end := bytes.IndexByte(line, '\n')
	if end < 0 && len(head) == maxLine {
		return c.notCSV("the first line is longer than 1 MiB")
	}
	if end < 0 {
		end = len(line)
		c.start += int64(end)
	} else {
		c.start += int64(end) + 1
	}
	var s splitter
	cells, why := s.split(bytes.TrimSuffix(line[:end], []byte("\r")))
	if why != "" {
		return c.notCSV("first line: " + why)
	}
	for _, cell := range cells {
		c.names = append(c.names, string(cell))
	}
	var err error
	if c.at, err = c.mapping.locate(c.names); err != nil {
		return fault.New("E-2450", fault.V{"file": c.path, "reason": err, "columns": fault.Safe(strings.Join(c.names, ", "), 400)}, nil)
	}
	return nil
}

func (c *CSV) notCSV(reason string) error {
	return fault.New("E-2451", fault.V{"file": c.path, "format": "CSV", "reason": reason}, nil)
}

func (r *rowReader) reject(e cellError, cells [][]byte, line, offset int64) schemas.Reject {
	x := schemas.Reject{Line: line, Offset: offset, Column: e.column + 1, Reason: e.why}
	if e.column >= 0 && e.column < len(cells) {
		x.Field, x.Value = fault.Safe(r.names[e.column], 80), fault.Safe(mask(string(cells[e.column])), 80)
	}
	return x
}

func countReason(got, want int) string {
	return fmt.Sprintf("has %d cells, the first line has %d", got, want)
}
