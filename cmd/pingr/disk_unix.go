//go:build linux || darwin

package main

import "syscall"

// freeSpace returns how many bytes this user may still write to the directory's
// disk.
func freeSpace(dir string) (bytes uint64, known bool) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, false
	}
	return uint64(s.Bavail) * uint64(s.Bsize), true //nolint:unconvert // their types differ by system
}
