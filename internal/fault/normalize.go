package fault

// normalizeRows holds the rows of this area. Ids E-xx30 to E-xx49 of each exit code.
var normalizeRows = []Entry{}
