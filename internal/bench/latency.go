package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/heypingr/pingr/whatsapptest"
)

const (
	// roundTrip is the round-trip time to WhatsApp, as from most servers.
	roundTrip = 100 * time.Millisecond
	// burstTime is how long the new people of a burst take to write.
	burstTime = 2 * time.Second
)

// latency compares a bare bot and pingr while WhatsApp is a round trip away. Known people write as
// fast as they get answers. Then new people write all at once, and each frame takes a whole roundTrip.
func (s *stage) latency(ctx context.Context, o options) error {
	defer s.server.SetLatency(0)
	kinds := []string{"bare", "pingr"}
	bots := map[string]*bot{}
	for _, kind := range kinds {
		b, err := s.start(ctx, kind, 1, o.profile)
		if err != nil {
			return err
		}
		defer b.stop()
		bots[kind] = b
	}
	out := tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(out, "\nround trip\tpeople\tbare/s\tpingr/s\tpingr/bare\tp50 ms: bare\tpingr\tp99 ms: bare\tpingr\t")
	for _, trip := range []time.Duration{0, roundTrip} {
		for _, people := range []int{8, 32, 128} {
			turns := map[string]turn{}
			for _, kind := range kinds {
				phones := make([]*whatsapptest.Phone, people)
				for i := range phones {
					phones[i] = s.server.NewPhone(whatsapptest.PhoneConfig{})
				}
				s.server.SetLatency(0)
				if _, err := bots[kind].turn(ctx, phones, o.turn/4); err != nil { // creates sessions, warms caches
					return err
				}
				s.server.SetLatency(trip / 2)
				t, err := bots[kind].turn(ctx, phones, o.turn)
				if err != nil {
					return fmt.Errorf("%s with %d people: %w", kind, people, err)
				}
				turns[kind] = t
			}
			bare, pingr := turns["bare"], turns["pingr"]
			fmt.Fprintf(out, "%v\t%d\t%.1f\t%.1f\t%.1f\t%s\t%s\t%s\t%s\t\n",
				trip, people, bare.rate, pingr.rate, pingr.rate/bare.rate,
				ms(bare.p50), ms(pingr.p50), ms(bare.p99), ms(pingr.p99))
			if err := out.Flush(); err != nil {
				return err
			}
		}
	}
	s.server.SetLatency(roundTrip)
	out = tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(out, "\nnew people in 2 s, 100 ms a frame\tpeople\tanswered after s: 50 %\t95 %\tall\t")
	for _, kind := range kinds {
		people := 500
		if kind == "bare" {
			people = 100 // it would take two minutes for 500
		}
		waits, err := bots[kind].burst(ctx, s.server, people)
		if err != nil {
			return fmt.Errorf("burst for %s: %w", kind, err)
		}
		fmt.Fprintf(out, "%s\t%d\t%.1f\t%.1f\t%.1f\t\n", kind, people,
			waits[people/2-1].Seconds(), waits[people*95/100-1].Seconds(), waits[people-1].Seconds())
	}
	if n := s.server.Ledger().Undecryptable(); n > 0 {
		fmt.Fprintf(out, "replies that were undecryptable at first: %d\n", n)
	}
	return out.Flush()
}

// burst lets so many new people write within burstTime. It returns the time of each answer, counted
// from the first text.
func (b *bot) burst(ctx context.Context, server *whatsapptest.Server, people int) ([]time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	var (
		mu      sync.Mutex
		waits   []time.Duration
		failure error
		all     sync.WaitGroup
	)
	phones := make([]*whatsapptest.Phone, people)
	for i := range phones {
		phones[i] = server.NewPhone(whatsapptest.PhoneConfig{})
	}
	began := time.Now()
	for i, p := range phones {
		time.Sleep(time.Until(began.Add(burstTime * time.Duration(i) / time.Duration(people))))
		all.Go(func() {
			_, err := p.Send(ctx, b.numbers[0].Number(), "login X4K9MQ")
			if err == nil {
				_, err = p.Next(ctx)
			}
			mu.Lock()
			defer mu.Unlock()
			waits = append(waits, time.Since(began))
			if err != nil {
				failure = err
			}
		})
	}
	all.Wait()
	slices.Sort(waits)
	return waits, failure
}
