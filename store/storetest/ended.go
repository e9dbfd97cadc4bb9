package storetest

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
)

// calls are all methods of a Store.
var calls = []struct {
	name string
	call func(ctx context.Context, s Store) error
}{
	{"Accept", func(ctx context.Context, s Store) error {
		_, _, err := s.Accept(ctx, firing("new"), mine)
		return err
	}},
	{"Claim", func(ctx context.Context, s Store) error {
		_, err := s.Claim(ctx, mine, after(1000), nil, 1)
		return err
	}},
	{"Keep", func(ctx context.Context, s Store) error {
		_, err := s.Keep(ctx, "a", me, pingr.StateUnknown, mine)
		return err
	}},
	{"Decide", func(ctx context.Context, s Store) error {
		_, _, err := s.Decide(ctx, decision("a"))
		return err
	}},
	{"Hold", func(ctx context.Context, s Store) error {
		_, err := s.Hold(ctx, "new", "a", t0, after(13))
		return err
	}},
	{"Drop", func(ctx context.Context, s Store) error { return s.Drop(ctx, "new", "a") }},
	{"Finish", func(ctx context.Context, s Store) error {
		return s.Finish(ctx, pingr.Outcome{Firing: "a", At: t0, Kind: pingr.Failed})
	}},
	{"Check", func(ctx context.Context, s Store) error { return s.Check(ctx, t0) }},
	{"Reserve", func(ctx context.Context, s Store) error { return s.Reserve(ctx, t0, quota(1)) }},
	{"Release", func(ctx context.Context, s Store) error { return s.Release(ctx, quota(1)) }},
	{"Peek", func(ctx context.Context, s Store) error { return s.Peek(ctx, t0, quota(1)) }},
	{"FindTrigger", func(ctx context.Context, s Store) error {
		_, _, err := s.FindTrigger(ctx, session, []string{"login"})
		return err
	}},
	{"Enqueue", func(ctx context.Context, s Store) error { return s.Enqueue(ctx, pending("new")) }},
	{"Due", func(ctx context.Context, s Store) error {
		_, err := s.Due(ctx, mine, after(1000), nil, 1)
		return err
	}},
	{"Delivered", func(ctx context.Context, s Store) error { return s.Delivered(ctx, "e") }},
	{"Retry", func(ctx context.Context, s Store) error { return s.Retry(ctx, "e", 2, t0) }},
	{"PutBack", func(ctx context.Context, s Store) error { return s.PutBack(ctx, "e", t0) }},
	{"GiveUp", func(ctx context.Context, s Store) error { return s.GiveUp(ctx, "e", 1, t0) }},
	{"LogDelivery", func(ctx context.Context, s Store) error { return s.LogDelivery(ctx, delivery("new", t0)) }},
	{"AnyAccount", func(ctx context.Context, s Store) error {
		_, err := s.AnyAccount(ctx)
		return err
	}},
	{"Purge", func(ctx context.Context, s Store) error {
		_, err := s.Purge(ctx, after(9999999), after(9999999), after(9999999))
		return err
	}},
	{"SaveTrigger", func(ctx context.Context, s Store) error { return s.SaveTrigger(ctx, trigger("new")) }},
	{"DeleteTrigger", func(ctx context.Context, s Store) error { return s.DeleteTrigger(ctx, login.ID) }},
	{"Triggers", func(ctx context.Context, s Store) error {
		_, err := s.Triggers(ctx, session)
		return err
	}},
	{"Sessions", func(ctx context.Context, s Store) error {
		_, err := s.Sessions(ctx)
		return err
	}},
	{"SaveSession", func(ctx context.Context, s Store) error { return s.SaveSession(ctx, record("new")) }},
	{"DeleteSession", func(ctx context.Context, s Store) error { return s.DeleteSession(ctx, session) }},
}

// endedTests call every method with a context that has ended, which must change nothing, and every
// method of a closed store.
func endedTests() []test {
	var tests []test
	for _, c := range calls {
		tests = append(tests,
			test{c.name + " with a cancelled context", func(t *testing.T, s Store) {
				accept(t, s, firing("a"), mine)
				enqueue(t, s, pending("e"))
				save(t, s, login)
				require.NoError(t, s.SaveSession(t.Context(), record(session)))
				ctx, cancel := context.WithCancel(t.Context())
				cancel()
				require.ErrorIs(t, c.call(ctx, s), context.Canceled)

				assert.Equal(t, firing("a"), stands(t, s, "a"))
				assert.Equal(t, []string{"a"}, ids(claim(t, s, other, after(60))))
				assert.Equal(t, []string{"e"}, eventIDs(due(t, s, me, after(5))))
				require.NoError(t, s.Peek(t.Context(), t0, quota(1)))
				finds(t, s, "login", "trg_login")
				finds(t, s, "new", "")
				assert.Equal(t, []pingr.SessionRecord{record(session)}, sessions(t, s))
				assert.Empty(t, deliveries(t, s, owner))
			}},
			test{c.name + " on a closed store", func(t *testing.T, s Store) {
				require.NoError(t, s.Close())
				require.Error(t, c.call(t.Context(), s))
			}},
		)
	}
	return append(tests, test{"closing while others write", func(t *testing.T, s Store) {
		race(t, 32, func(i int) (bool, error) {
			if i == 16 {
				return true, s.Close()
			}
			_ = s.Reserve(t.Context(), t0, quota(0)) // done or refused, but no panic and no hang
			return true, nil
		})
	}})
}
