package whatsapp

import (
	"context"
	"fmt"
	"time"

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

// missed records a message that came and could not be read.
func (s *Session) missed(ctx context.Context, info types.MessageInfo) {
	for _, sender := range s.senderNames(ctx, info.MessageSource) {
		if err := s.pool.database.putMissed(ctx, s.id, sender, info.ID, s.pool.now()); err != nil {
			s.pool.log.Warn("could not note a message that did not decrypt; only its sender can send it again", "session", s.id)
		}
	}
}

// believes reports whether an event really comes from its sender. For a message
// that our phone handed over, this holds only if it was missed.
func (s *Session) believes(ctx context.Context, e *events.Message) (bool, error) {
	if e.UnavailableRequestID == "" && e.SourceWebMsg == nil {
		return true, nil
	}
	for _, sender := range s.senderNames(ctx, e.Info.MessageSource) {
		if ok, err := s.pool.database.hasMissed(ctx, s.id, sender, e.Info.ID); ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}

// senderNames returns the names of a message's sender, by number and by LID,
// each within the group in which it was written, if any.
func (s *Session) senderNames(ctx context.Context, from types.MessageSource) []string {
	number, lid, err := s.names(ctx, from.Sender.ToNonAD(), from.SenderAlt.ToNonAD())
	if err != nil {
		number, lid = from.Sender.ToNonAD(), from.SenderAlt.ToNonAD()
	}
	chat := ""
	if from.Chat.Server == types.GroupServer {
		chat = from.Chat.String() + " "
	}
	var names []string
	for _, jid := range []types.JID{number, lid} {
		if !jid.IsEmpty() {
			names = append(names, chat+jid.String())
		}
	}
	return names
}

func (d *database) putMissed(ctx context.Context, session, sender, id string, now time.Time) error {
	_, err := d.sql.ExecContext(ctx, `INSERT OR REPLACE INTO pingr_missed (session, sender, id, at) VALUES (?, ?, ?, ?)`,
		session, sender, id, now.UnixMilli())
	if err != nil {
		return fmt.Errorf("note a missed message: %w", err)
	}
	_, err = d.sql.ExecContext(ctx, `DELETE FROM pingr_missed WHERE at < ?`, now.Add(-keepMissed).UnixMilli())
	return err
}

func (d *database) hasMissed(ctx context.Context, session, sender, id string) (found bool, err error) {
	err = d.sql.QueryRowContext(ctx,
		`SELECT EXISTS (SELECT 1 FROM pingr_missed WHERE session = ? AND sender = ? AND id = ?)`,
		session, sender, id).Scan(&found)
	if err != nil {
		return false, fmt.Errorf("look for a missed message: %w", err)
	}
	return found, nil
}
