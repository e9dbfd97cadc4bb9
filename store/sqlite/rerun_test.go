package sqlite_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/hosted"
	"github.com/heypingr/pingr/store/internal/sqlstore"
	"github.com/heypingr/pingr/store/sqlite"
)

// The operations of a failed batch run again, on a database in which others did not repeat their
// changes. Each answers what it found the second time, once.
func TestOperationsThatRunTwiceAnswerOnce(t *testing.T) {
	s := open(t, t.TempDir())
	ctx := t.Context()
	accept(t, s, benchFiring(1))
	accept(t, s, benchFiring(2))
	event := pingr.PendingEvent{Event: pingr.Event{ID: "evt_1"}, Account: "acc_1", Next: now}
	require.NoError(t, s.Enqueue(ctx, event))
	name := sha256.Sum256([]byte("acc_1\x00k"))
	anna, err := hosted.New("anna@example.com", "", hosted.Unlimited, now)
	require.NoError(t, err)
	require.NoError(t, s.CreateAccount(ctx, anna))

	limit := benchLimits("1")[0]
	replay := hosted.Replay{Scope: "acc_1", Key: "k", State: hosted.ReplayPending, At: now}
	release := hold(t, s)
	runs := 0
	onlyOnce := queued(t, s, func() error {
		return s.Write(ctx, func(tx sqlstore.Tx) error {
			if runs++; runs > 1 {
				return errors.New("not again")
			}
			for _, statement := range []string{
				`INSERT INTO limits (key, taken, until) VALUES (CAST('` + limit.Key + `' AS BLOB), 1, 9000000000000)`,
				`INSERT INTO triggers (id, session, phrase, phrase_key, reply, active, created_at, updated_at)
					VALUES ('trg_x', 'main', 'login', 'login', '', 1, 0, 0)`,
				`DELETE FROM firings WHERE id = '` + benchFiring(1).ID + `'`,
				`INSERT INTO events (id, account, attempt, next_at, event) VALUES ('evt_2', 'acc_1', 1, 9000000000000, '')`,
				`INSERT INTO replays (name, request, state, status, at)
					VALUES (X'` + hex.EncodeToString(name[:]) + `', X'00', 'done', 200, 9000000000000)`,
				`DELETE FROM accounts`,
			} {
				if _, err := tx.Exec(statement); err != nil {
					return err
				}
			}
			return nil
		})
	})
	answers := map[string]<-chan error{}
	for _, c := range []struct {
		name string
		call func() error
	}{
		{"BeginReplay", func() error {
			found, first, err := s.BeginReplay(ctx, replay)
			assert.True(t, first)
			assert.Zero(t, found)
			return err
		}},
		{"Reserve", func() error { return s.Reserve(ctx, now, limit) }},
		{"SaveTrigger", func() error {
			return s.SaveTrigger(ctx, pingr.Trigger{ID: "trg_1", Session: "main", Phrase: "Login", Active: true})
		}},
		{"CreateTrigger", func() error {
			help := pingr.Trigger{ID: "trg_2", Session: "main", Phrase: "help", Active: true}
			return s.CreateTrigger(ctx, help, []string{"main"}, 2)
		}},
		{"Finish", func() error {
			return s.Finish(ctx, pingr.Outcome{Firing: benchFiring(1).ID, At: now, Kind: pingr.Replied})
		}},
		{"MakeDue", func() error {
			assert.ErrorIs(t, s.MakeDue(ctx, "acc_1", "evt_2", now), hosted.ErrNotFound)
			return nil
		}},
		{"UpdateAccount", func() error {
			a, err := s.UpdateAccount(ctx, anna.ID, func(a *hosted.Account) error { a.Settings.CooldownSeconds++; return nil })
			assert.Equal(t, anna.Settings.CooldownSeconds+1, a.Settings.CooldownSeconds)
			return err
		}},
		{"Claim", func() error {
			firings, err := s.Claim(ctx, pingr.Lease{Holder: "run_2", Until: now.Add(time.Hour)}, now.Add(time.Minute), nil, 10)
			if assert.Len(t, firings, 1) {
				assert.Equal(t, benchFiring(2).ID, firings[0].ID)
				assert.Equal(t, 1, firings[0].Attempt)
			}
			return err
		}},
		{"Due", func() error {
			events, err := s.Due(ctx, lease, now, nil, 10)
			assert.Len(t, events, 1)
			return err
		}},
	} {
		answers[c.name] = queued(t, s, c.call)
	}
	fails := queued(t, s, func() error { return s.Write(ctx, func(sqlstore.Tx) error { return errors.New("no") }) })
	release()
	require.EqualError(t, <-onlyOnce, "not again")
	require.EqualError(t, <-fails, "no")
	for name, answer := range answers {
		require.NoError(t, <-answer, name)
	}
	assert.Equal(t, 2, runs, "they were one batch")
	var refused *pingr.LimitError
	require.ErrorAs(t, s.Peek(context.WithoutCancel(ctx), now, limit), &refused)
	assert.Equal(t, limit.Until, refused.Until)
}

// queued makes a call whose operation then waits for the writer, behind those that wait already.
func queued(t *testing.T, s *sqlite.Store, call func() error) <-chan error {
	t.Helper()
	before, done := s.Waiting(), make(chan error, 1)
	go func() { done <- call() }()
	require.Eventually(t, func() bool { return s.Waiting() == before+1 }, eventually, time.Millisecond)
	return done
}
