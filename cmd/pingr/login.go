package main

import (
	"context"
	"fmt"
	"net/http"

	"github.com/spf13/cobra"

	"github.com/heypingr/pingr/server/api"
)

const howToLogIn = "export PINGR_TOKEN=$(pingr login --email you@example.com)"

func (a *app) loginCommand() *cobra.Command {
	var email string
	c := a.remote(cobra.Command{
		Use:   "login --email ADDRESS",
		Short: "Log in to a server and print the token",
		Long: "Logs in like the dashboard and prints a token for PINGR_TOKEN. The token lasts\n" +
			"12 hours, or until pingr logout. It is not stored. While PINGR_TOKEN is set,\n" +
			"commands use it instead of PINGR_API_KEY.\n\n" +
			"Prompts for the password, or reads it from stdin.",
		Example: "  " + howToLogIn + "\n  pingr simulate --phone +919876543210 \"login X4K9MQ\"\n  pingr logout",
	}, func(ctx context.Context, c *client, _ []string) error { return c.logIn(ctx, email) })
	c.Flags().StringVar(&email, "email", "", "email address of the account (required)")
	return c
}

func (c *client) logIn(ctx context.Context, email string) error {
	if email == "" {
		return usageError{"--email is missing"}
	}
	password, err := c.readPassword()
	if err != nil {
		return fmt.Errorf("read password: %w", err)
	}
	var in item[api.Login]
	err = c.send(ctx, http.MethodPost, "/v1/auth/login", api.LogIn{Email: email, Password: password}, &in, http.Header{})
	if err != nil {
		return err
	}
	if c.json {
		return c.writeJSON(in)
	}
	fmt.Fprintln(c.out, in.value.Token)
	fmt.Fprintln(c.err, "Logged in until "+local(in.value.ExpiresAt.Time)+".")
	return nil
}

func (a *app) logoutCommand() *cobra.Command {
	return a.remote(cobra.Command{
		Use: "logout", Short: "End the login of PINGR_TOKEN at once",
		Example: "  pingr logout && unset PINGR_TOKEN",
	}, func(ctx context.Context, c *client, _ []string) error {
		if err := c.wantLogin(); err != nil {
			return err
		}
		return c.ask(ctx, http.MethodPost, "/v1/auth/logout", nil, nil)
	})
}

// wantLogin returns an error that says how to log in, if nobody is logged in.
func (c *client) wantLogin() error {
	if c.token == "" {
		return usageError{"this needs a login, not an API key: " + howToLogIn}
	}
	return nil
}
