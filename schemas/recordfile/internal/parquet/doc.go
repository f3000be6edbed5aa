// Package parquet holds the parts of the Parquet file format that record files
// use, both ways: the footer, pages of the first version, and the encodings
// PLAIN, RLE_DICTIONARY, DELTA_BINARY_PACKED and DELTA_BYTE_ARRAY.
//
// In: columns as slices. Out: bytes, and the other way round. It knows no
// record and no file. All functions that read take bytes that anybody may have
// written: a length is believed only after a look at what is there, and what
// does not add up is an error, never a panic.
package parquet

import "errors"

// Type is the physical type of a column.
type Type int32

// The types that record files use.
const (
	Int32     Type = 1
	Int64     Type = 2
	ByteArray Type = 6
)

// Logical is what a column means.
type Logical uint8

// The meanings that record files use.
const (
	NoLogical Logical = iota
	String
	Date
	TimestampMicros // UTC
)

// Encoding says how the values of a page are packed.
type Encoding int32

// The encodings that record files use.
const (
	Plain          Encoding = 0
	RLE            Encoding = 3
	DeltaBinary    Encoding = 5
	DeltaByteArray Encoding = 7
	RLEDictionary  Encoding = 8

	plainDictionary Encoding = 2 // the old name of both dictionary encodings
)

// Codec compresses pages.
type Codec int32

// The codecs that record files use.
const (
	Uncompressed Codec = 0
	Zstd         Codec = 6
)

// MaxPage is the most bytes that the values of a page may take, unpacked; and
// MaxPageRows is the most rows.
const (
	MaxPage     = 1 << 26
	MaxPageRows = 1 << 20
)

var (
	errCut   = errors.New("bytes end too early")
	errLarge = errors.New("a page is larger than 64 MiB")
)
