package sqlite_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Queries for every message, or every second, must not walk a table that grows over the years.
func TestQueriesUseTheirIndex(t *testing.T) {
	s := open(t, t.TempDir())
	tests := []struct{ name, query, want string }{
		{
			"is anything to claim",
			`SELECT 1 FROM firings WHERE done_at IS NULL AND lease_until <= $1 AND account NOT IN ($2) LIMIT 1`,
			"INDEX firings_unfinished",
		},
		{
			"what to claim",
			`SELECT seq FROM firings
				WHERE done_at IS NULL AND lease_until <= $1 AND account NOT IN ($2) ORDER BY seq LIMIT $3`,
			"COVERING INDEX firings_unfinished",
		},
		{
			"the oldest unfinished",
			`SELECT coalesce(min(accepted_at), $1) FROM firings WHERE done_at IS NULL`,
			"INDEX firings_unfinished",
		},
		{
			"leases to void",
			`UPDATE firings SET lease_until = 0 WHERE done_at IS NULL AND holder <> ''`,
			"INDEX firings_unfinished",
		},
		{"a firing by id", `SELECT seq FROM firings WHERE id = $1`, "INDEX sqlite_autoindex_firings_1"},
		{
			"the end of one",
			`UPDATE firings SET state = 'done' WHERE id = $1 AND done_at IS NULL`,
			"INDEX sqlite_autoindex_firings_1",
		},
		{
			"what is due",
			`SELECT seq FROM events WHERE next_at <= $1 AND lease_until <= $1 ORDER BY next_at, seq LIMIT $2`,
			"INDEX events_next",
		},
		{
			"what waits of an account",
			`SELECT seq FROM events
				WHERE account = $1 AND next_at > $2 AND next_at < $3 AND lease_until <= $2 AND scheduled_at = 0
				ORDER BY next_at, seq LIMIT $4`,
			"INDEX events_account",
		},
		{
			"a trigger",
			`SELECT id FROM triggers
				WHERE session = $1 AND phrase_key <= $2 AND active = 1 ORDER BY phrase_key DESC LIMIT 1`,
			"INDEX triggers_active (session=? AND phrase_key<?)",
		},
		{
			"which events are queued",
			`SELECT id FROM events WHERE account = $1 AND id IN ($2, $3)`,
			"INDEX sqlite_autoindex_events_1 (id=?",
		},
		{
			"who sent a message",
			`SELECT name FROM persons WHERE person IN (SELECT person FROM persons WHERE key IN ($1, $2))`,
			"INDEX persons_person (person=?)",
		},
		{
			"the delivery log",
			`SELECT id FROM deliveries
				WHERE account = $1 AND (logged_at, seq) < ($2, $3) ORDER BY logged_at DESC, seq DESC LIMIT $4`,
			"INDEX deliveries_logged (account=? AND logged_at<?)",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			plan, err := s.Plan(t.Context(), tt.query)
			require.NoError(t, err)
			assert.Contains(t, plan, tt.want)
			assert.NotContains(t, plan, "TEMP B-TREE")
		})
	}
}
