package main

import (
	"os"
	"testing"

	"golang.org/x/sys/windows"
)

// TestUseANSI makes a console of its own where the test has none.
func TestUseANSI(t *testing.T) {
	alloc := windows.NewLazySystemDLL("kernel32.dll").NewProc("AllocConsole")
	_, _, _ = alloc.Call() // fails where there is one
	console, err := os.OpenFile("CONOUT$", os.O_RDWR, 0)
	if err != nil {
		t.Skip(err)
	}
	defer console.Close()
	handle := windows.Handle(console.Fd())
	plain := uint32(windows.ENABLE_PROCESSED_OUTPUT)
	if err := windows.SetConsoleMode(handle, plain); err != nil {
		t.Skip(err)
	}
	modeIs := func(want uint32) {
		t.Helper()
		var mode uint32
		if err := windows.GetConsoleMode(handle, &mode); err != nil || mode != want {
			t.Errorf("the console's mode is %#x (%v), want %#x", mode, err, want)
		}
	}
	restore := useANSI(console)
	modeIs(plain | windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING)
	restore()
	modeIs(plain)
}
