package main

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/server/api"
	"github.com/heypingr/pingr/session/whatsapp"
)

// linkPace is how often the server is asked about the progress of linking.
const linkPace = time.Second

func (a *app) sessionLinkCommand() *cobra.Command {
	var phone string
	c := a.remote(cobra.Command{
		Use: "link ID", Short: "Link a session's number, by QR code or pairing code",
		Long: "Draws a session's QR code in the terminal until it is scanned. With --phone, you get\n" +
			"a code to type on that phone instead.\n\n" +
			"Exits with 0 if the number is linked, and with 1 if it is not.",
		Example: "  pingr session link shop\n  pingr session link shop --phone +15550100001",
		Args:    cobra.ExactArgs(1),
	}, func(ctx context.Context, c *client, args []string) error {
		l := linking{session: args[0], phone: phone, json: c.json}
		if err := l.check(); err != nil {
			return err
		}
		return c.linkSession(ctx, l)
	})
	c.Flags().StringVar(&phone, "phone", "", "number to link by pairing code instead of QR code")
	return c
}

// linkSession shows every change until the session is connected or will not be.
func (c *client) linkSession(ctx context.Context, l linking) error {
	show := newLinkScreen(c.app, l)
	defer show.end()
	tick := time.NewTicker(linkPace)
	defer tick.Stop()
	began := false // a code was shown
	for {
		now, err := c.snapshot(ctx, l.session)
		if err != nil {
			return err
		}
		show.change(now)
		switch now.Record.State {
		case pingr.SessionConnected:
			if !began {
				show.say("It is already linked.")
			}
			return nil
		case pingr.SessionLinkExpired, pingr.SessionLoggedOut, pingr.SessionRestricted:
			if began || now.Record.State == pingr.SessionRestricted {
				show.say("Not linked.")
				return errSaid
			}
			// The request for a code began a new round.
		}
		if now.QR.Code != "" && !began {
			began = true
			if err := c.pairCode(ctx, l, show); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return errors.New("stopped before the number was linked")
		case <-tick.C:
			show.tick(time.Now())
		}
	}
}

// snapshot returns the progress of linking, with the code to scan if there is
// one.
func (c *client) snapshot(ctx context.Context, id string) (now whatsapp.Snapshot, err error) {
	var s api.Session
	if err := c.ask(ctx, http.MethodGet, sessionPath(id), nil, &s); err != nil {
		return now, err
	}
	now.Record = pingr.SessionRecord{ID: s.ID, State: s.Status, Detail: s.Detail}
	if s.Number != nil {
		now.Record.Phone = strings.TrimPrefix(*s.Number, "+")
	}
	if s.Status != pingr.SessionPairing && s.Status != pingr.SessionLinkExpired && s.Status != pingr.SessionLoggedOut {
		return now, nil
	}
	var code api.QR
	err = c.ask(ctx, http.MethodGet, sessionPath(id)+"/qr", nil, &code)
	if is(err, api.SessionUnavailable) || is(err, api.Conflict) { // not yet, or not any more
		return now, nil
	}
	now.QR = whatsapp.QR{Code: code.Code, ExpiresAt: code.ExpiresAt.Time}
	return now, err
}

// pairCode requests the code to type, if the session is to be linked that way.
func (c *client) pairCode(ctx context.Context, l linking, show *linkScreen) error {
	if l.phone == "" {
		return nil
	}
	var got api.PairCode
	if err := c.ask(ctx, http.MethodPost, sessionPath(l.session)+"/pair-code", api.AskPairCode{Phone: l.phone},
		&got); err != nil {
		return err
	}
	show.code(got.Code)
	return nil
}
