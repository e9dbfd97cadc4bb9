// Package prom counts for Prometheus what an engine does, in programs that
// embed Pingr without its server. The server's /metrics has the same names.
//
// No label is an account, a number or anything else that people choose. The
// number of series is therefore bounded, and readers learn of nobody.
package prom

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/heypingr/pingr"
)

// Metrics are a [prometheus.Collector] that an engine's Observer feeds. They are
// safe for concurrent use.
type Metrics struct {
	now           func() time.Time
	firings       *prometheus.CounterVec   // outcome, reply
	replies       *prometheus.HistogramVec // reply
	dispatches    *prometheus.HistogramVec // result
	dispatchFails *prometheus.CounterVec   // kind
	storeFails    prometheus.Counter
}

// New returns metrics that start at 0. now is the engine's Config.Now; nil means
// time.Now.
func New(now func() time.Time) *Metrics {
	if now == nil {
		now = time.Now
	}
	counter := func(name, help string) prometheus.CounterOpts { return prometheus.CounterOpts{Name: name, Help: help} }
	seconds := func(name, help string, buckets ...float64) prometheus.HistogramOpts {
		return prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}
	}
	m := &Metrics{
		now: now,
		firings: prometheus.NewCounterVec(counter("pingr_firings_total",
			"Messages that matched a trigger, by outcome and by the source of the reply's text."), []string{"outcome", "reply"}),
		replies: prometheus.NewHistogramVec(seconds("pingr_reply_seconds",
			"Time from a message's arrival to WhatsApp's acknowledgement of its reply.",
			.05, .1, .25, .5, 1, 2, 4, 8, 16, 60, 300), []string{"reply"}),
		dispatches: prometheus.NewHistogramVec(seconds("pingr_webhook_seconds",
			"Duration of webhook delivery attempts.", .01, .025, .05, .1, .25, .5, 1, 2, 4, 8), []string{"result"}),
		dispatchFails: prometheus.NewCounterVec(counter("pingr_webhook_failures_total",
			"Webhook delivery attempts that failed."), []string{"kind"}),
		storeFails: prometheus.NewCounter(counter("pingr_store_failures_total",
			"Failures of the store that delayed a message or an event.")),
	}
	for _, outcome := range []pingr.OutcomeKind{pingr.Cooldown, pingr.Quota, pingr.Expired, pingr.NoPhone, pingr.Failed} {
		m.firings.WithLabelValues(string(outcome), "none")
	}
	for _, source := range []pingr.Source{pingr.Static, pingr.Dynamic} {
		m.firings.WithLabelValues(string(pingr.Replied), string(source))
		m.replies.WithLabelValues(string(source))
	}
	for _, kind := range []string{"timeout", "network", "error", "panic", "3xx", "4xx", "410", "5xx"} {
		m.dispatchFails.WithLabelValues(kind)
	}
	return m
}

// Observer returns what feeds the metrics, for pingr.Config. A program with an
// Observer of its own joins both with [pingr.Observers].
func (m *Metrics) Observer() pingr.Observer {
	return pingr.Observer{
		Firing: m.firing, Dispatched: m.dispatched,
		StoreFailed: func(_ string, err error) {
			if !errors.Is(err, context.Canceled) { // otherwise the engine was stopping
				m.storeFails.Inc()
			}
		},
	}
}

func (m *Metrics) firing(f pingr.Firing) {
	switch {
	case f.State != pingr.StateDone:
	case f.Outcome != pingr.Replied:
		m.firings.WithLabelValues(string(f.Outcome), "none").Inc()
	default:
		m.firings.WithLabelValues(string(f.Outcome), string(f.Source)).Inc()
		m.replies.WithLabelValues(string(f.Source)).Observe(m.now().Sub(f.AcceptedAt).Seconds())
	}
}

func (m *Metrics) dispatched(_ pingr.Event, r pingr.Reply, took time.Duration, err error) {
	if err == nil {
		m.dispatches.WithLabelValues("delivered").Observe(took.Seconds())
		return
	}
	m.dispatches.WithLabelValues("failed").Observe(took.Seconds())
	m.dispatchFails.WithLabelValues(kindOf(r, err)).Inc()
}

// kindOf names a failed attempt. "error" is what a Dispatcher without an
// endpoint returned.
func kindOf(r pingr.Reply, err error) string {
	var panicked *pingr.PanicError
	switch {
	case errors.As(err, &panicked):
		return "panic"
	case errors.Is(err, pingr.ErrGone):
		return "410"
	case r.Status >= http.StatusMultipleChoices:
		return strconv.Itoa(r.Status/100) + "xx"
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case r.URL == "":
		return "error"
	}
	return "network"
}

// Describe implements [prometheus.Collector].
func (m *Metrics) Describe(c chan<- *prometheus.Desc) { prometheus.DescribeByCollect(m, c) }

// Collect implements [prometheus.Collector].
func (m *Metrics) Collect(c chan<- prometheus.Metric) {
	for _, one := range []prometheus.Collector{m.firings, m.replies, m.dispatches, m.dispatchFails, m.storeFails} {
		one.Collect(c)
	}
}
