package main

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/hosted"
	"github.com/heypingr/pingr/session/whatsapp"
	"github.com/heypingr/pingr/store/memory"
)

// The only account gets a number that pingr link linked. If there are several, nobody gets it. A
// number that has an owner keeps it.
func TestWhoGetsALinkedNumber(t *testing.T) {
	for _, tt := range []struct {
		name     string
		accounts []string
		owner    string // of the number before
		want     string
	}{
		{"nobody is there", nil, "", ""},
		{"one account", []string{"anna"}, "", "acc_anna"},
		{"two accounts", []string{"anna", "ben"}, "", ""},
		{"one that another had", []string{"anna"}, "acc_ben", "acc_ben"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			store := memory.New()
			for _, name := range tt.accounts {
				require.NoError(t, store.CreateAccount(t.Context(), hosted.Account{
					ID: "acc_" + name, Email: name + "@example.com", CreatedAt: time.Now(),
				}))
			}
			for id, owner := range map[string]string{"shop": tt.owner, "other": "acc_ben", "more": tt.owner} {
				require.NoError(t, store.SaveSession(t.Context(), pingr.SessionRecord{
					ID: id, Account: owner, CreatedAt: time.Now(),
				}))
			}
			var said bytes.Buffer
			a := &app{streams: streams{err: &said}}
			require.NoError(t, a.adopt(t.Context(), store))
			records, err := store.Sessions(t.Context())
			require.NoError(t, err)
			require.Len(t, records, 3)
			for _, r := range records {
				want := tt.want
				if r.ID == "other" {
					want = "acc_ben"
				}
				assert.Equal(t, want, r.Account, r.ID)
			}
			assert.Equal(t, tt.want != tt.owner, said.Len() > 0, &said)
		})
	}
}

// Two processes share a database. Each has only the numbers of its own data directory.
func TestEachProcessHasItsOwnNumbers(t *testing.T) {
	store := memory.New()
	process := func(database string) *app {
		return &app{config: config{Data: t.TempDir(), Database: database}}
	}
	one, two := process("postgres://db.example.com/pingr"), process("postgres://db.example.com/pingr")
	registry := func(a *app) whatsapp.Registry { return a.registry(store) }
	has := func(a *app) (ids []string) {
		records, err := registry(a).Sessions(t.Context())
		require.NoError(t, err)
		for _, r := range records {
			ids = append(ids, r.ID)
		}
		return ids
	}
	save := func(a *app, id string) error {
		return registry(a).SaveSession(t.Context(), pingr.SessionRecord{ID: id, CreatedAt: time.Now()})
	}
	const shop, stall = "shop:acc_anna", "stall:acc_anna"
	require.NoError(t, save(one, shop))
	require.NoError(t, save(one, shop), "its own, again")
	require.NoError(t, save(two, stall))
	require.ErrorIs(t, save(two, shop), whatsapp.ErrExists)
	assert.Equal(t, []string{shop}, has(one))
	assert.Equal(t, []string{stall}, has(two))
	assert.Equal(t, []string{shop}, one.ownSessions().ids())
	assert.Len(t, has(process("")), 2, "SQLite is one process's: it has all")

	require.NoError(t, registry(one).DeleteSession(t.Context(), shop))
	assert.Empty(t, has(one))
	assert.Empty(t, one.ownSessions().ids())
	require.NoError(t, save(two, shop), "the id is free")
}
