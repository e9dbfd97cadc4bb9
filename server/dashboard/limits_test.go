package dashboard

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/a-h/templ"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestThePlansLimitIsShownBeforeItIsMet(t *testing.T) {
	d, err := New(Config{Limits: func(plan string) (sessions, triggers int) {
		if plan == "starter" {
			return 2, 2
		}
		return 0, 0
	}})
	require.NoError(t, err)
	page := func(plan string, n int) (sessions, triggers string) {
		v := d.newVisit(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), "GET", "/", nil))
		v.account.Plan = plan
		l := triggerList{}
		_, l.limit = v.config.Limits(plan)
		for range n {
			l.sessions = append(l.sessions, session{ID: "shop"})
			l.triggers = append(l.triggers, trigger{Session: "shop"})
		}
		render := func(c templ.Component) string {
			var html bytes.Buffer
			require.NoError(t, c.Render(t.Context(), &html))
			return html.String()
		}
		return render(sessionsBody(v, l.sessions)), render(triggersBody(v, l))
	}
	sessions, triggers := page("starter", 1)
	assert.Contains(t, sessions, "1 of 2 sessions used (plan starter).")
	assert.Contains(t, sessions, "Add session")
	assert.Contains(t, triggers, "1 of 2 triggers used (plan starter).")
	assert.Contains(t, triggers, "Add trigger")

	sessions, triggers = page("starter", 2)
	assert.Contains(t, sessions, "All sessions of your plan are used (2 of 2, plan starter).")
	assert.NotContains(t, sessions, "Add session")
	assert.Contains(t, triggers, "All triggers of your plan are used (2 of 2, plan starter).")
	assert.NotContains(t, triggers, "Add trigger")

	sessions, triggers = page("unlimited", 5)
	assert.Contains(t, sessions, "Add session")
	assert.NotContains(t, sessions+triggers, "of the plan")
}

func TestWhoTriedItIsOneAccount(t *testing.T) {
	d, err := New(Config{API: http.HandlerFunc(
		func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("{}")) },
	)})
	require.NoError(t, err)
	tried := func(cookie, account string) bool {
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/overview", nil)
		if cookie != "" {
			r.AddCookie(&http.Cookie{Name: triedCookie, Value: cookie})
		}
		v := d.newVisit(httptest.NewRecorder(), r)
		v.account.ID = account
		s, err := v.setup()
		require.NoError(t, err)
		return s.tried
	}
	assert.False(t, tried("", "acc_a"))
	assert.True(t, tried("acc_a", "acc_a"))
	assert.False(t, tried("acc_a", "acc_b"), "somebody else in the same browser")
}
