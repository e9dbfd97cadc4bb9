//go:build unix && !solaris && !aix

package sqlite

import (
	"os"
	"syscall"
)

// lockFile locks the file against other processes and other opens of it.
func lockFile(f *os.File) error {
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
}
