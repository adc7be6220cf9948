//go:build !linux

package filedrop

import "io/fs"

// changeTime is not known here: a file replaced by one of the same size and modification time looks unchanged.
func changeTime(fs.FileInfo) (ns int64, inode uint64) { return 0, 0 }
