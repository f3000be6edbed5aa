package fault

import "slices"

// fetchRows holds the rows of this area. Ids E-xx10 to E-xx29 of each exit
// code: E-xx10 to E-xx19 in fetch_http.go, E-xx20 to E-xx29 in fileRows.
var fetchRows = slices.Concat(httpRows, fileRows)

// fileRows holds the rows of the sources that read files from a folder: ftp,
// sftp, localdir, and of the retries around all sources.
var fileRows = []Entry{}
