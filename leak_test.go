package pingr

import (
	"testing"

	"go.uber.org/goleak"
)

// No test of this package leaves a goroutine behind, nor does what it tests.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
