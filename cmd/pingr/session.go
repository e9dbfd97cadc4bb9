package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/heypingr/pingr/server/api"
)

func (a *app) sessionCommand() *cobra.Command {
	list := a.remote(cobra.Command{
		Use: "list", Short: "List the sessions and their status",
		Example: "  pingr session list\n  pingr session list --json",
	}, func(ctx context.Context, c *client, _ []string) error { return c.listSessions(ctx) })

	var id, name string
	add := a.remote(cobra.Command{
		Use: "add --name NAME", Short: "Add a session and print its id",
		Example: "  pingr session add --name \"Main login bot\" --id shop\n  pingr session link shop",
	}, func(ctx context.Context, c *client, _ []string) error { return c.addSession(ctx, id, name) })
	add.Flags().StringVar(&name, "name", "", "name for people to read (required)")
	add.Flags().StringVar(&id, "id", "", "id: 3 to 64 characters, a-z, 0-9, _ and - (default: generated)")

	remove := a.remote(cobra.Command{
		Use: "rm ID", Short: "Unlink a session at WhatsApp and delete it with its triggers",
		Example: "  pingr session rm shop", Args: cobra.ExactArgs(1),
	}, func(ctx context.Context, c *client, args []string) error {
		return c.ask(ctx, http.MethodDelete, sessionPath(args[0]), nil, nil)
	})
	return group("session", "List, add, link and remove sessions of a server", "  pingr session list",
		list, add, a.sessionLinkCommand(), remove)
}

func sessionPath(id string) string { return "/v1/sessions/" + url.PathEscape(id) }

func (c *client) sessions(ctx context.Context) ([]item[api.Session], error) {
	var got struct {
		Sessions []item[api.Session] `json:"sessions"`
	}
	err := c.ask(ctx, http.MethodGet, "/v1/sessions", nil, &got)
	return got.Sessions, err
}

func (c *client) listSessions(ctx context.Context) error {
	sessions, err := c.sessions(ctx)
	if err != nil {
		return err
	}
	if c.json {
		return printEach(c.app, sessions)
	}
	if len(sessions) == 0 {
		fmt.Fprintln(c.err, "There is no session yet. Add one with pingr session add.")
		return nil
	}
	t := newTable("ID", "NAME", "NUMBER", "STATUS", "SINCE", "TODAY", "WHAT TO DO")
	for _, s := range sessions {
		number, since := "", ""
		if s.value.Number != nil {
			number = *s.value.Number
		}
		if s.value.ConnectedAt != nil {
			since = local(s.value.ConnectedAt.Time)
		}
		t.add(s.value.ID, s.value.Name, number, string(s.value.Status), since, strconv.FormatInt(s.value.MessagesToday, 10),
			s.value.Detail)
	}
	t.print(c.out)
	return nil
}

func (c *client) addSession(ctx context.Context, id, name string) error {
	if name == "" {
		return usageError{"--name is missing"}
	}
	var got item[api.Session]
	if err := c.ask(ctx, http.MethodPost, "/v1/sessions", api.AddSession{ID: id, Name: name}, &got); err != nil {
		return err
	}
	if c.json {
		return c.writeJSON(got)
	}
	fmt.Fprintln(c.out, got.value.ID)
	fmt.Fprintln(c.err, "Now link its number: pingr session link "+got.value.ID)
	return nil
}

// theSession returns the session that was named, or else the only one.
func (c *client) theSession(ctx context.Context, named string) (string, error) {
	if named != "" {
		return named, nil
	}
	sessions, err := c.sessions(ctx)
	if err != nil {
		return "", err
	}
	if len(sessions) != 1 {
		return "", usagef("there are %d sessions: choose one with --session; pingr session list shows the ids", len(sessions))
	}
	return sessions[0].value.ID, nil
}
