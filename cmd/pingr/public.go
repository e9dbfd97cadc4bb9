package main

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"

	"github.com/heypingr/pingr/server"
)

// publicURL returns how others reach the server, its scheme and host, or nil if
// that was not configured.
func (c config) publicURL() (*url.URL, error) {
	if c.PublicURL == "" {
		return nil, nil //nolint:nilnil // as said
	}
	at, err := url.Parse(strings.TrimSuffix(c.PublicURL, "/"))
	switch {
	case err != nil || at.Scheme != "http" && at.Scheme != "https" || at.Hostname() == "":
		return nil, usagef("PINGR_PUBLIC_URL must be an address like https://pingr.example.com")
	case at.User != nil:
		return nil, usagef("PINGR_PUBLIC_URL must not contain a user name or password")
	case at.Path != "" || at.RawQuery != "" || at.Fragment != "":
		return nil, usagef("PINGR_PUBLIC_URL must not have a path: Pingr needs a host of its own, like %s://pingr.%s",
			at.Scheme, at.Host)
	}
	return at, nil
}

// isPrivate reports whether only people at this machine use the server: it
// listens on loopback, its public address, if any, is on loopback too, and
// nobody can sign up.
func isPrivate(listen net.Addr, public *url.URL, signUpPlan string) bool {
	return onLoopback(listen) && signUpPlan == "" && (public == nil || isLoopback(public.Hostname()))
}

// trustedProxies returns the networks of the proxies whose forwarding headers
// are believed.
func (c config) trustedProxies() ([]netip.Prefix, error) {
	if len(c.TrustedProxies) == 0 {
		return server.LoopbackProxies(), nil
	}
	networks := []netip.Prefix{}
	for _, text := range c.TrustedProxies {
		text = strings.TrimSpace(text)
		if text == "none" && len(c.TrustedProxies) == 1 {
			return networks, nil
		}
		network, err := netip.ParsePrefix(text)
		if ip, bad := netip.ParseAddr(text); bad == nil {
			network, err = ip.Prefix(ip.BitLen())
		}
		if err != nil {
			return nil, usagef(
				"--trusted-proxies (PINGR_TRUSTED_PROXIES) contains %q; write networks like 10.0.0.0/8, addresses, or none",
				text,
			)
		}
		networks = append(networks, network.Masked())
	}
	return networks, nil
}

// believed describes in a line what serve assumes about its surroundings.
func believed(proxies []netip.Prefix, public *url.URL, private, metricsApart bool) string {
	trusted, endpoints := "nobody", "refused"
	scheme, metrics := "http (cookies travel in clear text)", "to this machine only"
	if len(proxies) > 0 {
		names := make([]string, len(proxies))
		for i, p := range proxies {
			names[i] = p.String()
		}
		trusted = strings.Join(names, ", ")
	}
	if private {
		endpoints = "allowed"
	}
	if public != nil && public.Scheme == "https" {
		scheme = "https only"
	}
	if metricsApart {
		metrics = "at their own address"
	}
	return fmt.Sprintf("Trusted for X-Forwarded-For and Forwarded: %s. Logins use %s. "+
		"Webhook endpoints on loopback are %s. Metrics are served %s.",
		trusted, scheme, endpoints, metrics)
}
