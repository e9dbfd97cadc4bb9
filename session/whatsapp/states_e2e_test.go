package whatsapp

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/whatsapptest"
)

func TestEndsThatNeedAPerson(t *testing.T) {
	atLogin := func(f whatsapptest.LoginFailure) func(*whatsapptest.Device) {
		return func(d *whatsapptest.Device) {
			d.FailLogins(f)
			d.Drop()
		}
	}
	for _, c := range []struct {
		name  string
		do    func(*whatsapptest.Device)
		code  int
		state pingr.SessionState
		keys  bool // survive
	}{
		{"unlinked on the phone while we are online", (*whatsapptest.Device).Remove, 401, pingr.SessionLoggedOut, false},
		{"unlinked while we were away", atLogin(whatsapptest.LoginFailure{Reason: 401}), 401, pingr.SessionLoggedOut, false},
		{
			"banned for a time", atLogin(whatsapptest.LoginFailure{Reason: 402, Code: 101, Expire: time.Hour, Times: 1}), 402,
			pingr.SessionRestricted, true,
		},
		{"locked", atLogin(whatsapptest.LoginFailure{Reason: 403}), 403, pingr.SessionRestricted, false},
		{"outdated", atLogin(whatsapptest.LoginFailure{Reason: 405, Times: 1}), 405, pingr.SessionDisconnected, true},
		{"banned", atLogin(whatsapptest.LoginFailure{Reason: 406}), 406, pingr.SessionRestricted, false},
		{"replaced by another client", (*whatsapptest.Device).Replace, 440, pingr.SessionDisconnected, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.code == codeReplaced {
				onFile(t) // TestReplacedWithTheLease
			}
			w := newWorld(t)
			w.pool.timing.grace, w.pool.timing.report = time.Minute, time.Minute // a terminal one does not wait for it
			s, device := w.link("sess_end")
			logins := device.Logins()
			c.do(device)
			shot := w.until(s, func(now Snapshot) bool { return now.Record.Reason == c.code })
			assert.Equal(t, c.state, shot.Record.State)
			assert.NotEmpty(t, shot.Record.Detail, "a person is told what to do")
			assert.Equal(t, w.shop.Number(), shot.Record.Phone, "the number is kept")
			assert.Equal(t, c.keys, shot.Record.Device != "")

			e := receive(t, w.events.events)
			assert.Equal(t, pingr.EventSessionDisconnected, e.Type)
			assert.Equal(t, "sess_end", e.Session)
			assert.Equal(t, "acc", e.Account)
			assert.Equal(t, "terminal", e.Kind)
			assert.Equal(t, c.code, e.Reason)
			assert.NotEmpty(t, e.ID)
			assert.Equal(t, c.code == 402, e.ExpiresAt != 0)

			err := s.Send(t.Context(), pingr.Outgoing{ID: "3EB0X", To: "919876543210@s.whatsapp.net", Text: "hi"})
			require.ErrorIs(t, err, pingr.ErrSessionUnavailable)

			s.mu.Lock()
			assert.False(t, s.redial.Stop(), "no dial is planned: a person must act")
			s.mu.Unlock()
			assert.LessOrEqual(t, device.Logins(), logins)

			if !c.keys {
				require.ErrorIs(t, s.Reconnect(), ErrNotLinked)
				// Linked again, it is the same session.
				require.NoError(t, s.Link())
				w.scan(s)
			} else {
				require.ErrorIs(t, s.Link(), ErrLinked)
				require.NoError(t, s.Reconnect())
				w.untilState(s, pingr.SessionConnected)
			}
			assert.Equal(t, "sess_end", s.ID())
			e = receive(t, w.events.events)
			assert.Equal(t, pingr.EventSessionConnected, e.Type)
			assert.Zero(t, s.Record().Reason)
		})
	}
}

func TestLinkIsBroughtBack(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(*world, *whatsapptest.Device)
	}{
		{"the network drops", func(_ *world, d *whatsapptest.Device) { d.Drop() }},
		{"the server restarts", func(_ *world, d *whatsapptest.Device) { d.StreamError(503) }},
		{"an unknown stream error", func(_ *world, d *whatsapptest.Device) { d.StreamError(516) }},
		{"logins fail with 503", func(_ *world, d *whatsapptest.Device) {
			d.FailLogins(whatsapptest.LoginFailure{Reason: 503, Times: 2})
			d.Drop()
		}},
		{"logins fail with 409", func(_ *world, d *whatsapptest.Device) {
			d.FailLogins(whatsapptest.LoginFailure{Reason: 409, Times: 1})
			d.Drop()
		}},
		{"the WebSocket is refused", func(w *world, d *whatsapptest.Device) {
			w.server.RefuseUpgrades(503, 3)
			d.Drop()
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.events = newEventLog()
			s, device := w.link("sess_back")
			logins := device.Logins()
			c.do(w, device)
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			require.NoError(t, device.WaitLogins(ctx, logins+1))
			w.untilState(s, pingr.SessionConnected)

			in := w.listen(s)
			alice := w.server.NewPhone(whatsapptest.PhoneConfig{})
			_, err := alice.Send(ctx, w.shop.Number(), "still there?")
			require.NoError(t, err)
			assert.Equal(t, "still there?", receive(t, in).Text)
		})
	}
}

func TestTransientDisconnectIsReportedOnceAndAnswered(t *testing.T) {
	w := newWorld(t)
	s, device := w.link("sess_away")
	w.events.breakWith(errors.New("the queue is down"))
	device.FailLogins(whatsapptest.LoginFailure{Reason: 503})
	device.Drop()
	w.untilState(s, pingr.SessionDisconnected)
	require.Eventually(t, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.reported() && !s.record.Reported && !s.draining
	}, patience, time.Millisecond, "the report is due, and cannot be queued")
	w.events.breakWith(nil)

	e := receive(t, w.events.events)
	assert.Equal(t, pingr.EventSessionDisconnected, e.Type)
	assert.Equal(t, "transient", e.Kind)

	// A restart does not report it again.
	require.Eventually(t, func() bool { return s.Record().Reported }, patience, time.Millisecond)
	require.NoError(t, w.pool.Close())
	w.open()
	s, _ = w.pool.Get("sess_away")
	w.untilState(s, pingr.SessionDisconnected)
	s.mu.Lock()
	assert.Nil(t, s.overdue, "no second report is planned")
	s.mu.Unlock()

	device.FailLogins(whatsapptest.LoginFailure{})
	w.untilState(s, pingr.SessionConnected)
	assert.Equal(t, pingr.EventSessionConnected, receive(t, w.events.events).Type)
	require.Eventually(t, func() bool { return !s.Record().Reported }, patience, time.Millisecond)
}

func TestShortDropIsNotReported(t *testing.T) {
	w := newWorld(t)
	w.pool.timing.grace, w.pool.timing.report = time.Minute, time.Minute
	s, device := w.link("sess_blip")
	logins := device.Logins()
	device.Drop()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	require.NoError(t, device.WaitLogins(ctx, logins+1))
	w.untilState(s, pingr.SessionConnected)
	s.mu.Lock()
	defer s.mu.Unlock()
	assert.Nil(t, s.overdue, "no report is planned any more")
	assert.Empty(t, w.events.events)
}

// Unless it is back within the account's grace, a lost link is told at once.
func TestGraceIsTheAccounts(t *testing.T) {
	assert.Equal(t, time.Second, timing{}.withDefaults().grace)
	for _, c := range []struct {
		name  string
		usual time.Duration
		grace func(context.Context, string) (time.Duration, error)
		least time.Duration // it has to come back
	}{
		{
			"at once, whatever is usual", time.Minute, func(context.Context, string) (time.Duration, error) { return 0, nil },
			0,
		},
		{"after what is usual", time.Second, nil, time.Second},
		{
			"after that too when nobody can say", time.Second,
			func(context.Context, string) (time.Duration, error) { return 0, errors.New("no database") }, time.Second,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			require.NoError(t, w.pool.Close())
			w.config.timing.grace, w.config.timing.report, w.config.Grace = c.usual, time.Minute, c.grace
			w.open()
			_, device := w.link("sess_grace")
			device.FailLogins(whatsapptest.LoginFailure{Reason: 503})
			lost := time.Now()
			device.Drop()
			e := receive(t, w.events.events)
			for e.Timestamp < lost.UnixMilli() { // linking has its own ups and downs
				e = receive(t, w.events.events)
			}
			assert.Equal(t, "transient", e.Kind)
			assert.GreaterOrEqual(t, time.Since(lost), c.least)
		})
	}
	t.Run("of the account, for as long as it says", func(t *testing.T) {
		w := newWorld(t)
		require.NoError(t, w.pool.Close())
		w.config.timing.report = time.Minute
		asked := make(chan string, 10)
		var linked atomic.Bool // linking has its own ups and downs
		w.config.Grace = func(_ context.Context, account string) (time.Duration, error) {
			if linked.Load() {
				asked <- account
			}
			return time.Minute, nil
		}
		w.open()
		s, device := w.link("sess_grace")
		linked.Store(true)
		device.FailLogins(whatsapptest.LoginFailure{Reason: 503, Times: 3})
		device.Drop()
		assert.Equal(t, "acc", receive(t, asked))
		w.untilState(s, pingr.SessionConnected)
		assert.Empty(t, w.events.events)
		assert.Empty(t, asked, "the tries that fail do not start it over")
	})
}

func TestSilentSocketIsFound(t *testing.T) {
	w := newWorld(t)
	require.NoError(t, w.pool.Close())
	w.config.timing.silence, w.config.timing.ping, w.config.timing.login = 300*time.Millisecond, time.Second, 5*time.Second
	w.open()
	s, device := w.link("sess_silent")
	device.Silence(true)
	r := w.untilState(s, pingr.SessionDisconnected)
	assert.Contains(t, r.Detail, "silent")
	// While it is silent no login counts as connected.
	e := receive(t, w.events.events)
	assert.Equal(t, "transient", e.Kind)
	assert.NotEqual(t, pingr.SessionConnected, s.Record().State)
	device.Silence(false)
	w.untilState(s, pingr.SessionConnected)
}

func TestRestart(t *testing.T) {
	w := newWorld(t)
	s, device := w.link("sess_restart")
	alice := w.server.NewPhone(whatsapptest.PhoneConfig{})
	in := w.listen(s)
	_, err := alice.Send(t.Context(), w.shop.Number(), "one")
	require.NoError(t, err)
	receive(t, in)
	w.untilAcknowledged() // or it comes again
	before := s.Record()
	require.NoError(t, w.pool.Close())
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	require.NoError(t, device.WaitOffline(ctx))

	_, err = alice.Send(ctx, w.shop.Number(), "two")
	require.NoError(t, err)
	w.open()
	s, ok := w.pool.Get("sess_restart")
	require.True(t, ok)
	m := receive(t, w.listen(s))
	assert.Equal(t, "two", m.Text)
	after := w.untilState(s, pingr.SessionConnected)
	assert.Equal(t, before.Device, after.Device)
	require.NoError(t, s.Send(ctx, pingr.Outgoing{ID: "3EB0R", To: m.Sender, Text: "welcome back"}))
	got, err := alice.Next(ctx)
	require.NoError(t, err)
	assert.Equal(t, "welcome back", got.Text)
	assert.Zero(t, w.pool.Undecryptable())
	assert.Zero(t, w.server.Ledger().Undecryptable())
}

func TestRemoveUnlinksAtWhatsApp(t *testing.T) {
	w := newWorld(t)
	s, device := w.link("sess_gone")
	require.NoError(t, w.pool.Remove(t.Context(), "sess_gone"))
	_, ok := w.pool.Get("sess_gone")
	assert.False(t, ok)
	assert.Empty(t, w.shop.Devices(), "the phone's list of linked devices")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	require.NoError(t, device.WaitOffline(ctx))
	require.ErrorIs(t, s.Listen(t.Context(), nil), ErrClosed)
	require.ErrorIs(t, w.pool.Remove(t.Context(), "sess_gone"), ErrNoSession)

	var keys int
	require.NoError(t, w.pool.database.sql.QueryRow(`SELECT count(*) FROM whatsmeow_device`).Scan(&keys))
	assert.Zero(t, keys)
	// The id is free again.
	w.link("sess_gone")
}
