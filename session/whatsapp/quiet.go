package whatsapp

import (
	"context"
	"time"

	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"
)

// The methods below drop what whatsmeow would store about people and Pingr does
// not need: the names in the phone's address book, and the secrets of messages,
// with which reactions and votes are read. This saves a write or two for every
// message, and avoids personal data.

// PutPushName does nothing.
func (d *device) PutPushName(context.Context, types.JID, string) (bool, string, error) {
	return false, "", nil
}

// PutBusinessName does nothing.
func (d *device) PutBusinessName(context.Context, types.JID, string) (bool, string, error) {
	return false, "", nil
}

// PutContactName does nothing.
func (d *device) PutContactName(context.Context, types.JID, string, string) error { return nil }

// PutAllContactNames does nothing.
func (d *device) PutAllContactNames(context.Context, []store.ContactEntry) error { return nil }

// PutManyRedactedPhones does nothing.
func (d *device) PutManyRedactedPhones(context.Context, []store.RedactedPhoneEntry) error { return nil }

// GetContact returns no contact.
func (d *device) GetContact(context.Context, types.JID) (types.ContactInfo, error) {
	return types.ContactInfo{}, nil
}

// GetAllContacts returns no contacts.
func (d *device) GetAllContacts(context.Context) (map[types.JID]types.ContactInfo, error) {
	return nil, nil
}

// PutMessageSecrets does nothing.
func (d *device) PutMessageSecrets(context.Context, []store.MessageSecretInsert) error { return nil }

// PutMessageSecret does nothing.
func (d *device) PutMessageSecret(context.Context, types.JID, types.JID, types.MessageID, []byte) error {
	return nil
}

// GetMessageSecret returns no secret.
func (d *device) GetMessageSecret(context.Context, types.JID, types.JID, types.MessageID) ([]byte, types.JID, error) {
	return nil, types.EmptyJID, nil
}

// What follows is read for every message sent, and changes rarely.

// GetPrivacyToken returns the token of a person that shows WhatsApp that we may
// write to that person.
func (d *device) GetPrivacyToken(ctx context.Context, user types.JID) (*store.PrivacyToken, error) {
	name := user.ToNonAD().String()
	if token, ok := d.cache.token(d.name, name); ok {
		return token, nil
	}
	before := d.cache.tokenVersion()
	token, err := d.AllSessionSpecificStores.GetPrivacyToken(ctx, user)
	if err == nil {
		d.cache.putToken(d.name, name, token, before)
	}
	return token, d.check(ctx, err)
}

// PutPrivacyTokens stores tokens.
func (d *device) PutPrivacyTokens(ctx context.Context, tokens ...store.PrivacyToken) error {
	err := d.AllSessionSpecificStores.PutPrivacyTokens(ctx, tokens...)
	d.cache.dropTokens()
	d.tokens.ring()
	return d.check(ctx, err)
}

// DeleteExpiredPrivacyTokens deletes old tokens.
func (d *device) DeleteExpiredPrivacyTokens(ctx context.Context, cutoff time.Time) (int64, error) {
	n, err := d.AllSessionSpecificStores.DeleteExpiredPrivacyTokens(ctx, cutoff)
	d.cache.dropTokens()
	return n, d.check(ctx, err)
}

// GetNCTSalt returns the account's salt for tokens of people from whom we have
// none.
func (d *device) GetNCTSalt(ctx context.Context) ([]byte, error) {
	if salt := d.salt.Load(); salt != nil {
		return *salt, nil
	}
	salt, err := d.AllSessionSpecificStores.GetNCTSalt(ctx)
	if err == nil {
		d.salt.CompareAndSwap(nil, &salt)
	}
	return salt, d.check(ctx, err)
}

// PutNCTSalt stores the salt.
func (d *device) PutNCTSalt(ctx context.Context, salt []byte) error {
	err := d.AllSessionSpecificStores.PutNCTSalt(ctx, salt)
	d.salt.Store(nil)
	return d.check(ctx, err)
}

// DeleteNCTSalt deletes the salt.
func (d *device) DeleteNCTSalt(ctx context.Context) error {
	err := d.AllSessionSpecificStores.DeleteNCTSalt(ctx)
	d.salt.Store(nil)
	return d.check(ctx, err)
}
