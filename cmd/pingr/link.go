package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/session/whatsapp"
	"github.com/heypingr/pingr/store/sqlite"
)

// settle is how long a new link is held, so that the phone can finish what it
// tells a new device.
const settle = 2 * time.Second

func (a *app) linkCommand() *cobra.Command {
	var l linking
	c := a.command(cobra.Command{
		Use:   "link",
		Short: "Link a WhatsApp number, by QR code or pairing code",
		Long: "Links a number as a device of its WhatsApp account, and shows the progress until it\n" +
			"is connected. The QR code is drawn in the terminal. With --phone, you get a code to\n" +
			"type on that phone instead.\n\n" +
			"Pingr is not an official WhatsApp client: WhatsApp can restrict or ban the number.\n" +
			"Use a number of its own, and answer only people who text first.\n\n" +
			"Exits with 0 if the number is linked, and with 1 if it is not.",
		Example: "  pingr link\n  pingr link --phone +15550100001 --session shop",
	}, func(cmd *cobra.Command, _ []string) error { return a.link(cmd.Context(), l) })
	c.Flags().StringVar(&l.phone, "phone", "", "number to link by pairing code instead of QR code")
	c.Flags().StringVar(&l.session, "session", pingr.DefaultSession,
		"id of the session: 3 to 64 characters, a-z, 0-9, _ and -")
	c.Flags().StringVar(&l.name, "name", "", "name of the session for people to read (default: its id)")
	c.Flags().BoolVar(&l.json, "json", false, "print one line of JSON per change")
	return c
}

// A linking holds the arguments of link.
type linking struct {
	phone, session, name string
	json                 bool
}

func (l *linking) check() error {
	if err := pingr.CheckSessionID(l.session); err != nil {
		return usagef("--session %q: %v", l.session, err)
	}
	if l.name == "" {
		l.name = l.session
	}
	if l.phone == "" {
		return nil
	}
	digits, err := pingr.ParsePhone(l.phone)
	if err != nil {
		return usageError{"--phone: " + err.Error()}
	}
	l.phone = digits
	return nil
}

func (a *app) link(ctx context.Context, l linking) (err error) {
	if err := l.check(); err != nil {
		return err
	}
	endpoint, err := a.config.endpoint()
	if err != nil {
		return err
	}
	store, err := a.openDatabase(ctx)
	var locked *sqlite.LockedError
	if errors.As(err, &locked) {
		return fmt.Errorf(
			"%w: stop it to link a number; if it is pingr serve, use its dashboard or pingr session link instead", locked,
		)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	pool, err := whatsapp.Open(ctx, whatsapp.Config{
		Dir: a.config.dataDir(), Registry: onlySession{a.registry(store), l.session}, Log: a.logger(), Endpoint: endpoint,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, pool.Close()) }()
	s, err := begin(ctx, pool, l)
	if err != nil {
		return err
	}
	return a.follow(ctx, s, l)
}

// begin finds or creates the session, and makes sure that it has a code to show
// unless it is linked.
func begin(ctx context.Context, pool *whatsapp.Pool, l linking) (*whatsapp.Session, error) {
	s, known := pool.Get(l.session)
	if !known {
		return pool.Add(ctx, pingr.SessionRecord{ID: l.session, Name: l.name})
	}
	if err := s.Link(); err != nil && !errors.Is(err, whatsapp.ErrLinked) {
		return nil, err
	}
	return s, nil
}

// follow shows every change until the session is connected or will not be.
func (a *app) follow(ctx context.Context, s *whatsapp.Session, l linking) error {
	show := newLinkScreen(a, l)
	defer show.end()
	codes := make(chan string, 1)
	refused := make(chan error, 1)
	asked, wasLinked := false, s.Record().Device != ""
	changes := s.Changes(ctx)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			show.tick(time.Now())
		case code := <-codes:
			show.code(code)
		case err := <-refused:
			return err
		case now, open := <-changes:
			if !open {
				return errors.New("stopped before the number was linked")
			}
			if wasLinked && now.Record.State == pingr.SessionLoggedOut {
				// It learned only now that its phone had unlinked it.
				wasLinked = false
				show.change(now)
				if err := s.Link(); err != nil {
					return err
				}
				continue
			}
			if over, err := a.step(ctx, show, now, wasLinked); over {
				return err
			}
			if l.phone != "" && now.QR.Code != "" && !asked {
				asked = true
				go askCode(ctx, s, l.phone, codes, refused)
			}
		}
	}
}

// askCode requests a pairing code, which takes a round trip.
func askCode(ctx context.Context, s *whatsapp.Session, phone string, codes chan<- string, refused chan<- error) {
	code, err := s.PairCode(ctx, phone)
	if err != nil {
		refused <- err
		return
	}
	codes <- code
}

// step shows one change. over reports that it was the last.
func (a *app) step(
	ctx context.Context, show *linkScreen, now whatsapp.Snapshot, wasLinked bool,
) (over bool, err error) {
	show.change(now)
	switch now.Record.State {
	case pingr.SessionConnected:
		if wasLinked {
			show.say("It is already linked. To link another number, use another --session.")
			return true, nil
		}
		show.say("Linked. Waiting a moment for the phone to finish…")
		select {
		case <-ctx.Done():
		case <-time.After(settle):
		}
		show.say("Done. The phone now lists it under Linked devices, until somebody removes it.")
		return true, nil
	case pingr.SessionLinkExpired:
		show.say("Not linked. Run pingr link again for a new code.")
		return true, errSaid
	case pingr.SessionLoggedOut, pingr.SessionRestricted:
		show.say("Run pingr link again once that is done.")
		return true, errSaid
	case pingr.SessionDisconnected:
		if now.Record.Reason == 405 || now.Record.Reason == 440 {
			return true, errSaid
		}
	}
	return false, nil
}

// onlySession shows a pool one session of the store, so that linking it does
// not start all others.
type onlySession struct {
	whatsapp.Registry
	id string
}

// Sessions implements whatsapp.Registry.
func (r onlySession) Sessions(ctx context.Context) ([]pingr.SessionRecord, error) {
	all, err := r.Registry.Sessions(ctx)
	for _, record := range all {
		if record.ID == r.id {
			return []pingr.SessionRecord{record}, err
		}
	}
	return nil, err
}
