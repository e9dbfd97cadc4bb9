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

// A turn is what one bot did during its turn.
type turn struct {
	rate     float64 // messages answered a second
	p50, p99 time.Duration
	cpu      time.Duration // of the bot, a message
}

// throughput lets the bots take turns with 1, 8 and 32 people.
func (s *stage) throughput(ctx context.Context, o options) error {
	kinds := []string{"bare", "post", "pingr", "serve"}
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
	fmt.Fprintln(out, "people\tbot\tanswered/s\tp50 ms\tp99 ms\tCPU ms/message\trate / post\tCPU / post\tp50 - post ms\t")
	for _, people := range []int{1, 8, 32} {
		phones := map[string][]*whatsapptest.Phone{}
		for _, kind := range kinds {
			for range people {
				phones[kind] = append(phones[kind], s.server.NewPhone(whatsapptest.PhoneConfig{}))
			}
			if _, err := bots[kind].turn(ctx, phones[kind], o.turn/4); err != nil { // creates sessions, warms caches
				return err
			}
		}
		turns := map[string][]turn{}
		for range o.rounds {
			for _, kind := range kinds {
				t, err := bots[kind].turn(ctx, phones[kind], o.turn)
				if err != nil {
					return fmt.Errorf("%s with %d people: %w", kind, people, err)
				}
				turns[kind] = append(turns[kind], t)
			}
		}
		for _, kind := range kinds {
			ts := turns[kind]
			var ratios, costs []float64
			var gaps []time.Duration
			for i, post := range turns["post"] {
				ratios = append(ratios, ts[i].rate/post.rate)
				costs = append(costs, float64(ts[i].cpu)/float64(post.cpu))
				gaps = append(gaps, ts[i].p50-post.p50)
			}
			fmt.Fprintf(out, "%d\t%s\t%.0f\t%s\t%s\t%s\t%.2f\t%.2f\t%s\t\n", people, kind,
				median(each(ts, func(t turn) float64 { return t.rate })),
				ms(median(each(ts, func(t turn) time.Duration { return t.p50 }))),
				ms(median(each(ts, func(t turn) time.Duration { return t.p99 }))),
				ms(median(each(ts, func(t turn) time.Duration { return t.cpu }))),
				median(ratios), median(costs), ms(median(gaps)))
		}
		if err := out.Flush(); err != nil {
			return err
		}
	}
	if n := s.server.Ledger().Undecryptable(); n > 0 {
		fmt.Printf("replies that were undecryptable at first: %d\n", n)
	}
	return nil
}

// turn lets everybody write, wait for the answer and write again.
func (b *bot) turn(ctx context.Context, people []*whatsapptest.Phone, length time.Duration) (turn, error) {
	ctx, cancel := context.WithTimeout(ctx, length+30*time.Second)
	defer cancel()
	var (
		mu      sync.Mutex
		waits   []time.Duration
		failure error
		all     sync.WaitGroup
	)
	used, began := b.cpu(), time.Now()
	for _, p := range people {
		all.Go(func() {
			var mine []time.Duration
			var err error
			for err == nil && time.Since(began) < length {
				sent := time.Now()
				if _, err = p.Send(ctx, b.numbers[0].Number(), "login X4K9MQ"); err == nil {
					if _, err = p.Next(ctx); err == nil {
						mine = append(mine, time.Since(sent))
					}
				}
			}
			mu.Lock()
			defer mu.Unlock()
			waits = append(waits, mine...)
			if err != nil {
				failure = err
			}
		})
	}
	all.Wait()
	took := time.Since(began)
	if failure != nil || len(waits) == 0 {
		return turn{}, fmt.Errorf("no answer: %w", failure)
	}
	slices.Sort(waits)
	return turn{
		rate: float64(len(waits)) / took.Seconds(),
		p50:  waits[len(waits)/2],
		p99:  waits[len(waits)*99/100],
		cpu:  (b.cpu() - used) / time.Duration(len(waits)),
	}, nil
}

// idle measures the memory of sessions that do nothing.
func (s *stage) idle(ctx context.Context, many int) error {
	out := tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(out, "\nidle sessions\tbare RSS MiB\tpingr RSS MiB\tratio\t")
	for _, n := range []int{1, 100, many} {
		var weight []float64
		for _, kind := range []string{"bare", "pingr"} {
			b, err := s.start(ctx, kind, n, "")
			if err != nil {
				return err
			}
			time.Sleep(3 * time.Second) // garbage of the linking is collected
			weight = append(weight, b.rss())
			b.stop()
		}
		fmt.Fprintf(out, "%d\t%.1f\t%.1f\t%.2f\t\n", n, weight[0], weight[1], weight[1]/weight[0])
	}
	return out.Flush()
}

func each[T, V any](all []T, value func(T) V) []V {
	var values []V
	for _, t := range all {
		values = append(values, value(t))
	}
	return values
}

func median[T float64 | time.Duration](values []T) T {
	values = slices.Clone(values)
	slices.Sort(values)
	return values[len(values)/2]
}

func ms(d time.Duration) string { return fmt.Sprintf("%.2f", d.Seconds()*1000) }
