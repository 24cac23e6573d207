// Package sniff compares the first bytes of files that renders read with what their names say.
//
// # Basics
//
//	var sample sniff.Sample
//	err := sample.Read(f, size)
//	mayLeave := sample.Is("tex/wood.png")
//	spoils := sample.Contradicts("tex/wood.png")
//
// The two answer different questions: Is wants proof that a file is of a kind that a render reads,
// Contradicts wants proof that it is not. Formats without a signature may be neither.
package sniff
