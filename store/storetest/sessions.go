package storetest

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
)

var sessionTests = []test{
	{"none", func(t *testing.T, s Store) {
		assert.Empty(t, sessions(t, s))
	}},
	{"a record comes back whole", func(t *testing.T, s Store) {
		require.NoError(t, s.SaveSession(t.Context(), full(t, record("main"))))
		assert.Equal(t, []pingr.SessionRecord{record("main")}, sessions(t, s))
	}},
	{"a record without anything", func(t *testing.T, s Store) {
		require.NoError(t, s.SaveSession(t.Context(), pingr.SessionRecord{ID: "main"}))
		got := sessions(t, s)
		require.Len(t, got, 1)
		assert.True(t, got[0].ConnectedAt.IsZero())
		assert.Empty(t, got[0].Account)
	}},
	{"of all accounts, by id", func(t *testing.T, s Store) {
		for _, id := range []string{"b", "c", "a"} {
			r := record(id)
			r.Account = "acc_" + id
			require.NoError(t, s.SaveSession(t.Context(), r))
		}
		got := sessions(t, s)
		require.Len(t, got, 3)
		assert.Equal(t, []string{"a", "b", "c"}, []string{got[0].ID, got[1].ID, got[2].ID})
	}},
	{"saving again replaces", func(t *testing.T, s Store) {
		require.NoError(t, s.SaveSession(t.Context(), record("main")))
		r := record("main")
		r.State, r.Device, r.Reason, r.Detail, r.Reported = pingr.SessionLoggedOut, "", 401, "unlinked", false
		r.Account, r.Name, r.Phone, r.ConnectedAt, r.CreatedAt = "acc_new", "Sales", "4917", after(1), after(2)
		require.NoError(t, s.SaveSession(t.Context(), r))
		assert.Equal(t, []pingr.SessionRecord{r}, sessions(t, s))
	}},
	{"deleting forgets the record and keeps the triggers", func(t *testing.T, s Store) {
		save(t, s, login)
		require.NoError(t, s.SaveSession(t.Context(), record(session)))
		require.NoError(t, s.DeleteSession(t.Context(), session))
		require.NoError(t, s.DeleteSession(t.Context(), session), "deleting what is not there")
		assert.Empty(t, sessions(t, s))
		finds(t, s, "login", "trg_login")
	}},
}

func record(id string) pingr.SessionRecord {
	return pingr.SessionRecord{
		ID: id, Account: owner, Name: "Support", Device: phone + ":3@s.whatsapp.net", Phone: phone,
		State: pingr.SessionConnected, Reason: 503, Detail: "came back", Reported: true,
		ConnectedAt: after(-5), CreatedAt: after(-100),
	}
}

func sessions(t *testing.T, s Store) []pingr.SessionRecord {
	t.Helper()
	all, err := s.Sessions(t.Context())
	require.NoError(t, err)
	return all
}
