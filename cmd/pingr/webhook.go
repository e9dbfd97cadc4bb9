package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"github.com/heypingr/pingr/server/api"
)

func (a *app) webhookCommand() *cobra.Command {
	show := a.remote(cobra.Command{
		Use: "show", Short: "Show the webhook endpoint",
		Example: "  pingr webhook show",
	}, func(ctx context.Context, c *client, _ []string) error { return c.webhook(ctx, http.MethodGet, nil) })
	set := a.remote(cobra.Command{
		Use: "set URL", Short: "Set the webhook endpoint; an empty URL removes it",
		Example: "  pingr webhook set https://shop.example/pingr", Args: cobra.ExactArgs(1),
	}, func(ctx context.Context, c *client, args []string) error {
		return c.webhook(ctx, http.MethodPut, api.SetWebhook{URL: args[0]})
	})
	return group("webhook", "Show and set the webhook endpoint of a server's account", "  pingr webhook show", show, set)
}

// webhook prints the endpoint, changed or not. Only a login gets the whole
// secret, and it is shown only as JSON, to programs.
func (c *client) webhook(ctx context.Context, method string, body any) error {
	var got item[api.Webhook]
	if err := c.ask(ctx, method, "/v1/webhooks", body, &got); err != nil {
		return err
	}
	if c.json {
		return c.writeJSON(got)
	}
	if got.value.URL == nil {
		fmt.Fprintln(c.err, "There is no webhook endpoint. Set one with pingr webhook set.")
		return nil
	}
	t := newTable("URL", "EVENTS")
	var events []string
	for _, e := range got.value.Events {
		events = append(events, string(e))
	}
	t.add(*got.value.URL, strings.Join(events, ", "))
	t.print(c.out)
	return nil
}
