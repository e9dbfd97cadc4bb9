// Command bench measures, in one run and on one loopback WhatsApp server,
//
//	a: a bare whatsmeow echo bot on SQLite, which answers in a goroutine,
//	b: the same with one signed HTTP POST a message, whose answer it sends,
//	c: pingr, with everything durable before it is acknowledged.
//
// Each is a process of its own; the server, the phones and the webhook are in
// this one. All three run for the whole time and take turns, so that a change
// of the machine's speed falls on all. What counts are the ratios c/b.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "bot" {
		if err := runBot(os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, "bot:", err)
			os.Exit(1)
		}
		return
	}
	var o options
	flag.DurationVar(&o.turn, "turn", 4*time.Second, "length of one turn of one bot")
	flag.IntVar(&o.rounds, "rounds", 3, "turns of each bot")
	flag.IntVar(&o.idle, "idle", 200, "idle sessions to weigh (0: none)")
	flag.StringVar(&o.profile, "cpuprofile", "", "write CPU profiles of the bots to `FILE`.KIND")
	flag.BoolVar(&o.far, "latency", false, "only the rows with a WhatsApp that is far away")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, o)
	stop()
	if err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

type options struct {
	turn    time.Duration
	rounds  int
	idle    int
	profile string
	far     bool
}

func run(ctx context.Context, o options) error {
	if o.far {
		s, err := newStage()
		if err != nil {
			return err
		}
		defer s.close()
		return s.latency(ctx, o)
	}
	if err := matching(ctx); err != nil {
		return fmt.Errorf("matching: %w", err)
	}
	if err := api(ctx, o); err != nil {
		return fmt.Errorf("REST API: %w", err)
	}
	if err := pages(ctx); err != nil {
		return fmt.Errorf("pages: %w", err)
	}
	if err := tenants(ctx, o); err != nil {
		return fmt.Errorf("hanging endpoints: %w", err)
	}
	s, err := newStage()
	if err != nil {
		return err
	}
	defer s.close()
	if err := s.streams(ctx); err != nil {
		return fmt.Errorf("event streams: %w", err)
	}
	if err := s.throughput(ctx, o); err != nil {
		return fmt.Errorf("throughput: %w", err)
	}
	if err := s.latency(ctx, o); err != nil {
		return fmt.Errorf("latency: %w", err)
	}
	if o.idle > 0 {
		if err := s.idle(ctx, o.idle); err != nil {
			return fmt.Errorf("idle sessions: %w", err)
		}
	}
	return nil
}
