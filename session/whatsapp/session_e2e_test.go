//go:build !race

package whatsapp

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mau.fi/whatsmeow/types"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/store/memory"
	"github.com/heypingr/pingr/whatsapptest"
)

// saved is the session's record as another process would find it.
func (w *world) saved(id string) pingr.SessionRecord {
	w.t.Helper()
	records, err := w.pool.registry.Sessions(w.t.Context())
	require.NoError(w.t, err)
	i := slices.IndexFunc(records, func(r pingr.SessionRecord) bool { return r.ID == id })
	require.GreaterOrEqual(w.t, i, 0, "%s is saved", id)
	return records[i]
}

// Whatever a process left when it crashed, the next one makes the best of it.
func TestRestartAfterACrash(t *testing.T) {
	for _, c := range []struct {
		name   string
		leave  func(w *world, record *pingr.SessionRecord)
		state  pingr.SessionState
		reason int
	}{
		{
			"it crashed right after linking", func(_ *world, r *pingr.SessionRecord) { r.State = pingr.SessionPairing },
			pingr.SessionConnected, 0,
		},
		{"it crashed while it was away", func(_ *world, r *pingr.SessionRecord) {
			r.State, r.Reason = pingr.SessionDisconnected, 503
		}, pingr.SessionConnected, 0},
		{"another client had taken over", func(_ *world, r *pingr.SessionRecord) {
			r.State, r.Reason = pingr.SessionDisconnected, codeReplaced
		}, pingr.SessionConnected, 0},
		{"its ban may be over", func(_ *world, r *pingr.SessionRecord) {
			r.State, r.Reason = pingr.SessionRestricted, codeTempBan
		}, pingr.SessionConnected, 0},
		{"its keys were damaged, and are mended", func(_ *world, r *pingr.SessionRecord) {
			r.State, r.Reason = pingr.SessionLoggedOut, codeDamaged
		}, pingr.SessionConnected, 0},
		{"the record outlived its keys", func(w *world, _ *pingr.SessionRecord) {
			_, err := w.pool.database.sql.Exec(`DELETE FROM whatsmeow_device`)
			require.NoError(w.t, err)
		}, pingr.SessionLoggedOut, codeLoggedOut},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			require.NoError(t, w.pool.Close())
			registry := memory.New()
			w.config.Registry = registry
			w.open()
			s, _ := w.link("sess_crash")
			record := s.Record()
			c.leave(w, &record)
			require.NoError(t, w.pool.Close())
			require.NoError(t, registry.SaveSession(t.Context(), record))

			w.open()
			s, _ = w.pool.Get("sess_crash")
			shot := w.until(s, func(now Snapshot) bool { return now.Record.State == c.state })
			assert.Equal(t, c.reason, shot.Record.Reason)
			assert.Equal(t, w.shop.Number(), shot.Record.Phone)
			if c.state == pingr.SessionLoggedOut {
				assert.NotEmpty(t, shot.Record.Detail)
				require.NoError(t, s.Link())
				w.scan(s)
			}
		})
	}
}

// What is saved is what was last, also of changes that came while an earlier one
// was being saved; OnChange hears of each that is saved.
func TestLastChangeIsSaved(t *testing.T) {
	w := newCalmWorld(t)
	require.NoError(t, w.pool.Close())
	registry := &slowRegistry{Registry: memory.New(), waits: make(chan struct{}, 10), release: make(chan struct{})}
	heard := make(chan pingr.SessionRecord, 100)
	w.config.Registry, w.config.OnChange = registry, func(r pingr.SessionRecord) { heard <- r }
	w.open()
	s, _ := w.link("sess_saved")
	settled := func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return !s.draining
	}
	require.Eventually(t, settled, patience, time.Millisecond)
	assert.Equal(t, s.Record(), w.saved(s.ID()))
	assert.WithinDuration(t, time.Now(), s.Record().ConnectedAt, time.Minute)

	registry.slow.Store(true)
	s.Rename("first")
	<-registry.waits
	for _, name := range []string{"second", "third", "last"} {
		s.Rename(name)
	}
	registry.slow.Store(false)
	close(registry.release)
	require.Eventually(t, settled, patience, time.Millisecond)
	assert.Equal(t, "last", w.saved(s.ID()).Name)
	var names []string
	for len(heard) > 0 {
		r := <-heard
		assert.Equal(t, "sess_saved", r.ID)
		names = append(names, r.Name)
	}
	assert.Equal(t, []string{"first", "last"}, names[len(names)-2:])
}

// An end that a person was told of, and that comes again when it is tried again, is
// told once; another end is told.
func TestSameEndIsToldOnce(t *testing.T) {
	w := newCalmWorld(t)
	s, device := w.link("sess_banned")
	again := func(reason int) {
		t.Helper()
		device.FailLogins(whatsapptest.LoginFailure{Reason: reason, Times: 1, Expire: time.Hour})
		require.NoError(t, s.Reconnect())
		w.until(s, func(now Snapshot) bool {
			return now.Record.Reason == reason && now.Record.State != pingr.SessionConnecting
		})
	}
	again(402)
	e := receive(t, w.events.events)
	assert.Equal(t, 402, e.Reason)
	assert.WithinDuration(t, time.Now(), time.UnixMilli(e.Timestamp), time.Minute)
	again(402)
	again(405)
	assert.Equal(t, 405, receive(t, w.events.events).Reason)
	device.FailLogins(whatsapptest.LoginFailure{})
	require.NoError(t, s.Reconnect())
	w.untilState(s, pingr.SessionConnected)
	assert.Equal(t, pingr.EventSessionConnected, receive(t, w.events.events).Type)
}

// A session that is removed leaves nothing here, whether WhatsApp can be told of it
// or not, and whoever asked waits for that or not.
func TestRemoveLeavesNothing(t *testing.T) {
	for _, c := range []struct {
		name     string
		away     func(*world, *whatsapptest.Device)
		patience time.Duration
		unlinked bool
	}{
		{"connected", func(*world, *whatsapptest.Device) {}, patience, true},
		{"away for now", func(w *world, d *whatsapptest.Device) {
			w.pool.timing.backoff, w.pool.timing.backoffMax = time.Hour, time.Hour // it would not be back by itself
			d.FailLogins(whatsapptest.LoginFailure{Reason: 503, Times: 2})
			d.Drop()
		}, patience, true},
		{"WhatsApp is out of reach", func(w *world, d *whatsapptest.Device) {
			w.server.RefuseUpgrades(503, -1)
			d.Drop()
		}, 100 * time.Millisecond, false},
		{"who asked has gone", func(*world, *whatsapptest.Device) {}, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			s, device := w.link("sess_gone")
			s.noteTimer(t.Context(), adaLID, chatTimer{86400, time.Now()}, false)
			require.NoError(t, w.pool.database.putMissed(t.Context(), s.ID(), "ada@lid", "3EB0", time.Now()))
			c.away(w, device)
			if c.name != "connected" && c.patience != 0 {
				w.untilState(s, pingr.SessionDisconnected)
				device.FailLogins(whatsapptest.LoginFailure{})
			}
			ctx, cancel := context.WithTimeout(t.Context(), c.patience)
			defer cancel()
			require.NoError(t, w.pool.Remove(ctx, s.ID()))
			_, there := w.pool.Get(s.ID())
			assert.False(t, there)
			assert.Equal(t, c.unlinked, len(w.shop.Devices()) == 0, "the phone's list of linked devices")
			records, err := w.pool.registry.Sessions(t.Context())
			require.NoError(t, err)
			assert.Empty(t, records)
			for _, table := range []string{
				"whatsmeow_device", "whatsmeow_sessions", "whatsmeow_identity_keys", "pingr_timer", "pingr_missed",
			} {
				var rows int
				require.NoError(t, w.pool.database.sql.QueryRow("SELECT count(*) FROM "+table).Scan(&rows))
				assert.Zero(t, rows, table)
			}
			for range s.Changes(t.Context()) { // tells the last state and ends
			}
		})
	}
}

// What was not saved is not there, and its id is free.
func TestAddThatCannotBeSaved(t *testing.T) {
	w := newWorld(t)
	require.NoError(t, w.pool.Close())
	registry := &failingRegistry{Registry: memory.New()}
	w.config.Registry = registry
	w.open()
	registry.fails.Store(true)
	_, err := w.pool.Add(t.Context(), pingr.SessionRecord{ID: "sess_no"})
	require.ErrorIs(t, err, errFull)
	assert.Empty(t, w.pool.List())
	registry.fails.Store(false)
	w.link("sess_no")
}

type failingRegistry struct {
	Registry
	fails atomic.Bool
}

func (r *failingRegistry) SaveSession(ctx context.Context, record pingr.SessionRecord) error {
	if r.fails.Load() {
		return errFull
	}
	return r.Registry.SaveSession(ctx, record)
}

// What only a link can tell is nobody's to give.
func TestAddedSessionIsNotLinked(t *testing.T) {
	w := newCalmWorld(t)
	linked, _ := w.link("sess_linked")
	given := linked.Record()
	given.ID, given.Reported, given.Reason, given.ConnectedAt = "sess_copy", true, 402, time.Time{}
	s, err := w.pool.Add(t.Context(), given)
	require.NoError(t, err)
	r := s.Record()
	assert.Equal(t, pingr.SessionPairing, r.State)
	assert.Empty(t, r.Device+r.Phone)
	assert.Zero(t, r.Reason)
	assert.False(t, r.Reported)
	assert.Equal(t, given.CreatedAt, r.CreatedAt)
	assert.WithinDuration(t, time.Now(), linked.Record().CreatedAt, time.Minute)
	require.NoError(t, w.pool.Remove(t.Context(), "sess_copy"))
	assert.Equal(t, pingr.SessionConnected, linked.Record().State, "the one whose link it was keeps it")
}

// A link that breaks off after the phone agreed leaves no keys, and can be made
// again.
func TestLinkThatBreaksOffHalfway(t *testing.T) {
	w := newCalmWorld(t)
	s, err := w.pool.Add(t.Context(), pingr.SessionRecord{ID: "sess_half"})
	require.NoError(t, err)
	w.until(s, func(now Snapshot) bool { return now.QR.Code != "" })
	l, jid := s.line, types.NewADJID("15550100001", 0, 9)
	before := s.Record()
	require.True(t, l.onPair(jid, "", ""))
	assert.Equal(t, jid.String(), w.saved("sess_half").Device,
		"known before the keys are saved, or they would be nobody's")
	require.NoError(t, s.perform(effect{record: &before}))
	assert.Equal(t, jid.String(), w.saved("sess_half").Device, "also after a save that was queued before the link")
	keys := l.client.Store
	keys.ID, keys.Account = &jid, signedAccount()
	require.NoError(t, keys.Save(t.Context()))
	w.server.EndPairing()
	w.untilState(s, pingr.SessionLinkExpired)
	assert.Empty(t, s.Record().Device)
	require.Eventually(t, func() bool { return rows(t, w.pool.database, "device") == 0 }, patience, time.Millisecond)
	assert.False(t, l.onPair(jid, "", ""), "a phone that comes late")
	require.NoError(t, s.Link())
	w.scan(s)
	assert.False(t, s.line.onPair(jid, "", ""), "nor does another phone take a linked session over")
	assert.NotEqual(t, jid.String(), s.Record().Device)
}

// A link that cannot be saved is refused: it would be nobody's after a restart.
func TestLinkThatCannotBeSaved(t *testing.T) {
	w := newWorld(t)
	require.NoError(t, w.pool.Close())
	registry := &failingRegistry{Registry: memory.New()}
	w.config.Registry = registry
	w.open()
	s, err := w.pool.Add(t.Context(), pingr.SessionRecord{ID: "sess_full"})
	require.NoError(t, err)
	w.until(s, func(now Snapshot) bool { return now.QR.Code != "" })
	registry.fails.Store(true)
	assert.False(t, s.line.onPair(types.NewADJID("15550100001", 0, 9), "", ""))
	assert.Empty(t, s.Record().Device)
}

// Of many sessions only a few dial at once, when a process starts or the network
// comes back.
func TestDialsArePaced(t *testing.T) {
	w := newCalmWorld(t)
	s, _ := w.link("sess_paced")
	w.pool.dials.limit.SetLimit(0)
	w.pool.dials.limit.SetBurst(0)
	s.mu.Lock()
	attempt := s.attempt
	s.mu.Unlock()
	before := s.line.dials.Load()
	go s.dial(attempt)
	require.Eventually(t, func() bool { return w.pool.dials.length() == 1 }, patience, time.Millisecond)
	assert.Equal(t, before, s.line.dials.Load(), "a dial waits for its turn")
}
