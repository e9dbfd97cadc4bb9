package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"syscall"
)

// listenAt listens at an address that was given with a flag.
func listenAt(ctx context.Context, address, flag string) (net.Listener, error) {
	if err := checkAddress(address, flag); err != nil {
		return nil, err
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	return l, explainListen(err, address, flag)
}

func checkAddress(address, flag string) error {
	if _, _, err := net.SplitHostPort(address); err != nil {
		return usagef("%s: %q must be HOST:PORT, such as 127.0.0.1:8080", flag, address)
	}
	return nil
}

// A listenError says what to do, so that nothing general is added.
type listenError struct{ error }

// explainListen says what to do if listening failed.
func explainListen(err error, address, flag string) error {
	var name *net.DNSError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.EADDRINUSE):
		err = fmt.Errorf("another program listens on %s: stop it, or give another address with %s", address, flag)
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		err = fmt.Errorf("%s: this user may not listen on %s: give a port from 1024 on, and put a proxy in front of it, "+
			"or allow the program ports below (Linux: setcap cap_net_bind_service=+ep on its file)", flag, address)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		err = fmt.Errorf("%s: this machine does not have the address %s: give one of its own, or 0.0.0.0 for all", flag,
			address)
	case errors.As(err, &name):
		err = fmt.Errorf("%s: %q is not the name of this machine: give one of its addresses, or 0.0.0.0 for all", flag,
			name.Name)
	default:
		err = fmt.Errorf("%s: %w", flag, err)
	}
	return listenError{err}
}

// inTheClear is said of a server that others reach without https.
const inTheClear = "Passwords and logins travel in clear text here, and whoever is on the network can read them. " +
	"Put a proxy that speaks https in front, listen on loopback, and set PINGR_PUBLIC_URL=https://… (docs/serve.md)."

func onLoopback(at net.Addr) bool {
	tcp, ok := at.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

// mostAddresses is how many addresses of a machine are listed. Containers and
// bridges may give it dozens.
const mostAddresses = 5

// reachableAt returns the URLs at which a browser reaches a listener, one at
// least. For a listener on all addresses, they are those of the machine, with
// loopback last.
func reachableAt(at net.Addr, interfaces func() ([]net.Addr, error)) []string {
	tcp, ok := at.(*net.TCPAddr)
	if !ok || !tcp.IP.IsUnspecified() {
		return []string{"http://" + at.String()}
	}
	var hosts []string
	addresses, _ := interfaces() // without them, loopback remains
	for _, one := range addresses {
		own, err := netip.ParsePrefix(one.String())
		if err != nil {
			continue
		}
		// Others do not reach a link-local address without its zone.
		ip := own.Addr().Unmap()
		if !ip.IsLoopback() && !ip.IsLinkLocalUnicast() && (ip.Is4() || tcp.IP.To4() == nil) && len(hosts) < mostAddresses {
			hosts = append(hosts, ip.String())
		}
	}
	var urls []string
	for _, host := range append(hosts, "127.0.0.1") {
		urls = append(urls, "http://"+net.JoinHostPort(host, strconv.Itoa(tcp.Port)))
	}
	return urls
}
