// Command bench measures, in one run and on one loopback WhatsApp server,
//
//	a: a bare whatsmeow echo bot on SQLite, which answers in a goroutine,
//	b: the same with one signed HTTP POST a message, whose answer it sends,
//	c: pingr, the engine alone, with everything durable before it is acknowledged,
//	d: serve, the whole hosted server around it.
//
// Each is a process of its own; the server, the phones and the webhook are in
// this one. All run for the whole time and take turns, so that a change of the
// machine's speed falls on all. What counts are the ratios c/b and d/b.
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
	flag.IntVar(&o.idle, "idle", 200, "idle sessions to weigh")
	flag.StringVar(&o.profile, "cpuprofile", "", "write CPU profiles of the bots to `FILE`.KIND")
	flag.StringVar(&o.only, "only", "", "one `PART`: matching, api, pages, hanging, streams, throughput, latency or idle")
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
	only    string
}

func run(ctx context.Context, o options) error {
	s, err := newStage()
	if err != nil {
		return err
	}
	defer s.close()
	ran := false
	for _, part := range []struct {
		name string
		run  func() error
	}{
		{"matching", func() error { return matching(ctx) }},
		{"api", func() error { return api(ctx, o) }},
		{"pages", func() error { return pages(ctx) }},
		{"hanging", func() error { return tenants(ctx, o) }},
		{"streams", func() error { return s.streams(ctx) }},
		{"throughput", func() error { return s.throughput(ctx, o) }},
		{"latency", func() error { return s.latency(ctx, o) }},
		{"idle", func() error { return s.idle(ctx, o.idle) }},
	} {
		if o.only != "" && o.only != part.name {
			continue
		}
		if err := part.run(); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
		ran = true
	}
	if !ran {
		return fmt.Errorf("there is no part %q", o.only)
	}
	return nil
}
