package whatsapp

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// A statement is one of a batch.
type statement struct {
	query string
	args  []any
}

// apply writes changes in one round trip. The server has the whole batch or
// nothing of it, so no process can stop between the fence and the end.
func (d *deviceTables) apply(ctx context.Context, c *changes) (err error) {
	var batch pgx.Batch
	batch.Queue(fence, d.claim.session, d.claim.epoch)
	for _, s := range d.statements(c) {
		batch.Queue(s.query, s.args...)
	}
	conn, err := d.tables.sql.Conn(ctx)
	if err != nil {
		return tableError(err)
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	err = conn.Raw(func(driver any) error {
		return driver.(*stdlib.Conn).Conn().SendBatch(ctx, &batch).Close() //nolint:forcetypeassert // pgpool's driver
	})
	return tableError(err)
}

// statements are those that write changes: at most one for each kind of change,
// however many there are. All may run again after they were done.
func (d *deviceTables) statements(c *changes) []statement {
	var all []statement
	add := func(n int, query string, args ...any) {
		if n > 0 {
			all = append(all, statement{query, append([]any{d.jid}, args...)})
		}
	}
	var put, gone []string
	var sealed [][]byte
	for address, session := range c.sessions {
		if session == nil {
			gone = append(gone, address)
			continue
		}
		put, sealed = append(put, address), append(sealed, d.tables.ring.seal(session, d.ofSession(address)))
	}
	add(len(put), `
		INSERT INTO whatsmeow_sessions (our_jid, their_id, session)
		SELECT $1, id, value FROM unnest($2::text[], $3::bytea[]) AS put (id, value)
		ON CONFLICT (our_jid, their_id) DO UPDATE SET session = excluded.session`, put, sealed)
	add(len(gone), `DELETE FROM whatsmeow_sessions WHERE our_jid = $1 AND their_id = ANY($2::text[])`, gone)

	var known, unknown []string
	var identities [][]byte
	for address, key := range c.identities {
		if key == nil {
			unknown = append(unknown, address)
			continue
		}
		known, identities = append(known, address), append(identities, key[:])
	}
	add(len(known), `
		INSERT INTO whatsmeow_identity_keys (our_jid, their_id, identity)
		SELECT $1, id, value FROM unnest($2::text[], $3::bytea[]) AS put (id, value)
		ON CONFLICT (our_jid, their_id) DO UPDATE SET identity = excluded.identity`, known, identities)
	add(len(unknown), `DELETE FROM whatsmeow_identity_keys WHERE our_jid = $1 AND their_id = ANY($2::text[])`, unknown)

	var groups, users []string
	var senderKeys [][]byte
	for key, session := range c.senderKeys {
		groups, users = append(groups, key.group), append(users, key.user)
		senderKeys = append(senderKeys, d.tables.ring.seal(session, d.ofSenderKey(key.group, key.user)))
	}
	add(len(groups), `
		INSERT INTO whatsmeow_sender_keys (our_jid, chat_id, sender_id, sender_key)
		SELECT $1, chat, id, value FROM unnest($2::text[], $3::text[], $4::bytea[]) AS put (chat, id, value)
		ON CONFLICT (our_jid, chat_id, sender_id) DO UPDATE SET sender_key = excluded.sender_key`,
		groups, users, senderKeys)

	var used []int64
	for id := range c.preKeys {
		used = append(used, int64(id))
	}
	add(len(used), `DELETE FROM whatsmeow_pre_keys WHERE jid = $1 AND key_id = ANY($2::bigint[])`, used)
	return append(all, d.eventStatements(c)...)
}

// eventStatements are those that write messages.
func (d *deviceTables) eventStatements(c *changes) []statement {
	var all []statement
	now := time.Now().UnixMilli()
	if len(c.events) > 0 {
		var hashes, texts [][]byte
		var sent []int64
		for hash, e := range c.events {
			hashes, texts, sent = append(hashes, hash[:]), append(texts, e.plaintext), append(sent, e.sent.Unix())
		}
		all = append(all, statement{
			`
			INSERT INTO whatsmeow_event_buffer (our_jid, ciphertext_hash, plaintext, server_timestamp, insert_timestamp)
			SELECT $1, hash, text, sent, $5 FROM unnest($2::bytea[], $3::bytea[], $4::bigint[]) AS put (hash, text, sent)
			ON CONFLICT (our_jid, ciphertext_hash) DO UPDATE SET plaintext = excluded.plaintext`,
			[]any{d.jid, hashes, texts, sent, now},
		})
	}
	if len(c.handled) > 0 {
		var hashes [][]byte
		for hash := range c.handled {
			hashes = append(hashes, hash[:])
		}
		all = append(all, statement{
			`
			UPDATE whatsmeow_event_buffer SET plaintext = NULL WHERE our_jid = $1 AND ciphertext_hash = ANY($2::bytea[])`,
			[]any{d.jid, hashes},
		})
	}
	if len(c.outgoing) == 0 {
		return all
	}
	latest := make(map[[2]string]outgoing, len(c.outgoing)) // one statement may write a row once
	for _, o := range c.outgoing {
		latest[[2]string{o.chat.String(), o.id}] = o
	}
	var chats, ids, formats []string
	var texts [][]byte
	for key, o := range latest {
		chats, ids, formats = append(chats, key[0]), append(ids, key[1]), append(formats, o.format)
		texts = append(texts, o.plaintext)
	}
	return append(all, statement{
		`
		INSERT INTO whatsmeow_retry_buffer (our_jid, chat_jid, message_id, format, plaintext, timestamp)
		SELECT $1, chat, id, format, text, $6
		FROM unnest($2::text[], $3::text[], $4::text[], $5::bytea[]) AS put (chat, id, format, text)
		ON CONFLICT (our_jid, chat_jid, message_id) DO UPDATE
			SET format = excluded.format, plaintext = excluded.plaintext, timestamp = excluded.timestamp`,
		[]any{d.jid, chats, ids, formats, texts, now},
	})
}
