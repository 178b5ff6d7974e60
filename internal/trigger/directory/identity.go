package directory

import (
	"fmt"
	"io/fs"
	"syscall"
)

// identity is what makes a file this very one.
func identity(info fs.FileInfo) string {
	var inode uint64
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		inode = s.Ino
	}
	return fmt.Sprintf("%d-%d-%d", inode, info.Size(), info.ModTime().UnixNano())
}
