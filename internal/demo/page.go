package demo

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"strconv"
	"time"
)

//go:embed static
var static embed.FS

// serve serves the page, the example site and its webhook.
func (d *Demo) serve(secret string) {
	site := &backend{
		number: shopNumber, secret: secret, origin: d.URL(), logins: newLogins(time.Now),
		saw:  d.trace.step,
		wire: func(x exchange) { d.feed.publish("wire", x) },
	}
	mux := http.NewServeMux()
	site.routes(mux)
	files, err := fs.Sub(static, "static")
	if err != nil {
		panic("demo: its files are part of the program")
	}
	mux.Handle("GET /static/", http.StripPrefix("/static/", http.FileServerFS(files)))
	mux.HandleFunc("GET /{$}", page("page.html"))
	mux.HandleFunc("GET /shop/{$}", page("shop.html"))
	mux.HandleFunc("GET /events", d.serveEvents)
	mux.HandleFunc("POST /phone/messages", d.serveSend)
	d.web = &http.Server{
		Handler:           guard(http.NewCrossOriginProtection().Handler(mux)),
		ReadHeaderTimeout: 5 * time.Second,
		BaseContext:       func(net.Listener) context.Context { return d.ctx },
	}
	d.work.Go(func() {
		if err := d.web.Serve(d.listener); err != nil && !errors.Is(err, http.ErrServerClosed) {
			d.config.Log.Error("page stopped", "error", err)
		}
	})
}

func page(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(w, r, static, "static/"+name)
	}
}

// guard refuses host names other than this machine's own, because a strange page could reach us by
// them (DNS rebinding). It also restricts what a page may load.
func guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host
		}
		if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			http.Error(w, "open the demo at its loopback address", http.StatusForbidden)
			return
		}
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'self'; frame-ancestors 'self'; base-uri 'none'; form-action 'self'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		next.ServeHTTP(w, r)
	})
}

// serveEvents serves the feed as server-sent events. A browser that comes back
// continues where it was.
func (d *Demo) serveEvents(w http.ResponseWriter, r *http.Request) {
	at, _ := strconv.Atoi(r.Header.Get("Last-Event-ID")) // without one, from the beginning
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	stream := http.NewResponseController(w)
	for {
		if stream.Flush() != nil {
			return
		}
		more, err := d.feed.after(r.Context(), at)
		if err != nil {
			return // reader or demo is gone
		}
		for _, e := range more {
			at = e.ID
			if _, err := fmt.Fprintf(w, "id: %d\nevent: %s\ndata: %s\n\n", e.ID, e.Kind, e.Data); err != nil {
				return
			}
		}
	}
}

// serveSend sends what was typed on the page's phone.
func (d *Demo) serveSend(w http.ResponseWriter, r *http.Request) {
	var body struct{ Text string }
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&body)
	if err != nil || body.Text == "" {
		http.Error(w, `body must be {"text":"…"}`, http.StatusUnprocessableEntity)
		return
	}
	id, err := d.Send(r.Context(), body.Text)
	if err != nil {
		http.Error(w, "the phone could not send", http.StatusBadGateway)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	_, _ = w.Write(encode(map[string]string{"id": id})) // the reader may be gone
}
