package filedrop

import (
	"io/fs"
	"syscall"
)

// changeTime is the time of the inode's last change, which no writer can set back, and the inode's number.
func changeTime(fi fs.FileInfo) (ns int64, inode uint64) {
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		return st.Ctim.Nano(), st.Ino
	}
	return 0, 0
}
