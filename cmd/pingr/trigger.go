package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/server/api"
)

func (a *app) triggerCommand() *cobra.Command {
	var session string
	list := a.remote(cobra.Command{
		Use: "list", Short: "List triggers",
		Example: "  pingr trigger list\n  pingr trigger list --session shop --json",
	}, func(ctx context.Context, c *client, _ []string) error { return c.listTriggers(ctx, session) })
	list.Flags().StringVar(&session, "session", "", "id of a session (default: all)")

	var into, phrase, reply string
	add := a.remote(cobra.Command{
		Use: "add --phrase PHRASE --reply TEXT", Short: "Add a trigger and print its id",
		Long: "Adds a trigger. Anyone who texts the phrase, alone or followed by more text, gets a\n" +
			"reply. --reply is sent when the endpoint gives no reply; {{phone}} in it is replaced\n" +
			"by the sender's number.",
		Example: "  pingr trigger add --phrase login --reply \"One moment.\"",
	}, func(ctx context.Context, c *client, _ []string) error { return c.addTrigger(ctx, into, phrase, reply) })
	add.Flags().StringVar(&into, "session", "", "id of the session (default: the only one)")
	add.Flags().StringVar(&phrase, "phrase", "", fmt.Sprintf("phrase, 1 to %d characters (required)", pingr.MaxPhrase))
	add.Flags().StringVar(&reply, "reply", "", fmt.Sprintf("reply, 1 to %d characters (required)", pingr.MaxStaticReply))

	remove := a.remote(cobra.Command{
		Use: "rm ID", Short: "Delete a trigger",
		Example: "  pingr trigger rm trg_0199c0de", Args: cobra.ExactArgs(1),
	}, func(ctx context.Context, c *client, args []string) error {
		return c.ask(ctx, http.MethodDelete, triggerPath(args[0]), nil, nil)
	})
	show := a.remote(cobra.Command{
		Use: "show ID", Short: "Show a trigger",
		Example: "  pingr trigger show trg_0199c0de", Args: cobra.ExactArgs(1),
	}, func(ctx context.Context, c *client, args []string) error {
		var got item[api.Trigger]
		if err := c.ask(ctx, http.MethodGet, triggerPath(args[0]), nil, &got); err != nil {
			return err
		}
		if c.json {
			return c.writeJSON(got)
		}
		c.printTriggers([]item[api.Trigger]{got})
		return nil
	})
	return group("trigger", "List, add, change and delete triggers of a server", "  pingr trigger list", list, show, add,
		a.triggerSetCommand(), remove)
}

func (a *app) triggerSetCommand() *cobra.Command {
	var phrase, reply string
	var active bool
	var c *cobra.Command
	c = a.remote(cobra.Command{
		Use: "set ID", Short: "Change the given fields of a trigger",
		Example: "  pingr trigger set trg_0199c0de --reply \"Here you are.\"\n" +
			"  pingr trigger set trg_0199c0de --active=false",
		Args: cobra.ExactArgs(1),
	}, func(ctx context.Context, asks *client, args []string) error {
		var change api.ChangeTrigger
		if c.Flags().Changed("phrase") {
			change.Phrase = &phrase
		}
		if c.Flags().Changed("reply") {
			change.Reply = &reply
		}
		if c.Flags().Changed("active") {
			change.Active = &active
		}
		if change == (api.ChangeTrigger{}) {
			return usageError{"say what to change: --phrase, --reply or --active"}
		}
		return asks.changeTrigger(ctx, args[0], change)
	})
	c.Flags().StringVar(&phrase, "phrase", "", "phrase")
	c.Flags().StringVar(&reply, "reply", "", "reply")
	c.Flags().BoolVar(&active, "active", true, "whether it fires")
	return c
}

func triggerPath(id string) string { return "/v1/triggers/" + url.PathEscape(id) }

func (c *client) listTriggers(ctx context.Context, session string) error {
	var got struct {
		Triggers []item[api.Trigger] `json:"triggers"`
	}
	path := "/v1/triggers"
	if session != "" {
		path += "?session_id=" + url.QueryEscape(session)
	}
	if err := c.ask(ctx, http.MethodGet, path, nil, &got); err != nil {
		return err
	}
	if c.json {
		return printEach(c.app, got.Triggers)
	}
	if len(got.Triggers) == 0 {
		fmt.Fprintln(c.err, "There is no trigger yet. Add one with pingr trigger add.")
		return nil
	}
	c.printTriggers(got.Triggers)
	return nil
}

func (c *client) printTriggers(triggers []item[api.Trigger]) {
	t := newTable("ID", "SESSION", "PHRASE", "ACTIVE", "CHANGED", "REPLY")
	for _, i := range triggers {
		active := "yes"
		if !i.value.Active {
			active = "no"
		}
		t.add(i.value.ID, i.value.Session, i.value.Phrase, active, local(i.value.UpdatedAt.Time), i.value.Reply)
	}
	t.print(c.out)
}

func (c *client) addTrigger(ctx context.Context, session, phrase, reply string) (err error) {
	switch {
	case phrase == "":
		return usageError{"--phrase is missing"}
	case reply == "":
		return usageError{"--reply is missing"}
	}
	if session, err = c.theSession(ctx, session); err != nil {
		return err
	}
	var got item[api.Trigger]
	err = c.ask(ctx, http.MethodPost, "/v1/triggers", api.AddTrigger{Session: session, Phrase: phrase, Reply: reply}, &got)
	if err != nil {
		return err
	}
	if c.json {
		return c.writeJSON(got)
	}
	fmt.Fprintln(c.out, got.value.ID)
	return nil
}

func (c *client) changeTrigger(ctx context.Context, id string, change api.ChangeTrigger) error {
	var got item[api.Trigger]
	if err := c.ask(ctx, http.MethodPatch, triggerPath(id), change, &got); err != nil {
		return err
	}
	if c.json {
		return c.writeJSON(got)
	}
	return nil
}
