package place

import "golang.org/x/sys/unix"

// device returns what is mounted at a folder in /Volumes, as //user@server/share; "" for a folder that is no
// mount.
func device(folder string) string {
	var fs unix.Statfs_t
	if err := unix.Statfs(folder, &fs); err != nil || unix.ByteSliceToString(fs.Mntonname[:]) != folder {
		return ""
	}
	return unix.ByteSliceToString(fs.Mntfromname[:])
}
