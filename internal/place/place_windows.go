package place

import "golang.org/x/sys/windows"

// findName returns the last name of a path as it is on disk, long where the path has the short one
// (PROGRA~1).
func findName(path string) (name string, ok bool) {
	p, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return "", false
	}
	var data windows.Win32finddata
	handle, err := windows.FindFirstFile(p, &data)
	if err != nil {
		return "", false
	}
	defer windows.FindClose(handle)
	return windows.UTF16ToString(data.FileName[:]), true
}

// device returns the device of a drive such as C:, "" without one.
func device(drive string) string {
	p, err := windows.UTF16PtrFromString(drive)
	if err != nil {
		return ""
	}
	var buf [windows.MAX_LONG_PATH]uint16
	if n, err := windows.QueryDosDevice(p, &buf[0], uint32(len(buf))); err != nil || n == 0 {
		return ""
	}
	return windows.UTF16ToString(buf[:])
}
