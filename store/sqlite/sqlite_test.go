package sqlite_test

import (
	"testing"

	"github.com/heypingr/pingr/store/storetest"
)

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Store {
		t.Helper()
		return open(t, t.TempDir())
	})
}

func TestReopenedStore(t *testing.T) {
	dir := t.TempDir()
	storetest.Reopened(t, func(t *testing.T) storetest.Store {
		t.Helper()
		return open(t, dir)
	})
}
