package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/heypingr/pingr/server/api"
)

func (a *app) settingsCommand() *cobra.Command {
	show := a.remote(cobra.Command{
		Use: "show", Short: "Show the account's settings",
		Example: "  pingr settings show\n  pingr settings show --json",
	}, func(ctx context.Context, c *client, _ []string) error { return c.settings(ctx, http.MethodGet, nil) })
	set := a.remote(cobra.Command{
		Use: "set NAME=VALUE...", Short: "Change the given settings",
		Long: "Changes the given settings, by the names that pingr settings show prints, and leaves\n" +
			"the others. no_phone_reply=null removes that reply. A test key changes those of test\nmode.",
		Example: "  pingr settings set cooldown_seconds=30\n" +
			"  pingr settings set group_reply=off time_zone=Europe/Berlin",
		Args: cobra.MinimumNArgs(1),
	}, func(ctx context.Context, c *client, args []string) error {
		change, err := readSettings(args)
		if err != nil {
			return err
		}
		return c.settings(ctx, http.MethodPatch, change)
	})
	return group("settings", "Show and change the account's settings", "  pingr settings show", show, set)
}

// readSettings reads NAME=VALUE arguments. The server checks names and values.
func readSettings(args []string) (map[string]any, error) {
	change := map[string]any{}
	for _, arg := range args {
		name, value, ok := strings.Cut(arg, "=")
		if !ok || name == "" {
			return nil, usagef("%q must be NAME=VALUE, such as cooldown_seconds=30", arg)
		}
		change[name] = value
		if n, err := strconv.Atoi(value); err == nil && strings.HasSuffix(name, "_seconds") {
			change[name] = n
		} else if value == "null" {
			change[name] = nil
		}
	}
	return change, nil
}

func (c *client) settings(ctx context.Context, method string, body any) error {
	var got json.RawMessage
	if err := c.ask(ctx, method, "/v1/settings", body, &got); err != nil {
		return err
	}
	if c.json {
		return c.writeJSON(got)
	}
	values := map[string]json.RawMessage{}
	if err := json.Unmarshal(got, &values); err != nil {
		return fmt.Errorf("read settings: %w", err)
	}
	var names []string
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		value := string(values[name])
		var text string
		if json.Unmarshal(values[name], &text) == nil && value != "null" {
			value = text
		}
		fmt.Fprintln(c.out, plain(name+"="+value))
	}
	return nil
}

func (a *app) statsCommand() *cobra.Command {
	var span string
	c := a.remote(cobra.Command{
		Use: "stats", Short: "Show firings by outcome, and how long the endpoint took",
		Example: "  pingr stats\n  pingr stats --range 30d --json",
	}, func(ctx context.Context, c *client, _ []string) error { return c.stats(ctx, span) })
	c.Flags().StringVar(&span, "range", "7d", "24h in hours, or 7d, 30d or 90d in days")
	return c
}

func (c *client) stats(ctx context.Context, span string) error {
	var got item[api.Stats]
	if err := c.ask(ctx, http.MethodGet, "/v1/stats?range="+url.QueryEscape(span), nil, &got); err != nil {
		return err
	}
	if c.json {
		return c.writeJSON(got)
	}
	t := newTable("FROM", "DYNAMIC", "STATIC", "COOLDOWN", "QUOTA", "EXPIRED", "NO PHONE", "FAILED", "WEBHOOKS",
		"P50 MS", "P95 MS")
	ms := func(n *int64) string {
		if n == nil {
			return "-"
		}
		return strconv.FormatInt(*n, 10)
	}
	row := func(from string, s api.StatsStep) {
		cells := []string{from}
		f := s.Firings
		for _, n := range []int64{f.Dynamic, f.Static, f.Cooldown, f.Quota, f.Expired, f.NoPhone, f.Failed, s.Webhooks} {
			cells = append(cells, strconv.FormatInt(n, 10))
		}
		t.add(append(cells, ms(s.P50MS), ms(s.P95MS))...)
	}
	for _, s := range got.value.Steps {
		row(local(s.From.Time), s)
	}
	row("total", got.value.Total)
	t.print(c.out)
	return nil
}
