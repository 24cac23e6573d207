package faults

// KillResult is what came of killing the program.
type KillResult struct {
	Kills, Syncs, Submits, ManagerKills int
	Broken                              []string
}
