//go:build linux

package install

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const prometheus = "http://127.0.0.1:9099"

// Prometheus collects from the installed service. Every query of docs/grafana.json
// and every alert of docs/alerts.yaml is evaluated on that.
func TestInsideWatching(t *testing.T) {
	inside(t)
	s := newShop(t)
	run(t, "", "dpkg", "--install", release(t, "*_amd64.deb"))
	s.configure()
	s.open(asPingr...)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(dir+"/prometheus.yml", []byte(`
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [/mnt/in/docs/alerts.yaml]
scrape_configs: [{job_name: pingr, static_configs: [{targets: ["127.0.0.1:8080"]}]}]
`), 0o600))
	run(t, "", "promtool", "check", "config", dir+"/prometheus.yml")
	collector := exec.CommandContext(t.Context(), "prometheus", "--config.file="+dir+"/prometheus.yml",
		"--storage.tsdb.path="+dir+"/data", "--web.listen-address="+strings.TrimPrefix(prometheus, "http://"))
	require.NoError(t, collector.Start())
	defer func() {
		_ = collector.Process.Kill()
		_ = collector.Wait()
	}()
	s.logsIn()
	s.ask("POST", server+"/v1/send", `{"session_id":"shop","to":"`+ashaNum+`","message":"hello"}`, http.StatusOK)

	queries := panels(t, "/mnt/in/docs/grafana.json")
	assert.Greater(t, len(queries), 10)
	for title, query := range queries {
		t.Run(title, func(t *testing.T) {
			s := &shop{T: t}
			query = strings.NewReplacer("$__rate_interval", "10s", "$instance", ".+").Replace(query)
			require.NotContains(t, query, "$", "a variable that this test does not know")
			s.eventually(query, func() bool { return results(s, query) > 0 })
		})
	}
	var rules struct {
		Data struct {
			Groups []struct {
				Rules []struct{ Name, Query, Health, LastError string }
			}
		}
	}
	s.eventually("every rule is evaluated", func() bool {
		s.decode(prometheus+"/api/v1/rules", &rules)
		for _, g := range rules.Data.Groups {
			for _, r := range g.Rules {
				if r.Health != "ok" {
					return false
				}
			}
		}
		return len(rules.Data.Groups) > 0
	})
	for _, g := range rules.Data.Groups {
		for _, r := range g.Rules {
			// An alert that names nothing that exists never fires.
			for _, word := range metricNames.FindAllString(r.Query, -1) {
				assert.Positive(t, results(s, "count("+word+")"), "%s: %s", r.Name, word)
			}
		}
	}
	// And each fires when it should.
	run(t, "", "promtool", "test", "rules", "/mnt/in/docs/alerts_test.yaml")
}

// results is how many series a query gives.
func results(s *shop, query string) int {
	s.Helper()
	var answer struct {
		Status string
		Error  string
		Data   struct{ Result []any }
	}
	s.decode(prometheus+"/api/v1/query?query="+url.QueryEscape(query), &answer)
	if answer.Status != "" {
		require.Equal(s, "success", answer.Status, answer.Error)
	}
	return len(answer.Data.Result)
}

func (s *shop) decode(url string, to any) {
	s.Helper()
	r, err := http.NewRequestWithContext(s.Context(), http.MethodGet, url, http.NoBody)
	require.NoError(s, err)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return // it is starting
	}
	defer answer.Body.Close()
	_ = json.NewDecoder(answer.Body).Decode(to)
}

// panels are the queries of a Grafana dashboard, by panel and legend.
func panels(t *testing.T, file string) map[string]string {
	t.Helper()
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr, RefID string }
		}
	}
	require.NoError(t, json.Unmarshal([]byte(read(t, file)), &dashboard))
	queries := map[string]string{}
	for _, p := range dashboard.Panels {
		assert.NotEmpty(t, p.Targets, p.Title)
		for _, q := range p.Targets {
			queries[p.Title+" "+q.RefID] = q.Expr
		}
	}
	return queries
}

// metricNames are the names of Pingr's metrics in a query.
var metricNames = regexp.MustCompile(`\b(pingr_\w+|up)\b`)
