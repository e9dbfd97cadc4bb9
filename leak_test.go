package pingr

import (
	"testing"
	"time"

	"go.uber.org/goleak"
)

// The machine is where it is tomorrow already: whatever takes its clock's day or
// month for UTC's fails on every machine.
func init() { time.Local = time.FixedZone("Kiritimati", 14*60*60) }

// No test of this package leaves a goroutine behind, nor does what it tests.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
