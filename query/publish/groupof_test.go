package publish_test

import (
	"io/fs"
	"syscall"
)

func groupOf(st fs.FileInfo) uint32 { return st.Sys().(*syscall.Stat_t).Gid }
