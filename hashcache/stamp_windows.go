package hashcache

import "syscall"

const changeTime = false // Ctime is when the file was made

func (s *Stamp) addSys(sys any) {
	if st, ok := sys.(*syscall.Win32FileAttributeData); ok {
		s.Ctime = st.CreationTime.Nanoseconds()
	}
}
