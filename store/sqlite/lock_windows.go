package sqlite

import (
	"os"

	"golang.org/x/sys/windows"
)

// lockFile locks a byte far behind the process id, so that the id stays
// readable.
func lockFile(f *os.File) error {
	at := &windows.Overlapped{Offset: 1 << 30}
	const flags = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	return windows.LockFileEx(windows.Handle(f.Fd()), flags, 0, 1, 0, at)
}
