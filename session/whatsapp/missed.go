package whatsapp

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
)

// A message that cannot be read is requested from our own phone too
// (line.AutomaticMessageRerequestFromPhone), and the answer itself names sender
// and text: anyone who could forge it could write in anybody's name. whatsmeow
// believes only our own account (message.go, handleProtocolMessage). Here an
// answer counts only if that message, from that sender and under that id, was
// missed before.

// keepMissed is how long the phone may take to answer. It may be off for as
// long as WhatsApp keeps its queue.
const keepMissed = 15 * 24 * time.Hour

// missed records a message that came and could not be read, under the names of its
// sender that came with it.
func (s *Session) missed(ctx context.Context, info types.MessageInfo) {
	number, lid := named(info.Sender.ToNonAD(), info.SenderAlt.ToNonAD())
	for _, sender := range inChat(info.Chat, number, lid) {
		if err := s.pool.database.putMissed(ctx, s.id, sender, info.ID, s.pool.now()); err != nil {
			s.pool.log.Warn("could not note a message that did not decrypt; only its sender can send it again", "session", s.id)
		}
	}
}

// believes reports whether an event really comes from its sender. For a message
// that our phone handed over, this holds only if it was missed.
func (s *Session) believes(ctx context.Context, e *events.Message) (bool, error) {
	if !handedOver(e) {
		return true, nil
	}
	for _, sender := range s.senderNames(ctx, e.Info.MessageSource) {
		if ok, err := s.pool.database.hasMissed(ctx, s.id, sender, e.Info.ID); ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}

// handedOver reports whether a message comes from our own phone.
func handedOver(e *events.Message) bool { return e.UnavailableRequestID != "" || e.SourceWebMsg != nil }

// missedNumber returns the number of the sender of a message that our phone handed
// over, if WhatsApp named it when the message came and could not be read. The phone
// names only the LID.
func (s *Session) missedNumber(ctx context.Context, e *events.Message) (types.JID, error) {
	number, _, err := s.names(ctx, e.Info.Sender.ToNonAD(), types.EmptyJID)
	if err != nil || number.IsEmpty() {
		return types.EmptyJID, err
	}
	ok, err := s.pool.database.hasMissed(ctx, s.id, inChat(e.Info.Chat, number)[0], e.Info.ID)
	if err != nil || !ok {
		return types.EmptyJID, err
	}
	return number, nil
}

// senderNames returns the names of a message's sender, by number and by LID,
// each within the group in which it was written, if any.
func (s *Session) senderNames(ctx context.Context, from types.MessageSource) []string {
	number, lid, err := s.names(ctx, from.Sender.ToNonAD(), from.SenderAlt.ToNonAD())
	if err != nil {
		number, lid = from.Sender.ToNonAD(), from.SenderAlt.ToNonAD()
	}
	return inChat(from.Chat, number, lid)
}

// inChat returns the names within a group, or in private.
func inChat(chat types.JID, names ...types.JID) []string {
	prefix := ""
	if chat.Server == types.GroupServer {
		prefix = chat.String() + " "
	}
	var all []string
	for _, jid := range names {
		if !jid.IsEmpty() {
			all = append(all, prefix+jid.String())
		}
	}
	return all
}

func (d *database) putMissed(ctx context.Context, session, sender, id string, now time.Time) error {
	_, err := d.sql.ExecContext(ctx, `
		INSERT INTO pingr_missed (session, sender, id, at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (session, sender, id) DO UPDATE SET at = excluded.at`,
		session, sender, storable(id), now.UnixMilli())
	if err != nil {
		return fmt.Errorf("note a missed message: %w", err)
	}
	_, err = d.sql.ExecContext(ctx, `DELETE FROM pingr_missed WHERE at < $1`, now.Add(-keepMissed).UnixMilli())
	return err
}

func (d *database) hasMissed(ctx context.Context, session, sender, id string) (found bool, err error) {
	err = d.sql.QueryRowContext(ctx,
		`SELECT EXISTS (SELECT 1 FROM pingr_missed WHERE session = $1 AND sender = $2 AND id = $3)`,
		session, sender, storable(id)).Scan(&found)
	if err != nil {
		return false, fmt.Errorf("look for a missed message: %w", err)
	}
	return found, nil
}

// storable returns an id as PostgreSQL accepts it. The sender chose the id.
func storable(id string) string {
	if utf8.ValidString(id) && !strings.Contains(id, "\x00") {
		return id
	}
	return strconv.QuoteToASCII(id)
}
