package main

import (
	"os"

	"golang.org/x/sys/windows"
)

// useANSI has the consoles behind files act on ANSI sequences, with which bars and live tables are drawn; a
// console of Windows prints them otherwise. Files that are no consoles stay as they are. restore gives
// consoles their modes back, which programs share.
func useANSI(files ...*os.File) (restore func()) {
	var undo []func()
	for _, f := range files {
		console := windows.Handle(f.Fd())
		var mode uint32
		if windows.GetConsoleMode(console, &mode) != nil || mode&windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING != 0 {
			continue
		}
		if windows.SetConsoleMode(console, mode|windows.ENABLE_PROCESSED_OUTPUT|windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING) == nil {
			undo = append(undo, func() { _ = windows.SetConsoleMode(console, mode) })
		}
	}
	return func() {
		for _, one := range undo {
			one()
		}
	}
}
