package fault

// configRows holds the rows of this area. Ids E-xx90 to E-xx99 of each exit code.
var configRows = []Entry{}
