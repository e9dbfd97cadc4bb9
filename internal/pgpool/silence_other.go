//go:build !linux

package pgpool

import "syscall"

// giveUpOnSilence does nothing: only Linux has the setting.
func giveUpOnSilence(string, string, syscall.RawConn) error { return nil }
