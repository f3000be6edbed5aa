// Package recordfile keeps what one stage hands to the next in files.
//
// In: batches of canonical records, outcomes, differences, carried rows and
// claims. Out: the same, by column where that pays. Records and outcomes are
// Parquet; differences, carried rows and claims are JSON, one object a line.
// The same input gives the same bytes: files hold no clock, and page and row
// group borders depend on row numbers only, never on how the caller cut its
// batches or on the number of workers.
//
// A page holds chunkRows rows in all columns, so it unpacks straight into a
// batch, and one row costs one page, of which only its own values are put
// together. A row group is packed, and unpacked, by one worker, while the
// caller fills or uses another.
//
// Called by normalize and ledgerlink (which write records), by match (which
// reads them by column), by the pipeline and by the reports.
//
// The Parquet schema of a record file, one row a money movement; NULL means
// that the source does not say:
//
//	channel, account               string, optional
//	kind, status                   string, the words of schemas.Kind and schemas.Status
//	merchant_ref, refund_ref       string, optional
//	channel_ref, channel_refund_ref string, optional
//	status_raw                     string, optional
//	amount_minor                   int64, minor units, never negative
//	currency                       string, optional
//	settle_minor, fee_minor        int64, optional
//	fee_sub                        int64, millionths of a minor unit
//	event_time                     timestamp[us, UTC], optional
//	bill_date                      date32, optional
//	source                         string, sha256 of the raw file, optional
//	line, offset                   int64
//	trade_type, bank, product, remark string, optional
package recordfile
