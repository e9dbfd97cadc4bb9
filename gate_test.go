package pingr

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
)

// fill takes all places that the account gets, and counts them.
func fill(g *gate, account string) (n int) {
	for g.enter(account) {
		n++
	}
	return n
}

func TestGate(t *testing.T) {
	t.Run("one account gets half, and no more than most", func(t *testing.T) {
		g := newGate(8, 1024, 2048)
		assert.Equal(t, 1024, fill(g, "a"))
		assert.Equal(t, 64, fill(newGate(8, 64, 2048), "a"))
		assert.Equal(t, []string{"a"}, g.full())
		g.leave("a")
		assert.Empty(t, g.full())
		assert.True(t, g.enter("a"))
	})
	t.Run("every account has its eight, however full the process", func(t *testing.T) {
		g := newGate(8, 1024, 2048)
		for i := range 300 {
			assert.GreaterOrEqual(t, fill(g, fmt.Sprint("slow", i)), 8)
		}
		assert.LessOrEqual(t, g.held, 2048+300*8)
		assert.Equal(t, 8, fill(g, "quick"))
	})
	t.Run("what an account took while it was alone counts when others come", func(t *testing.T) {
		g := newGate(8, 1024, 2048)
		fill(g, "first")
		fill(g, "second")
		g.leave("first")
		assert.False(t, g.enter("first"), "it holds more than is free")
		assert.Greater(t, fill(g, "third"), 200)
	})
	t.Run("whoever leaves hears of those who found no room", func(t *testing.T) {
		g := newGate(1, 2, 8)
		assert.True(t, g.enter("a"))
		assert.False(t, g.leave("a"))
		fill(g, "a")
		assert.True(t, g.leave("a"))
		assert.Empty(t, g.full())
		assert.False(t, g.leave("a"), "poll has looked, and passed nobody over")
	})
	t.Run("an account that is done is forgotten", func(t *testing.T) {
		g := newGate(8, 64, 1024)
		assert.True(t, g.enter("a"))
		g.leave("a")
		assert.Empty(t, g.counts)
		assert.Zero(t, g.held)
	})
}
