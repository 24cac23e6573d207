package manifest

import (
	"path/filepath"
	"testing"

	"golang.org/x/sys/windows"
)

// TestBusyBlend holds that a blend file which another program keeps to itself is no mistake of the manifest.
func TestBusyBlend(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a.blend", "BLENDER")
	name, err := windows.UTF16PtrFromString(filepath.Join(dir, "a.blend"))
	if err != nil {
		t.Fatal(err)
	}
	held, err := windows.CreateFile(name, windows.GENERIC_READ, 0, nil, windows.OPEN_EXISTING, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer windows.CloseHandle(held)
	if jobs, err := Load([]string{filepath.Join(dir, "a.blend")}, Options{}); err != nil || len(jobs) != 1 {
		t.Errorf("%d jobs: %v", len(jobs), err)
	}
}
