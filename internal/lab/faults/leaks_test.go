package faults

import (
	"fmt"
	"os"
	"runtime"
	"runtime/metrics"
	"runtime/pprof"
	"strings"
	"time"
)

// heapBudget is what a run may have on its heap, with the Manager and the proxy in the same process: 64 MiB
// of contents that wait, as much for garbage, and a little.
const heapBudget = 192 << 20

// watchHeap samples the heap until the function that it returns is called, which tells the peak in bytes.
func watchHeap() (peak func() uint64) {
	stop, most := make(chan struct{}), make(chan uint64)
	go func() {
		sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		ticker := time.NewTicker(20 * time.Millisecond)
		defer ticker.Stop()
		var max uint64
		for {
			metrics.Read(sample)
			if now := sample[0].Value.Uint64(); now > max {
				max = now
			}
			select {
			case <-ticker.C:
			case <-stop:
				most <- max
				return
			}
		}
	}()
	return func() uint64 { close(stop); return <-most }
}

// Open is what a process has open: goroutines and file handles, connections among these.
type Open struct{ Goroutines, Files int }

// Now counts them.
func Now() Open {
	open := Open{Goroutines: runtime.NumGoroutine()}
	list, _ := os.ReadDir("/proc/self/fd") // elsewhere only goroutines are counted
	for _, fd := range list {
		// The runtime's own poller comes with the first connection, and stays.
		if to, err := os.Readlink("/proc/self/fd/" + fd.Name()); err == nil && !strings.HasPrefix(to, "anon_inode:") {
			open.Files++
		}
	}
	return open
}

// Left waits until no more is open than before, and says what still is when that does not come.
func Left(before Open) error {
	var now Open
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if now = Now(); now.Goroutines <= before.Goroutines && now.Files <= before.Files {
			return nil
		}
	}
	var stacks strings.Builder
	_ = pprof.Lookup("goroutine").WriteTo(&stacks, 1)
	return fmt.Errorf("left open: %+v before, %+v after\n%s", before, now, stacks.String())
}
