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

	var yes bool
	remove := a.remote(cobra.Command{
		Use: "rm ID", Short: "Unlink a session at WhatsApp and delete it with its triggers",
		Long: "Unlinks the number and deletes the session with its triggers, for good. Asks first,\n" +
			"unless --yes is given.",
		Example: "  pingr session rm shop\n  pingr session rm --yes shop", Args: cobra.ExactArgs(1),
	}, func(ctx context.Context, c *client, args []string) error { return c.removeSession(ctx, args[0], yes) })
	remove.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return group("session", "List, add, link, rename, reconnect and remove sessions of a server", "  pingr session list",
		list, a.sessionShowCommand(), add, a.sessionLinkCommand(), a.sessionRenameCommand(), a.sessionReconnectCommand(),
		remove)
}

func (a *app) sessionShowCommand() *cobra.Command {
	return a.remote(cobra.Command{
		Use: "show ID", Short: "Show a session and its status",
		Example: "  pingr session show shop", Args: cobra.ExactArgs(1),
	}, func(ctx context.Context, c *client, args []string) error {
		return c.session(ctx, http.MethodGet, sessionPath(args[0]), nil)
	})
}

func (a *app) sessionRenameCommand() *cobra.Command {
	return a.remote(cobra.Command{
		Use: "rename ID NAME", Short: "Change the name that people read",
		Example: "  pingr session rename shop \"The shop's number\"", Args: cobra.ExactArgs(2),
	}, func(ctx context.Context, c *client, args []string) error {
		return c.session(ctx, http.MethodPatch, sessionPath(args[0]), api.RenameSession{Name: args[1]})
	})
}

func (a *app) sessionReconnectCommand() *cobra.Command {
	return a.remote(cobra.Command{
		Use: "reconnect ID", Short: "Disconnect a session and connect it again",
		Long: "Connects a session again, also one that waits for somebody: after a temporary ban, or\n" +
			"after another program used its keys.",
		Example: "  pingr session reconnect shop", Args: cobra.ExactArgs(1),
	}, func(ctx context.Context, c *client, args []string) error {
		return c.session(ctx, http.MethodPost, sessionPath(args[0])+"/reconnect", nil)
	})
}

// session makes a request that answers with a session, and prints it.
func (c *client) session(ctx context.Context, method, path string, body any) error {
	var got item[api.Session]
	if err := c.ask(ctx, method, path, body, &got); err != nil {
		return err
	}
	if c.json {
		return c.writeJSON(got)
	}
	c.printSessions([]item[api.Session]{got})
	return nil
}

func (c *client) removeSession(ctx context.Context, id string, yes bool) error {
	if !yes {
		if sure, err := c.sure("Unlink " + id + " and delete it with its triggers?"); err != nil || !sure {
			return err
		}
	}
	return c.ask(ctx, http.MethodDelete, sessionPath(id), nil, nil)
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
	c.printSessions(sessions)
	return nil
}

func (c *client) printSessions(sessions []item[api.Session]) {
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
