package main

import (
	"net"
	"net/url"
	"strings"
)

// publicURL is how others reach the server: its scheme and host, or nil when
// nobody said.
func (c config) publicURL() (*url.URL, error) {
	if c.PublicURL == "" {
		return nil, nil //nolint:nilnil // as said
	}
	at, err := url.Parse(strings.TrimSuffix(c.PublicURL, "/"))
	switch {
	case err != nil || at.Scheme != "http" && at.Scheme != "https" || at.Hostname() == "":
		return nil, usagef("PINGR_PUBLIC_URL must be an address as in https://pingr.example.com")
	case at.User != nil:
		return nil, usagef("PINGR_PUBLIC_URL must not hold a user name or password")
	case at.Path != "" || at.RawQuery != "" || at.Fragment != "":
		return nil, usagef("PINGR_PUBLIC_URL must not have a path: Pingr needs a host of its own, as in %s://pingr.%s", at.Scheme, at.Host)
	}
	return at, nil
}

// isPrivate reports whether people at this machine alone use the server: it
// listens on loopback, its public address, if any, is there too, and nobody signs
// up.
func isPrivate(listen net.Addr, public *url.URL, signUpPlan string) bool {
	at, ok := listen.(*net.TCPAddr)
	return ok && at.IP.IsLoopback() && signUpPlan == "" && (public == nil || isLoopback(public.Hostname()))
}
