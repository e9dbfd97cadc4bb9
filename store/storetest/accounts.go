package storetest

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/account"
)

// anna is an account with everything.
func anna() account.Account {
	later, settings := "Please write from a number.", account.DefaultSettings()
	settings.NoPhoneReply, settings.TimeZone = &later, "Europe/Berlin"
	test := &account.TestMode{Settings: account.DefaultSettings(), Webhook: account.Webhook{URL: "https://test.example.com"}}
	return account.Account{
		Test: test,
		ID:   "acc_anna", Email: "anna@example.com", PasswordHash: "$argon2id$…", Plan: "growth", Settings: settings,
		Webhook: account.Webhook{
			URL: "https://example.com/hook", Events: []pingr.EventType{pingr.EventMessageReceived},
			Secret: "whsec_new", OldSecret: "whsec_old", OldUntil: 1_770_000_000_000,
		},
		CreatedAt: t0,
	}
}

var accountTests = []test{
	{"an account comes back whole", func(t *testing.T, s Store) {
		require.NoError(t, s.CreateAccount(t.Context(), anna()))
		got, err := s.Account(t.Context(), "acc_anna")
		require.NoError(t, err)
		assert.Equal(t, anna(), got)
		got, err = s.AccountByEmail(t.Context(), "anna@example.com")
		require.NoError(t, err)
		assert.Equal(t, anna(), got)
		all, err := s.Accounts(t.Context())
		require.NoError(t, err)
		assert.Equal(t, []account.Account{anna()}, all)
	}},
	{"the latest time is that of the last thing that happened", func(t *testing.T, s Store) {
		latest := func() time.Time {
			at, err := s.Latest(t.Context())
			require.NoError(t, err)
			return at
		}
		assert.True(t, latest().IsZero())
		require.NoError(t, s.CreateAccount(t.Context(), anna()))
		assert.True(t, latest().Equal(t0))
		_, key := account.NewKey("acc_anna", "", account.Live, t0)
		require.NoError(t, s.CreateKey(t.Context(), key))
		require.NoError(t, s.UseKey(t.Context(), key.ID, after(1)))
		assert.True(t, latest().Equal(after(1)))
		require.NoError(t, s.SaveSession(t.Context(), pingr.SessionRecord{ID: "shop", State: pingr.SessionConnected, ConnectedAt: after(2), CreatedAt: t0}))
		assert.True(t, latest().Equal(after(2)))
		f := firing("a")
		f.AcceptedAt = after(3)
		accept(t, s, f, pingr.Lease{Holder: me, Until: after(9)})
		assert.True(t, latest().Equal(after(3)))
	}},
	{"what is not there is not found", func(t *testing.T, s Store) {
		_, err := s.Account(t.Context(), "acc_anna")
		require.ErrorIs(t, err, account.ErrNotFound)
		_, err = s.AccountByEmail(t.Context(), "")
		require.ErrorIs(t, err, account.ErrNotFound)
		_, err = s.UpdateAccount(t.Context(), "acc_anna", func(*account.Account) error { return nil })
		require.ErrorIs(t, err, account.ErrNotFound)
	}},
	{"an e-mail is one account's", func(t *testing.T, s Store) {
		require.NoError(t, s.CreateAccount(t.Context(), anna()))
		ben := anna()
		ben.ID = "acc_ben"
		require.ErrorIs(t, s.CreateAccount(t.Context(), ben), pingr.ErrConflict)
		ben.Email = "ben@example.com"
		require.NoError(t, s.CreateAccount(t.Context(), ben))
		_, err := s.UpdateAccount(t.Context(), "acc_ben", func(a *account.Account) error { a.Email = "anna@example.com"; return nil })
		require.ErrorIs(t, err, pingr.ErrConflict)
		got, err := s.Account(t.Context(), "acc_ben")
		require.NoError(t, err)
		assert.Equal(t, "ben@example.com", got.Email)
	}},
	{"an update is one step, and undone by its error", func(t *testing.T, s Store) {
		require.NoError(t, s.CreateAccount(t.Context(), anna()))
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				_, err := s.UpdateAccount(t.Context(), "acc_anna", func(a *account.Account) error { a.Settings.CooldownSeconds++; return nil })
				assert.NoError(t, err)
			})
		}
		all.Wait()
		no := errors.New("no")
		_, err := s.UpdateAccount(t.Context(), "acc_anna", func(a *account.Account) error {
			a.Settings.CooldownSeconds, a.Webhook.Events[0] = 7, "x"
			return no
		})
		require.ErrorIs(t, err, no)
		got, err := s.Account(t.Context(), "acc_anna")
		require.NoError(t, err)
		assert.Equal(t, 80, got.Settings.CooldownSeconds)
		assert.Equal(t, anna().Webhook, got.Webhook)
	}},
	{"a value is made once", func(t *testing.T, s Store) {
		for _, made := range []string{"first", "second"} {
			got, err := s.KeepValue(t.Context(), "signing", func() []byte { return []byte(made) })
			require.NoError(t, err)
			assert.Equal(t, "first", string(got))
		}
		require.NoError(t, s.ForgetValue(t.Context(), "signing"))
		got, err := s.KeepValue(t.Context(), "signing", func() []byte { return []byte("third") })
		require.NoError(t, err)
		assert.Equal(t, "third", string(got))
	}},
	{"a key comes back whole, by its hash and in its account's list", func(t *testing.T, s Store) {
		secret, key := account.NewKey("acc_anna", "CI", account.Test, t0)
		require.NoError(t, s.CreateKey(t.Context(), key))
		require.ErrorIs(t, s.CreateKey(t.Context(), key), pingr.ErrConflict)
		got, err := s.KeyByHash(t.Context(), account.HashKey(secret))
		require.NoError(t, err)
		assert.Equal(t, key, got)
		_, err = s.KeyByHash(t.Context(), account.HashKey(secret+"x"))
		require.ErrorIs(t, err, account.ErrNotFound)
		all, err := s.Keys(t.Context(), "acc_anna")
		require.NoError(t, err)
		assert.Equal(t, []account.Key{key}, all)
		all, err = s.Keys(t.Context(), "acc_ben")
		require.NoError(t, err)
		assert.Empty(t, all)
	}},
	{"a key is revoked once, by its account only", func(t *testing.T, s Store) {
		secret, key := account.NewKey("acc_anna", "", account.Live, t0)
		require.NoError(t, s.CreateKey(t.Context(), key))
		require.ErrorIs(t, s.RevokeKey(t.Context(), "acc_ben", key.ID, after(1)), account.ErrNotFound)
		require.NoError(t, s.UseKey(t.Context(), key.ID, after(1)))
		require.NoError(t, s.RevokeKey(t.Context(), "acc_anna", key.ID, after(2)))
		require.NoError(t, s.RevokeKey(t.Context(), "acc_anna", key.ID, after(3)))
		got, err := s.KeyByHash(t.Context(), account.HashKey(secret))
		require.NoError(t, err)
		assert.True(t, got.LastUsed.Equal(after(1)) && got.RevokedAt.Equal(after(2)), "%+v", got)
		require.ErrorIs(t, s.UseKey(t.Context(), "key_none", t0), account.ErrNotFound)
	}},
}

var replayTests = []test{
	{"the first of a key begins, the others are told", func(t *testing.T, s Store) {
		r := replay("k", "body", t0)
		_, first := begin(t, s, r)
		assert.True(t, first)
		got, first := begin(t, s, r)
		assert.False(t, first)
		assert.Equal(t, account.ReplayPending, got.State)
		r.State, r.Status, r.Body = account.ReplayDone, 200, []byte(`{"a":1}`)
		require.NoError(t, s.EndReplay(t.Context(), r))
		got, first = begin(t, s, replay("k", "another body", after(1)))
		assert.False(t, first)
		assert.Equal(t, r, got)
	}},
	{"scopes and keys do not mix", func(t *testing.T, s Store) {
		for _, name := range [][2]string{{"a", "b"}, {"ab", ""}, {"", "ab"}, {"b", "a"}} {
			r := replay(name[1], "body", t0)
			r.Scope = name[0]
			_, first := begin(t, s, r)
			assert.True(t, first, name)
		}
	}},
	{"forgotten, it begins anew", func(t *testing.T, s Store) {
		begin(t, s, replay("k", "body", t0))
		require.NoError(t, s.EndReplay(t.Context(), account.Replay{Scope: "acc", Key: "k"}))
		_, first := begin(t, s, replay("k", "body", t0))
		assert.True(t, first)
	}},
	{"unknown, it is begun again and says so", func(t *testing.T, s Store) {
		r := replay("k", "body", t0)
		begin(t, s, r)
		r.State = account.ReplayUnknown
		require.NoError(t, s.EndReplay(t.Context(), r))
		_, first := begin(t, s, replay("k", "another body", after(1)))
		assert.False(t, first, "of another body")
		got, first := begin(t, s, replay("k", "body", after(1)))
		assert.True(t, first)
		assert.Equal(t, account.ReplayUnknown, got.State)
		_, first = begin(t, s, replay("k", "body", after(1)))
		assert.False(t, first, "one at a time")
	}},
	{"what a crash left pending is begun again after a minute", func(t *testing.T, s Store) {
		begin(t, s, replay("k", "body", t0))
		_, first := begin(t, s, replay("k", "body", after(59)))
		assert.False(t, first)
		got, first := begin(t, s, replay("k", "body", after(60)))
		assert.True(t, first)
		assert.Equal(t, account.ReplayPending, got.State)
	}},
	{"what it settled on is kept by whoever takes it over", func(t *testing.T, s Store) {
		r := replay("k", "body", t0)
		r.Body = []byte("first")
		begin(t, s, r)
		r.Body = []byte("second")
		for _, at := range []time.Time{after(60), after(120)} {
			r.At = at
			got, first := begin(t, s, r)
			assert.True(t, first)
			assert.Equal(t, "first", string(got.Body))
		}
		require.NoError(t, s.EndReplay(t.Context(), account.Replay{Scope: "acc", Key: "k"}))
		_, first := begin(t, s, r)
		assert.True(t, first)
		r.At = after(180)
		got, _ := begin(t, s, r)
		assert.Equal(t, "second", string(got.Body), "forgotten, it settles anew")
	}},
	{"after a day it is forgotten", func(t *testing.T, s Store) {
		r := replay("k", "body", t0)
		begin(t, s, r)
		r.State = account.ReplayDone
		require.NoError(t, s.EndReplay(t.Context(), r))
		n, err := s.PurgeReplays(t.Context(), t0)
		require.NoError(t, err)
		assert.Zero(t, n)
		_, first := begin(t, s, replay("k", "body", t0.Add(account.ReplayTime-time.Millisecond)))
		assert.False(t, first)
		_, first = begin(t, s, replay("k", "body", t0.Add(account.ReplayTime)))
		assert.True(t, first)
		n, err = s.PurgeReplays(t.Context(), t0.Add(account.ReplayTime+time.Millisecond))
		require.NoError(t, err)
		assert.Equal(t, 1, n)
	}},
	{"of many at once one begins", func(t *testing.T, s Store) {
		var mu sync.Mutex
		var all sync.WaitGroup
		firsts := 0
		for range 20 {
			all.Go(func() {
				if _, first, err := s.BeginReplay(t.Context(), replay("k", "body", t0)); assert.NoError(t, err) && first {
					mu.Lock()
					firsts++
					mu.Unlock()
				}
			})
		}
		all.Wait()
		assert.Equal(t, 1, firsts)
	}},
}

func replay(key, body string, at time.Time) account.Replay {
	return account.Replay{Scope: "acc", Key: key, Request: account.HashKey(body), State: account.ReplayPending, At: at}
}

func begin(t *testing.T, s Store, r account.Replay) (account.Replay, bool) {
	t.Helper()
	found, first, err := s.BeginReplay(t.Context(), r)
	require.NoError(t, err)
	return found, first
}

var pageTests = []test{
	{"none", func(t *testing.T, s Store) {
		page, err := s.DeliveryPage(t.Context(), account.DeliveryQuery{Account: "acc", Limit: 50})
		require.NoError(t, err)
		assert.Empty(t, page.Rows)
		assert.False(t, page.More)
	}},
	{"a row comes back whole, with the time it was logged", func(t *testing.T, s Store) {
		deliver(t, s, delivery("a", t0))
		page, err := s.DeliveryPage(t.Context(), account.DeliveryQuery{Account: "acc", Limit: 1})
		require.NoError(t, err)
		want := account.DeliveryRow{Delivery: delivery("a", t0), Logged: t0.Add(8123 * time.Millisecond)}
		assert.Equal(t, []account.DeliveryRow{want}, page.Rows)
		one, err := s.Delivery(t.Context(), "acc", "a")
		require.NoError(t, err)
		assert.Equal(t, want.Delivery, one)
		_, err = s.Delivery(t.Context(), "acc_other", "a")
		require.ErrorIs(t, err, account.ErrNotFound)
	}},
	{"a page ends with a millisecond", func(t *testing.T, s Store) {
		for i, at := range []int{0, 1, 1, 1, 2, 2, 3} {
			deliver(t, s, delivery(fmt.Sprint(i), after(at)))
		}
		assert.Equal(t, [][]string{{"6", "5", "4"}, {"3", "2", "1", "0"}}, pages(t, s, account.DeliveryQuery{Limit: 4}, nil))
		assert.Equal(t, [][]string{{"6", "5", "4"}, {"3", "2", "1"}, {"0"}}, pages(t, s, account.DeliveryQuery{Limit: 3}, nil))
	}},
	{"but for a millisecond that holds more than a page", func(t *testing.T, s Store) {
		for i := range 10 {
			deliver(t, s, delivery(fmt.Sprint(i), t0))
		}
		assert.Equal(t, [][]string{{"9", "8", "7", "6"}, {"5", "4", "3", "2"}, {"1", "0"}}, pages(t, s, account.DeliveryQuery{Limit: 4}, nil))
	}},
	{"rows that begin early and end late are not skipped", func(t *testing.T, s Store) {
		for i := range 6 {
			deliver(t, s, delivery(fmt.Sprint(i), after(i)))
		}
		slow := 0
		got := pages(t, s, account.DeliveryQuery{Limit: 2}, func() {
			d := delivery(fmt.Sprint("slow", slow), t0) // begun long ago
			deliver(t, s, d)
			slow++
		})
		assert.Equal(t, [][]string{{"5", "4"}, {"3", "2"}, {"1", "0"}}, got, "what came meanwhile is new")
		got = pages(t, s, account.DeliveryQuery{Limit: 100}, nil)
		require.Len(t, got, 1)
		assert.Equal(t, []string{"slow1", "slow0", "5"}, got[0][:3])
	}},
	{"of one status", func(t *testing.T, s Store) {
		for i := range 9 {
			d := delivery(fmt.Sprint(i), after(i/4))
			d.Status = []string{"failed", "delivered", "simulated"}[i%3]
			deliver(t, s, d)
		}
		assert.Equal(t, [][]string{{"6"}, {"3"}, {"0"}}, pages(t, s, account.DeliveryQuery{Limit: 1, Status: "failed"}, nil))
	}},
	{"of one account", func(t *testing.T, s Store) {
		for i := range 4 {
			d := delivery(fmt.Sprint(i), t0)
			d.Account = []string{"acc", "acc_other"}[i%2]
			deliver(t, s, d)
		}
		assert.Equal(t, [][]string{{"2"}, {"0"}}, pages(t, s, account.DeliveryQuery{Limit: 1}, nil))
	}},
	{"a queued event is hastened, by its account", func(t *testing.T, s Store) {
		enqueue(t, s, pending("evt_a"))
		require.ErrorIs(t, s.Hasten(t.Context(), "acc_other", "evt_a", t0), account.ErrNotFound)
		require.ErrorIs(t, s.Hasten(t.Context(), "acc", "evt_b", t0), account.ErrNotFound)
		assert.Empty(t, due(t, s, me, t0))
		require.NoError(t, s.Hasten(t.Context(), "acc", "evt_a", t0))
		assert.Len(t, due(t, s, me, t0), 1)
		require.NoError(t, s.Hasten(t.Context(), "acc", "evt_a", t0))
		assert.Empty(t, due(t, s, other, t0), "it is being delivered")
	}},
	{"what of a limit is taken", func(t *testing.T, s Store) {
		taken := func(at time.Time, want int64) {
			n, err := s.Taken(t.Context(), at, "quota/acc")
			require.NoError(t, err)
			assert.Equal(t, want, n)
		}
		taken(t0, 0)
		for range 3 {
			require.NoError(t, s.Reserve(t.Context(), t0, quota(0)))
		}
		taken(t0, 3)
		taken(after(86400), 0)
	}},
}

// pages reads the log of acc to its end, and calls between after each page.
func pages(t *testing.T, s Store, q account.DeliveryQuery, between func()) (all [][]string) {
	t.Helper()
	q.Account = "acc"
	for range 20 {
		page, err := s.DeliveryPage(t.Context(), q)
		require.NoError(t, err)
		var ids []string
		for _, d := range page.Rows {
			ids = append(ids, d.ID)
		}
		all = append(all, ids)
		if !page.More {
			return all
		}
		last := page.Rows[len(page.Rows)-1]
		q.Before, q.Ordinal = last.Logged, last.Ordinal
		if between != nil {
			between()
		}
	}
	t.Fatal("no end of pages")
	return nil
}

var planTests = []test{
	{"a trigger by id", func(t *testing.T, s Store) {
		save(t, s, login)
		got, err := s.Trigger(t.Context(), login.ID)
		require.NoError(t, err)
		assert.Equal(t, login, got)
		_, err = s.Trigger(t.Context(), "trg_none")
		require.ErrorIs(t, err, account.ErrNotFound)
	}},
	{"as many triggers as the plan holds, over all sessions", func(t *testing.T, s Store) {
		sessions := []string{session, "second"}
		one, two, three := trigger("one"), trigger("two"), trigger("three")
		two.Session = "second"
		require.NoError(t, s.CreateTrigger(t.Context(), one, sessions, 2))
		require.ErrorIs(t, s.CreateTrigger(t.Context(), one, sessions, 1), account.ErrLimit)
		twin := one
		twin.ID = "trg_twin"
		require.ErrorIs(t, s.CreateTrigger(t.Context(), twin, sessions, 2), pingr.ErrConflict)
		require.NoError(t, s.CreateTrigger(t.Context(), two, sessions, 2))
		require.ErrorIs(t, s.CreateTrigger(t.Context(), three, sessions, 2), account.ErrLimit)
		require.NoError(t, s.CreateTrigger(t.Context(), three, sessions, 0), "no limit")
	}},
	{"many at once do not pass the plan", func(t *testing.T, s Store) {
		var all sync.WaitGroup
		for i := range 20 {
			all.Go(func() {
				err := s.CreateTrigger(t.Context(), trigger(fmt.Sprint("login", i)), []string{session}, 3)
				assert.True(t, err == nil || errors.Is(err, account.ErrLimit), "%v", err)
			})
		}
		all.Wait()
		triggers, err := s.Triggers(t.Context(), session)
		require.NoError(t, err)
		assert.Len(t, triggers, 3)
	}},
	{"an update is one step, and undone by its error", func(t *testing.T, s Store) {
		save(t, s, login)
		save(t, s, trigger("help"))
		got, err := s.UpdateTrigger(t.Context(), login.ID, func(t *pingr.Trigger) error { t.Phrase = "log me in"; return nil })
		require.NoError(t, err)
		assert.Equal(t, "log me in", got.Phrase)
		finds(t, s, "log me in", login.ID)
		finds(t, s, "login", "")
		_, err = s.UpdateTrigger(t.Context(), login.ID, func(t *pingr.Trigger) error { t.Phrase = "HELP"; return nil })
		require.ErrorIs(t, err, pingr.ErrConflict)
		no := errors.New("no")
		_, err = s.UpdateTrigger(t.Context(), login.ID, func(t *pingr.Trigger) error { t.Active = false; return no })
		require.ErrorIs(t, err, no)
		finds(t, s, "log me in", login.ID)
		_, err = s.UpdateTrigger(t.Context(), "trg_none", func(*pingr.Trigger) error { return nil })
		require.ErrorIs(t, err, account.ErrNotFound)
	}},
}
