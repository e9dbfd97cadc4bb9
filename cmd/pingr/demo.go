package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/heypingr/pingr/internal/demo"
)

func (a *app) demoCommand() *cobra.Command {
	var check, asJSON bool
	var listen string
	c := a.command(cobra.Command{
		Use:   "demo",
		Short: "Watch a login happen, all on this machine",
		Long: "Starts everything on loopback, without configuration: a WhatsApp server, a linked\n" +
			"number, an example backend, and a page with a phone beside a login page. No message\n" +
			"leaves this machine.\n\n" +
			"With --check, it performs one login by itself, prints each step with its\n" +
			"milliseconds, and exits with 0. If a step fails, it names the step and exits with 1.",
		Example: "  pingr demo\n  pingr demo --check --json",
	}, func(cmd *cobra.Command, _ []string) error {
		if asJSON && !check {
			return usageError{"--json needs --check"}
		}
		if check {
			return a.checkDemo(cmd.Context(), listen, asJSON)
		}
		return a.runDemo(cmd.Context(), listen)
	})
	c.Flags().BoolVar(&check, "check", false, "perform one login and print its steps")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON (with --check)")
	c.Flags().StringVar(&a.flags.data, "data", "",
		"keep the chat and the link in demo, inside this directory (PINGR_DATA; default: keep nothing)")
	c.Flags().StringVar(&listen, "listen", "",
		"loopback address of the page (default 127.0.0.1:8090, or a free port if it is taken)")
	return c
}

func (a *app) startDemo(ctx context.Context, c demo.Config) (*demo.Demo, error) {
	if c.Listen != "" {
		if err := checkAddress(c.Listen, "--listen"); err != nil {
			return nil, err
		}
	}
	c.Log = a.logger()
	if a.config.Data != "" {
		c.Dir = filepath.Join(a.config.Data, "demo")
	}
	d, err := demo.Start(ctx, c)
	switch {
	case errors.Is(err, demo.ErrNotLoopback):
		return nil, usageError{"--listen: " + demo.ErrNotLoopback.Error()}
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, explainListen(err, c.Listen, "--listen")
	case err != nil:
		return nil, fmt.Errorf("start demo: %w", err)
	}
	return d, nil
}

// runDemo serves the page until the program is told to stop.
func (a *app) runDemo(ctx context.Context, listen string) error {
	s := styleOf(a.err)
	d, err := a.startDemo(ctx, demo.Config{Listen: listen, Progress: func(p demo.Part) {
		fmt.Fprintln(a.err, s.faint(fmt.Sprintf("%8s  %s", milliseconds(p.Took), p.Name)))
	}})
	if err != nil {
		return err
	}
	fmt.Fprintln(a.err, "A phone, a WhatsApp server, a linked number and a shop, all on this machine.")
	fmt.Fprintln(a.out, "open "+d.URL())
	fmt.Fprintln(a.err, s.faint("Ctrl-C stops it."))
	<-ctx.Done()
	return d.Close()
}

// A checkReport is what demo --check --json prints.
type checkReport struct {
	OK      bool        `json:"ok"`
	Parts   []checkPart `json:"start"`
	Steps   []checkStep `json:"steps"`
	LoginMs float64     `json:"login_ms"`
	TotalMs float64     `json:"total_ms"`
	Error   string      `json:"error,omitempty"`
}

type checkPart struct {
	Part string  `json:"part"`
	Ms   float64 `json:"ms"`
}

type checkStep struct {
	Step demo.Step `json:"step"`
	Ms   float64   `json:"ms"` // since the phone sent the message
}

// checkDemo makes one login and reports how it went.
func (a *app) checkDemo(ctx context.Context, listen string, asJSON bool) error {
	s := styleOf(a.out)
	if listen == "" {
		listen = "127.0.0.1:0"
	}
	say := func(ms float64, name string) {
		if !asJSON {
			fmt.Fprintf(a.out, "%s %8.1f ms  %s\n", s.green("ok"), ms, name)
		}
	}
	var report checkReport
	began := time.Now()
	d, err := a.startDemo(ctx, demo.Config{
		Listen: listen, Cooldown: time.Millisecond, // a check may follow another
		Progress: func(p demo.Part) {
			ms := inMs(p.Took)
			report.Parts = append(report.Parts, checkPart{p.Name, ms})
			say(ms, strings.TrimSpace(p.Name+" "+p.Note))
		},
	})
	var wrong usageError
	if errors.As(err, &wrong) {
		return err
	}
	if err == nil {
		err = d.Check(ctx, func(e demo.Entry) {
			report.Steps = append(report.Steps, checkStep{e.Step, e.Ms})
			if e.Step == demo.StepShown {
				report.LoginMs = e.Ms
			}
			say(e.Ms, stepNames[e.Step])
		})
		err = errors.Join(err, d.Close())
	}
	report.OK, report.TotalMs = err == nil, inMs(time.Since(began))
	if err != nil {
		report.Error = err.Error()
	}
	if asJSON {
		if err := a.writeJSON(report); err != nil {
			return err
		}
	} else if err == nil {
		fmt.Fprintf(a.out, "%s one login: %.0f ms from the phone and back, %.1f s in total\n", s.green("ok"), report.LoginMs,
			report.TotalMs/1000)
	}
	if err != nil {
		fmt.Fprintf(a.err, "%s %v\n", styleOf(a.err).red("failed"), err)
		return errSaid
	}
	return nil
}

// stepNames are the steps in words. Their milliseconds count from the first.
var stepNames = map[demo.Step]string{
	demo.StepSent:     "the phone sent the code from the login page",
	demo.StepReceived: "the linked number received and decrypted it",
	demo.StepStored:   "it was stored and may be acknowledged",
	demo.StepAsked:    "the backend received a signed webhook",
	demo.StepAnswered: "the backend verified it and answered with a one-time link",
	demo.StepDecided:  "the reply's text was fixed and the cooldown started",
	demo.StepReplied:  "WhatsApp accepted the reply",
	demo.StepShown:    "the phone showed the reply",
	demo.StepOpened:   "the link was opened in the browser",
	demo.StepSignedIn: "that browser was signed in",
	demo.StepNoReply:  "no reply",
}

func inMs(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func milliseconds(d time.Duration) string { return fmt.Sprintf("%.0f ms", inMs(d)) }
