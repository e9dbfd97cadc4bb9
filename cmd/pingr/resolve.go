package main

import (
	"context"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/server/api"
)

func (a *app) resolveCommand() *cobra.Command {
	var session string
	c := a.remote(cobra.Command{
		Use:   "resolve NUMBER",
		Short: "Show whether a number is on WhatsApp, and how WhatsApp spells it",
		Long: "Shows whether a number is on WhatsApp, and how WhatsApp spells it, which is how\n" +
			"events name it: +55 31 98765-4321 may be +553187654321. The server asks WhatsApp at\n" +
			"most once a day for a number. With a test key, it does not ask.\n\n" +
			"Exits with 0 if the number is on WhatsApp, and with 1 if it is not.",
		Example: "  pingr resolve +919876543210\n  pingr resolve --session shop --json \"+55 31 98765-4321\"",
		Args:    cobra.MinimumNArgs(1), // unquoted spaces
	}, func(ctx context.Context, c *client, args []string) error {
		return c.resolve(ctx, strings.Join(args, " "), session)
	})
	c.Flags().StringVar(&session, "session", "", "id of the session that asks (default: any that is connected)")
	return c
}

func (c *client) resolve(ctx context.Context, number, session string) error {
	phone, err := pingr.ParsePhone(number)
	if err != nil {
		return usageError{err.Error()}
	}
	if c.key == "" {
		return usageError{"this needs an API key: set PINGR_API_KEY, which pingr key create prints"}
	}
	var got item[api.Resolved]
	header := http.Header{"X-Api-Key": {c.key}}
	err = c.send(ctx, http.MethodPost, "/v1/numbers/resolve", api.Resolve{Phone: phone, Session: session}, &got, header)
	if err != nil {
		return err
	}
	if c.json {
		if err := c.writeJSON(got); err != nil {
			return err
		}
	} else {
		t := newTable("NUMBER", "ON WHATSAPP")
		t.add("+"+got.value.Phone, map[bool]string{true: "yes", false: "no"}[got.value.OnWhatsApp])
		t.print(c.out)
	}
	if !got.value.OnWhatsApp {
		return errSaid
	}
	return nil
}
