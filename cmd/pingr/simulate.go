package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/server/api"
)

func (a *app) simulateCommand() *cobra.Command {
	var phone, session string
	c := a.remote(cobra.Command{
		Use:   "simulate --phone NUMBER MESSAGE",
		Short: "Send the endpoint an event of a message that nobody sent",
		Long: "Sends the webhook endpoint a signed event, as if the number had sent the message,\n" +
			"and shows the endpoint's response. Nothing is sent to WhatsApp. The event is marked\n" +
			"_simulated. This needs a login: see pingr login --help.\n\n" +
			"Exits with 0 if the endpoint accepted the event, and with 1 if it did not.",
		Example: "  pingr simulate --phone +919876543210 \"login X4K9MQ\"\n  pingr simulate --session sess_test " +
			"--phone +919876543210 login",
		Args: cobra.MinimumNArgs(1),
	}, func(ctx context.Context, c *client, args []string) error {
		return c.simulate(ctx, phone, session, strings.Join(args, " "))
	})
	c.Flags().StringVar(&phone, "phone", "", "the sender's number with country code (required)")
	c.Flags().StringVar(&session, "session", "", "id of the session (default: the only one; sess_test for test mode)")
	return c
}

func (c *client) simulate(ctx context.Context, phone, session, message string) (err error) {
	if err := c.wantLogin(); err != nil {
		return err
	}
	if phone, err = pingr.ParsePhone(phone); err != nil {
		return usageError{"--phone: " + err.Error()}
	}
	if session, err = c.theSession(ctx, session); err != nil {
		return err
	}
	var got item[api.Simulated]
	began := time.Now()
	err = c.ask(ctx, http.MethodPost, "/v1/webhooks/simulate",
		api.Simulate{Phone: phone, Message: message, Session: session}, &got)
	if is(err, api.Conflict) {
		return errors.New("there is no webhook endpoint yet: set one with pingr webhook set")
	}
	if err != nil {
		return err
	}
	if c.json {
		err = c.writeJSON(got)
	} else {
		c.saySimulation(got.value, time.Since(began))
	}
	if err == nil && !got.value.Delivered {
		return errSaid
	}
	return err
}

func (c *client) saySimulation(s api.Simulated, took time.Duration) {
	look, answer := styleOf(c.out), "no answer"
	if s.StatusCode != nil {
		answer = strings.TrimSpace(fmt.Sprintf("%d %s", *s.StatusCode, http.StatusText(*s.StatusCode)))
	}
	verdict := look.green("delivered")
	if !s.Delivered {
		verdict = look.red("failed")
	}
	fmt.Fprintf(c.out, "%s: %s in %d ms\n", verdict, answer, took.Milliseconds())
	switch {
	case s.DynamicReply != nil:
		fmt.Fprintln(c.out, "reply: "+plain(*s.DynamicReply))
	case s.Delivered && s.NoReply != nil:
		fmt.Fprintln(c.out, "no reply: "+plain(noReplyWords(*s.NoReply))+"; the trigger's static reply would be sent")
	case s.Delivered:
		fmt.Fprintln(c.out, "no reply; the trigger's static reply would be sent")
	default:
		fmt.Fprintln(c.err, "pingr deliveries --status simulated shows why.")
	}
}
