package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"

	"github.com/heypingr/pingr/server/api"
)

// createKey creates a key of the account that is logged in.
func (c *client) createKey(ctx context.Context, mode, name string) error {
	var got item[api.Key]
	if err := c.ask(ctx, http.MethodPost, "/v1/keys", api.AddKey{Mode: mode, Name: name}, &got); err != nil {
		return err
	}
	if c.json {
		return c.writeJSON(got)
	}
	fmt.Fprintln(c.out, got.value.Key)
	return nil
}

func (c *client) listKeys(ctx context.Context) error {
	var got struct {
		Keys []item[api.Key] `json:"keys"`
	}
	if err := c.ask(ctx, http.MethodGet, "/v1/keys", nil, &got); err != nil {
		return err
	}
	if c.json {
		return printEach(c.app, got.Keys)
	}
	t := newTable("ID", "KEY", "MODE", "NAME", "CREATED", "LAST USED", "REVOKED")
	for _, k := range got.Keys {
		used, revoked := "never", ""
		if k.value.LastUsed != nil {
			used = local(k.value.LastUsed.Time)
		}
		if k.value.RevokedAt != nil {
			revoked = local(k.value.RevokedAt.Time)
		}
		t.add(k.value.ID, k.value.Key, k.value.Mode, k.value.Name, local(k.value.CreatedAt.Time), used, revoked)
	}
	t.print(c.out)
	return nil
}

func (c *client) revokeKey(ctx context.Context, id string) error {
	return c.ask(ctx, http.MethodDelete, "/v1/keys/"+url.PathEscape(id), nil, nil)
}

// either returns a command that acts on the database if --account is given, and
// otherwise on a server, as who has logged in.
func (a *app) either(
	c cobra.Command, here func(cmd *cobra.Command, email string, asJSON bool, args []string) error,
	there func(ctx context.Context, c *client, args []string) error,
) *cobra.Command {
	var email, server string
	var asJSON bool
	made := a.command(c, func(cmd *cobra.Command, args []string) error {
		if email != "" {
			return here(cmd, email, asJSON, args)
		}
		if a.config.Token == "" {
			return usageError{"give --account EMAIL, to act on the database, or log in to a server: " + howToLogIn}
		}
		c, err := a.client(server)
		if err != nil {
			return err
		}
		defer c.http.CloseIdleConnections()
		c.json = asJSON
		return there(cmd.Context(), c, args)
	})
	made.Flags().StringVar(&email, "account", "",
		"email address of the account, in the database (default: the login's, at a server)")
	made.Flags().StringVar(&server, "server", "", "address of the server (PINGR_SERVER; default "+defaultServer+")")
	made.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return made
}
