// Package bench measures flsync side by side with what it could be at best and with what else there is: in
// one run, in turn, on the same files, against the same Manager.
//
// The table scenarios.yaml holds what is measured; [Scenarios] reads it. A [Scenario] has a tree of files,
// [Contender] entries that do the same work, and [Goal] entries that compare them. [Lab.Run] runs scenarios,
// A B C A B C …, each contender in a process of its own, takes medians and saves after each scenario.
// [Results.Report] shows them to people.
//
// A new scenario is an entry of the table: a name, a tree, steps of setup, contenders, goals. A new kind of
// preparation is a case of Site.step, a new thing that a run has to have done one of Site.wanted.
//
// To begin: go run ./bench/cmd/flsync-bench help
//
// # Caveats
//
// Files are in the page cache when they are measured: disks are not compared.
//
// flsync's time is that of its whole process, from start to exit. The upper bound's is that of its work
// alone, which is harder on flsync.
package bench
