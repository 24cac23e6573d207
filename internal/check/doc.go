// Package check finds what would go wrong with a shot before it is sent: from the facts of its scene, and from rules
// of the studio. It reads no file and asks no Manager.
//
// # Basics
//
//	rules, err := check.Compile(list)
//	lacks := check.Scene(check.Shot{Name: "sh010", Blend: &trace.Blend, Trace: trace})
//	broken, err := rules.Check(shot)
//
// What is found are [deps.Lack] values, as what a trace finds, so that everybody shows one list.
//
// # Caveats
//
// Of scripts, drivers and simulations only those that the blend file holds itself are known, not those of libraries.
package check
