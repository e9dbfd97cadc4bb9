package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/heypingr/pingr/hosted"
	"github.com/heypingr/pingr/server"
	"github.com/heypingr/pingr/store/sqlite"
)

const (
	subscribers = 1000
	// streamsEach is how many of them belong to one account.
	streamsEach = 20
)

// apiServer is the server alone, in a process whose memory can be measured.
func apiServer(ctx context.Context, dir string, accounts int, say func(line)) (err error) {
	store, err := sqlite.Open(ctx, sqlite.Config{Dir: dir})
	if err != nil {
		return err
	}
	defer store.Close()
	var keys []string
	for i := range accounts {
		a, err := hosted.New(fmt.Sprintf("shop-%d@example.com", i), "", hosted.Unlimited, time.Now())
		if err != nil {
			return err
		}
		secret, key := hosted.NewKey(a.ID, "", hosted.Live, time.Now())
		if err := errors.Join(store.CreateAccount(ctx, a), store.CreateKey(ctx, key)); err != nil {
			return err
		}
		keys = append(keys, secret)
	}
	s, err := server.New(ctx, server.Config{Store: store})
	if err != nil {
		return err
	}
	url, end, err := listen(ctx, s)
	if err != nil {
		return err
	}
	defer end()
	go func() { // garbage of the requests is collected before each is weighed
		for pause(ctx, time.Second) == nil {
			debug.FreeOSMemory()
		}
	}()
	say(line{Ready: true, URL: url, Keys: keys})
	return s.Run(ctx)
}

// streams measures subscribers of the event stream.
func (s *stage) streams(ctx context.Context) error {
	b, err := s.start(ctx, "server", subscribers/streamsEach, "")
	if err != nil {
		return err
	}
	defer b.stop()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	if err := b.subscribe(ctx, transport, b.keys[0]); err != nil { // the first pays for what all share
		return err
	}
	time.Sleep(3 * time.Second)
	before := b.rss()
	var failed error
	var mu sync.Mutex
	var opening sync.WaitGroup
	for i, key := range b.keys {
		opening.Go(func() {
			for n := range streamsEach {
				if i == 0 && n == 0 {
					continue
				}
				if err := b.subscribe(ctx, transport, key); err != nil {
					mu.Lock()
					failed = err
					mu.Unlock()
				}
			}
		})
	}
	opening.Wait()
	if failed != nil {
		return failed
	}
	time.Sleep(3 * time.Second)
	after := b.rss()
	fmt.Printf("\n%d event streams: %.1f MiB more than one, %.1f KiB each\n\n", subscribers, after-before,
		(after-before)*1024/(subscribers-1))
	return nil
}

// subscribe opens a stream, which lasts until ctx ends, and waits for its first
// line.
func (b *bot) subscribe(ctx context.Context, transport http.RoundTripper, key string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, b.url+"/v1/events", nil)
	if err != nil {
		return err
	}
	r.Header.Set("X-API-Key", key)
	answer, err := transport.RoundTrip(r)
	if err != nil {
		return err
	}
	context.AfterFunc(ctx, func() { _ = answer.Body.Close() })
	first, err := bufio.NewReaderSize(answer.Body, 16).ReadString('\n')
	if err != nil || answer.StatusCode != http.StatusOK || !strings.HasPrefix(first, ":") {
		return fmt.Errorf("no stream: %s %w", answer.Status, err)
	}
	return nil
}
