package sqlite_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/hosted"
	"github.com/heypingr/pingr/store/sqlite"
)

var (
	now      = time.UnixMilli(1_770_000_000_000).UTC()
	lease    = pingr.Lease{Holder: "run_1", Until: now.Add(time.Minute)}
	longText = strings.Repeat("lorem ipsum ", 100)
)

func open(t *testing.T, dir string) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), sqlite.Config{Dir: dir})
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func openAdmin(t *testing.T, dir string) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), sqlite.Config{Dir: dir, Admin: true})
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func save(tb testing.TB, s *sqlite.Store, phrase string) {
	tb.Helper()
	require.NoError(tb, s.SaveTrigger(tb.Context(), pingr.Trigger{
		ID: "trg_" + phrase, Session: "main", Phrase: phrase, Reply: "Hello", Active: true,
	}))
}

// loggedRows returns the delivery log of acc_1.
func loggedRows(t *testing.T, s *sqlite.Store) ([]hosted.DeliveryRow, error) {
	t.Helper()
	page, err := s.DeliveryPage(t.Context(), hosted.DeliveryQuery{Account: "acc_1", Limit: 10_000})
	return page.Rows, err
}

// known asserts that a firing's message is not new.
func known(t *testing.T, s *sqlite.Store, f pingr.Firing) {
	t.Helper()
	f.ID += "again"
	_, first, err := s.Accept(t.Context(), f, lease)
	require.NoError(t, err)
	assert.False(t, first, f.Message.ID)
}

// live takes a firing from its message to its outcome, as the engine does.
func live(tb testing.TB, s *sqlite.Store, f pingr.Firing) {
	tb.Helper()
	require.NoError(tb, lives(s, f))
}

func lives(s *sqlite.Store, f pingr.Firing) error {
	ctx := context.Background()
	if _, first, err := s.Accept(ctx, f, lease); err != nil || !first {
		return fmt.Errorf("first: %v, %w", first, err)
	}
	d := benchDecision(f.ID)
	d.Limits = benchLimits(f.Message.Phone)
	if _, _, err := s.Decide(ctx, d); err != nil {
		return err
	}
	return s.Finish(ctx, pingr.Outcome{Firing: f.ID, At: now, Kind: pingr.Replied, Reason: "dynamic"})
}

func accept(tb testing.TB, s *sqlite.Store, f pingr.Firing) {
	tb.Helper()
	_, first, err := s.Accept(tb.Context(), f, lease)
	require.NoError(tb, err)
	require.True(tb, first)
}

func benchFiring(i int64) pingr.Firing {
	phone, lid := fmt.Sprintf("91%010d", i), fmt.Sprintf("%015d@lid", i)
	return pingr.Firing{
		ID: fmt.Sprintf("evt_0193a2b4c5d67%019x", i), Account: "acc_1", Session: "main",
		State: pingr.StateAccepted, AcceptedAt: now,
		Message: pingr.Message{
			ID: fmt.Sprintf("3EB0%016X", i), Chat: lid, Sender: lid, Phone: phone, LID: lid, Type: "text",
			Text: "login X4K9MQ", Time: now, Arrived: now,
		},
		Person: pingr.Person{ID: fmt.Sprintf("per_%d", i)},
		Trigger: pingr.Trigger{
			ID: "trg_1", Session: "main", Phrase: "login", Reply: "Sending your link, {{phone}}…", Active: true,
		},
	}
}

func benchLimits(phone string) []pingr.Limit {
	return []pingr.Limit{
		{Kind: pingr.Cooldown, Key: "cooldown/acc_1/" + phone, Max: 1, Until: now.Add(time.Minute)},
		{Kind: pingr.Quota, Key: "quota/acc_1", Max: 1 << 40, Until: now.Add(720 * time.Hour)},
	}
}

func benchDecision(id string) pingr.Decision {
	return pingr.Decision{
		Firing: id, Holder: lease.Holder, At: now, Text: "Tap to sign in: https://example.test/" + id, Source: pingr.Dynamic,
	}
}

func benchDelivery(i int) pingr.Delivery {
	return pingr.Delivery{
		ID: fmt.Sprint("dlv_", i), Account: "acc_1", Session: "main",
		EventID: fmt.Sprint("evt_", i), Event: pingr.EventMessageReceived,
		URL: "https://example.test/webhook", Status: "delivered", HTTPStatus: 200, Attempt: 1, At: now,
	}
}
