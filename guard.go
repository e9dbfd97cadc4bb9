package pingr

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"syscall"
	"time"

	"code.dny.dev/ssrf"
)

// A Guard restricts the addresses that a webhook endpoint may have. It checks
// each address on connecting, after DNS, so that no host name can lead
// elsewhere. The zero value allows https to the public internet. A nil Guard
// allows everything. A Guard is safe for concurrent use and must not be changed
// while in use.
type Guard struct {
	// Allow lists networks whose addresses are allowed although they are loopback,
	// private, link-local or otherwise special. http is allowed there too.
	Allow []netip.Prefix
	// Setting is the name by which an error calls the setting that would allow an
	// address, such as "PINGR_WEBHOOK_ALLOW". Defaults to "Guard.Allow".
	Setting string

	// interfaces returns the host's own addresses. Defaults to net.InterfaceAddrs.
	interfaces func() ([]net.Addr, error)
}

// CheckURL returns an error for a URL that can be refused without resolving its
// host name: a scheme other than https (or http, if Allow is not empty), user
// information, no host, or a literal address that is not allowed.
func (g *Guard) CheckURL(raw string) error {
	u, err := url.Parse(raw)
	if err != nil || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http" {
		return errors.New("the endpoint must be an https URL")
	}
	if u.User != nil {
		return errors.New("the endpoint's URL must not contain a user name or password")
	}
	if g == nil {
		return nil
	}
	ip, err := netip.ParseAddr(u.Hostname())
	if err == nil {
		if err := g.check(ip); err != nil {
			return err
		}
	}
	if u.Scheme == "http" && (len(g.Allow) == 0 || err == nil && !g.allows(ip)) {
		return g.errPlain()
	}
	return nil
}

func (g *Guard) errPlain() error {
	return fmt.Errorf("the endpoint must use https; http is only for networks that %s allows", g.setting())
}

func (g *Guard) setting() string {
	if g.Setting == "" {
		return "Guard.Allow"
	}
	return g.Setting
}

func (g *Guard) allows(ip netip.Addr) bool {
	ip = ip.Unmap().WithZone("")
	return slices.ContainsFunc(g.Allow, func(p netip.Prefix) bool { return p.Contains(ip) })
}

// special are networks that package ssrf lets through or that lead back inside:
// IPv4 in IPv6 (NAT64, 6to4 and Teredo), the unspecified addresses, and the
// public addresses at which a cloud answers its own machines.
var special = []netip.Prefix{
	netip.MustParsePrefix("64:ff9b::/96"),
	netip.MustParsePrefix("64:ff9b:1::/48"),
	netip.MustParsePrefix("2002::/16"),
	netip.MustParsePrefix("2001::/32"),
	netip.MustParsePrefix("100.64.0.0/10"),
	netip.MustParsePrefix("::/128"),
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("168.63.129.16/32"), // Azure's, beside its metadata service
}

// public allows what IANA's special-purpose registries do not list.
var public = ssrf.New()

// check refuses an address that is special or the host's own, unless allowed.
func (g *Guard) check(ip netip.Addr) error {
	if g == nil || g.allows(ip) {
		return nil
	}
	plain := ip.Unmap().WithZone("")
	refused := slices.ContainsFunc(special, func(p netip.Prefix) bool { return p.Contains(plain) })
	if refused || public.SafeAddr(plain) != nil || g.isOwn(plain) {
		return fmt.Errorf("the endpoint's address %s is not public; %s can allow it", ip, g.setting())
	}
	return nil
}

// isOwn reports whether ip is one of this host's addresses. It also returns
// true if the host's addresses are not known.
func (g *Guard) isOwn(ip netip.Addr) bool {
	interfaces := g.interfaces
	if interfaces == nil {
		interfaces = net.InterfaceAddrs
	}
	addrs, err := interfaces()
	return err != nil || slices.ContainsFunc(addrs, func(a net.Addr) bool {
		own, err := netip.ParsePrefix(a.String())
		return err == nil && own.Addr() == ip
	})
}

// plainHTTP marks the context of a request that is not https. net/http passes
// the request's values on to the dialer.
type plainHTTP struct{}

func (g *Guard) dialer() *net.Dialer {
	d := &net.Dialer{Timeout: 8 * time.Second}
	if g == nil {
		return d
	}
	d.ControlContext = func(ctx context.Context, _, address string, _ syscall.RawConn) error {
		target, err := netip.ParseAddrPort(address)
		if err != nil {
			return errors.New("the endpoint has no IP address")
		}
		if ctx.Value(plainHTTP{}) != nil && !g.allows(target.Addr()) {
			return g.errPlain()
		}
		return g.check(target.Addr())
	}
	return d
}
