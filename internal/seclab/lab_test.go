package main

import (
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/heypingr/pingr"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Every attack must succeed on a site without any defence.
func TestEveryAttackBreaksAWeakSite(t *testing.T) {
	for _, flow := range flows {
		for _, s := range of(flow) {
			if s.noSecret {
				continue // it is no program
			}
			t.Run(flow+": "+s.name, func(t *testing.T) {
				t.Parallel()
				weak := newWeak(flow)
				server := httptest.NewServer(weak)
				defer server.Close()
				weak.origin = server.URL
				finding, err := play(t.Context(), s, flow, site{origin: server.URL, hook: server.URL, secret: pingr.NewSecret()})
				if s.contract {
					assert.True(t, err != nil || finding != "", "it keeps to no contract")
					return
				}
				require.NoError(t, err)
				if s.control {
					assert.Empty(t, finding, "logins work on it")
				} else {
					assert.Contains(t, finding, "is logged in")
				}
			})
		}
	}
}

// The examples in Go; make sec-login attacks those of the other languages too.
func TestExamplesHold(t *testing.T) {
	root, err := root(t.Context())
	require.NoError(t, err)
	programs, err := findPrograms(t.Context(), root, t.TempDir(), "go")
	require.NoError(t, err)
	results, err := lab{atOnce: 4}.playAll(t.Context(), programs)
	require.NoError(t, err)
	assert.Len(t, results, len(of(mobile))+len(of(preentry))+len(of(desktop)))
	for _, r := range results {
		said, bad := r.verdict()
		assert.False(t, bad, "%s, %s: %s", r.program.flow, r.scenario.name, said)
	}
}

func TestScenarios(t *testing.T) {
	for _, flow := range flows {
		attacks, names := 0, map[string]bool{}
		for _, s := range of(flow) {
			assert.False(t, names[s.name], "%s twice", s.name)
			names[s.name] = true
			if s.attack() {
				attacks++
			}
		}
		assert.GreaterOrEqual(t, attacks, 20, flow)
	}
}

func TestVerdict(t *testing.T) {
	handed := scenario{succeeds: true}
	for _, tt := range []struct {
		name    string
		result  result
		finding bool
	}{
		{"nothing happened", result{}, false},
		{"somebody is in", result{finding: "the attacker's browser is logged in as the victim"}, true},
		{
			"the digits were handed over, and he is in",
			result{scenario: handed, finding: "the attacker's browser is logged in as the victim"},
			false,
		},
		{"the digits were handed over, and he is not in", result{scenario: handed}, true},
		{"it was not played", result{scenario: handed, finding: "not played: no program"}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, found := tt.result.verdict()
			assert.Equal(t, tt.finding, found)
		})
	}
}

// A missing language is an error, not a row of dashes.
func TestMissingLanguage(t *testing.T) {
	for _, language := range []string{"node", "python"} {
		_, err := findPrograms(t.Context(), t.TempDir(), t.TempDir(), language)
		assert.ErrorContains(t, err, "is missing", language)
	}
	_, err := findPrograms(t.Context(), "", "", "cobol")
	assert.Error(t, err)
}
