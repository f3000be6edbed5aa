package resolve

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"hash"

	"tieout/schemas"
)

// CaseID names the case of a movement: account, kind, key and currency, not
// the class, so that it survives reruns that find another class. Short enough
// to be read out on the telephone: "C-" and 60 bits in base 32.
func CaseID(account string, kind schemas.Kind, key, currency string) string {
	h := newDigest("case")
	h.text(account, kind.String(), key, currency)
	return "C-" + base32.StdEncoding.EncodeToString(h.sum())[:12]
}

// CaseOf is the CaseID of a difference. A row without a number of ours is
// known by the channel's number; one without any, by its content.
func CaseOf(d *schemas.Difference) string {
	key := d.Key
	if key == "" {
		row := d.ChannelRow
		if row == nil {
			row = d.LocalRow
		}
		switch {
		case row == nil:
		case channelNumber(row) != "":
			key = "\x00channel\x00" + channelNumber(row)
		default:
			h := newDigest("row")
			h.record(row)
			key = "\x00row\x00" + hex.EncodeToString(h.sum())
		}
	}
	return CaseID(d.Account, d.Kind, key, d.Currency)
}

// Evidence is the digest of the facts of a difference that people see before
// they decide: class, rule, both rows, the deltas, the candidates. It leaves
// out where a row stands in its file and which run found it, so that a rerun
// that finds the same facts leaves an approval standing.
func Evidence(d *schemas.Difference) string {
	h := newDigest("evidence 1")
	h.text(d.Account, d.BillDate.String(), d.Kind.String(), d.Key, d.Currency, d.Class.String(), d.Rule)
	h.int(d.DeltaMinor, d.FeeDelta, int64(d.Occurrence))
	h.record(d.LocalRow)
	h.record(d.ChannelRow)
	h.int(int64(len(d.Candidates)))
	for i := range d.Candidates {
		h.text(d.Candidates[i].Failed)
		h.record(&d.Candidates[i].Record)
	}
	return hex.EncodeToString(h.sum())
}

// digest hashes values with their lengths, so that no two lists of values give
// the same bytes.
type digest struct{ h hash.Hash }

func newDigest(what string) digest {
	d := digest{sha256.New()}
	d.text(what)
	return d
}

func (d digest) text(values ...string) {
	for _, v := range values {
		d.int(int64(len(v)))
		d.h.Write([]byte(v))
	}
}

func (d digest) int(values ...int64) {
	var b [8]byte
	for _, v := range values {
		binary.BigEndian.PutUint64(b[:], uint64(v))
		d.h.Write(b[:])
	}
}

func (d digest) null(v schemas.NullInt64) {
	if v.Valid {
		d.int(1, v.V)
	} else {
		d.int(0)
	}
}

func (d digest) record(r *schemas.Record) {
	if r == nil {
		d.int(0)
		return
	}
	d.int(1)
	d.text(r.Channel, r.Account, r.Kind.String(), r.MerchantRef, r.RefundRef, r.ChannelRef, r.ChannelRefundRef,
		r.Status.String(), r.StatusRaw, r.Currency, r.BillDate.String(), r.TradeType, r.Bank, r.Product, r.Remark)
	d.int(r.AmountMinor, r.FeeSub, r.EventTime)
	d.null(r.SettleMinor)
	d.null(r.FeeMinor)
}

func (d digest) sum() []byte { return d.h.Sum(nil) }
