package prom

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/session/sim"
	"github.com/heypingr/pingr/store/memory"
)

// value returns one series, such as `pingr_firings_total{outcome="failed",reply="none"}`.
func value(t *testing.T, c prometheus.Collector, series string) float64 {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	require.NoError(t, registry.Register(c))
	families, err := registry.Gather()
	require.NoError(t, err)
	for _, family := range families {
		for _, m := range family.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetName()+`="`+l.GetValue()+`"`)
			}
			name := family.GetName()
			if len(labels) > 0 {
				name += "{" + strings.Join(labels, ",") + "}"
			}
			if name != series {
				continue
			}
			if h := m.GetHistogram(); h != nil {
				return float64(h.GetSampleCount())
			}
			return m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	require.Fail(t, "no series "+series)
	return 0
}

// An engine of an embedder counts every message, by how it ended.
func TestAnEngineCounts(t *testing.T) {
	store, number, m := memory.New(), sim.New(sim.Config{}), New(nil)
	require.NoError(t, store.SaveTrigger(t.Context(), pingr.Trigger{
		ID: "trg_1", Session: pingr.DefaultSession, Phrase: "login", Reply: "static", Active: true,
	}))
	engine, err := pingr.New(pingr.Config{
		Store: store, Session: number, Observer: m.Observer(),
		Dispatcher: pingr.DispatcherFunc(func(_ context.Context, e pingr.Event) (pingr.Reply, error) {
			switch e.From.Phone {
			case "919876543211":
				return pingr.Reply{}, errors.New("no database")
			case "919876543212":
				panic("no database")
			}
			return pingr.Reply{Text: "link"}, nil
		}),
	})
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- engine.Run(ctx) }()
	for i := range 3 {
		p := number.NewPhone(sim.PhoneConfig{Number: "91987654321" + string(rune('0'+i))})
		p.Send("login")
		_, err := p.Next(ctx)
		require.NoError(t, err)
	}
	stop()
	require.NoError(t, <-ended)
	for series, want := range map[string]float64{
		`pingr_firings_total{outcome="replied",reply="dynamic"}`: 1,
		`pingr_firings_total{outcome="replied",reply="static"}`:  2,
		`pingr_firings_total{outcome="cooldown",reply="none"}`:   0,
		`pingr_reply_seconds{reply="static"}`:                    2,
		`pingr_webhook_seconds{result="delivered"}`:              1,
		`pingr_webhook_seconds{result="failed"}`:                 2,
		`pingr_webhook_failures_total{kind="error"}`:             1,
		`pingr_webhook_failures_total{kind="panic"}`:             1,
		`pingr_store_failures_total`:                             0,
	} {
		assert.InDelta(t, want, value(t, m, series), 0, series)
	}
}

func TestWhatAFailedAttemptIsCalled(t *testing.T) {
	const endpoint = "https://shop.example"
	for _, tt := range []struct {
		kind  string
		reply pingr.Reply
		err   error
	}{
		{"timeout", pingr.Reply{URL: endpoint}, context.DeadlineExceeded},
		{"timeout", pingr.Reply{}, context.DeadlineExceeded},
		{"network", pingr.Reply{URL: endpoint}, errors.New("no route")},
		{"3xx", pingr.Reply{URL: endpoint, Status: 300}, errors.New("status 300")},
		{"4xx", pingr.Reply{URL: endpoint, Status: 499}, errors.New("status 499")},
		{"410", pingr.Reply{URL: endpoint, Status: 410}, pingr.ErrGone},
		{"5xx", pingr.Reply{URL: endpoint, Status: 500}, errors.New("status 500")},
		{"error", pingr.Reply{}, errors.New("no such user")},
		{"panic", pingr.Reply{}, &pingr.PanicError{}},
	} {
		m := New(nil)
		m.Observer().Dispatched(pingr.Event{}, tt.reply, time.Second, tt.err)
		assert.InDelta(t, 1, value(t, m, `pingr_webhook_failures_total{kind="`+tt.kind+`"}`), 0, tt.err)
	}
}

func TestStoreFailuresCount(t *testing.T) {
	m := New(nil)
	m.Observer().StoreFailed("storing a reply", context.Canceled)
	m.Observer().StoreFailed("storing a reply", errors.New("no disk"))
	assert.InDelta(t, 1, value(t, m, "pingr_store_failures_total"), 0)
}

func TestSessionsByStatus(t *testing.T) {
	c := Sessions(func() []pingr.SessionRecord {
		return []pingr.SessionRecord{
			{State: pingr.SessionConnected}, {State: pingr.SessionConnected}, {State: pingr.SessionRestricted},
		}
	})
	assert.InDelta(t, 2, value(t, c, `pingr_sessions{status="connected"}`), 0)
	assert.InDelta(t, 1, value(t, c, `pingr_sessions{status="restricted"}`), 0)
	assert.InDelta(t, 0, value(t, c, `pingr_sessions{status="logged_out"}`), 0)
}
