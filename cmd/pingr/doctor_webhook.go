package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/hosted"
)

// mostEndpoints is how many accounts' endpoints are asked, so that doctor ends.
const mostEndpoints = 10

// checkWebhook asks the endpoint in the settings.
func (a *app) checkWebhook(ctx context.Context) []finding {
	const check = "webhook"
	if a.config.WebhookURL == "" {
		return []finding{skip(check, "PINGR_WEBHOOK_URL is not set")}
	}
	guard, err := a.guardOfServe()
	if err != nil {
		return []finding{fail(check, "Write networks like 10.0.0.0/8.", "%v", err)}
	}
	if err := guard.CheckURL(a.config.WebhookURL); err != nil {
		return []finding{fail(check, "Use a public https address, or allow its network.", "%v", err)}
	}
	return askEndpoint(ctx, check, a.config.WebhookURL, guard)
}

// checkEndpoints asks the endpoints that accounts have set, at the server's API
// or in the dashboard.
func (a *app) checkEndpoints(ctx context.Context, accounts []hosted.Account) []finding {
	guard, err := a.guardOfServe()
	if err != nil {
		return []finding{fail("webhook", "Write networks like 10.0.0.0/8.", "%v", err)}
	}
	var findings []finding
	owners, asked, left := ownersOf(accounts), 0, 0
	for _, one := range accounts {
		check := "webhook" + owners[one.ID]
		if len(owners) == 0 {
			check = "webhook in use" // beside the one in the settings
		}
		switch {
		case one.Webhook.URL == "":
			continue
		case asked == mostEndpoints:
			left++
			continue
		}
		asked++
		if err := guard.CheckURL(one.Webhook.URL); err != nil {
			findings = append(findings, warn(check, "Run doctor with the settings of pingr serve, which may allow the address.",
				"%v", err))
			continue
		}
		findings = append(findings, askEndpoint(ctx, check, one.Webhook.URL, guard)...)
	}
	if left > 0 {
		findings = append(findings, skip("webhooks", fmt.Sprintf("%d more accounts have an endpoint", left)))
	}
	return findings
}

// guardOfServe returns the guard that pingr serve would have with these settings.
// Its --listen is not known here.
func (a *app) guardOfServe() (*pingr.Guard, error) {
	guard, err := a.webhookGuard()
	if err != nil {
		return nil, err
	}
	public, err := a.config.publicURL()
	if err != nil {
		return guard, nil //nolint:nilerr // serve does not start with it
	}
	at, err := net.ResolveTCPAddr("tcp", cmp.Or(a.config.Listen, defaultListen))
	if err == nil && isPrivate(at, public, a.config.SignUpPlan) {
		allowLoopback(guard)
	}
	return guard, nil
}

// askEndpoint requests an endpoint's headers. No event is sent.
func askEndpoint(ctx context.Context, check, endpoint string, guard *pingr.Guard) []finding {
	transport := pingr.NewTransport(guard)
	defer transport.CloseIdleConnections()
	client := http.Client{
		Transport: transport, Timeout: 8 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, endpoint, http.NoBody)
	if err != nil {
		return []finding{fail(check, "Write it like https://example.com/webhook.", "it is not a URL")}
	}
	req.Header.Set("User-Agent", "Pingr/"+pingr.Version)
	began := time.Now()
	resp, err := client.Do(req)
	if err != nil {
		var failed *url.Error // its text holds the whole address
		if errors.As(err, &failed) {
			err = failed.Err
		}
		return []finding{fail(check, "Is it up, and reachable from here? Try curl.", "%v", err)}
	}
	defer resp.Body.Close()
	took := time.Since(began)
	findings := []finding{judgeStatus(check, resp.StatusCode, took)}
	if at, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		if off := time.Since(at).Round(time.Second); off.Abs() > time.Minute {
			findings = append(findings, warn(check+" clock", "One of the clocks is wrong. "+
				"The endpoint refuses events that are 5 minutes off.",
				"its clock and ours are %s apart", off.Abs()))
		}
	}
	return findings
}

// judgeStatus allows for an endpoint for POST that refuses HEAD.
func judgeStatus(check string, status int, took time.Duration) finding {
	switch {
	case status >= 300 && status < 400:
		return fail(check, "Set the final address: redirects are not followed.", "it answers with a redirect (%d)", status)
	case status == http.StatusGone:
		return fail(check, "Webhooks stop at 410. Set another address.", "it is gone (410)")
	case status >= 500:
		return warn(check, "Check its log.", "it answers %d after %s", status, milliseconds(took))
	case status == http.StatusNotFound:
		return warn(check, "Check the path, unless it only accepts POST.", "it answers 404 after %s", milliseconds(took))
	}
	return ok(check, "it answers after %s", milliseconds(took))
}
