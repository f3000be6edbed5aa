package channelsim

import (
	"archive/zip"
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"fmt"
	"strings"

	"tieout/internal/bizday"
)

// UnionPay online gateway, merchant flow file ZM: 42 fields in GBK, cut by
// bytes, one blank between two, CRLF behind each record; no header, no trailer.
var zmWidths = []int{3, 11, 11, 6, 10, 19, 12, 4, 2, 21, 2, 32, 2, 6, 10, 13, 13, 4, 15, 2, 2, 6, 2, 4, 32, 1, 21, 15, 1, 15, 32, 13, 13, 8, 32, 13, 13, 12, 2, 1, 32, 98}

// unionPayZip writes the zip of a settlement date: the general flow and the
// flow of errors, which is empty.
func unionPayZip(sh sheet) (name string, body []byte, err error) {
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	stem := "INN" + sh.date.Format("060102") + "88"
	for _, f := range []struct {
		name string
		body []byte
	}{{stem + "ZM_" + sh.merchant, zmFile(sh)}, {stem + "ZME_" + sh.merchant, nil}} {
		w, err := z.CreateHeader(&zip.FileHeader{Name: f.name, Method: zip.Deflate})
		if err != nil {
			return "", nil, err
		}
		if _, err := w.Write(f.body); err != nil {
			return "", nil, err
		}
	}
	if err := z.Close(); err != nil {
		return "", nil, err
	}
	return sh.merchant + "_" + sh.date.Compact() + ".zip", out.Bytes(), nil
}

// unionPayContent is the field fileContent: base64 over zlib over the zip.
func unionPayContent(zipped []byte) (string, error) {
	var out bytes.Buffer
	z := zlib.NewWriter(&out)
	if _, err := z.Write(zipped); err != nil {
		return "", err
	}
	if err := z.Close(); err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(out.Bytes()), nil
}

func zmFile(sh sheet) []byte {
	var b bytes.Buffer
	for _, e := range sh.rows {
		zmRecord(&b, sh.merchant, e)
	}
	return b.Bytes()
}

func zmRecord(b *bytes.Buffer, merchant string, e *entry) {
	code, txnType, subType, settle, fee := "S22", "01", "01", e.amount-e.fee, -e.fee
	origTrace, origTime, origQuery, origOrder, order := "000000", "0000000000", "", "", e.merchantRef
	if e.isRefund() {
		code, txnType, subType, settle, fee = "S30", "04", "00", e.fee-e.amount, e.fee
		origTrace, origTime = traceNo(e.payment), e.payment.at.Format("0102150405")
		origQuery, origOrder, order = e.channelRef, e.merchantRef, e.refundRef
	}
	if e.void {
		code, txnType = "S31", "31"
	}
	zero := signed(0, 12)
	values := []string{
		code, "48270000", "00049993", traceNo(e), e.at.Format("0102150405"), unionPayCard(e), fmt.Sprintf("%012d", e.amount), "5311", "07",
		unionPayQuery(e), "", order, "01", origTrace, origTime, signed(fee, 12), signed(settle, 12), "0201", "", txnType, subType, "000201",
		"01", "", "", "", origQuery, merchant, "", strings.Repeat("0", 15), "", zero, signed(settle, 12), "",
		e.product, zero, zero, signed(0, 11), "00", "", origOrder, "",
	}
	for i, v := range values {
		if i > 0 {
			b.WriteByte(' ')
		}
		padded(b, v, zmWidths[i])
	}
	b.WriteString("\r\n")
}

// signed writes C (the merchant receives), D (the merchant pays), or a blank
// when the amount is zero, and the digits.
func signed(fen int64, digits int) string {
	switch {
	case fen > 0:
		return fmt.Sprintf("C%0*d", digits, fen)
	case fen < 0:
		return fmt.Sprintf("D%0*d", digits, -fen)
	}
	return " " + strings.Repeat("0", digits)
}

// padded writes a text in GBK, left-aligned in width bytes. What is too long is
// cut between two characters.
func padded(b *bytes.Buffer, text string, width int) {
	n := b.Len()
	if ascii(text) {
		b.WriteString(text[:min(len(text), width)])
	} else {
		for _, r := range text {
			c := gbk(string(r))
			if b.Len()-n+len(c) > width {
				break
			}
			b.Write(c)
		}
	}
	for b.Len()-n < width {
		b.WriteByte(' ')
	}
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// unionPayQuery is the queryId of the entry itself.
func unionPayQuery(e *entry) string {
	if e.isRefund() {
		return e.channelRefundRef
	}
	return e.channelRef
}

// traceNo is the system trace number, which is not unique in a day.
func traceNo(e *entry) string { return digits(6, 0, "trace", unionPayQuery(e)) }

func unionPayCard(e *entry) string { return "621700*********" + digits(4, 0, "payer", e.merchantRef) }

// settleDate writes a date as the protocol does, without the year.
func settleDate(d bizday.Date) string { return d.Format("0102") }
