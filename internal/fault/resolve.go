package fault

// resolveRows holds the rows of this area. Ids E-xx70 to E-xx79 of each exit code.
var resolveRows = []Entry{}
