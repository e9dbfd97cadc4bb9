// Command seclab attacks the login examples: it runs each as its own process,
// with a real engine and simulated phones behind it, plays the scenarios of
// docs/security.md against it, and asks both browsers who they are. It exits
// with 0 when nobody was logged in who should not be. make sec-login runs it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/heypingr/pingr"
)

func main() {
	var l lab
	var languages, only string
	flag.StringVar(&languages, "languages", "go,node,python", "whose examples to attack")
	flag.StringVar(&only, "flows", strings.Join(flows, ","), "which examples to attack")
	flag.StringVar(&l.scenario, "scenario", "", "only scenarios whose name contains this")
	flag.BoolVar(&l.redis, "redis", false,
		"keep their state in a redis-server, and run each twice: for browsers and for webhooks")
	flag.IntVar(&l.atOnce, "at-once", 4, "scenarios to play at once")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	bad, err := l.attack(ctx, strings.Split(languages, ","), strings.Split(only, ","), os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "seclab:", err)
		os.Exit(1)
	}
	if bad > 0 {
		fmt.Fprintln(os.Stderr, "seclab:", bad, "findings")
		os.Exit(1)
	}
}

// A lab plays scenarios.
type lab struct {
	scenario string
	redis    bool
	atOnce   int
}

// A result is one scenario against one program.
type result struct {
	program  program
	scenario scenario
	finding  string // empty if there is none
}

// attack plays everything, writes one table for each flow, and counts the findings.
func (l lab) attack(ctx context.Context, languages, flows []string, out io.Writer) (bad int, err error) {
	began := time.Now()
	root, err := root(ctx)
	if err != nil {
		return 0, err
	}
	scratch, err := os.MkdirTemp("", "seclab-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(scratch)
	var programs []program
	for _, language := range languages {
		found, err := findPrograms(ctx, root, scratch, language)
		if err != nil {
			return 0, err
		}
		programs = append(programs, slices.DeleteFunc(
			found, func(p program) bool { return !slices.Contains(flows, p.flow) },
		)...)
	}
	results, err := l.playAll(ctx, programs)
	if err != nil {
		return 0, err
	}
	for _, flow := range flows {
		bad += writeTable(out, flow, languages, results)
	}
	fmt.Fprintf(out, "\n%d scenarios in %.0f s, %d findings\n", len(results), time.Since(began).Seconds(), bad)
	return bad, nil
}

// playAll plays every scenario against every program, some at once.
func (l lab) playAll(ctx context.Context, programs []program) ([]result, error) {
	var results []result
	for _, p := range programs {
		at, stop, err := l.start(ctx, p, nil)
		if err != nil {
			return nil, err
		}
		results = append(results, l.playOn(ctx, p, at)...)
		stop()
	}
	return results, nil
}

// playOn plays every scenario against a running program, or against one of its own if the scenario
// needs that.
func (l lab) playOn(ctx context.Context, p program, at site) (results []result) {
	var mu sync.Mutex
	var all sync.WaitGroup
	places := make(chan struct{}, max(1, l.atOnce))
	for _, s := range of(p.flow) {
		if !strings.Contains(s.name, l.scenario) {
			continue
		}
		places <- struct{}{}
		all.Go(func() {
			defer func() { <-places }()
			var finding string
			var err error
			if s.alone || s.noSecret || len(s.options) > 0 {
				finding, err = l.against(ctx, p, s)
			} else {
				finding, err = play(ctx, s, p.flow, at)
			}
			if err != nil {
				finding, _, _ = strings.Cut("not played: "+err.Error(), "\n")
				fmt.Fprintf(os.Stderr, "seclab: %s, %s, %s: %v\n", p.language, p.flow, s.name, err)
			}
			mu.Lock()
			defer mu.Unlock()
			results = append(results, result{p, s, finding})
		})
	}
	all.Wait()
	return results
}

// against runs a program for one scenario only.
func (l lab) against(ctx context.Context, p program, s scenario) (finding string, err error) {
	if s.noSecret {
		return withoutSecret(ctx, p)
	}
	at, stop, err := l.start(ctx, p, s.options)
	if err != nil {
		return "", err
	}
	defer stop()
	return play(ctx, s, p.flow, at)
}

// start runs a program. With Redis it runs two: browsers go to one process and webhooks to the other.
func (l lab) start(ctx context.Context, p program, options []string) (at site, stop func(), err error) {
	var children []*child
	stop = func() {
		for _, c := range slices.Backward(children) {
			c.stop()
		}
		if at.numbers != nil {
			at.numbers.stop()
		}
	}
	defer func() {
		if err != nil {
			stop()
			err = fmt.Errorf("start %s: %w", filepath.Base(p.command[len(p.command)-1]), err)
		}
	}()
	at.secret = pingr.NewSecret()
	if at.numbers, err = newDirectory(ctx); err != nil {
		return at, stop, err
	}
	command := slices.Concat(p.command, []string{"--listen", "127.0.0.1:0", "--number", ownNumber}, options,
		[]string{"--api", at.numbers.url})
	if l.redis {
		redis, url, err := startRedis(ctx)
		if err != nil {
			return at, stop, err
		}
		children, command = append(children, redis), append(command, "--redis", url)
	}
	one := func() (origin string, err error) {
		env := []string{"PINGR_WEBHOOK_SECRET=" + at.secret, "PINGR_API_KEY=" + at.numbers.key}
		c, origin, err := run(ctx, env, "listening on ", command...)
		if err == nil {
			children = append(children, c)
		}
		return origin, err
	}
	if at.origin, err = one(); err != nil || !l.redis {
		at.hook = at.origin
		return at, stop, err
	}
	if !slices.Contains(options, "--origin") {
		command = append(command, "--origin", at.origin)
	}
	at.hook, err = one()
	return at, stop, err
}

// withoutSecret reports whether a program starts although it cannot know who signs.
func withoutSecret(ctx context.Context, p program) (finding string, err error) {
	c, origin, err := run(ctx, []string{"PINGR_WEBHOOK_SECRET="}, "listening on ",
		append(slices.Clone(p.command), "--listen", "127.0.0.1:0")...)
	if err == nil {
		c.stop()
		return "it listens on " + origin, nil
	}
	var ended *exitError
	if !errors.As(err, &ended) {
		return "", err
	}
	return differ("exit code", 2, ended.code), nil
}

// verdict returns a cell of the table, and reports whether it is a finding.
func (r result) verdict() (cell string, bad bool) {
	broken := "the attacker's browser is logged in as the victim"
	switch {
	case r.scenario.succeeds && r.finding == broken:
		return "ATTACKER IN, as no program can prevent", false
	case r.scenario.succeeds && r.finding == "":
		return "FOUND: the attacker is not in, so that this lab shows nothing", true
	case r.finding != "":
		return "FOUND: " + r.finding, true
	case r.scenario.inAfter:
		return "held, victim in", false
	}
	return "held", false
}

func writeTable(out io.Writer, flow string, languages []string, results []result) (bad int) {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "\n%s\t%s\n", strings.ToUpper(flow), strings.Join(languages, "\t"))
	for _, s := range of(flow) {
		row, played := []string{s.name}, false
		for _, language := range languages {
			cell := "-"
			for _, r := range results {
				if r.program.flow == flow && r.program.language == language && r.scenario.name == s.name {
					var found bool
					if cell, found = r.verdict(); found {
						bad++
					}
					played = true
				}
			}
			row = append(row, cell)
		}
		if played {
			fmt.Fprintln(table, strings.Join(row, "\t"))
		}
	}
	_ = table.Flush()
	return bad
}

// root is the directory of the repository.
func root(ctx context.Context) (string, error) {
	mod, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	return filepath.Dir(strings.TrimSpace(string(mod))), err
}
