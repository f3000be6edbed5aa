package pipeline

import (
	"context"
	"io"

	"tieout/internal/fault"
	"tieout/internal/lake"
	"tieout/schemas"
)

// intake stores the files of one fetch as they come. Of what was not proven
// whole it remembers the last, so that it can be kept as evidence: raw bytes
// under their hash, which no statement names and no stage reads.
type intake struct {
	lake *lake.Lake
	part *lake.File // nil: nothing unproven came
	name string
}

// keep implements fetchers.Keep.
func (in *intake) keep(ctx context.Context, name string, r io.Reader) (schemas.FileUsed, error) {
	in.drop()
	f, err := in.lake.Receive(ctx, r)
	if err != nil {
		in.part, in.name = f, fault.Safe(name, 200)
		return schemas.FileUsed{}, err
	}
	blob, err := f.CommitRaw()
	return schemas.FileUsed{Name: fault.Safe(name, 200), SHA256: blob.SHA256, Size: blob.Size}, err
}

// drop lets go of what was remembered.
func (in *intake) drop() {
	if in.part != nil {
		in.part.Abort()
		in.part = nil
	}
}

// end lets go of what was remembered. What failed its proof, by the fault that
// ended the fetch, is kept; the error then says where. A broken line or a file
// above the limit proves nothing about the bytes that came.
func (in *intake) end(cause error, v fault.V) error {
	defer in.drop()
	f := fault.Of(cause)
	if in.part == nil || in.part.Blob().Size == 0 || f.Exit() != 21 || f.ID == "E-2113" || f.ID == "E-2127" {
		return nil
	}
	blob, err := in.part.CommitRaw()
	if err != nil {
		return err
	}
	v["file"], v["size"], v["kept"] = in.name, blob.Size, in.lake.RawPath(blob.SHA256)
	return fault.New("E-2183", v, nil)
}
