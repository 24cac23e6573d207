package manager

// Faults are the real Manager's faults that show now and then only. The zero value has none of them. Faults
// of the network need no help of the Manager: internal/lab/netsim has a proxy for them.
type Faults struct {
	// ShardRace lets an upload fail with 500 when it begins while another digest with the same first two hex
	// digits is on its way. The real Manager does so now and then, this one each time, but once a digest:
	// sent again, the same upload succeeds.
	ShardRace bool

	// FalseStored answers 208 to uploads of a file when another upload of the same file fails, as the real
	// Manager does, although the file is not stored then. Off, they go on.
	FalseStored bool

	// Stuck are digests of which a Manager that was killed left a part behind: reported as uploading for
	// ever, and 425 to clients that can defer, until they are stored.
	Stuck []string

	// DiskFull lets every write fail as on a full disk.
	DiskFull bool
}

// SetFaults changes the faults that the Manager has from now on.
func (m *Manager) SetFaults(f Faults) { m.faults.Store(&f) }

func (m *Manager) fault() *Faults { return m.faults.Load() }
