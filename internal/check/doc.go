// Package check finds what would go wrong with a shot before it is sent: from the facts of its scene, and
// from rules of the studio. It reads no file and asks no Manager.
//
// # Basics
//
//	rules, err := check.Compile(list)
//	lacks := check.Facts(check.Shot{Name: "sh010", Trace: trace})
//	broken := rules.Check(shot, list)
//
// What is found are [deps.Lack] values, as what a trace finds, so that everybody shows one list.
package check
