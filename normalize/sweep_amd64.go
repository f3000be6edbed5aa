package normalize

import "golang.org/x/sys/cpu"

// canSweep tells whether the processor has what sweepText is written in.
var canSweep = cpu.X86.HasAVX512F && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512DQ && cpu.X86.HasAVX512VL && cpu.X86.HasAVX512VBMI2 && cpu.X86.HasPOPCNT

// sweepText does what sweep says, 64 bytes at a time: a comparison with all of
// them is one instruction, and so is the list of the bits that are set.
//
//go:noescape
func sweepText(s *sweep)
