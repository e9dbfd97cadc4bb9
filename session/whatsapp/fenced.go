package whatsapp

import (
	"context"
	"time"

	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"
)

// The writes of whatsmeow's own store, each behind the fence. The journal makes
// most of those that a message needs (keybatch.go).

// PutIdentity implements [store.IdentityStore].
func (d *deviceTables) PutIdentity(ctx context.Context, address string, key [32]byte) error {
	return d.fenced(ctx, func(ctx context.Context) error { return d.SQLStore.PutIdentity(ctx, address, key) })
}

// DeleteAllIdentities implements [store.IdentityStore].
func (d *deviceTables) DeleteAllIdentities(ctx context.Context, user string) error {
	return d.fenced(ctx, func(ctx context.Context) error { return d.SQLStore.DeleteAllIdentities(ctx, user) })
}

// DeleteIdentity implements [store.IdentityStore].
func (d *deviceTables) DeleteIdentity(ctx context.Context, address string) error {
	return d.fenced(ctx, func(ctx context.Context) error { return d.SQLStore.DeleteIdentity(ctx, address) })
}

// DeleteAllSessions implements [store.SessionStore].
func (d *deviceTables) DeleteAllSessions(ctx context.Context, user string) error {
	return d.fenced(ctx, func(ctx context.Context) error { return d.SQLStore.DeleteAllSessions(ctx, user) })
}

// DeleteSession implements [store.SessionStore].
func (d *deviceTables) DeleteSession(ctx context.Context, address string) error {
	return d.fenced(ctx, func(ctx context.Context) error { return d.SQLStore.DeleteSession(ctx, address) })
}

// RemovePreKey implements [store.PreKeyStore].
func (d *deviceTables) RemovePreKey(ctx context.Context, id uint32) error {
	return d.fenced(ctx, func(ctx context.Context) error { return d.SQLStore.RemovePreKey(ctx, id) })
}

// MarkPreKeysAsUploaded implements [store.PreKeyStore].
func (d *deviceTables) MarkPreKeysAsUploaded(ctx context.Context, upTo uint32) error {
	return d.fenced(ctx, func(ctx context.Context) error { return d.SQLStore.MarkPreKeysAsUploaded(ctx, upTo) })
}

// PutAppStateVersion implements [store.AppStateStore].
func (d *deviceTables) PutAppStateVersion(ctx context.Context, name string, version uint64, hash [128]byte) error {
	return d.fenced(ctx, func(ctx context.Context) error {
		return d.SQLStore.PutAppStateVersion(ctx, name, version, hash)
	})
}

// DeleteAppStateVersion implements [store.AppStateStore].
func (d *deviceTables) DeleteAppStateVersion(ctx context.Context, name string) error {
	return d.fenced(ctx, func(ctx context.Context) error { return d.SQLStore.DeleteAppStateVersion(ctx, name) })
}

// PutAppStateMutationMACs implements [store.AppStateStore].
func (d *deviceTables) PutAppStateMutationMACs(
	ctx context.Context, name string, version uint64, macs []store.AppStateMutationMAC,
) error {
	return d.fenced(ctx, func(ctx context.Context) error {
		return d.SQLStore.PutAppStateMutationMACs(ctx, name, version, macs)
	})
}

// DeleteAppStateMutationMACs implements [store.AppStateStore].
func (d *deviceTables) DeleteAppStateMutationMACs(ctx context.Context, name string, macs [][]byte) error {
	return d.fenced(ctx, func(ctx context.Context) error {
		return d.SQLStore.DeleteAppStateMutationMACs(ctx, name, macs)
	})
}

// PutContactName implements [store.ContactStore].
func (d *deviceTables) PutContactName(ctx context.Context, user types.JID, full, first string) error {
	return d.fenced(ctx, func(ctx context.Context) error { return d.SQLStore.PutContactName(ctx, user, full, first) })
}

// PutAllContactNames implements [store.ContactStore].
func (d *deviceTables) PutAllContactNames(ctx context.Context, contacts []store.ContactEntry) error {
	return d.fenced(ctx, func(ctx context.Context) error { return d.SQLStore.PutAllContactNames(ctx, contacts) })
}

// PutManyRedactedPhones implements [store.ContactStore].
func (d *deviceTables) PutManyRedactedPhones(ctx context.Context, entries []store.RedactedPhoneEntry) error {
	return d.fenced(ctx, func(ctx context.Context) error { return d.SQLStore.PutManyRedactedPhones(ctx, entries) })
}

// PutMutedUntil implements [store.ChatSettingsStore].
func (d *deviceTables) PutMutedUntil(ctx context.Context, chat types.JID, until time.Time) error {
	return d.fenced(ctx, func(ctx context.Context) error { return d.SQLStore.PutMutedUntil(ctx, chat, until) })
}

// PutPinned implements [store.ChatSettingsStore].
func (d *deviceTables) PutPinned(ctx context.Context, chat types.JID, pinned bool) error {
	return d.fenced(ctx, func(ctx context.Context) error { return d.SQLStore.PutPinned(ctx, chat, pinned) })
}

// PutArchived implements [store.ChatSettingsStore].
func (d *deviceTables) PutArchived(ctx context.Context, chat types.JID, archived bool) error {
	return d.fenced(ctx, func(ctx context.Context) error { return d.SQLStore.PutArchived(ctx, chat, archived) })
}

// PutMessageSecrets implements [store.MsgSecretStore].
func (d *deviceTables) PutMessageSecrets(ctx context.Context, inserts []store.MessageSecretInsert) error {
	return d.fenced(ctx, func(ctx context.Context) error { return d.SQLStore.PutMessageSecrets(ctx, inserts) })
}

// PutMessageSecret implements [store.MsgSecretStore].
func (d *deviceTables) PutMessageSecret(
	ctx context.Context, chat, sender types.JID, id types.MessageID, secret []byte,
) error {
	return d.fenced(ctx, func(ctx context.Context) error {
		return d.SQLStore.PutMessageSecret(ctx, chat, sender, id, secret)
	})
}

// PutPrivacyTokens implements [store.PrivacyTokenStore].
func (d *deviceTables) PutPrivacyTokens(ctx context.Context, tokens ...store.PrivacyToken) error {
	return d.fenced(ctx, func(ctx context.Context) error { return d.SQLStore.PutPrivacyTokens(ctx, tokens...) })
}

// PutNCTSalt implements [store.NCTSaltStore].
func (d *deviceTables) PutNCTSalt(ctx context.Context, salt []byte) error {
	return d.fenced(ctx, func(ctx context.Context) error { return d.SQLStore.PutNCTSalt(ctx, salt) })
}

// DeleteNCTSalt implements [store.NCTSaltStore].
func (d *deviceTables) DeleteNCTSalt(ctx context.Context) error {
	return d.fenced(ctx, func(ctx context.Context) error { return d.SQLStore.DeleteNCTSalt(ctx) })
}

// PutBufferedEvent implements [store.EventBuffer].
func (d *deviceTables) PutBufferedEvent(ctx context.Context, hash [32]byte, text []byte, sent time.Time) error {
	return d.fenced(ctx, func(ctx context.Context) error { return d.SQLStore.PutBufferedEvent(ctx, hash, text, sent) })
}

// ClearBufferedEventPlaintext implements [store.EventBuffer].
func (d *deviceTables) ClearBufferedEventPlaintext(ctx context.Context, hash [32]byte) error {
	return d.fenced(ctx, func(ctx context.Context) error { return d.SQLStore.ClearBufferedEventPlaintext(ctx, hash) })
}

// DeleteOldBufferedHashes implements [store.EventBuffer].
func (d *deviceTables) DeleteOldBufferedHashes(ctx context.Context) error {
	return d.fenced(ctx, func(ctx context.Context) error { return d.SQLStore.DeleteOldBufferedHashes(ctx) })
}

// AddOutgoingEvent implements [store.EventBuffer].
func (d *deviceTables) AddOutgoingEvent(
	ctx context.Context, chat types.JID, id types.MessageID, format string, text []byte,
) error {
	return d.fenced(ctx, func(ctx context.Context) error {
		return d.SQLStore.AddOutgoingEvent(ctx, chat, id, format, text)
	})
}

// DeleteOldOutgoingEvents implements [store.EventBuffer].
func (d *deviceTables) DeleteOldOutgoingEvents(ctx context.Context) error {
	return d.fenced(ctx, func(ctx context.Context) error { return d.SQLStore.DeleteOldOutgoingEvents(ctx) })
}

// PutPushName implements [store.ContactStore].
func (d *deviceTables) PutPushName(
	ctx context.Context, user types.JID, name string,
) (changed bool, before string, err error) {
	err = d.fenced(ctx, func(ctx context.Context) error {
		changed, before, err = d.SQLStore.PutPushName(ctx, user, name)
		return err
	})
	return changed, before, err
}

// PutBusinessName implements [store.ContactStore].
func (d *deviceTables) PutBusinessName(
	ctx context.Context, user types.JID, name string,
) (changed bool, before string, err error) {
	err = d.fenced(ctx, func(ctx context.Context) error {
		changed, before, err = d.SQLStore.PutBusinessName(ctx, user, name)
		return err
	})
	return changed, before, err
}

// DeleteExpiredPrivacyTokens implements [store.PrivacyTokenStore].
func (d *deviceTables) DeleteExpiredPrivacyTokens(ctx context.Context, cutoff time.Time) (deleted int64, err error) {
	err = d.fenced(ctx, func(ctx context.Context) error {
		deleted, err = d.SQLStore.DeleteExpiredPrivacyTokens(ctx, cutoff)
		return err
	})
	return deleted, err
}

// DoDecryptionTxn implements [store.EventBuffer].
func (d *deviceTables) DoDecryptionTxn(ctx context.Context, f func(context.Context) error) error {
	return d.fenced(ctx, f)
}
