package server

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// Origin is where a request comes from.
type Origin struct {
	request *http.Request
	foreign bool
	tls     bool
}

// Resolve implements huma.Resolver.
func (o *Origin) Resolve(ctx huma.Context) []error {
	o.request, _ = humago.Unwrap(ctx)
	o.tls = o.request.TLS != nil
	o.foreign = new(http.CrossOriginProtection).Check(o.request) != nil
	return nil
}

// LoopbackProxies returns the proxies that are trusted by default: those on
// this machine.
func LoopbackProxies() []netip.Prefix {
	return []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
}

// clientAddress returns the address of the client: the peer, or, if that is a
// trusted proxy, the last address of X-Forwarded-For or Forwarded (RFC 7239)
// that is not a trusted proxy. If the header makes no sense, the peer counts.
// The zero Addr means unknown, as on a Unix socket.
func clientAddress(r *http.Request, trusted []netip.Prefix) netip.Addr {
	peer, _ := readHop(r.RemoteAddr)
	if !peer.IsValid() || !contains(trusted, peer) {
		return peer
	}
	client := peer
	for _, read := range []func(http.Header) []string{xForwardedFor, forwarded} {
		hops := read(r.Header)
		if len(hops) == 0 {
			continue
		}
		found, ok := lastUntrusted(hops, trusted)
		// A proxy adds to one of the two headers and passes the other on as it came.
		// If both are there and differ, one may be the client's own.
		if !ok || client != peer && client != found {
			return peer
		}
		client = found
	}
	return client
}

// lastUntrusted returns the last of the hops that is not a trusted proxy, or
// the first if all are. ok is false if a hop is not an address.
func lastUntrusted(hops []string, trusted []netip.Prefix) (found netip.Addr, ok bool) {
	for _, hop := range slices.Backward(hops) {
		if found, ok = readHop(hop); !ok || !contains(trusted, found) {
			return found, ok
		}
	}
	return found, ok
}

// readHop reads an address with or without a port, brackets and a zone.
func readHop(text string) (netip.Addr, bool) {
	text = strings.TrimSpace(text)
	if at, err := netip.ParseAddrPort(text); err == nil {
		return at.Addr().Unmap().WithZone(""), true
	}
	if inner, found := strings.CutPrefix(text, "["); found && strings.HasSuffix(inner, "]") {
		text = inner[:len(inner)-1]
	}
	ip, err := netip.ParseAddr(text)
	return ip.Unmap().WithZone(""), err == nil
}

func contains(networks []netip.Prefix, ip netip.Addr) bool {
	return slices.ContainsFunc(networks, func(p netip.Prefix) bool { return p.Contains(ip) })
}

func xForwardedFor(h http.Header) []string {
	values := h.Values("X-Forwarded-For")
	if len(values) == 0 {
		return nil
	}
	return strings.Split(strings.Join(values, ","), ",")
}

// forwarded returns the "for" parameters of the elements of Forwarded. For an
// element without one, it returns "".
func forwarded(h http.Header) []string {
	values := h.Values("Forwarded")
	if len(values) == 0 {
		return nil
	}
	var hops []string
	for _, element := range cutUnquoted(strings.Join(values, ","), ',') {
		hop := ""
		for _, pair := range cutUnquoted(element, ';') {
			name, value, _ := strings.Cut(pair, "=")
			if strings.EqualFold(strings.TrimSpace(name), "for") {
				hop = strings.Trim(strings.TrimSpace(value), `"`)
			}
		}
		hops = append(hops, hop)
	}
	return hops
}

// cutUnquoted cuts a text at a separator, but not within a quoted-string.
func cutUnquoted(text string, separator rune) []string {
	quoted, escaped := false, false
	var parts []string
	start := 0
	for i, r := range text {
		switch {
		case escaped:
			escaped = false
		case quoted && r == '\\':
			escaped = true
		case r == '"':
			quoted = !quoted
		case r == separator && !quoted:
			parts, start = append(parts, text[start:i]), i+1
		}
	}
	return append(parts, text[start:])
}

// isForwarded reports whether a proxy has forwarded a request, in whatever way
// it says so.
func isForwarded(r *http.Request) bool {
	for name := range r.Header {
		switch name {
		case "Forwarded", "Via", "X-Real-Ip", "X-Client-Ip", "True-Client-Ip", "Cf-Connecting-Ip":
			return true
		}
		if strings.HasPrefix(name, "X-Forwarded") || strings.HasPrefix(name, "X-Original-") {
			return true
		}
	}
	return false
}

// isLocal reports whether a request was made on this machine.
func isLocal(r *http.Request) bool {
	peer, ok := readHop(r.RemoteAddr)
	return ok && peer.IsLoopback() && !isForwarded(r)
}

// client returns the address of the client. The first request through an
// untrusted proxy is logged: until the proxy is trusted, all its clients count
// as one.
func (s *Server) client(r *http.Request) netip.Addr {
	ip := clientAddress(r, s.config.TrustedProxies)
	peer, _ := readHop(r.RemoteAddr)
	if (peer.IsPrivate() || peer.IsLoopback()) && isForwarded(r) && !contains(s.config.TrustedProxies, peer) &&
		s.strangeProxy.CompareAndSwap(false, true) {
		s.log.Warn("an untrusted proxy forwards requests; all its clients count as one until it is a trusted proxy", "proxy",
			peer)
	}
	return ip
}
