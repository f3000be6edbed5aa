package fetchers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"time"

	"tieout/internal/fault"
	"tieout/schemas"
)

// Fetch asks for the statement of req. See Source for what it returns.
func (s *FileSource) Fetch(ctx context.Context, req schemas.StatementRequest, keep Keep) (schemas.Fetched, error) {
	src := *s
	src.Limits = s.Limits.withDefaults()
	if src.Spec.Poll == 0 {
		src.Spec.Poll = 30 * time.Second
	}
	ctx, cancel := context.WithTimeoutCause(ctx, src.Limits.Total, errTotal)
	defer cancel()
	v := &visit{src: &src, req: req, keep: keep}
	defer v.drop()
	got, err := v.run(ctx)
	if err != nil {
		return schemas.Fetched{}, v.explain(ctx, err)
	}
	got.Proofs = append(got.Proofs, src.Notes...)
	return got, nil
}

// visit is one Fetch: at most one connection at a time, opened when needed.
type visit struct {
	src    *FileSource
	req    schemas.StatementRequest
	keep   Keep
	folder Folder // nil: not connected
	at     string // file that is being dealt with, escaped, for messages
}

// piece is one data file of the statement as it lies there.
type piece struct {
	target
	part   int
	stat   FileStat
	digest string // of the marker; "" if there is none
}

// waiting is an answer, not an error: the statement is not there yet.
type waiting struct{ why string }

func (w waiting) Error() string { return w.why }

func notReady(format string, args ...any) error { return waiting{fmt.Sprintf(format, args...)} }

func (v *visit) run(ctx context.Context) (schemas.Fetched, error) {
	pieces, err := v.settled(ctx)
	var wait waiting
	switch {
	case errors.As(err, &wait):
		return schemas.Fetched{State: schemas.FetchNotReady, Detail: wait.why}, nil
	case err != nil:
		return schemas.Fetched{}, err
	case len(pieces) == 0:
		return schemas.Fetched{State: schemas.FetchEmptyConfirmed,
			Detail: "there is no file, which this channel says for a day without transactions"}, nil
	}
	got, err := v.bring(ctx, pieces)
	if errors.As(err, &wait) {
		return schemas.Fetched{State: schemas.FetchNotReady, Detail: wait.why}, nil
	}
	return got, err
}

// settled finds the files of the statement once they are finished: their marker
// is there, or two looks see the same. No file and no error means that the day
// is confirmed to be empty.
func (v *visit) settled(ctx context.Context) ([]piece, error) {
	first, err := v.look(ctx)
	if err != nil || len(first) == 0 {
		return nil, err
	}
	if v.marked() {
		return first, v.judge(first)
	}
	if err := v.wait(ctx, v.src.Spec.Poll); err != nil {
		return nil, err
	}
	second, err := v.look(ctx)
	if err != nil {
		return nil, err
	}
	if len(first) != len(second) {
		return nil, notReady("the number of parts is still changing: %d, then %d", len(first), len(second))
	}
	for i, p := range second {
		if p.part != first[i].part || !p.stat.same(first[i].stat) {
			return nil, notReady("%s is still changing: %d bytes, then %d", p.show, first[i].stat.Size, p.stat.Size)
		}
	}
	return second, v.judge(second)
}

// marked tells whether markers alone prove that the statement is finished. A
// marker for each part does not say how many parts there will be.
func (v *visit) marked() bool {
	spec := v.src.Spec
	return spec.Marker.Kind != MarkerNone && (spec.Parts.Max == 0 || spec.markerForSet())
}

// look finds the files as they are now, each with its marker.
func (v *visit) look(ctx context.Context) ([]piece, error) {
	pieces, err := v.parts(ctx)
	if err != nil {
		return nil, err
	}
	if len(pieces) == 0 {
		return nil, v.missing()
	}
	return pieces, v.markers(ctx, pieces)
}

// judge holds what is finished and yet cannot be right.
func (v *visit) judge(pieces []piece) error {
	if err := v.sequence(pieces); err != nil {
		return err
	}
	return v.emptiness(pieces)
}

// parts asks for every file that may belong to the statement.
func (v *visit) parts(ctx context.Context) ([]piece, error) {
	last := max(v.src.Spec.Parts.Count, v.src.Spec.Parts.Max, 1)
	var found []piece
	for part := 1; part <= last; part++ {
		t, err := v.src.Spec.file(v.req, part)
		if err != nil {
			return nil, fault.New("E-7822", with(v.req, fault.V{"field": "name", "value": fault.Quote(v.src.Spec.Name), "reason": err.Error()}), nil)
		}
		v.at = t.show
		st, err := v.stat(ctx, t.path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return nil, err
		case st.Size > v.src.Limits.MaxBytes:
			return nil, errLarge
		case st.Size < 0 && v.src.Spec.Marker.Kind == MarkerNone:
			return nil, fault.New("E-2128", v.values(), nil)
		}
		found = append(found, piece{target: t, part: part, stat: st})
	}
	return found, nil
}

// missing says what the absence of every file means.
func (v *visit) missing() error {
	spec := v.src.Spec
	if spec.Empty == EmptyNoFile && !v.src.Now().Before(spec.Ready(v.req.Date)) {
		return nil
	}
	return notReady("%s is not there", v.at)
}

// sequence holds a set of parts that has a hole. Without a marker for the set,
// and before the channel's own time, the missing part may still come.
func (v *visit) sequence(pieces []piece) error {
	want := pieces[len(pieces)-1].part
	if count := v.src.Spec.Parts.Count; count > 0 {
		want = count
	}
	if len(pieces) == want {
		return nil
	}
	have := make([]string, len(pieces))
	for i, p := range pieces {
		have[i] = fmt.Sprint(p.part)
	}
	if !v.marked() && !v.due() {
		return notReady("parts 1 to %d are expected; there are %s", want, strings.Join(have, ", "))
	}
	return fault.New("E-2123", v.values("want", fmt.Sprintf("1 to %d", want), "got", strings.Join(have, ", ")), nil)
}

// due tells whether the channel's own time for the statement has passed.
func (v *visit) due() bool {
	return v.src.Spec.Ready == nil || !v.src.Now().Before(v.src.Spec.Ready(v.req.Date))
}

// markers checks the marker of each piece, or the one for all.
func (v *visit) markers(ctx context.Context, pieces []piece) error {
	spec := v.src.Spec
	if spec.Marker.Kind == MarkerNone {
		return nil
	}
	shared := spec.markerForSet()
	var text []byte
	for i := range pieces {
		p := &pieces[i]
		m, err := spec.marker(v.req, p.part, p.target)
		if err != nil {
			return fault.New("E-7822", with(v.req, fault.V{"field": "marker.name", "value": fault.Quote(spec.Marker.Name), "reason": err.Error()}), nil)
		}
		if !shared || i == 0 {
			if text, err = v.readMarker(ctx, m); err != nil {
				return err
			}
		}
		if spec.Marker.Kind == MarkerOK {
			continue
		}
		if len(strings.TrimSpace(string(text))) == 0 {
			return notReady("the marker %s is still empty", m.show)
		}
		if p.digest, err = parseDigest(text, spec.Marker.Kind, p.name, !shared || len(pieces) == 1); err != nil {
			v.at = p.show
			return fault.New("E-2122", v.values("marker", m.show, "reason", err.Error()), nil)
		}
	}
	return nil
}

// readMarker returns the marker's text; of an "ok" marker only its presence is
// asked.
func (v *visit) readMarker(ctx context.Context, m target) ([]byte, error) {
	st, err := v.stat(ctx, m.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, notReady("%s is there, its marker %s is not", v.at, m.show)
	case err != nil || v.src.Spec.Marker.Kind == MarkerOK:
		return nil, err
	case st.Size > maxMarker:
		return nil, fault.New("E-2122", v.values("marker", m.show, "reason", fmt.Sprintf("it has %d bytes", st.Size)), nil)
	}
	folder, err := v.connected(ctx)
	if err != nil {
		return nil, err
	}
	r, err := newPaced(ctx, v.src.Limits, func(ctx context.Context) (io.ReadCloser, error) { return folder.Open(ctx, m.path, 0) })
	if err != nil {
		return nil, v.failed(err)
	}
	text, err := io.ReadAll(io.LimitReader(r, maxMarker+1))
	if err := errors.Join(err, r.Close()); err != nil {
		return nil, v.failed(fmt.Errorf("read the marker %s: %w", m.show, err))
	}
	if st.Size >= 0 && int64(len(text)) != st.Size {
		return nil, As(Temporary, fmt.Errorf("the marker %s has %d bytes, of which %d came", m.show, st.Size, len(text)))
	}
	return text, nil
}

// emptiness applies the channel's rule for files without a byte.
func (v *visit) emptiness(pieces []piece) error {
	for _, p := range pieces {
		if p.stat.Size != 0 {
			continue
		}
		v.at = p.show
		switch {
		case v.src.Spec.Empty == EmptyZeroBytes && len(pieces) == 1:
		case v.src.Spec.Marker.Kind == MarkerNone:
			return notReady("%s has no bytes yet", p.show)
		default:
			return fault.New("E-2125", v.values(), nil)
		}
	}
	return nil
}

// bring transfers the pieces and proves the set.
func (v *visit) bring(ctx context.Context, pieces []piece) (schemas.Fetched, error) {
	got := schemas.Fetched{State: schemas.FetchFetched}
	byHash := map[string]int{}
	for _, p := range pieces {
		v.at = p.show
		file, proofs, err := v.whole(ctx, p)
		if err != nil {
			return schemas.Fetched{}, err
		}
		if before, twice := byHash[file.SHA256]; twice && file.Size > 0 {
			return schemas.Fetched{}, fault.New("E-2123", v.values("want", "parts that differ",
				"got", fmt.Sprintf("part %d with the bytes of part %d", p.part, before)), nil)
		}
		byHash[file.SHA256] = p.part
		got.Files = append(got.Files, file)
		got.Proofs = append(got.Proofs, proofs...)
	}
	if v.src.Spec.Parts != (Parts{}) {
		got.Proofs = append(got.Proofs, partsProof(v.src.Spec.Parts.Count, len(pieces)))
	}
	if len(got.Files) == 1 && got.Files[0].Size == 0 {
		got.State = schemas.FetchEmptyConfirmed
		got.Detail = "the file has zero bytes, which this channel says for a day without transactions"
	}
	return got, nil
}

// whole transfers one piece, from its first byte at most twice: what changed
// under the reading, does not have its digest or cannot be continued is fetched
// once again.
func (v *visit) whole(ctx context.Context, p piece) (schemas.FetchedFile, []schemas.Proof, error) {
	file, proofs, err := v.once(ctx, p)
	switch {
	case errors.Is(err, errChanged) && v.src.Spec.Marker.Kind == MarkerNone:
		return file, nil, notReady("%s changed while it was read", p.show)
	case errors.Is(err, errChanged), errors.Is(err, errDigest), errors.Is(err, errUnclean), errors.Is(err, errNoResume):
	default:
		return file, proofs, err
	}
	fresh, lookErr := v.look(ctx) // the marker may have changed together with the file
	if lookErr != nil {
		return file, nil, lookErr
	}
	for _, f := range fresh {
		if f.part == p.part {
			v.at = p.show
			return v.once(ctx, f)
		}
	}
	return file, nil, notReady("%s went away while it was read", p.show)
}

// once transfers one piece from its first byte to its proven end.
func (v *visit) once(ctx context.Context, p piece) (schemas.FetchedFile, []schemas.Proof, error) {
	t := &transfer{visit: v, ctx: ctx, path: p.path, stat: p.stat, want: p.digest}
	if p.digest != "" {
		t.digest = v.src.Spec.Marker.Kind.hasher()
	}
	used, err := v.keep(ctx, p.show, t)
	t.abandon()
	switch {
	case errors.Is(t.err, errDigest):
		return schemas.FetchedFile{}, nil, &digestError{kind: v.src.Spec.Marker.Kind, want: t.want, got: t.got()}
	case t.err != nil && t.err != io.EOF:
		return schemas.FetchedFile{}, nil, t.err
	case err != nil:
		return schemas.FetchedFile{}, nil, &keepError{p.show, err}
	case t.err == nil:
		return schemas.FetchedFile{}, nil, &keepError{p.show, fmt.Errorf("only %d bytes were read, not to the end", t.n)}
	case used.Size != t.n:
		return schemas.FetchedFile{}, nil, &keepError{p.show, fmt.Errorf("%d bytes were kept of %d", used.Size, t.n)}
	}
	file := schemas.FetchedFile{FileUsed: used, Place: v.src.Place + "/" + strings.TrimPrefix(fault.Safe(p.path, 400), "/"),
		At: v.src.Now(), Resumes: t.resumes}
	if p.digest != "" {
		file.Digest = string(v.src.Spec.Marker.Kind) + ":" + p.digest
	}
	return file, v.proofs(p, t), nil
}

// proofs says what was compared for one whole file.
func (v *visit) proofs(p piece, t *transfer) []schemas.Proof {
	size := schemas.Proof{Name: "transport.size", OK: true, Want: fmt.Sprintf("%d bytes", p.stat.Size), Got: fmt.Sprintf("%d bytes", t.n), Note: p.show}
	if p.stat.Size < 0 {
		size.OK, size.Advisory = false, true
		size.Want = "unknown"
		size.Note = p.show + ": the server does not tell sizes; only the marker and the file's own totals can prove it whole"
	}
	ended := schemas.Proof{Name: "transport.stable", OK: true, Note: p.show}
	switch v.src.Spec.Marker.Kind {
	case MarkerNone:
		ended.Want, ended.Got = "same size and time in two looks and after the transfer", "same"
		if p.stat.ModTime.IsZero() {
			ended.Want = "same size in two looks and after the transfer (the server tells no time)"
		}
	case MarkerOK:
		ended = schemas.Proof{Name: "transport.marker", OK: true, Want: "marker file", Got: "there", Note: p.show}
	default:
		kind := string(v.src.Spec.Marker.Kind)
		ended = schemas.Proof{Name: "transport.digest", OK: true, Want: kind + ":" + p.digest, Got: kind + ":" + t.got(), Note: p.show}
	}
	return []schemas.Proof{size, ended}
}

func partsProof(count, got int) schemas.Proof {
	want := fmt.Sprintf("parts 1 to %d", got)
	if count > 0 {
		want = fmt.Sprintf("parts 1 to %d", count)
	}
	return schemas.Proof{Name: "transport.parts", OK: true, Want: want, Got: fmt.Sprintf("%d parts, all different", got)}
}

// connected returns the open connection, or opens one.
func (v *visit) connected(ctx context.Context) (Folder, error) {
	if v.folder != nil {
		return v.folder, nil
	}
	within, cancel := context.WithTimeoutCause(ctx, v.src.Limits.Connect, errNoAnswer)
	defer cancel()
	folder, err := v.src.Connect(within)
	if errors.Is(err, fs.ErrNotExist) {
		// A folder that is gone, such as a share that is not mounted, says
		// nothing about its files. The chain ends here, so that nobody takes it
		// for a file that is not there.
		return nil, fault.New("E-3124", v.values(), errors.New(err.Error()))
	}
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", v.src.Place, because(within, err))
	}
	v.folder = folder
	return folder, nil
}

func (v *visit) stat(ctx context.Context, path string) (FileStat, error) {
	folder, err := v.connected(ctx)
	if err != nil {
		return FileStat{}, err
	}
	within, cancel := context.WithTimeoutCause(ctx, v.src.Limits.Reply, errNoAnswer)
	defer cancel()
	st, err := folder.Stat(within, path)
	return st, v.failed(because(within, err))
}

// failed closes the connection after an error that leaves it in doubt.
func (v *visit) failed(err error) error {
	if err != nil && !answered(err) {
		v.drop()
	}
	return err
}

// answered tells whether err is the server's answer about a file, after which
// the connection is as good as before.
func answered(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) || errors.Is(err, ErrNotRegular)
}

// drop closes the connection; what it says when closed no longer matters.
func (v *visit) drop() {
	if v.folder != nil {
		v.folder.Close()
		v.folder = nil
	}
}

// pause waits before stream number strikes+1.
func (v *visit) pause(ctx context.Context, strikes int) error {
	return v.wait(ctx, v.src.Limits.Pause*time.Duration(strikes))
}

func (v *visit) wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// values are the parts of a message that each fault of this stage carries; more
// are given as name, value, name, value.
func (v *visit) values(more ...any) fault.V {
	all := with(v.req, fault.V{"place": v.src.Place, "file": v.at})
	for i := 0; i+1 < len(more); i += 2 {
		all[more[i].(string)] = more[i+1]
	}
	return all
}
