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
	"github.com/heypingr/pingr/prom"
)

// metrics are what Prometheus collects. No label is an account, a number or
// anything else that customers choose. Their number is therefore bounded, and
// readers learn of no customer.
type metrics struct {
	registry    *prometheus.Registry
	engine      *prom.Metrics
	sends       *prometheus.CounterVec   // mode, result
	requests    *prometheus.CounterVec   // route, status
	requestTime *prometheus.HistogramVec // route
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
		engine:   prom.New(s.now),
		sends:    counter("pingr_sends_total", "Messages requested by POST /v1/send.", "mode", "result"),
		requests: counter("pingr_http_requests_total", "HTTP requests answered.", "route", "status"),
		requestTime: seconds("pingr_http_request_seconds", "Time to answer an HTTP request, without event streams.",
			[]float64{.001, .0025, .005, .01, .025, .05, .1, .25, 1, 10}, "route"),
	}
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "pingr_build_info", Help: "Always 1. The label is the version.",
	}, []string{"version"})
	build.WithLabelValues(pingr.Version).Set(1)
	m.registry.MustRegister(
		m.engine, m.sends, m.requests, m.requestTime, build, prom.Sessions(s.records), state{s},
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

// records are those of all sessions.
func (s *Server) records() []pingr.SessionRecord {
	all := s.sessions.List()
	records := make([]pingr.SessionRecord, len(all))
	for i, n := range all {
		records[i] = n.Record()
	}
	return records
}

// state collects what is counted on request.
type state struct{ server *Server }

var (
	undecryptableDesc = prometheus.NewDesc("pingr_undecryptable_messages_total",
		"Messages that could not be decrypted when they first arrived. Each is requested again.", nil, nil)
	undeliveredDesc = prometheus.NewDesc("pingr_undelivered_events", "Events that wait to be delivered.", nil, nil)
	streamsDesc     = prometheus.NewDesc("pingr_event_streams", "Open event streams.", nil, nil)
)

func (state) Describe(c chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{undecryptableDesc, undeliveredDesc, streamsDesc} {
		c <- d
	}
}

func (st state) Collect(c chan<- prometheus.Metric) {
	unread := 0.0
	for _, n := range st.server.sessions.List() {
		if n, ok := n.(interface{ Undecryptable() uint64 }); ok {
			unread += float64(n.Undecryptable())
		}
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
