package main

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/heypingr/pingr"
)

// checkWebhook requests the endpoint's headers. No event is sent.
func (a *app) checkWebhook(ctx context.Context) []finding {
	const check = "webhook"
	if a.config.WebhookURL == "" {
		return []finding{skip(check, "PINGR_WEBHOOK_URL is not set")}
	}
	guard := &pingr.Guard{Setting: "PINGR_WEBHOOK_ALLOW"}
	for _, text := range a.config.WebhookAllow {
		network, err := netip.ParsePrefix(text)
		if err != nil {
			return []finding{fail(check, "Write networks like 10.0.0.0/8.", "PINGR_WEBHOOK_ALLOW contains %q", text)}
		}
		guard.Allow = append(guard.Allow, network)
	}
	if err := guard.CheckURL(a.config.WebhookURL); err != nil {
		return []finding{fail(check, "Use a public https address, or allow its network.", "%v", err)}
	}
	transport := pingr.NewTransport(guard)
	defer transport.CloseIdleConnections()
	client := http.Client{
		Transport: transport, Timeout: 8 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, a.config.WebhookURL, http.NoBody)
	if err != nil {
		return []finding{fail(check, "Write it like https://example.com/webhook.", "PINGR_WEBHOOK_URL is not a URL")}
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
			findings = append(findings, warn("webhook clock", "One of the clocks is wrong. "+
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
