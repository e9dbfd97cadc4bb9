package prom

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/heypingr/pingr"
)

// Sessions returns a collector of pingr_sessions, which counts sessions by their
// state. list returns their records; it is called at each collection and must be
// safe for concurrent use.
func Sessions(list func() []pingr.SessionRecord) prometheus.Collector { return sessions(list) }

type sessions func() []pingr.SessionRecord

var sessionsDesc = prometheus.NewDesc("pingr_sessions", "Sessions of all accounts, by status.", []string{"status"}, nil)

func (sessions) Describe(c chan<- *prometheus.Desc) { c <- sessionsDesc }

func (list sessions) Collect(c chan<- prometheus.Metric) {
	counts := map[pingr.SessionState]float64{
		pingr.SessionPairing: 0, pingr.SessionLinkExpired: 0, pingr.SessionConnecting: 0, pingr.SessionConnected: 0,
		pingr.SessionDisconnected: 0, pingr.SessionLoggedOut: 0, pingr.SessionRestricted: 0,
	}
	for _, r := range list() {
		counts[r.State]++
	}
	for status, n := range counts {
		c <- prometheus.MustNewConstMetric(sessionsDesc, prometheus.GaugeValue, n, string(status))
	}
}
