package memory_test

import (
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/heypingr/pingr/store/memory"
	"github.com/heypingr/pingr/store/storetest"
)

// The tests run in a time zone where it is tomorrow already, so code that takes the local day or month
// for UTC's fails on every machine.
func init() { time.Local = time.FixedZone("Kiritimati", 14*60*60) }

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Store {
		t.Helper()
		return memory.New()
	})
}
