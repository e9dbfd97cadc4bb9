package whatsapptest

import (
	"context"
	"slices"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// Activity is what a client tells WhatsApp besides messages.
type Activity struct {
	// Device is the client's JID.
	Device string
	// Kind is "read", "played", "read-self" or "played-self" (receipts), "typing", "recording" or "paused"
	// (chat states), "available", "unavailable", "subscribe" or "unsubscribe" (presence), or "call" (anything
	// about a call).
	Kind string
	// Chat is the other person's number or the group's id; empty for its own presence.
	Chat string
	// IDs are the messages of a receipt.
	IDs []string
	// At is when it arrived.
	At time.Time
	// Node is the stanza itself, which must not be changed. It is nil for receipts.
	Node *waBinary.Node
}

// Activities returns what clients told besides messages, in order of arrival. Receipts for delivery and
// retries are not among them, see Sent.
func (l *Ledger) Activities() []Activity {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.activities)
}

// WaitActivity waits for an activity that match accepts, and returns the first one, also if it came
// before the call. match must not call the ledger.
func (l *Ledger) WaitActivity(ctx context.Context, match func(Activity) bool) (found Activity, err error) {
	err = l.wait(ctx, func() bool {
		i := slices.IndexFunc(l.activities, match)
		if i >= 0 {
			found = l.activities[i]
		}
		return i >= 0
	})
	return found, err
}

func (l *Ledger) recordActivity(a Activity) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.activities = append(l.activities, a)
	l.announce()
}

// handleActivity notes presence, chat states and calls.
func (d *Device) handleActivity(n *waBinary.Node) {
	ag := n.AttrGetter()
	a := Activity{
		Device: d.jid.String(), Kind: n.Tag, Chat: d.srv.chatName(ag.OptionalJIDOrEmpty("to")),
		At: d.srv.now(), Node: n,
	}
	switch n.Tag {
	case "presence":
		if name := ag.OptionalString("name"); name != "" {
			d.announceName(name)
		}
		if a.Kind = ag.OptionalString("type"); a.Kind == "" {
			a.Kind = "available"
		}
	case "chatstate":
		a.Kind = "paused"
		if composing, ok := n.GetOptionalChildByTag("composing"); ok {
			a.Kind = "typing"
			if composing.AttrGetter().OptionalString("media") == "audio" {
				a.Kind = "recording"
			}
		}
	}
	d.srv.ledger.recordActivity(a)
}

// seeReceipt notes a receipt by which a person, and not a program, says something.
func (d *Device) seeReceipt(kind string, chat types.JID, ids []string) {
	if !slices.Contains([]string{"read", "played", "read-self", "played-self"}, kind) {
		return
	}
	d.srv.ledger.recordActivity(Activity{
		Device: d.jid.String(), Kind: kind, Chat: d.srv.chatName(chat), IDs: ids, At: d.srv.now(),
	})
}

// chatName returns a person's number for any of its addresses, and any other address as it is.
func (s *Server) chatName(chat types.JID) string {
	if p := s.phone(chat); p != nil {
		return p.Number()
	}
	return chat.String()
}
