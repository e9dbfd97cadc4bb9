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
	"github.com/heypingr/pingr/hosted"
)

// anna returns an account with all fields set.
func anna() hosted.Account {
	own := func(url string) hosted.PerMode {
		noPhone, settings := "Please write from a number.", hosted.DefaultSettings()
		settings.NoPhoneReply, settings.TimeZone = &noPhone, "Europe/Berlin"
		settings.NumberQuestion = &noPhone
		return hosted.PerMode{Settings: settings, Webhook: hosted.Webhook{
			URL: url, Events: []pingr.EventType{pingr.EventMessageReceived},
			Secret: "whsec_new", OldSecret: "whsec_old", Between: []string{"whsec_between"}, OldUntil: 1_770_000_000_000,
		}}
	}
	live, test := own("https://example.com/hook"), own("https://test.example.com")
	return hosted.Account{
		ID: "acc_anna", Email: "anna@example.com", PasswordHash: "$argon2id$…", Plan: "growth",
		Settings: live.Settings, Webhook: live.Webhook, Test: &test, CreatedAt: t0,
	}
}

var accountTests = []test{
	{"an account comes back whole", func(t *testing.T, s Store) {
		full(t, anna())
		require.NoError(t, s.CreateAccount(t.Context(), anna()))
		got, err := s.Account(t.Context(), "acc_anna")
		require.NoError(t, err)
		assert.Equal(t, anna(), got)
		got, err = s.AccountByEmail(t.Context(), "anna@example.com")
		require.NoError(t, err)
		assert.Equal(t, anna(), got)
		all, err := s.Accounts(t.Context())
		require.NoError(t, err)
		assert.Equal(t, []hosted.Account{anna()}, all)
	}},
	{"whether there is an account", func(t *testing.T, s Store) {
		found, err := s.AnyAccount(t.Context())
		require.NoError(t, err)
		assert.False(t, found)
		require.NoError(t, s.CreateAccount(t.Context(), anna()))
		found, err = s.AnyAccount(t.Context())
		require.NoError(t, err)
		assert.True(t, found)
	}},
	{"the latest time is that of the last thing that happened", func(t *testing.T, s Store) {
		latest := func() time.Time {
			at, err := s.LastActivity(t.Context())
			require.NoError(t, err)
			return at
		}
		assert.True(t, latest().IsZero())
		require.NoError(t, s.CreateAccount(t.Context(), anna()))
		assert.True(t, latest().Equal(t0))
		_, key := hosted.NewKey("acc_anna", "", hosted.Live, t0)
		require.NoError(t, s.CreateKey(t.Context(), key))
		require.NoError(t, s.UseKey(t.Context(), key.ID, after(1)))
		assert.True(t, latest().Equal(after(1)))
		require.NoError(t, s.SaveSession(t.Context(), pingr.SessionRecord{
			ID: "shop", State: pingr.SessionConnected, ConnectedAt: after(2), CreatedAt: t0,
		}))
		assert.True(t, latest().Equal(after(2)))
		require.NoError(t, s.SaveSession(t.Context(), pingr.SessionRecord{
			ID: "new", State: pingr.SessionPairing, CreatedAt: after(3),
		}))
		assert.True(t, latest().Equal(after(3)))
		f := firing("a")
		f.AcceptedAt = after(4)
		accept(t, s, f, pingr.Lease{Holder: me, Until: after(9)})
		assert.True(t, latest().Equal(after(4)))
	}},
	{"what is not there is not found", func(t *testing.T, s Store) {
		_, err := s.Account(t.Context(), "acc_anna")
		require.ErrorIs(t, err, hosted.ErrNotFound)
		_, err = s.AccountByEmail(t.Context(), "")
		require.ErrorIs(t, err, hosted.ErrNotFound)
		_, err = s.UpdateAccount(t.Context(), "acc_anna", func(*hosted.Account) error { return nil })
		require.ErrorIs(t, err, hosted.ErrNotFound)
	}},
	{"an e-mail is one account's", func(t *testing.T, s Store) {
		require.NoError(t, s.CreateAccount(t.Context(), anna()))
		ben := anna()
		ben.ID = "acc_ben"
		require.ErrorIs(t, s.CreateAccount(t.Context(), ben), pingr.ErrConflict)
		ben.Email = "ben@example.com"
		require.NoError(t, s.CreateAccount(t.Context(), ben))
		_, err := s.UpdateAccount(t.Context(), "acc_ben", func(a *hosted.Account) error {
			a.Email = "anna@example.com"
			return nil
		})
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
				_, err := s.UpdateAccount(t.Context(), "acc_anna", func(a *hosted.Account) error {
					a.Settings.CooldownSeconds++
					return nil
				})
				assert.NoError(t, err)
			})
		}
		all.Wait()
		no := errors.New("no")
		_, err := s.UpdateAccount(t.Context(), "acc_anna", func(a *hosted.Account) error {
			a.Settings.CooldownSeconds, a.Webhook.Events[0] = 7, "x"
			return no
		})
		require.ErrorIs(t, err, no)
		got, err := s.Account(t.Context(), "acc_anna")
		require.NoError(t, err)
		assert.Equal(t, 80, got.Settings.CooldownSeconds)
		assert.Equal(t, anna().Webhook, got.Webhook)
	}},
	{"an update replaces everything but the id", func(t *testing.T, s Store) {
		require.NoError(t, s.CreateAccount(t.Context(), anna()))
		want := hosted.Account{
			ID: "acc_anna", Email: "ann@example.com", PasswordHash: "$argon2id$new", Plan: "starter",
			Settings: hosted.DefaultSettings(), Webhook: hosted.Webhook{URL: "https://example.com/new"}, CreatedAt: after(1),
		}
		got, err := s.UpdateAccount(t.Context(), "acc_anna", func(a *hosted.Account) error {
			*a = want
			a.ID = "acc_another"
			return nil
		})
		require.NoError(t, err)
		assert.Equal(t, want, got)
		got, err = s.AccountByEmail(t.Context(), "ann@example.com")
		require.NoError(t, err)
		assert.Equal(t, want, got)
		_, err = s.AccountByEmail(t.Context(), "anna@example.com")
		require.ErrorIs(t, err, hosted.ErrNotFound)
	}},
	{"a value is made once", func(t *testing.T, s Store) {
		for _, made := range []string{"first", "second"} {
			got, err := s.LoadOrStoreValue(t.Context(), "signing", func() []byte { return []byte(made) })
			require.NoError(t, err)
			assert.Equal(t, "first", string(got))
		}
		require.NoError(t, s.DeleteValue(t.Context(), "signing"))
		got, err := s.LoadOrStoreValue(t.Context(), "signing", func() []byte { return []byte("third") })
		require.NoError(t, err)
		assert.Equal(t, "third", string(got))
	}},
	{"a key comes back whole, by its hash and in its account's list", func(t *testing.T, s Store) {
		secret, key := hosted.NewKey("acc_anna", "CI", hosted.Test, t0)
		key.LastUsed, key.RevokedAt = after(1), after(2)
		require.NoError(t, s.CreateKey(t.Context(), full(t, key)))
		require.ErrorIs(t, s.CreateKey(t.Context(), key), pingr.ErrConflict)
		got, err := s.KeyByHash(t.Context(), hosted.HashKey(secret))
		require.NoError(t, err)
		assert.Equal(t, key, got)
		_, err = s.KeyByHash(t.Context(), hosted.HashKey(secret+"x"))
		require.ErrorIs(t, err, hosted.ErrNotFound)
		all, err := s.Keys(t.Context(), "acc_anna")
		require.NoError(t, err)
		assert.Equal(t, []hosted.Key{key}, all)
		all, err = s.Keys(t.Context(), "acc_ben")
		require.NoError(t, err)
		assert.Empty(t, all)
	}},
	{"a key is revoked once, by its account only", func(t *testing.T, s Store) {
		secret, key := hosted.NewKey("acc_anna", "", hosted.Live, t0)
		require.NoError(t, s.CreateKey(t.Context(), key))
		require.ErrorIs(t, s.RevokeKey(t.Context(), "acc_ben", key.ID, after(1)), hosted.ErrNotFound)
		require.NoError(t, s.UseKey(t.Context(), key.ID, after(1)))
		require.NoError(t, s.RevokeKey(t.Context(), "acc_anna", key.ID, after(2)))
		require.NoError(t, s.RevokeKey(t.Context(), "acc_anna", key.ID, after(3)))
		got, err := s.KeyByHash(t.Context(), hosted.HashKey(secret))
		require.NoError(t, err)
		assert.True(t, got.LastUsed.Equal(after(1)) && got.RevokedAt.Equal(after(2)), "%+v", got)
		require.ErrorIs(t, s.UseKey(t.Context(), "key_none", t0), hosted.ErrNotFound)
	}},
	{"of the revoked keys the last are kept", func(t *testing.T, s Store) {
		_, valid := hosted.NewKey("acc_anna", "valid", hosted.Live, t0)
		_, bens := hosted.NewKey("acc_ben", "ben's", hosted.Live, t0)
		require.NoError(t, s.CreateKey(t.Context(), valid))
		require.NoError(t, s.CreateKey(t.Context(), bens))
		require.NoError(t, s.RevokeKey(t.Context(), "acc_ben", bens.ID, after(9999)))
		for i := range hosted.KeptRevoked + 5 {
			_, key := hosted.NewKey("acc_anna", fmt.Sprint(i), hosted.Test, t0)
			require.NoError(t, s.CreateKey(t.Context(), key))
			require.NoError(t, s.RevokeKey(t.Context(), "acc_anna", key.ID, t0.Add(time.Duration(i)*time.Second)))
		}
		keys, err := s.Keys(t.Context(), "acc_anna")
		require.NoError(t, err)
		names := map[string]bool{}
		for _, k := range keys {
			names[k.Name] = true
		}
		assert.Len(t, keys, hosted.KeptRevoked+1)
		assert.True(t, names["valid"] && names[fmt.Sprint(hosted.KeptRevoked+4)] && names["5"] && !names["4"], "%v", names)
		keys, err = s.Keys(t.Context(), "acc_ben")
		require.NoError(t, err)
		assert.Len(t, keys, 1)
	}},
}

var planTests = []test{
	{"a trigger by id", func(t *testing.T, s Store) {
		save(t, s, login)
		got, err := s.Trigger(t.Context(), login.ID)
		require.NoError(t, err)
		assert.Equal(t, login, got)
		_, err = s.Trigger(t.Context(), "trg_none")
		require.ErrorIs(t, err, hosted.ErrNotFound)
	}},
	{"as many triggers as the plan holds, over all sessions", func(t *testing.T, s Store) {
		sessions := []string{session, "second"}
		one, two, three := trigger("one"), trigger("two"), trigger("three")
		two.Session = "second"
		require.NoError(t, s.CreateTrigger(t.Context(), one, sessions, 2))
		require.ErrorIs(t, s.CreateTrigger(t.Context(), one, sessions, 1), hosted.ErrLimit)
		twin := one
		twin.ID = "trg_twin"
		require.ErrorIs(t, s.CreateTrigger(t.Context(), twin, sessions, 2), pingr.ErrConflict)
		require.NoError(t, s.CreateTrigger(t.Context(), two, sessions, 2))
		require.ErrorIs(t, s.CreateTrigger(t.Context(), three, sessions, 2), hosted.ErrLimit)
		require.NoError(t, s.CreateTrigger(t.Context(), three, sessions, 0), "no limit")
	}},
	{"many at once do not pass the plan", func(t *testing.T, s Store) {
		var all sync.WaitGroup
		for i := range 20 {
			all.Go(func() {
				err := s.CreateTrigger(t.Context(), trigger(fmt.Sprint("login", i)), []string{session}, 3)
				assert.True(t, err == nil || errors.Is(err, hosted.ErrLimit), "%v", err)
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
		got, err := s.UpdateTrigger(t.Context(), login.ID, func(t *pingr.Trigger) error {
			t.Phrase = "log me in"
			return nil
		})
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
		require.ErrorIs(t, err, hosted.ErrNotFound)
	}},
}
