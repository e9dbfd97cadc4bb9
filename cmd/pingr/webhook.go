package main

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

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
	return group("webhook", "Show, set and test the webhook endpoint of a server's account", "  pingr webhook show",
		show, set, a.webhookTestCommand(), a.webhookSecretCommand(), a.webhookRotateCommand())
}

func (a *app) webhookTestCommand() *cobra.Command {
	var phone, session string
	c := a.remote(cobra.Command{
		Use: "test [MESSAGE]", Short: "Send the endpoint a simulated event, as pingr simulate does",
		Long: "Sends the endpoint a signed event of a message that nobody sent, and shows its\n" +
			"response. This needs a login: see pingr login --help.",
		Example: "  pingr webhook test\n  pingr webhook test \"login X4K9MQ\" --session sess_test",
		Args:    cobra.ArbitraryArgs,
	}, func(ctx context.Context, c *client, args []string) error {
		return c.simulate(ctx, phone, session, cmp.Or(strings.Join(args, " "), "login"))
	})
	c.Flags().StringVar(&phone, "phone", "+15550100", "the sender's number with country code")
	c.Flags().StringVar(&session, "session", "", "id of the session (default: the only one; sess_test for test mode)")
	return c
}

func (a *app) webhookSecretCommand() *cobra.Command {
	return a.remote(cobra.Command{
		Use: "secret", Short: "Print the secret that signs webhooks",
		Long: "Prints the signing secret, at any time. This needs a login: see pingr login --help.\n" +
			"After a rotation, the second line is the old secret, which signs until the time on\nstderr.",
		Example: "  export PINGR_WEBHOOK_SECRET=$(pingr webhook secret | head -n 1)",
	}, func(ctx context.Context, c *client, _ []string) error { return c.webhookSecret(ctx) })
}

func (c *client) webhookSecret(ctx context.Context) error {
	if err := c.wantLogin(); err != nil {
		return err
	}
	var got item[api.Webhook]
	if err := c.ask(ctx, http.MethodGet, "/v1/webhooks", nil, &got); err != nil {
		return err
	}
	if c.json {
		return c.writeJSON(got)
	}
	fmt.Fprintln(c.out, got.value.Secret)
	if old := got.value.OldSecret; old != "" {
		fmt.Fprintln(c.out, old)
		fmt.Fprintln(c.err, "The second one signs until "+local(got.value.OldExpiresAt.Time)+".")
	}
	return nil
}

func (a *app) webhookRotateCommand() *cobra.Command {
	var overlap time.Duration
	c := a.remote(cobra.Command{
		Use: "rotate", Short: "Create a new secret and print it",
		Long: "Creates a new signing secret. The old one keeps signing for the overlap: give the\n" +
			"endpoint both within that time. This needs a login: see pingr login --help.",
		Example: "  pingr webhook rotate\n  pingr webhook rotate --overlap 0s   # the secret has leaked",
	}, func(ctx context.Context, c *client, _ []string) error { return c.rotateSecret(ctx, overlap) })
	c.Flags().DurationVar(&overlap, "overlap", 24*time.Hour, "how long the old secret keeps signing, up to 168h")
	return c
}

func (c *client) rotateSecret(ctx context.Context, overlap time.Duration) error {
	if err := c.wantLogin(); err != nil {
		return err
	}
	seconds := api.Whole(overlap / time.Second)
	var got item[api.Secret]
	err := c.ask(ctx, http.MethodPost, "/v1/webhooks/rotate-secret", api.RotateSecret{Overlap: &seconds}, &got)
	if err != nil {
		return err
	}
	if c.json {
		return c.writeJSON(got)
	}
	fmt.Fprintln(c.out, got.value.Secret)
	fmt.Fprintln(c.err, "It signs from "+local(got.value.SignsFrom.Time)+" on. Until then the old one does.")
	return nil
}

// webhook prints the endpoint, changed or not. Only pingr webhook secret and
// --json print the secret, and only a login gets it whole.
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
