package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/hosted"
	"github.com/heypingr/pingr/server"
	"github.com/heypingr/pingr/session/sim"
	"github.com/heypingr/pingr/store/sqlite"
)

const (
	hangingAccounts = 200
	// hangingPause is how often somebody writes to each of them. It is as long as an endpoint may
	// take, so that a request to each is always open.
	hangingPause = 8 * time.Second
	// healthyPause is how often somebody writes to the healthy one.
	healthyPause = 3 * time.Millisecond
)

// tenants compares how long a healthy account's replies take, first without others and then while the
// endpoints of 200 others accept requests and never answer. The sessions are in process, so only the
// engine is measured.
func tenants(ctx context.Context, o options) (err error) {
	store, remove, err := newStore(ctx)
	if err != nil {
		return err
	}
	defer remove()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	url, closeHook, err := listen(ctx, http.HandlerFunc(answerOrHang))
	if err != nil {
		return err
	}
	defer closeHook()
	street := &simSessions{}
	if err := street.open(ctx, store, "healthy", url+"/webhook"); err != nil {
		return err
	}
	for i := range hangingAccounts {
		if err := street.open(ctx, store, fmt.Sprintf("hanging-%03d", i), url+"/hang"); err != nil {
			return err
		}
	}
	s, err := server.New(ctx, server.Config{
		Store:    store,
		Sessions: func(server.Notify) (server.Sessions, error) { return street, nil },
		Guard:    &pingr.Guard{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
	})
	if err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	defer func() {
		stop()
		err = errors.Join(err, <-done)
	}()
	if err := untilReady(ctx, s); err != nil {
		return err
	}
	healthy := street.all[0].session.NewPhone(sim.PhoneConfig{Number: "14155550100"})
	if _, err := replies(ctx, healthy, o.turn/4); err != nil { // caches warm
		return err
	}
	var alone, beside []time.Duration
	for range o.rounds {
		took, err := replies(ctx, healthy, o.turn)
		if err != nil {
			return err
		}
		alone = append(alone, took...)
		if took, err = street.besideCrowd(ctx, healthy, o.turn); err != nil {
			return err
		}
		beside = append(beside, took...)
	}
	p50, p99 := part(alone, 50), part(alone, 99)
	p50crowd, p99crowd := part(beside, 50), part(beside, 99)
	fmt.Printf("\na healthy account's replies, alone and beside %d whose endpoints hang: "+
		"p50 %s and %s ms, p99 %s and %s ms, ratio of p99 %.2f\n",
		hangingAccounts, ms(p50), ms(p50crowd), ms(p99), ms(p99crowd), float64(p99crowd)/float64(p99))
	return nil
}

// besideCrowd measures while people write to all the others.
func (s *simSessions) besideCrowd(
	ctx context.Context, healthy *sim.Phone, length time.Duration,
) ([]time.Duration, error) {
	writing, hush := context.WithCancel(ctx)
	var crowd sync.WaitGroup
	for i, n := range s.all[1:] {
		crowd.Go(func() { n.write(writing, i) })
	}
	err := pause(ctx, hangingPause+time.Second) // until requests to all of them are open
	var took []time.Duration
	if err == nil {
		took, err = replies(ctx, healthy, length)
	}
	hush()
	crowd.Wait()
	return took, errors.Join(err, pause(ctx, hangingPause+time.Second))
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// part returns a percentile.
func part(all []time.Duration, percent int) time.Duration {
	all = slices.Clone(all)
	slices.Sort(all)
	return all[len(all)*percent/100]
}

// answerOrHang is everybody's backend.
func answerOrHang(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/hang" {
		<-r.Context().Done()
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write([]byte(`{"reply":"Tap to sign in: https://shop.example.com/auth"}`))
}

// replies measures from message to reply.
func replies(ctx context.Context, p *sim.Phone, length time.Duration) ([]time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, length+time.Minute)
	defer cancel()
	var took []time.Duration
	for began := time.Now(); time.Since(began) < length; time.Sleep(healthyPause) {
		sent := time.Now()
		p.Send("login")
		if _, err := p.Next(ctx); err != nil {
			return nil, fmt.Errorf("no reply: %w", err)
		}
		took = append(took, time.Since(sent))
	}
	return took, nil
}

// simSessions are sessions in process, one for each account. None is added or removed while the server
// runs.
type simSessions struct{ all []*simSession }

func (s *simSessions) open(ctx context.Context, store *sqlite.Store, name, hook string) error {
	a, err := hosted.New(name+"@example.com", "", hosted.Unlimited, time.Now())
	if err != nil {
		return err
	}
	a.Webhook.URL, a.Settings.CooldownSeconds = hook, 0
	trigger := pingr.Trigger{ID: "trg_" + name, Session: name, Phrase: "login", Reply: "One moment please.", Active: true}
	record := pingr.SessionRecord{ID: name, Account: a.ID, Name: name, Phone: "15550100", State: pingr.SessionConnected}
	s.all = append(s.all, &simSession{session: sim.New(sim.Config{}), record: record})
	return errors.Join(store.CreateAccount(ctx, a), store.SaveTrigger(ctx, trigger))
}

func (s *simSessions) Get(id string) (server.Session, bool) {
	i := slices.IndexFunc(s.all, func(n *simSession) bool { return n.record.ID == id })
	if i < 0 {
		return nil, false
	}
	return s.all[i], true
}

func (s *simSessions) List() (all []server.Session) {
	for _, n := range s.all {
		all = append(all, n)
	}
	return all
}

func (s *simSessions) Add(context.Context, pingr.SessionRecord) (server.Session, error) {
	return nil, pingr.ErrConflict
}
func (s *simSessions) Remove(context.Context, string) error { return hosted.ErrNotFound }

// A simSession is always connected.
type simSession struct {
	session *sim.Session
	record  pingr.SessionRecord
}

// write lets people write to the number until ctx ends. Each writes once, because somebody who gets no
// answer does not ask every two seconds.
func (n *simSession) write(ctx context.Context, street int) {
	select { // not all at once
	case <-ctx.Done():
		return
	case <-time.After(hangingPause * time.Duration(street) / hangingAccounts):
	}
	tick := time.NewTicker(hangingPause)
	defer tick.Stop()
	for person := 0; ; person++ {
		number := strings.Join([]string{"1415", fmt.Sprintf("%03d", street), fmt.Sprintf("%04d", person)}, "")
		n.session.NewPhone(sim.PhoneConfig{Number: number}).Send("login")
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (n *simSession) Listen(ctx context.Context, h pingr.Handler) error {
	return n.session.Listen(ctx, h)
}
func (n *simSession) Send(ctx context.Context, m pingr.Outgoing) error { return n.session.Send(ctx, m) }
func (n *simSession) ID() string                                       { return n.record.ID }
func (n *simSession) Record() pingr.SessionRecord                      { return n.record }
func (n *simSession) Rename(string)                                    {}
func (n *simSession) Link() error                                      { return server.ErrLinked }
func (n *simSession) QR() (code string, expires time.Time, ok bool)    { return "", time.Time{}, false }
func (n *simSession) Reconnect() error                                 { return nil }
func (n *simSession) PairCode(context.Context, string) (string, error) { return "", server.ErrLinked }
