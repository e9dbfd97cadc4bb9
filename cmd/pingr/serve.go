package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/server"
	"github.com/heypingr/pingr/session/whatsapp"
)

const defaultListen = "127.0.0.1:8080"

func (a *app) serveCommand() *cobra.Command {
	var listen, metricsListen string
	var trustedProxies []string
	c := a.command(cobra.Command{
		Use:   "serve",
		Short: "Serve the REST API and answer on all linked numbers",
		Long: "Serves the REST API (sessions, triggers, webhooks, sending) and the dashboard. At\n" +
			"the first start it prints a link that creates the first account; pingr account\n" +
			"create does the same. It prints one line when it is ready. When it is told to stop,\n" +
			"it finishes what is in flight.\n\n" +
			"Behind a proxy that speaks https, set PINGR_PUBLIC_URL to the proxy's address, so\n" +
			"that logins travel over https only. Webhook endpoints on loopback are allowed while\n" +
			"the server is private: it listens on loopback, has no public URL, and sign-up is\n" +
			"off. Allow other special addresses with PINGR_WEBHOOK_ALLOW.\n\n" +
			"With --database, everything is stored in PostgreSQL except the keys of linked\n" +
			"numbers, which stay in the data directory. docs/serve.md describes several processes.",
		Example: "  pingr serve\n  pingr serve --listen 0.0.0.0:8080 --data /var/lib/pingr\n  pingr serve --database " +
			"postgres://pingr@db.example.com/pingr\n  pingr serve --listen 10.0.0.5:8080 --trusted-proxies 10.0.0.0/24",
	}, func(cmd *cobra.Command, _ []string) error {
		if listen == "" {
			listen = a.config.Listen
		}
		if listen == "" {
			listen = defaultListen
		}
		if metricsListen == "" {
			metricsListen = a.config.MetricsListen
		}
		if len(trustedProxies) > 0 {
			a.config.TrustedProxies = trustedProxies
		}
		return a.serve(cmd.Context(), listen, metricsListen)
	})
	c.Flags().StringVar(&listen, "listen", "", "address to listen on (PINGR_LISTEN; default "+defaultListen+")")
	c.Flags().StringVar(&a.flags.plans, "plans", "", plansUsage)
	c.Flags().StringVar(&metricsListen, "metrics-listen", "",
		"separate address for /metrics and the full /readyz, for everybody who reaches it (PINGR_METRICS_LISTEN; default: "+
			"the address of --listen, for this machine only)")
	c.Flags().StringSliceVar(&trustedProxies, "trusted-proxies", nil,
		"networks to trust for X-Forwarded-For and Forwarded, or none (PINGR_TRUSTED_PROXIES; default: loopback)")
	return c
}

func (a *app) serve(ctx context.Context, listen, metricsListen string) (err error) {
	guard, err := a.webhookGuard()
	if err != nil {
		return err
	}
	plans, err := a.config.plans()
	if err != nil {
		return err
	}
	signUpPlan, err := a.config.signUpPlan(plans)
	if err != nil {
		return err
	}
	public, err := a.config.publicURL()
	if err != nil {
		return err
	}
	proxies, err := a.config.trustedProxies()
	if err != nil {
		return err
	}
	endpoint, err := a.config.endpoint()
	if err != nil {
		return err
	}
	l, err := listenAt(ctx, listen, "--listen")
	if err != nil {
		return err
	}
	defer l.Close()
	private := isPrivate(l.Addr(), public, signUpPlan)
	if private {
		allowLoopback(guard)
	}
	store, err := a.openDatabase(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if err := a.adopt(ctx, store); err != nil {
		return fmt.Errorf("adopt sessions: %w", err)
	}
	var pool *whatsapp.Pool
	defer func() {
		if pool != nil {
			err = errors.Join(err, pool.Close())
		}
	}()
	s, err := server.New(ctx, server.Config{
		Plans: plans, SignUpPlan: signUpPlan,
		SendRate: a.config.SendRate, BacklogRate: a.config.BacklogRate,
		Store: store, Guard: guard, Now: a.now, Log: a.logger(), MetricsApart: metricsListen != "",
		FreeSpace: func() (uint64, bool) { return freeSpace(a.config.dataDir()) },
		HTTPS:     public != nil && public.Scheme == "https", TrustedProxies: proxies,
		Sessions: func(n server.Notify) (_ server.Sessions, err error) {
			pool, err = whatsapp.Open(ctx, whatsapp.Config{
				Dir: a.config.dataDir(), Registry: a.registry(store), Notify: n.Event, OnChange: n.Changed, Grace: n.Grace,
				Log: a.logger(), Endpoint: endpoint, DialRate: a.config.DialRate, Advice: whatHelps,
			})
			return sessions{pool}, err
		},
	})
	if err != nil {
		return err
	}
	addresses := reachableAt(l.Addr(), net.InterfaceAddrs)
	door := addresses[0]
	if public != nil {
		door = public.String()
	}
	if err := a.offerSetup(ctx, s, door); err != nil {
		return err
	}
	if metricsListen != "" {
		at, stop, err := serveMetrics(ctx, metricsListen, s.Metrics(), s.Ready())
		if err != nil {
			s.Close()
			return err
		}
		defer stop()
		fmt.Fprintln(a.err, "metrics on http://"+at+"/metrics")
	}
	fmt.Fprintln(a.err, believed(proxies, public, private, metricsListen != ""))
	if !onLoopback(l.Addr()) && (public == nil || public.Scheme != "https") {
		fmt.Fprintln(a.err, inTheClear)
	}
	fmt.Fprintln(a.out, "listening on "+strings.Join(addresses, ", "))
	go giveBackMemory(ctx)
	return s.Serve(ctx, l)
}

// adopt gives numbers that pingr link linked to the account, if there is only
// one.
func (a *app) adopt(ctx context.Context, store database) error {
	records, err := store.Sessions(ctx)
	if err != nil || !slices.ContainsFunc(records, func(r pingr.SessionRecord) bool { return r.Account == "" }) {
		return err
	}
	accounts, err := store.Accounts(ctx)
	if err != nil || len(accounts) != 1 {
		return err
	}
	for _, r := range records {
		if r.Account != "" {
			continue
		}
		r.Account = accounts[0].ID
		if err := store.SaveSession(ctx, r); err != nil {
			return err
		}
		fmt.Fprintf(a.err, "Session %s now belongs to %s.\n", plain(r.ID), plain(accounts[0].Email))
	}
	return nil
}

// offerSetup prints the link for the first account, if there is none.
func (a *app) offerSetup(ctx context.Context, s *server.Server, address string) error {
	token, err := s.SetupToken(ctx)
	if err != nil || token == "" {
		return err
	}
	fmt.Fprintln(a.err, "There is no account yet. Create the first one: "+address+"/setup?token="+token)
	return nil
}

// webhookGuard returns the guard that PINGR_WEBHOOK_ALLOW configures.
func (a *app) webhookGuard() (*pingr.Guard, error) {
	guard := &pingr.Guard{Setting: "PINGR_WEBHOOK_ALLOW"}
	for _, text := range a.config.WebhookAllow {
		network, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, usagef("PINGR_WEBHOOK_ALLOW contains %q; write networks like 10.0.0.0/8", text)
		}
		guard.Allow = append(guard.Allow, network)
	}
	return guard, nil
}

// allowLoopback lets a private server's webhooks reach this machine.
func allowLoopback(guard *pingr.Guard) {
	guard.Allow = append(guard.Allow, netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128"))
}
