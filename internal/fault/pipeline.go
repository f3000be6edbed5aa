package fault

// pipelineRows holds the rows of this area. Ids E-xx80 to E-xx89 of each exit code.
var pipelineRows = []Entry{}
