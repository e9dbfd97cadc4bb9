package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/server/api"
)

func (a *app) sendCommand() *cobra.Command {
	var to, session, once string
	c := a.remote(cobra.Command{
		Use: "send --to NUMBER TEXT", Short: "Send a message from a session and print its id",
		Long: "Sends a message, under the same cooldown and quota as replies. This needs an API key.\n" +
			"With a test key, nothing is sent.\n\n" +
			"If it is not known whether the message arrived, repeat the command with the same\n" +
			"--once: the person sees the message once.",
		Example: "  pingr send --to +919876543210 \"Your order is ready.\"\n" +
			"  pingr send --to +919876543210 --session shop --once order-4711 \"Your order is ready.\"",
		Args: cobra.MinimumNArgs(1),
	}, func(ctx context.Context, c *client, args []string) error {
		phone, err := pingr.ParsePhone(to)
		if err != nil {
			return usageError{"--to: " + err.Error()}
		}
		return c.sendText(ctx, api.Send{To: phone, Session: session, Message: strings.Join(args, " ")}, once)
	})
	c.Flags().StringVar(&to, "to", "", "the recipient's number with country code (required)")
	c.Flags().StringVar(&session, "session", "", "id of the session (default: any that is connected)")
	c.Flags().StringVar(&once, "once", "", "Idempotency-Key: the same one sends the message once")
	return c
}

func (c *client) sendText(ctx context.Context, m api.Send, once string) error {
	if c.key == "" {
		return usageError{"this needs an API key: set PINGR_API_KEY, which pingr key create prints"}
	}
	header := http.Header{"X-Api-Key": {c.key}}
	if once != "" {
		header.Set("Idempotency-Key", once)
	}
	var got item[api.Sent]
	if err := c.send(ctx, http.MethodPost, "/v1/send", m, &got, header); err != nil {
		return err
	}
	if c.json {
		return c.writeJSON(got)
	}
	fmt.Fprintln(c.out, got.value.MessageID)
	return nil
}

func (a *app) matchCommand() *cobra.Command {
	var session string
	c := a.remote(cobra.Command{
		Use: "match TEXT", Short: "Show which trigger a text would fire, and why",
		Long: "Shows the trigger that a text would fire now, and those that it would not, with the\n" +
			"reason. Nothing is fired.\n\nExits with 0 if a trigger fires, and with 1 if none does.",
		Example: "  pingr match \"Login: X4K9MQ\"\n  pingr match --session shop login",
		Args:    cobra.MinimumNArgs(1),
	}, func(ctx context.Context, c *client, args []string) error {
		return c.match(ctx, session, strings.Join(args, " "))
	})
	c.Flags().StringVar(&session, "session", "", "id of the session (default: the only one)")
	return c
}

func (c *client) match(ctx context.Context, session, text string) (err error) {
	if session, err = c.theSession(ctx, session); err != nil {
		return err
	}
	var got item[api.Matched]
	if err := c.ask(ctx, http.MethodPost, "/v1/match", api.Match{Session: session, Text: text}, &got); err != nil {
		return err
	}
	if c.json {
		err = c.writeJSON(got)
	} else {
		t := newTable("PHRASE", "ID", "FIRES")
		if f := got.value.Fires; f != nil {
			t.add(f.Phrase, f.ID, "yes")
		}
		for _, o := range got.value.Others {
			t.add(o.Trigger.Phrase, o.Trigger.ID, map[string]string{
				"shorter": "no: another phrase is longer", "inactive": "no: it is off",
			}[o.Because])
		}
		t.print(c.out)
	}
	if err == nil && got.value.Fires == nil {
		fmt.Fprintf(c.err, "No trigger fires on %q.\n", plain(got.value.Compared))
		return errSaid
	}
	return err
}
