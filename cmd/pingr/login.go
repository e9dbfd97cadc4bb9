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
	return c.enter(ctx, "/v1/auth/login", api.LogIn{Email: email, Password: password}, http.Header{})
}

// enter makes a request that answers with a login, and prints its token.
func (c *client) enter(ctx context.Context, path string, body any, header http.Header) error {
	var in item[api.Login]
	if err := c.send(ctx, http.MethodPost, path, body, &in, header); err != nil {
		return err
	}
	if c.json {
		return c.writeJSON(in)
	}
	fmt.Fprintln(c.out, in.value.Token)
	fmt.Fprintln(c.err, "Logged in until "+local(in.value.ExpiresAt.Time)+".")
	return nil
}

func (a *app) signUpCommand() *cobra.Command {
	var email, token string
	c := a.remote(cobra.Command{
		Use: "signup --email ADDRESS", Short: "Create an account at a server, log in and print the token",
		Long: "Signs up, if the server allows it. With --setup, creates its first account: the token\n" +
			"is at the end of the link that the server printed at its first start. On the server's\n" +
			"own machine, pingr account create does the same.\n\nPrompts for the password, or reads it from stdin.",
		Example: "  export PINGR_TOKEN=$(pingr signup --email you@example.com)\n" +
			"  pingr signup --email you@example.com --setup 4J7XK2QZP5ANRWB3TEYM6VHDLC",
	}, func(ctx context.Context, c *client, _ []string) error { return c.signUp(ctx, email, token) })
	c.Flags().StringVar(&email, "email", "", "email address of the account (required)")
	c.Flags().StringVar(&token, "setup", "", "token of the link for the first account")
	return c
}

func (c *client) signUp(ctx context.Context, email, token string) error {
	if email == "" {
		return usageError{"--email is missing"}
	}
	password, err := c.readPassword()
	if err != nil {
		return fmt.Errorf("read password: %w", err)
	}
	if token != "" {
		return c.enter(ctx, "/v1/auth/setup", api.SetUp{Token: token, Email: email, Password: password}, http.Header{})
	}
	return c.enter(ctx, "/v1/auth/signup", api.SignUp{Email: email, Password: password}, http.Header{})
}

func (a *app) passwordCommand() *cobra.Command {
	return a.remote(cobra.Command{
		Use: "password", Short: "Change your password at a server and print the new token",
		Long: "Changes the password of the account that is logged in. All its logins end, and the\n" +
			"token that is printed replaces yours. If the password is lost, use pingr account\n" +
			"password on the server's machine.\n\n" +
			"Prompts for the current and the new password, or reads them from stdin, one a line.",
		Example: "  export PINGR_TOKEN=$(pingr password)",
	}, func(ctx context.Context, c *client, _ []string) error { return c.changePassword(ctx) })
}

func (c *client) changePassword(ctx context.Context) error {
	if err := c.wantLogin(); err != nil {
		return err
	}
	passwords, err := c.readPasswords("Current password: ", "New password: ")
	if err != nil {
		return fmt.Errorf("read password: %w", err)
	}
	return c.enter(ctx, "/v1/auth/password", api.ChangePassword{Current: passwords[0], New: passwords[1]},
		http.Header{"Authorization": {"Bearer " + c.token}})
}

func (a *app) whoAmICommand() *cobra.Command {
	return a.remote(cobra.Command{
		Use: "whoami", Short: "Show the account that is logged in",
		Example: "  pingr whoami",
	}, func(ctx context.Context, c *client, _ []string) error {
		if err := c.wantLogin(); err != nil {
			return err
		}
		var got item[api.Account]
		if err := c.ask(ctx, http.MethodGet, "/v1/auth/me", nil, &got); err != nil {
			return err
		}
		if c.json {
			return c.writeJSON(got)
		}
		t := newTable("EMAIL", "PLAN", "CREATED", "ID")
		t.add(got.value.Email, got.value.Plan, local(got.value.CreatedAt.Time), got.value.ID)
		t.print(c.out)
		return nil
	})
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
