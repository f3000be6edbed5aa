package normalize

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"golang.org/x/text/encoding/simplifiedchinese"

	"tieout/internal/fault"
	"tieout/schemas/channels"
)

// maxTail is how many bytes may stand behind the rows.
const maxTail = 1 << 20

// tailStarts returns the bytes that a line must begin with to be a line of the
// tail, in the file's encoding.
func tailStarts(f *channels.Format) ([][]byte, error) {
	var starts [][]byte
	for i := range f.Tail {
		t := &f.Tail[i]
		if t.Pattern != "" {
			re, err := regexp.Compile(t.Pattern)
			if err != nil {
				return nil, err
			}
			literal, _ := re.LiteralPrefix()
			if literal == "" {
				return nil, fmt.Errorf("format %s: a line of the tail must begin with literal text: %s", f.Name, t.Pattern)
			}
			starts = append(starts, encode(f, literal))
		}
		for _, labels := range t.Table {
			starts = append(starts, encode(f, labels[0]+f.Delimited.Delimiter))
		}
	}
	return starts, nil
}

func encode(f *channels.Format, s string) []byte {
	if f.Encoding != "gb18030" {
		return []byte(s)
	}
	out, err := simplifiedchinese.GB18030.NewEncoder().String(s)
	if err != nil { // every character of Unicode has a GB18030 code
		panic(fmt.Sprintf("normalize: %q has no GB18030 form: %v", s, err))
	}
	return []byte(out)
}

// startsWith makes the test of the hot loop.
func startsWith(starts [][]byte) func([]byte) bool {
	var first [256]bool
	for _, s := range starts {
		first[s[0]] = true
	}
	return func(line []byte) bool {
		if len(line) == 0 || !first[line[0]] {
			return false
		}
		for _, s := range starts {
			if bytes.HasPrefix(line, s) {
				return true
			}
		}
		return false
	}
}

// readTail reads what stands behind the rows, from offset at. It returns the
// numbers that the file states, and the reason why the tail is not whole; an
// error means that rows or something unknown stand behind it.
func (o *opened) readTail(at, line int64) (found []captured, missing string, err error) {
	if at < 0 {
		at = o.file.Size
	}
	if o.file.Size-at > maxTail {
		return nil, "", o.behind(line, "more than 1 MiB stands behind the rows")
	}
	raw := make([]byte, o.file.Size-at)
	if n, err := o.file.Reader.ReadAt(raw, at); n < len(raw) {
		if err == nil || errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, "", fmt.Errorf("normalize: read %s at byte %d: %w", fault.Quote(o.file.Name), at+int64(n), err)
	}
	lines, err := o.tailLines(raw, line)
	if err != nil {
		return nil, "", err
	}
	for i := range o.format.Tail {
		t := &o.format.Tail[i]
		n, values, why := o.readTailPart(t, lines, line)
		switch {
		case n > 0:
			found = append(found, values...)
			lines, line = lines[n:], line+int64(n)
		case t.Optional && why == "":
		case len(lines) > 0 && why == "":
			return found, "", o.behind(line, "this line stands where the summary is expected: "+fault.Quote(lines[0]))
		default:
			if why == "" {
				why = "the file ends before it"
			}
			return found, why, nil
		}
	}
	if len(lines) > 0 {
		return found, "", o.behind(line, "this line stands behind the summary: "+fault.Quote(lines[0]))
	}
	return found, "", nil
}

func (o *opened) behind(line int64, reason string) error {
	return fault.New("E-2433", fault.V{"file": o.file.Name, "line": line, "reason": reason}, nil)
}

// tailLines decodes the lines of the tail. Its line ends are those of the rows.
func (o *opened) tailLines(raw []byte, line int64) ([]string, error) {
	var lines []string
	for len(raw) > 0 {
		l, rest, ended := bytes.Cut(raw, []byte("\n"))
		raw = rest
		if o.crlf && ended {
			cut, ok := bytes.CutSuffix(l, []byte("\r"))
			if !ok {
				return nil, o.behind(line+int64(len(lines)), "a line that ends LF among lines that end CR LF")
			}
			l = cut
		}
		s, ok := text(o.format, l)
		if !ok || bytes.IndexByte(l, '\r') >= 0 || bytes.IndexByte(l, 0) >= 0 {
			return nil, o.behind(line+int64(len(lines)), "a line with characters that the format does not have: "+fault.Quote(s))
		}
		lines = append(lines, s)
	}
	return lines, nil
}

// readTailPart reads one part of the tail from the lines: how many lines it
// took, and what they state. n is 0 if the first line is something else; why
// says that the part begins and is cut off.
func (o *opened) readTailPart(t *channels.Tail, lines []string, line int64) (n int, found []captured, why string) {
	if len(lines) == 0 {
		return 0, nil, ""
	}
	if re := t.Regexp(); re != nil {
		m := re.FindStringSubmatch(lines[0])
		if m == nil {
			return 0, nil, ""
		}
		for i, name := range re.SubexpNames() {
			if name != "" {
				found = append(found, captured{name, m[i], line})
			}
		}
		return 1, found, ""
	}
	d := o.format.Delimited
	for _, labels := range t.Table {
		if lines[0] != strings.Join(labels, d.Delimiter) {
			continue
		}
		if len(lines) < 2 {
			return 0, nil, "the line of values behind its labels is missing"
		}
		cells := strings.Split(lines[1], d.Delimiter)
		if len(cells) != len(labels) {
			return 0, nil, fmt.Sprintf("it has %d values for %d labels", len(cells), len(labels))
		}
		for i, c := range cells {
			v, ok := strings.CutPrefix(c, d.CellPrefix)
			if !ok {
				return 0, nil, "a value without the mark that begins every cell"
			}
			found = append(found, captured{labels[i], strings.Trim(v, d.Trim), line + 1})
		}
		return 2, found, ""
	}
	return 0, nil, ""
}
