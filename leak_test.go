package pingr

import (
	"testing"
	"time"

	"go.uber.org/goleak"
)

// The tests run in a time zone where it is tomorrow already, so code that takes the local day or month
// for UTC's fails on every machine.
func init() { time.Local = time.FixedZone("Kiritimati", 14*60*60) }

// Neither a test of this package nor the code that it tests leaves a goroutine behind.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
