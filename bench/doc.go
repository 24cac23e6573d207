// Package bench measures flsync side by side with what it could be at best and with what else there is: in one run, in
// turn, on the same files, against the same Manager.
//
// [Scenarios] is the table of what is measured. A [Scenario] has a tree of files, [Contender] entries that do the same
// work, and [Goal] entries that compare them. [Lab.Run] runs scenarios, A B C A B C …, each contender in a process of its
// own, and takes medians. [Results] is what was measured; [Results.Report] shows it to people.
//
// A new scenario is one value in [Scenarios]: a name, a tree or steps of Setup, contenders, goals. A contender that is a
// command line of plain tools is one call of tool; one that is flsync is one call of Site.flsync with a check of its summary.
//
// To begin: go run ./bench/cmd/flsync-bench help
//
// # Caveats
//
// Files are in the page cache when they are measured: disks are not compared. Client, Manager and all other processes
// share the machine's cores, so that the figures are those of a workstation that is its own farm.
//
// flsync's time is that of its whole process, from start to exit. The upper bound's is that of its work alone, which is
// harder on flsync.
package bench
