package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/spf13/cobra"
)

// healthPatience is longer than /readyz takes, whose database check ends after
// 5 s.
const healthPatience = 8 * time.Second

func (a *app) healthCommand() *cobra.Command {
	var listen string
	c := a.command(cobra.Command{
		Use:   "health",
		Short: "Ask the server on this machine whether it does its work",
		Long: "Asks GET /readyz of the pingr serve on this machine, and prints what is wrong. It is\n" +
			"made for health checks of containers, which have no curl.\n\n" +
			"Exits with 0 if the server is ready, and with 1 if it is not or does not answer.",
		Example: "  pingr health\n  pingr health --listen 127.0.0.1:9090",
	}, func(cmd *cobra.Command, _ []string) error {
		ctx, cancel := context.WithTimeout(cmd.Context(), healthPatience)
		defer cancel()
		return a.health(ctx, cmp.Or(listen, a.config.Listen, defaultListen))
	})
	c.Flags().StringVar(&listen, "listen", "", "address at which the server listens (PINGR_LISTEN; default "+
		defaultListen+")")
	return c
}

func (a *app) health(ctx context.Context, listen string) error {
	if err := checkAddress(listen, "--listen"); err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+dialable(listen)+"/readyz", http.NoBody)
	if err != nil {
		return usageError{"--listen: " + err.Error()}
	}
	// No proxy of the environment: the server is on this machine.
	local := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := local.Do(req)
	if err != nil {
		return fmt.Errorf("no answer at %s: %w", listen, errors.Unwrap(err))
	}
	defer answer.Body.Close()
	var said struct {
		Status string `json:"status"`
		Checks map[string]struct{ Status, Found, Do string }
	}
	if err := json.NewDecoder(io.LimitReader(answer.Body, maxAnswer)).Decode(&said); err != nil {
		return fmt.Errorf("what listens on %s is not pingr serve: it answered %s without JSON", listen, answer.Status)
	}
	if answer.StatusCode == http.StatusOK {
		fmt.Fprintln(a.out, "ready")
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(said.Checks)) {
		if c := said.Checks[name]; c.Status == "fail" {
			fmt.Fprintf(a.err, "%s: %s. %s\n", plain(name), plain(c.Found), plain(c.Do))
		}
	}
	return fmt.Errorf("the server at %s is not ready", listen)
}

// dialable is a listening address as a client can name it: "all addresses" are
// reached at loopback.
func dialable(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if ip := net.ParseIP(host); err == nil && (host == "" || ip != nil && ip.IsUnspecified()) {
		if ip != nil && ip.To4() == nil {
			return net.JoinHostPort("::1", port)
		}
		return net.JoinHostPort("127.0.0.1", port)
	}
	return listen
}
