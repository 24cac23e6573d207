package main

import "testing"

// What stands between the outer quotes is what was written: cmd knows no backslash before a quote.
func TestWindowsShell(t *testing.T) {
	const command = `"C:\Program Files\chat.exe" --text "tonight's run"`
	if got, want := windowsShell(command), `cmd /d /s /c ""C:\Program Files\chat.exe" --text "tonight's run""`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
