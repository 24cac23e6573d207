//go:build !purego

#include "textflag.h"

// SHA-256 of two messages at once with the SHA extensions (FIPS 180-4, section 6.2; Intel's "SHA Extensions", 2013, for
// what the instructions do). SHA256RNDS2 does two rounds in four cycles but can start every second cycle, and each
// needs the result of the one before: a single message leaves half of the unit idle. So each step is written for
// lane A and lane B, which do not wait for each other.

// S0 and S1 are a lane's state, in the order of the instructions: A B E F and C D G H.
#define S0A X1
#define S1A X2
#define S0B X3
#define S1B X4
#define TA X13 // scratch of a lane; X0 is what SHA256RNDS2 reads besides its operands
#define TB X14
#define FLIP X15 // turns the bytes of each word around: messages are big endian

// Words 4i to 4i+3 of the message.
#define LOAD(i, p, m) \
	MOVOU (i*16)(p), m; \
	PSHUFB FLIP, m

// Rounds 4i to 4i+3 of both lanes, with message words ma and mb.
#define ROUNDS(i, ma, mb) \
	MOVOU (i*16)(AX), TA; \
	MOVO TA, TB; \
	PADDL ma, TA; \
	PADDL mb, TB; \
	MOVO TA, X0; \
	SHA256RNDS2 X0, S0A, S1A; \
	MOVO TB, X0; \
	SHA256RNDS2 X0, S0B, S1B; \
	PSHUFD $0x0e, TA, X0; \
	SHA256RNDS2 X0, S1A, S0A; \
	PSHUFD $0x0e, TB, X0; \
	SHA256RNDS2 X0, S1B, S0B

// The schedule's later half: next becomes the four words after those in this; SCHEDULE1 has been over it.
#define SCHEDULE2(before, this, next, t) \
	MOVO this, t; \
	PALIGNR $4, before, t; \
	PADDL t, next; \
	SHA256MSG2 this, next

// The schedule's earlier half, for the words in before.
#define SCHEDULE1(beforeA, thisA, beforeB, thisB) \
	SHA256MSG1 thisA, beforeA; \
	SHA256MSG1 thisB, beforeB

// A step of the middle: rounds and schedule.
#define STEP(i, beforeA, thisA, nextA, beforeB, thisB, nextB) \
	ROUNDS(i, thisA, thisB); \
	SCHEDULE2(beforeA, thisA, nextA, TA); \
	SCHEDULE2(beforeB, thisB, nextB, TB)

// A lane's state comes as A B C D and E F G H.
#define IN(p, s0, s1) \
	MOVOU (p), X5; \
	MOVOU 16(p), s1; \
	PSHUFD $0xb1, X5, X5; \
	PSHUFD $0x1b, s1, s1; \
	MOVO X5, s0; \
	PALIGNR $8, s1, s0; \
	PBLENDW $0xf0, X5, s1

// And goes as it came.
#define OUT(p, s0, s1) \
	PSHUFD $0x1b, s0, X5; \
	PSHUFD $0xb1, s1, s1; \
	MOVO X5, X6; \
	PBLENDW $0xf0, s1, X5; \
	PALIGNR $8, X6, s1; \
	MOVOU X5, (p); \
	MOVOU s1, 16(p)

// func blocks(a, b *[8]uint32, p, q *byte, n int, k *[64]uint32)
TEXT ·blocks(SB), NOSPLIT, $64-48
	MOVQ a+0(FP), DI
	MOVQ b+8(FP), SI
	MOVQ p+16(FP), R8
	MOVQ q+24(FP), R9
	MOVQ n+32(FP), CX
	MOVQ k+40(FP), AX
	MOVOU flip<>(SB), FLIP

	IN(DI, S0A, S1A)
	IN(SI, S0B, S1B)

loop:
	MOVOU S0A, 0(SP)
	MOVOU S1A, 16(SP)
	MOVOU S0B, 32(SP)
	MOVOU S1B, 48(SP)
	LOAD(0, R8, X5)
	LOAD(0, R9, X9)
	ROUNDS(0, X5, X9)
	LOAD(1, R8, X6)
	LOAD(1, R9, X10)
	ROUNDS(1, X6, X10)
	SCHEDULE1(X5, X6, X9, X10)
	LOAD(2, R8, X7)
	LOAD(2, R9, X11)
	ROUNDS(2, X7, X11)
	SCHEDULE1(X6, X7, X10, X11)
	LOAD(3, R8, X8)
	LOAD(3, R9, X12)
	STEP(3, X7, X8, X5, X11, X12, X9)
	SCHEDULE1(X7, X8, X11, X12)
	STEP(4, X8, X5, X6, X12, X9, X10)
	SCHEDULE1(X8, X5, X12, X9)
	STEP(5, X5, X6, X7, X9, X10, X11)
	SCHEDULE1(X5, X6, X9, X10)
	STEP(6, X6, X7, X8, X10, X11, X12)
	SCHEDULE1(X6, X7, X10, X11)
	STEP(7, X7, X8, X5, X11, X12, X9)
	SCHEDULE1(X7, X8, X11, X12)
	STEP(8, X8, X5, X6, X12, X9, X10)
	SCHEDULE1(X8, X5, X12, X9)
	STEP(9, X5, X6, X7, X9, X10, X11)
	SCHEDULE1(X5, X6, X9, X10)
	STEP(10, X6, X7, X8, X10, X11, X12)
	SCHEDULE1(X6, X7, X10, X11)
	STEP(11, X7, X8, X5, X11, X12, X9)
	SCHEDULE1(X7, X8, X11, X12)
	STEP(12, X8, X5, X6, X12, X9, X10)
	SCHEDULE1(X8, X5, X12, X9)
	STEP(13, X5, X6, X7, X9, X10, X11)
	STEP(14, X6, X7, X8, X10, X11, X12)
	ROUNDS(15, X8, X12)
	MOVOU 0(SP), X5
	MOVOU 16(SP), X6
	MOVOU 32(SP), X7
	MOVOU 48(SP), X8
	PADDL X5, S0A
	PADDL X6, S1A
	PADDL X7, S0B
	PADDL X8, S1B
	ADDQ $64, R8
	ADDQ $64, R9
	DECQ CX
	JNZ loop

	OUT(DI, S0A, S1A)
	OUT(SI, S0B, S1B)
	RET

DATA flip<>+0(SB)/8, $0x0405060700010203
DATA flip<>+8(SB)/8, $0x0c0d0e0f08090a0b
GLOBL flip<>(SB), RODATA, $16
