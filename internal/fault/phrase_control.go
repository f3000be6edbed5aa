package fault

// controlPhrases are what the controls say of a finding.
var controlPhrases = []Text{
	{"it must be OPEN", "须为 OPEN 状态"},
	{"somebody must propose it first", "须先有人提议"},
}
