//go:build !linux

package pgpool_test

import (
	"net"
	"testing"
	"time"
)

func givesUpAfter(t *testing.T, _ *net.TCPConn, _ time.Duration) {
	t.Helper()
	t.Skip("only Linux has the setting")
}
