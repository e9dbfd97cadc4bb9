package pgpool

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// giveUpOnSilence makes the system end a connection whose other end does not
// acknowledge.
func giveUpOnSilence(_, _ string, conn syscall.RawConn) error {
	var failed error
	err := conn.Control(func(fd uintptr) {
		failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(Unacknowledged.Milliseconds()))
	})
	if err != nil {
		return err
	}
	if failed == unix.EOPNOTSUPP || failed == unix.ENOPROTOOPT || failed == unix.EINVAL {
		return nil // a Unix socket cannot go silent
	}
	return failed
}
