package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"html"
	"log"
	"net"
	"net/http"
	"sync"
	"time"
)

// linkLife is how long a link is valid.
const linkLife = 5 * time.Minute

// links holds the login links that are valid. A program of more than one
// process keeps them in its database. It is safe for concurrent use.
type links struct {
	origin string
	now    func() time.Time

	mu  sync.Mutex
	out map[string]link // by token
}

type link struct {
	phone string
	until time.Time
}

func newLinks(origin string, now func() time.Time) *links {
	return &links{origin: origin, now: now, out: map[string]link{}}
}

// New returns a link that signs in the browser that opens it, once.
func (l *links) New(phone string) string {
	token := rand.Text() // 128 bits and more
	l.mu.Lock()
	defer l.mu.Unlock()
	for old, k := range l.out {
		if l.now().After(k.until) {
			delete(l.out, old)
		}
	}
	l.out[token] = link{phone, l.now().Add(linkLife)}
	return l.origin + "/in/" + token
}

// find returns the owner of a link, and uses the link up if use is set.
func (l *links) find(token string, use bool) (phone string, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	k, ok := l.out[token]
	if !ok || l.now().After(k.until) {
		return "", false
	}
	if use {
		delete(l.out, token)
	}
	return k.phone, true
}

// ServeHTTP shows on GET whom a link signs in, and signs in on POST, so that
// programs that preview links do not use them up.
func (l *links) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Referrer-Policy", "no-referrer")
	phone, ok := l.find(r.PathValue("token"), r.Method == http.MethodPost)
	switch {
	case !ok:
		w.WriteHeader(http.StatusGone)
		fmt.Fprint(w, "<p>This link was already used or has expired.</p>")
	case r.Method == http.MethodPost:
		// A real program begins its session here: a cookie, HttpOnly and Secure.
		fmt.Fprintf(w, "<p>Signed in as +%s.</p>", html.EscapeString(phone))
	default:
		fmt.Fprintf(w, "<form method=post><p>Sign in as +%s?</p><button>Yes</button></form>", html.EscapeString(phone))
	}
}

// serve answers at an address until stop is called.
func serve(address string, l *links) (stop func(), err error) {
	mux := http.NewServeMux()
	mux.Handle("GET /in/{token}", l)
	mux.Handle("POST /in/{token}", l)
	server := &http.Server{Handler: http.NewCrossOriginProtection().Handler(mux), ReadHeaderTimeout: 5 * time.Second}
	var listen net.ListenConfig
	listener, err := listen.Listen(context.Background(), "tcp", address)
	if err != nil {
		return nil, err
	}
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			log.Print(err)
		}
	}()
	return func() { _ = server.Close() }, nil
}
