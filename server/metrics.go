package server

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/hosted"
)

// metrics are what Prometheus collects. No label is an account, a number or
// anything else that customers choose. Their number is therefore bounded, and
// readers learn of no customer.
type metrics struct {
	registry     *prometheus.Registry
	firings      *prometheus.CounterVec   // outcome, reply
	replies      *prometheus.HistogramVec // reply
	sends        *prometheus.CounterVec   // mode, result
	webhooks     *prometheus.HistogramVec // result
	webhookFails *prometheus.CounterVec   // kind
	requests     *prometheus.CounterVec   // route, status
	requestTime  *prometheus.HistogramVec // route
}

func newMetrics(s *Server) *metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	seconds := func(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels)
	}
	m := &metrics{
		registry: prometheus.NewRegistry(),
		firings: counter("pingr_firings_total",
			"Messages that matched a trigger, by outcome and by the source of the reply's text.", "outcome", "reply"),
		replies: seconds("pingr_reply_seconds", "Time from a message's arrival to WhatsApp's acknowledgement of its reply.",
			[]float64{.05, .1, .25, .5, 1, 2, 4, 8, 16, 60, 300}, "reply"),
		sends: counter("pingr_sends_total", "Messages requested by POST /v1/send.", "mode", "result"),
		webhooks: seconds("pingr_webhook_seconds", "Duration of webhook delivery attempts.",
			[]float64{.01, .025, .05, .1, .25, .5, 1, 2, 4, 8}, "result"),
		webhookFails: counter("pingr_webhook_failures_total", "Webhook delivery attempts that failed.", "kind"),
		requests:     counter("pingr_http_requests_total", "HTTP requests answered.", "route", "status"),
		requestTime: seconds("pingr_http_request_seconds", "Time to answer an HTTP request, without event streams.",
			[]float64{.001, .0025, .005, .01, .025, .05, .1, .25, 1, 10}, "route"),
	}
	for _, outcome := range []pingr.OutcomeKind{pingr.Cooldown, pingr.Quota, pingr.Expired, pingr.NoPhone, pingr.Failed} {
		m.firings.WithLabelValues(string(outcome), "none")
	}
	for _, source := range []pingr.Source{pingr.Static, pingr.Dynamic} {
		m.firings.WithLabelValues(string(pingr.Replied), string(source))
		m.replies.WithLabelValues(string(source))
	}
	for _, kind := range []string{"timeout", "network", "3xx", "4xx", "410", "5xx"} {
		m.webhookFails.WithLabelValues(kind)
	}
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "pingr_build_info", Help: "Always 1. The label is the version.",
	}, []string{"version"})
	build.WithLabelValues(pingr.Version).Set(1)
	m.registry.MustRegister(
		m.firings, m.replies, m.sends, m.webhooks, m.webhookFails, m.requests, m.requestTime, build, state{s},
		// Those of package collectors would link database/sql.
		prometheus.NewGoCollector(),                                       //nolint:staticcheck // as said
		prometheus.NewProcessCollector(prometheus.ProcessCollectorOpts{}), //nolint:staticcheck // as said
	)
	return m
}

// Metrics serves Prometheus on a listener of its own; see Config.MetricsApart.
// It answers anyone who reaches it.
func (s *Server) Metrics() http.Handler {
	return promhttp.HandlerFor(s.metrics.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 2, Timeout: 10 * time.Second})
}

// ended counts a firing. accepted is when its message came.
func (m *metrics) ended(kind pingr.OutcomeKind, source pingr.Source, took time.Duration) {
	if kind != pingr.Replied {
		m.firings.WithLabelValues(string(kind), "none").Inc()
		return
	}
	m.firings.WithLabelValues(string(kind), string(source)).Inc()
	m.replies.WithLabelValues(string(source)).Observe(took.Seconds())
}

// sent counts the result of POST /v1/send.
func (m *metrics) sent(mode hosted.Mode, err error) {
	result, limit := "sent", (*pingr.LimitError)(nil)
	switch {
	case errors.As(err, &limit):
		result = string(limit.Kind)
	case errors.Is(err, pingr.ErrUnknown):
		result = "unknown"
	case err != nil:
		result = "failed"
	}
	m.sends.WithLabelValues(string(mode), result).Inc()
}

// told counts an attempt at a webhook.
func (m *metrics) told(took time.Duration, reply pingr.Reply, err error) {
	if err == nil {
		m.webhooks.WithLabelValues("delivered").Observe(took.Seconds())
		return
	}
	m.webhooks.WithLabelValues("failed").Observe(took.Seconds())
	kind := "network"
	switch {
	case errors.Is(err, pingr.ErrGone):
		kind = "410"
	case reply.Status >= http.StatusMultipleChoices:
		kind = strconv.Itoa(reply.Status/100) + "xx"
	case errors.Is(err, context.DeadlineExceeded):
		kind = "timeout"
	}
	m.webhookFails.WithLabelValues(kind).Inc()
}

// answered counts a request. All requests that match no route count as one
// route.
func (m *metrics) answered(route string, status int, took time.Duration) {
	if route == "" {
		route = "none"
	}
	m.requests.WithLabelValues(route, strconv.Itoa(status)).Inc()
	if route != "GET /v1/events" {
		m.requestTime.WithLabelValues(route).Observe(took.Seconds())
	}
}

// state collects what is counted on request.
type state struct{ server *Server }

var (
	sessionsDesc = prometheus.NewDesc("pingr_sessions", "Sessions of all accounts, by status.", []string{"status"},
		nil)
	undecryptableDesc = prometheus.NewDesc("pingr_undecryptable_messages_total",
		"Messages that could not be decrypted when they first arrived. Each is requested again.", nil, nil)
	undeliveredDesc = prometheus.NewDesc("pingr_undelivered_events", "Events that wait to be delivered.", nil, nil)
	streamsDesc     = prometheus.NewDesc("pingr_event_streams", "Open event streams.", nil, nil)
)

func (state) Describe(c chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{sessionsDesc, undecryptableDesc, undeliveredDesc, streamsDesc} {
		c <- d
	}
}

func (st state) Collect(c chan<- prometheus.Metric) {
	counts := map[pingr.SessionState]float64{
		pingr.SessionPairing: 0, pingr.SessionLinkExpired: 0, pingr.SessionConnecting: 0, pingr.SessionConnected: 0,
		pingr.SessionDisconnected: 0, pingr.SessionLoggedOut: 0, pingr.SessionRestricted: 0,
	}
	unread := 0.0
	for _, n := range st.server.sessions.List() {
		counts[n.Record().State]++
		if n, ok := n.(interface{ Undecryptable() uint64 }); ok {
			unread += float64(n.Undecryptable())
		}
	}
	for status, n := range counts {
		c <- prometheus.MustNewConstMetric(sessionsDesc, prometheus.GaugeValue, n, string(status))
	}
	c <- prometheus.MustNewConstMetric(undecryptableDesc, prometheus.CounterValue, unread)
	c <- prometheus.MustNewConstMetric(streamsDesc, prometheus.GaugeValue, float64(st.server.hub.count()))
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	n, err := st.server.store.Undelivered(ctx)
	if err != nil {
		// The other metrics are worth more than none.
		st.server.log.Warn("could not count undelivered events", "error", err)
		return
	}
	c <- prometheus.MustNewConstMetric(undeliveredDesc, prometheus.GaugeValue, float64(n))
}
