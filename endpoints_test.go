package pingr

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// A backend is judged by its last 32 attempts, and not by fewer than 16.
func TestWhichBackendHangs(t *testing.T) {
	for _, tt := range []struct {
		attempts string // h hung, a answered, f failed at once
		hangs    bool
	}{
		{"", false},
		{strings.Repeat("h", 15), false},
		{strings.Repeat("h", 16), true},
		{strings.Repeat("f", 40), false},
		{strings.Repeat("ha", 8), true},
		{strings.Repeat("ha", 7) + "aa", false},
		{strings.Repeat("h", 16) + strings.Repeat("a", 16), true},
		{strings.Repeat("h", 16) + strings.Repeat("a", 17), false},
		{strings.Repeat("a", 1000) + strings.Repeat("h", 15), false},
		{strings.Repeat("a", 1000) + strings.Repeat("h", 16), true},
	} {
		backends := newEndpoints()
		for _, attempt := range tt.attempts {
			backends.tried("acc", map[rune]error{'h': context.DeadlineExceeded, 'f': errors.New("refused")}[attempt])
		}
		assert.Equal(t, tt.hangs, backends.get("acc").hangs(), tt.attempts)
		assert.False(t, backends.get("another").hangs(), "each account has its own")
	}
}
