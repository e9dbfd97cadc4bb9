package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"text/tabwriter"
	"time"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/hosted"
	"github.com/heypingr/pingr/server"
	"github.com/heypingr/pingr/store/sqlite"
)

// askers is the number of clients that send requests at once, each over one connection.
const askers = 8

// api compares routes of the server with bare handlers that make the same
// calls of the same store.
func api(ctx context.Context, o options) (err error) {
	store, remove, err := newStore(ctx)
	if err != nil {
		return err
	}
	defer remove()
	shop, err := newShop(ctx, store)
	if err != nil {
		return err
	}
	s, err := server.New(ctx, server.Config{Store: store})
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	defer func() {
		stop()
		err = errors.Join(err, <-done)
	}()
	if err := untilReady(ctx, s); err != nil {
		return err
	}
	ours, closeOurs, err := listen(ctx, s)
	if err != nil {
		return err
	}
	defer closeOurs()
	bare, closeBare, err := listen(ctx, &bareAPI{store: store})
	if err != nil {
		return err
	}
	defer closeBare()
	out := tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(out, "route\tbare/s\tpingr/s\tratio\t")
	var phone atomic.Int64
	for _, route := range []struct{ method, path string }{{"GET", "/v1/triggers"}, {"POST", "/v1/send"}} {
		ask := func(base string) (*http.Request, error) {
			var body io.Reader
			if route.method == http.MethodPost {
				body = bytes.NewReader(fmt.Appendf(nil, `{"to":"1415%07d","message":"Your table is ready."}`, phone.Add(1)))
			}
			r, err := http.NewRequestWithContext(ctx, route.method, base+route.path, body)
			if err == nil {
				r.Header.Set("X-API-Key", shop.key)
				r.Header.Set("Content-Type", "application/json")
			}
			return r, err
		}
		var rates [2][]float64
		for round := range o.rounds + 1 {
			for i, base := range []string{bare, ours} {
				rate, err := asked(o.turn/2, func() (*http.Request, error) { return ask(base) })
				if err != nil {
					return fmt.Errorf("%s %s: %w", route.method, base+route.path, err)
				}
				if round > 0 { // the first warms up
					rates[i] = append(rates[i], rate)
				}
			}
		}
		var ratios []float64
		for i, rate := range rates[0] {
			ratios = append(ratios, rates[1][i]/rate)
		}
		fmt.Fprintf(out, "%s %s\t%.0f\t%.0f\t%.2f\t\n", route.method, route.path, median(rates[0]), median(rates[1]),
			median(ratios))
	}
	return errors.Join(out.Flush(), ctx.Err())
}

// A shop is an account with ten triggers in test mode.
type shop struct{ key string }

func newShop(ctx context.Context, store *sqlite.Store) (shop, error) {
	a, err := hosted.New("shop@example.com", "", hosted.Unlimited, time.Now())
	if err != nil {
		return shop{}, err
	}
	secret, key := hosted.NewKey(a.ID, "", hosted.Test, time.Now())
	if err := errors.Join(store.CreateAccount(ctx, a), store.CreateKey(ctx, key)); err != nil {
		return shop{}, err
	}
	for i := range 10 {
		t := pingr.Trigger{
			ID: fmt.Sprint("trg_", i), Session: "sess_test:" + a.ID, Phrase: fmt.Sprint("login ", i),
			Reply: "One moment please.", Active: true, CreatedAt: a.CreatedAt, UpdatedAt: a.CreatedAt,
		}
		if err := store.SaveTrigger(ctx, t); err != nil {
			return shop{}, err
		}
	}
	return shop{secret}, nil
}

func listen(ctx context.Context, h http.Handler) (base string, end func(), err error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	web := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = web.Serve(l) }()
	return "http://" + l.Addr().String(), func() { _ = web.Close() }, nil
}

// untilReady waits for the engine to run.
func untilReady(ctx context.Context, h http.Handler) error {
	for {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "/readyz", nil)
		if err != nil {
			return err
		}
		w := &probe{header: http.Header{}}
		if h.ServeHTTP(w, r); w.status < http.StatusMultipleChoices {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
}

type probe struct {
	header http.Header
	status int
}

func (p *probe) Header() http.Header         { return p.header }
func (p *probe) Write(b []byte) (int, error) { return len(b), nil }
func (p *probe) WriteHeader(status int)      { p.status = status }

// asked returns how many requests a second got 200.
func asked(length time.Duration, ask func() (*http.Request, error)) (float64, error) {
	transport := &http.Transport{MaxIdleConnsPerHost: askers}
	defer transport.CloseIdleConnections()
	var (
		count   atomic.Int64
		mu      sync.Mutex
		failure error
		all     sync.WaitGroup
	)
	began := time.Now()
	for range askers {
		all.Go(func() {
			for time.Since(began) < length {
				if err := askOnce(transport, ask); err != nil {
					mu.Lock()
					failure = err
					mu.Unlock()
					return
				}
				count.Add(1)
			}
		})
	}
	all.Wait()
	return float64(count.Load()) / time.Since(began).Seconds(), failure
}

func askOnce(transport http.RoundTripper, ask func() (*http.Request, error)) error {
	r, err := ask()
	if err != nil {
		return err
	}
	answer, err := transport.RoundTrip(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return errors.New(answer.Status)
	}
	return nil
}
