package fault

// linkRows holds the rows of this area. Ids E-xx50 to E-xx59 of each exit code.
var linkRows = []Entry{}
