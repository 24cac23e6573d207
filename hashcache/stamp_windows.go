package hashcache

import (
	"io/fs"
	"os"
	"unsafe"

	"golang.org/x/sys/windows"
)

// addSys adds nothing: os.Stat and folder listings of Go leave out what an open handle knows.
func (*Stamp) addSys(fs.FileInfo) {}

// stampAt opens the file at path for its attributes alone, which no other program's lock prevents. That costs
// two round trips on a network drive, and is the only way to the change time: without it, a file that was
// written in place and got its old time back (by unzip, robocopy, version control) would pass for unchanged.
func stampAt(path string, info fs.FileInfo) (Stamp, error) {
	if !info.Mode().IsRegular() {
		return StampOf(info), nil
	}
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return Stamp{}, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	const share = windows.FILE_SHARE_READ | windows.FILE_SHARE_WRITE | windows.FILE_SHARE_DELETE
	handle, err := windows.CreateFile(name, windows.FILE_READ_ATTRIBUTES, share, nil, windows.OPEN_EXISTING, windows.FILE_FLAG_BACKUP_SEMANTICS, 0)
	if err != nil {
		return Stamp{}, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	defer windows.CloseHandle(handle)
	return stampOfHandle(handle, path)
}

// stampOfFile returns the stamp of an open file.
func stampOfFile(f *os.File, _ fs.FileInfo) (Stamp, error) {
	return stampOfHandle(windows.Handle(f.Fd()), f.Name())
}

func stampOfHandle(handle windows.Handle, path string) (Stamp, error) {
	var basic struct { // FILE_BASIC_INFO; times in 100 ns since 1601
		Creation, LastAccess, LastWrite, Change int64
		Attributes                              uint32
		_                                       uint32
	}
	var id windows.ByHandleFileInformation
	err := windows.GetFileInformationByHandleEx(handle, windows.FileBasicInfo, (*byte)(unsafe.Pointer(&basic)), uint32(unsafe.Sizeof(basic)))
	if err == nil {
		err = windows.GetFileInformationByHandle(handle, &id)
	}
	if err != nil {
		return Stamp{}, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	unix := func(t int64) int64 {
		if t == 0 {
			return 0
		}
		ft := windows.Filetime{LowDateTime: uint32(t), HighDateTime: uint32(t >> 32)}
		return ft.Nanoseconds()
	}
	return Stamp{
		Size: int64(id.FileSizeHigh)<<32 | int64(id.FileSizeLow), Mtime: unix(basic.LastWrite), Ctime: unix(basic.Change),
		Inode: uint64(id.FileIndexHigh)<<32 | uint64(id.FileIndexLow), Device: uint64(id.VolumeSerialNumber),
	}, nil
}

func advise(*os.File) {}
