//go:build !unix

package postgres_test

import (
	"os"
	"testing"
)

// The process waits for its stdin anyway.
func pause(*testing.T, *os.Process) {}

func resume(*testing.T, *os.Process) {}
