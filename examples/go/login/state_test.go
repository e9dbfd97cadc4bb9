package login

import (
	"context"
	"net"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestMemory(t *testing.T) { conform(t, &Memory{}) }

func TestRedis(t *testing.T) {
	state, err := NewRedis(t.Context(), startRedis(t))
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, state.Close()) })
	conform(t, state)
}

func TestRedisPasswordIsNotTold(t *testing.T) {
	_, err := NewRedis(t.Context(), "redis://user:hunter2@%zz/0")
	require.Error(t, err)
	assert.NotContains(t, err.Error(), "hunter2")
}

// startRedis runs a server of the test's own on a free port.
func startRedis(t *testing.T) (url string) {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		const missing = "no redis-server here: install the package redis-server (Debian: sudo apt-get install redis-server)"
		if os.Getenv("PINGR_TEST_REDIS") == "require" {
			t.Fatal(missing)
		}
		t.Skip(missing)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := l.Addr().String()
	require.NoError(t, l.Close())
	_, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	server := exec.Command(path, "--bind", "127.0.0.1", "--port", port, "--save", "", "--appendonly", "no", "--dir",
		t.TempDir(), "--loglevel", "warning")
	require.NoError(t, server.Start())
	t.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	})
	require.Eventually(t, func() bool {
		c, err := net.Dial("tcp", address)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	}, 10*time.Second, 10*time.Millisecond, "redis-server listens")
	return "redis://" + address + "/0"
}

// conform says what a State is.
func conform(t *testing.T, s State) {
	ctx := t.Context()
	const life = time.Minute
	is := func(t *testing.T, key, want string) {
		t.Helper()
		value, ok, err := s.Get(ctx, key)
		require.NoError(t, err)
		assert.Equal(t, want, value)
		assert.Equal(t, want != "", ok)
	}
	t.Run("nothing is there at first", func(t *testing.T) {
		is(t, "none", "")
		_, ok, err := s.Take(ctx, "none")
		require.NoError(t, err)
		assert.False(t, ok)
		swapped, err := s.Swap(ctx, "none", "", "x")
		require.NoError(t, err)
		assert.False(t, swapped, "what is not there is not the empty string")
	})
	t.Run("set replaces, add does not", func(t *testing.T) {
		require.NoError(t, s.Set(ctx, "a", "1", life))
		require.NoError(t, s.Set(ctx, "a", "2", life))
		added, err := s.Add(ctx, "a", "3", life)
		require.NoError(t, err)
		assert.False(t, added)
		is(t, "a", "2")
		added, err = s.Add(ctx, "b", "3", life)
		require.NoError(t, err)
		assert.True(t, added)
		is(t, "b", "3")
	})
	t.Run("swap wants the old value", func(t *testing.T) {
		require.NoError(t, s.Set(ctx, "c", "1", life))
		for _, step := range []struct {
			old, value, after string
			ok                bool
		}{{"1", "2", "2", true}, {"1", "3", "2", false}} {
			ok, err := s.Swap(ctx, "c", step.old, step.value)
			require.NoError(t, err)
			assert.Equal(t, step.ok, ok)
			is(t, "c", step.after)
		}
	})
	t.Run("commit makes all changes or none", func(t *testing.T) {
		require.NoError(t, s.Set(ctx, "here", "1", life))
		commit := func(changes ...Change) bool {
			t.Helper()
			ok, err := s.Commit(ctx, changes...)
			require.NoError(t, err)
			return ok
		}
		appears := Change{Key: "new", New: "x", Life: life}
		assert.False(t, commit(appears, Change{Key: "here", Old: "2", New: "3"}), "another value")
		assert.False(t, commit(appears, Change{Key: "gone", Old: "1", New: "2", Life: life}), "no value")
		assert.False(t, commit(appears, Change{Key: "here", New: "3", Life: life}), "a value where none should be")
		is(t, "here", "1")
		is(t, "new", "")
		assert.True(t, commit(appears, Change{Key: "here", Old: "1", New: "2"}, Change{Key: "none"}))
		is(t, "here", "2")
		is(t, "new", "x")
		assert.True(t, commit(Change{Key: "here", Old: "2"}, Change{Key: "new", Old: "x"}))
		is(t, "here", "")
		is(t, "new", "")
	})
	t.Run("take deletes", func(t *testing.T) {
		require.NoError(t, s.Set(ctx, "d", "1", life))
		value, ok, err := s.Take(ctx, "d")
		require.NoError(t, err)
		assert.True(t, ok)
		assert.Equal(t, "1", value)
		is(t, "d", "")
	})
	t.Run("lives end, and a swap and a count do not make them longer", func(t *testing.T) {
		// A life that ends before the last of these steps, on a busy machine, tells
		// nothing: then they are taken again with longer ones.
		for short := 150 * time.Millisecond; ; short *= 2 {
			key := func(name string) string { return name + short.String() }
			began := time.Now()
			require.NoError(t, s.Set(ctx, key("e"), "1", short))
			added, err := s.Add(ctx, key("f"), "1", short)
			require.NoError(t, err)
			require.True(t, added)
			_, err = s.Count(ctx, key("g"), short)
			require.NoError(t, err)
			_, err = s.Swap(ctx, key("e"), "1", "2")
			require.NoError(t, err)
			_, err = s.Count(ctx, key("g"), life)
			require.NoError(t, err)
			require.NoError(t, s.Set(ctx, key("h"), "1", short))
			require.NoError(t, s.Set(ctx, key("i"), "1", short))
			_, err = s.Commit(ctx, Change{Key: key("h"), Old: "1", New: "2"}, Change{
				Key: key("i"), Old: "1", New: "2", Life: life,
			},
				Change{Key: key("j"), New: "1", Life: short})
			require.NoError(t, err)
			if time.Since(began) >= short {
				continue
			}
			for _, name := range []string{"e", "f", "g", "h", "j"} {
				assert.Eventually(t, func() bool {
					_, ok, err := s.Get(ctx, key(name))
					return err == nil && !ok
				}, short+5*time.Second, 10*time.Millisecond, name)
			}
			n, err := s.Count(ctx, key("g"), life)
			require.NoError(t, err)
			assert.Equal(t, 1, n, "it counts from zero")
			is(t, key("i"), "2") // whose life began again
			return
		}
	})
	t.Run("each is atomic", func(t *testing.T) { conformAtomic(ctx, t, s) })
}

// conformAtomic lets many do the same at once: one of them may.
func conformAtomic(ctx context.Context, t *testing.T, s State) {
	const many = 50
	require.NoError(t, s.Set(ctx, "swapped", "old", time.Minute))
	require.NoError(t, s.Set(ctx, "taken", "x", time.Minute))
	require.NoError(t, s.Set(ctx, "committed", "old", time.Minute))
	for name, try := range map[string]func(i int) (bool, error){
		"add":  func(int) (bool, error) { return s.Add(ctx, "added", "x", time.Minute) },
		"swap": func(i int) (bool, error) { return s.Swap(ctx, "swapped", "old", "new"+strconv.Itoa(i)) },
		"commit": func(i int) (bool, error) {
			return s.Commit(ctx, Change{Key: "claimed", New: strconv.Itoa(i), Life: time.Minute}, Change{
				Key: "committed", Old: "old", New: "new",
			})
		},
		"take": func(int) (bool, error) { _, ok, err := s.Take(ctx, "taken"); return ok, err },
		"count": func(int) (bool, error) {
			n, err := s.Count(ctx, "counted", time.Minute)
			return n == many/2, err
		},
	} {
		var did atomic.Int64
		var all sync.WaitGroup
		for i := range many {
			all.Go(func() {
				ok, err := try(i)
				if assert.NoError(t, err, name) && ok {
					did.Add(1)
				}
			})
		}
		all.Wait()
		assert.EqualValues(t, 1, did.Load(), name)
	}
}
