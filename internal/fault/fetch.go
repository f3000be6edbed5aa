package fault

// fetchRows holds the rows of this area. Ids E-xx10 to E-xx29 of each exit code.
var fetchRows = []Entry{}
