package pipeline

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"

	"tieout/internal/bizday"
	"tieout/internal/fault"
	"tieout/internal/lake"
	"tieout/internal/store"
	"tieout/schemas"
)

// Verify checks the invariants: the books balance, each fix has one effect,
// suspense is what open cases hold, every published result has its proofs; with
// data, every file of every current run still has its hash. It writes nothing.
func (p *Pipeline) Verify(ctx context.Context, accts []Account, from, to bizday.Date, data bool) ([]schemas.Proof, error) {
	proofs, err := p.Books.VerifyBooks(ctx)
	if err != nil {
		return nil, err
	}
	for _, a := range accts {
		ledger, err := p.Books.SuspenseOf(ctx, a.Definition.Name, a.Name)
		if err != nil {
			return nil, err
		}
		cases, err := p.Store.SuspenseSum(ctx, a.Name)
		if err != nil {
			return nil, err
		}
		proofs = append(proofs, SuspenseProofs(ledger, cases)...)
		more, err := p.verifyRuns(ctx, a, from, to, data)
		if err != nil {
			return nil, err
		}
		proofs = append(proofs, more...)
	}
	return proofs, nil
}

func (p *Pipeline) verifyRuns(ctx context.Context, a Account, from, to bizday.Date, data bool) ([]schemas.Proof, error) {
	runs, err := p.Store.Runs(ctx, a.Name, from, to)
	if err != nil {
		return nil, err
	}
	var proofs []schemas.Proof
	var last *store.Run
	for _, r := range runs {
		if !r.Current {
			continue
		}
		bad, files, err := p.verifyRun(ctx, r, data)
		if err != nil {
			return nil, err
		}
		whole := fmt.Sprintf("%d files whole, manifests unbroken, every proof holds", files)
		proof := schemas.Proof{Name: "run." + r.ID, OK: bad == "", Want: whole, Got: cmp.Or(bad, whole)}
		if bad == "" && last != nil && !r.Stale {
			proof.OK, proof.Got, err = p.carriesOn(*last, r, whole)
			if err != nil {
				return nil, err
			}
		}
		proofs = append(proofs, proof)
		last = &r
	}
	return proofs, nil
}

// carriesOn checks that a day began with what the day before it handed on: the
// open items of a day are those of the day before, plus new ones, less closed
// ones.
func (p *Pipeline) carriesOn(before, r store.Run, whole string) (ok bool, got string, err error) {
	_, from, err := p.stageOf(before, StageMatch)
	if err != nil {
		return false, "", err
	}
	_, to, err := p.stageOf(r, StageMatch)
	if err != nil {
		return false, "", err
	}
	out, _ := outputOf(from, carriedFile)
	in, _ := outputOf(to, carriedInFile)
	if out.SHA256 != in.SHA256 {
		return false, "carried in is not what " + before.ID + " carried out", nil
	}
	return true, whole, nil
}

// verifyRun checks manifests, and with data every file that they name and the
// raw files they were made of.
func (p *Pipeline) verifyRun(ctx context.Context, r store.Run, data bool) (bad string, files int, err error) {
	for _, stage := range Stages {
		if err := ctx.Err(); err != nil {
			return "", files, err
		}
		dir := p.Lake.RunDir(r.BillDate.String(), r.Account, r.Attempt, stage)
		m, err := readManifest(dir)
		if err != nil {
			return stage + ": no manifest that can be read", files, nil
		}
		if m.Digest != digest(m) {
			return stage + ": the manifest was changed", files, nil
		}
		if err := failing(m.Proofs, "E-5080", fault.V{"account": r.Account, "date": r.BillDate}); err != nil {
			return stage + ": " + fault.Of(err).Message(fault.English), files, nil
		}
		if stage == StageExport {
			if bad, err := p.anchored(ctx, dir, m); bad != "" || err != nil {
				return bad, files, err
			}
		}
		for _, o := range m.Outputs {
			if !data {
				files++
				continue
			}
			f, err := lake.OpenVerified(filepath.Join(dir, o.Name), o.SHA256)
			if err != nil {
				return stage + "/" + o.Name + ": " + fault.Of(err).Message(fault.English), files, nil
			}
			f.Close()
			files++
		}
		if stage != StageFetch || !data {
			continue
		}
		for _, in := range m.Inputs {
			f, err := p.Lake.OpenRaw(in.SHA256)
			if err != nil {
				return "raw/" + in.SHA256 + ": " + fault.Of(err).Message(fault.English), files, nil
			}
			f.Close()
			files++
		}
	}
	return "", files, nil
}

// anchored checks that the core's log still is what it was when the night saw
// it. Whoever writes the log anew, hashes and all, cannot do so with what the
// nights published.
func (p *Pipeline) anchored(ctx context.Context, dir string, m *schemas.Manifest) (bad string, err error) {
	export, err := readJSON[schemas.Export](dir, m, exportFile)
	if err != nil {
		return StageExport + "/" + exportFile + ": " + fault.Of(err).Message(fault.English), nil
	}
	mark, ours := schemas.ParseLogMark(export.Watermark)
	if !ours {
		return "", nil
	}
	holds, err := p.Store.HoldsMark(ctx, mark)
	if err != nil || holds {
		return "", err
	}
	return fmt.Sprintf("%s: the log of state moves is another up to line %d than the night saw", StageExport, mark.Seq), nil
}
