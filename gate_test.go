package pingr

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestGate(t *testing.T) {
	t.Run("one account gets its share and no more", func(t *testing.T) {
		g := newGate(64, 1024)
		n := 0
		for g.enter("a") {
			n++
		}
		assert.Equal(t, 64, n)
		assert.Equal(t, []string{"a"}, g.full())
		g.leave("a")
		assert.Empty(t, g.full())
		assert.True(t, g.enter("a"))
	})
	t.Run("two hundred accounts that take all they get leave room for the next", func(t *testing.T) {
		g := newGate(64, 1024)
		for i := range 200 {
			for g.enter(fmt.Sprint("slow", i)) {
			}
		}
		assert.True(t, g.enter("quick"))
		assert.True(t, g.enter("quick"))
	})
	t.Run("what the process holds is divided among those at work", func(t *testing.T) {
		g := newGate(64, 1024)
		held := func() (n int) {
			for i := range 100 {
				for g.enter(fmt.Sprint(i)) {
				}
			}
			for _, count := range g.counts {
				n += count
			}
			return n
		}
		held()
		for account, count := range g.counts { // the first ones took more while they were alone
			for range count {
				g.leave(account)
			}
			assert.True(t, g.enter(account))
		}
		assert.LessOrEqual(t, held(), 1024)
	})
	t.Run("an account that is done is forgotten", func(t *testing.T) {
		g := newGate(64, 1024)
		assert.True(t, g.enter("a"))
		g.leave("a")
		assert.Empty(t, g.counts)
	})
}
