package pipeline

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"time"

	"tieout/fetchers"
	"tieout/internal/crashpoint"
	"tieout/internal/fault"
	"tieout/internal/store"
	"tieout/schemas"
)

// fetch brings every statement of the account, or finds the ones that are there.
func (w *work) fetch(ctx context.Context) error {
	issues := make([]store.StatementVersion, len(w.acct.Statements))
	var inputs []schemas.FileUsed
	if err := w.enter(ctx, StageFetch); err != nil {
		return err
	}
	var reissued error
	for i, spec := range w.acct.Statements {
		issue, err := w.statement(ctx, spec)
		if fault.Of(err).ID == "E-2280" {
			// What was issued anew often touches the account's other statements
			// too: all are brought before a person is asked.
			reissued = errors.Join(reissued, err)
			continue
		}
		if err != nil {
			return err
		}
		issues[i] = issue
		for _, f := range issue.Fetched.Files {
			inputs = append(inputs, f.FileUsed)
		}
	}
	if reissued != nil {
		return reissued
	}
	m, err := w.run(ctx, StageFetch, inputs, func(_ context.Context, out *output) error {
		out.manifest.Counts["files"] = int64(len(inputs))
		for _, issue := range issues {
			out.manifest.Proofs = append(out.manifest.Proofs, issue.Fetched.Proofs...)
		}
		fetched := make([]schemas.Fetched, len(issues))
		for i := range issues {
			fetched[i] = issues[i].Fetched
		}
		return writeLines(out, "fetched.jsonl", fetched)
	})
	if err != nil {
		return err
	}
	return w.noteFetched(m)
}

// noteFetched puts the result of the stage into the report.
func (w *work) noteFetched(m *schemas.Manifest) error {
	fetched, err := readLines[schemas.Fetched](w.dir(StageFetch), m, "fetched.jsonl")
	if err != nil {
		return err
	}
	w.report.FetchState = schemas.FetchFetched
	for _, f := range fetched {
		if f.State == schemas.FetchEmptyConfirmed {
			w.report.FetchState = f.State
		}
		w.report.Files = append(w.report.Files, f.Files...)
		w.report.Proofs = append(w.report.Proofs, f.Proofs...)
	}
	return nil
}

// statement returns the issue of one statement that this run uses.
func (w *work) statement(ctx context.Context, spec StatementSpec) (store.StatementVersion, error) {
	have, err := w.p.Store.Statements(ctx, w.acct.Name, w.date, spec.String())
	if err != nil {
		return store.StatementVersion{}, err
	}
	if w.opt.AcceptReissue {
		if issue, ok, err := w.accept(ctx, spec, have); ok || err != nil {
			return issue, err
		}
	}
	if issue, ok := lastAccepted(have); ok && !w.opt.Again {
		return issue, w.pendingReissue(spec, have, issue)
	}
	if w.opt.DryRun {
		return store.StatementVersion{}, fault.New("E-2082", w.values(spec), nil)
	}
	return w.bring(ctx, spec, have)
}

// pendingReissue refuses to go on while a newer issue waits for a person.
func (w *work) pendingReissue(spec StatementSpec, have []store.StatementVersion, used store.StatementVersion) error {
	if newest := have[len(have)-1]; newest.Version > used.Version && !w.opt.Force && !w.opt.DryRun && w.opt.From == "" {
		return w.reissued(spec, used, newest)
	}
	return nil
}

func (w *work) reissued(spec StatementSpec, used, newest store.StatementVersion) error {
	v := w.values(spec)
	v["old"], v["new"] = used.Digest[:12], newest.Digest[:12]
	v["old_bytes"], v["new_bytes"] = size(used.Fetched), size(newest.Fetched)
	return fault.New("E-2280", v, nil)
}

// accept lets the newest issue be used; a dry run only computes with it.
func (w *work) accept(ctx context.Context, spec StatementSpec, have []store.StatementVersion) (store.StatementVersion, bool, error) {
	if len(have) == 0 || have[len(have)-1].Accepted {
		return store.StatementVersion{}, false, nil
	}
	newest := have[len(have)-1]
	if w.opt.DryRun {
		return newest, true, nil
	}
	if err := w.p.Store.AcceptStatement(ctx, w.lease, w.acct.Name, w.date, spec.String(), newest.Version); err != nil {
		return store.StatementVersion{}, true, err
	}
	newest.Accepted = true
	return newest, true, nil
}

// bring fetches a statement and keeps it; what did not come is written down
// with the time of the next try.
func (w *work) bring(ctx context.Context, spec StatementSpec, have []store.StatementVersion) (store.StatementVersion, error) {
	last, tried, err := w.p.Store.LastFetchAttempt(ctx, w.acct.Name, w.date, spec.String())
	if err != nil {
		return store.StatementVersion{}, err
	}
	if tried && !w.opt.Now && !w.opt.Again && last.State != schemas.FetchFetched && last.NextAt.After(w.p.Now()) {
		v := w.values(spec)
		v["next"], v["detail"] = w.local(last.NextAt), last.Detail
		return store.StatementVersion{}, fault.New("E-2080", v, nil)
	}
	req := schemas.StatementRequest{Channel: w.acct.Definition.Name, Account: w.acct.Merchant, Date: w.date, Statement: spec.Kind, Variant: spec.Variant}
	in := &intake{lake: w.lake}
	defer in.drop()
	got, ferr := w.acct.Source.Fetch(ctx, req, in.keep)
	if ctx.Err() != nil {
		return store.StatementVersion{}, ctx.Err()
	}
	if ferr != nil || (got.State != schemas.FetchFetched && got.State != schemas.FetchEmptyConfirmed) {
		failed := w.notBrought(ctx, spec, last.Attempt+1, got, ferr)
		if kept := in.end(ferr, w.values(spec)); kept != nil {
			failed = errors.Join(failed, kept)
		}
		return store.StatementVersion{}, failed
	}
	crashpoint.Hit("fetch.before_record")
	return w.record(ctx, spec, have, got)
}

// record writes a statement that came into the store. The first issue, and any
// issue while no result was built upon an earlier one, is used at once.
func (w *work) record(ctx context.Context, spec StatementSpec, have []store.StatementVersion, got schemas.Fetched) (store.StatementVersion, error) {
	used, any := lastAccepted(have)
	accepted := !any || !w.had || w.opt.AcceptReissue
	issue, err := w.p.Store.AddStatement(ctx, w.lease, w.acct.Name, w.date, spec.String(), digestOf(got), got, accepted)
	if err != nil {
		return issue, err
	}
	crashpoint.Hit("fetch.recorded")
	if err := w.p.Store.AddFetchAttempt(ctx, w.lease, w.acct.Name, w.date, spec.String(), got.State, got.Detail, time.Time{}); err != nil {
		return issue, err
	}
	if !issue.Accepted {
		return issue, w.reissued(spec, used, issue)
	}
	return issue, nil
}

// notBrought writes the rung of the ladder and says what happens next.
func (w *work) notBrought(ctx context.Context, spec StatementSpec, attempt int, got schemas.Fetched, cause error) error {
	state := got.State
	if cause != nil {
		state = schemas.FetchFailed
		if fault.Of(cause).Exit() == 20 {
			state = schemas.FetchNotReady
		}
	}
	ladder, err := w.acct.Ladder(w.date)
	if err != nil {
		return errors.Join(cause, err)
	}
	next, again := ladder.Next(w.p.Now(), state, attempt)
	if !again || cause != nil && fetchers.ClassOf(cause) == fetchers.Permanent {
		next = time.Time{}
	}
	state = ladder.Name(w.p.Now(), state)
	detail := got.Detail
	if detail == "" && cause != nil {
		detail = string(fault.Of(cause).ID)
	}
	if err := w.p.Store.AddFetchAttempt(ctx, w.lease, w.acct.Name, w.date, spec.String(), state, detail, next); err != nil {
		return errors.Join(cause, err)
	}
	w.report.FetchState = state
	if state == schemas.FetchFailed {
		return cause
	}
	v := w.values(spec)
	v["detail"], v["attempt"] = detail, attempt
	if next.IsZero() {
		return fault.New("E-2081", v, cause)
	}
	v["next"] = w.local(next)
	return fault.New("E-2080", v, cause)
}

func (w *work) values(spec StatementSpec) fault.V {
	return fault.V{"channel": w.acct.Definition.Name, "account": w.acct.Name, "merchant": w.acct.Merchant, "date": w.date, "statement": spec}
}

// local writes an instant in the channel's zone.
func (w *work) local(t time.Time) string {
	return t.In(w.acct.Definition.Day().Zone).Format("2006-01-02 15:04 MST")
}

func lastAccepted(all []store.StatementVersion) (store.StatementVersion, bool) {
	for _, v := range slices.Backward(all) {
		if v.Accepted {
			return v, true
		}
	}
	return store.StatementVersion{}, false
}

// digestOf names an issue by the bytes of its files, in any order.
func digestOf(f schemas.Fetched) string {
	hashes := make([]string, len(f.Files))
	for i, file := range f.Files {
		hashes[i] = file.SHA256
	}
	slices.Sort(hashes)
	sum := sha256.Sum256([]byte(string(f.State) + "\n" + strings.Join(hashes, "\n")))
	return hex.EncodeToString(sum[:])
}

func size(f schemas.Fetched) (n int64) {
	for _, file := range f.Files {
		n += file.Size
	}
	return n
}
