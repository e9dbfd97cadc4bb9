package memory_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/heypingr/pingr/store/memory"
	"github.com/heypingr/pingr/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Store {
		t.Helper()
		s := memory.New()
		t.Cleanup(func() { _ = s.Close() })
		return s
	})
}
