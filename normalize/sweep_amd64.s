#include "go_asm.h"
#include "textflag.h"

// The bytes 0 to 63.
DATA sweepIndex<>+0(SB)/8, $0x0706050403020100
DATA sweepIndex<>+8(SB)/8, $0x0f0e0d0c0b0a0908
DATA sweepIndex<>+16(SB)/8, $0x1716151413121110
DATA sweepIndex<>+24(SB)/8, $0x1f1e1d1c1b1a1918
DATA sweepIndex<>+32(SB)/8, $0x2726252423222120
DATA sweepIndex<>+40(SB)/8, $0x2f2e2d2c2b2a2928
DATA sweepIndex<>+48(SB)/8, $0x3736353433323130
DATA sweepIndex<>+56(SB)/8, $0x3f3e3d3c3b3a3938
GLOBL sweepIndex<>(SB), RODATA|NOPTR, $64

// func sweepText(s *sweep)
TEXT ·sweepText(SB), NOSPLIT, $0-8
	MOVQ s+0(FP), BX
	MOVQ sweep_text(BX), SI
	MOVQ sweep_places(BX), DI
	MOVQ sweep_above(BX), R8
	MOVQ sweep_chunks(BX), CX
	XORQ R13, R13                  // bytes above 0x7F
	XORQ R14, R14                  // bytes that are odd
	VPBROADCASTB sweep_first(BX), Z16
	VPBROADCASTB sweep_second(BX), Z17
	VPBROADCASTB sweep_mask(BX), Z18
	VPBROADCASTB sweep_cr(BX), Z19
	VPBROADCASTB sweep_quote(BX), Z20
	VPBROADCASTB sweep_tab(BX), Z27
	MOVL $0x0D, AX
	VPBROADCASTB AX, Z28           // CR
	MOVL $0x0A, AX
	VPBROADCASTB AX, Z21           // LF
	MOVL $0x20, AX
	VPBROADCASTB AX, Z22           // the first that is no control character
	MOVL $0x7F, AX
	VPBROADCASTB AX, Z23           // DEL
	MOVL $64, AX
	VPBROADCASTD AX, Z24
	VMOVDQU8 sweepIndex<>(SB), Z25
	VPXORD Z26, Z26, Z26           // place of the chunk

loop:
	VMOVDQU8 (SI), Z1
	VMOVDQU8 1(SI), Z2
	VPANDD Z18, Z2, Z3
	VPCMPEQB Z16, Z1, K1           // first byte of a delimiter
	VPCMPEQB Z17, Z3, K1, K2       // and the second behind it
	VPCMPEQB Z21, Z1, K3           // line feeds
	VPCMPEQB Z19, Z1, K4
	VPCMPEQB Z21, Z2, K4, K4       // CR in front of them
	VPCMPUB $1, Z22, Z1, K5        // control characters
	KORQ K3, K4, K4
	VPCMPEQB Z16, Z2, K6
	VPCMPEQB Z21, Z2, K7
	KORQ K6, K7, K7
	VPCMPEQB Z28, Z2, K6
	KORQ K6, K7, K7
	VPCMPEQB Z27, Z1, K7, K6       // tabs at the end of a cell
	KORQ K6, K4, K4
	VPCMPEQB Z20, Z1, K6           // quotes
	VPCMPEQB Z23, Z1, K7
	KORQ K2, K3, K3                // hits
	KORQ K3, K4, K4                // what is in order
	KORQ K1, K5, K5
	KANDNQ K5, K4, K5
	KORQ K6, K7, K7
	KORQ K5, K7, K7
	KMOVQ K3, R9
	KMOVQ K7, R10
	VPMOVB2M Z1, K1
	KMOVQ K1, R11
	MOVQ $-1, R12
	CMPQ CX, $1
	CMOVQEQ sweep_last(BX), R12    // what is behind the text does not count
	ANDQ R12, R9
	ANDQ R12, R10
	ANDQ R12, R11
	ORQ R10, R14
	ORQ R11, R13
	MOVQ R11, (R8)
	KMOVQ R9, K3
	POPCNTQ R9, AX
	VPCOMPRESSB.Z Z25, K3, Z4
	VPMOVZXBD X4, Z5
	VPADDD Z26, Z5, Z5
	VMOVDQU32 Z5, (DI)
	CMPQ AX, $16
	JLE next
	VEXTRACTI32X4 $1, Z4, X6
	VPMOVZXBD X6, Z5
	VPADDD Z26, Z5, Z5
	VMOVDQU32 Z5, 64(DI)
	VEXTRACTI32X4 $2, Z4, X6
	VPMOVZXBD X6, Z5
	VPADDD Z26, Z5, Z5
	VMOVDQU32 Z5, 128(DI)
	VEXTRACTI32X4 $3, Z4, X6
	VPMOVZXBD X6, Z5
	VPADDD Z26, Z5, Z5
	VMOVDQU32 Z5, 192(DI)

next:
	LEAQ (DI)(AX*4), DI
	VPADDD Z24, Z26, Z26
	ADDQ $64, SI
	ADDQ $8, R8
	DECQ CX
	JNZ loop

	SUBQ sweep_places(BX), DI
	SHRQ $2, DI
	MOVQ DI, sweep_noted(BX)
	MOVQ R13, sweep_high(BX)
	MOVQ R14, sweep_odd(BX)
	VZEROUPPER
	RET
