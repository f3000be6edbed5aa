package fault

// matchRows holds the rows of this area. Ids E-xx60 to E-xx69 of each exit code.
var matchRows = []Entry{}
