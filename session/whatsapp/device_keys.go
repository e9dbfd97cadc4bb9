package whatsapp

import (
	"context"

	"go.mau.fi/whatsmeow/util/keys"
)

// IsTrustedIdentity reports whether the key is the known one, or the first.
func (d *device) IsTrustedIdentity(ctx context.Context, address string, key [32]byte) (bool, error) {
	var known *[32]byte
	if d.look(ctx, func(c *changes) (found bool) { known, found = c.identities[address]; return found }) {
		return known == nil || *known == key, nil
	}
	if known, ok := d.cache.identity(d.name, address); ok {
		return *known == key, nil
	}
	trusted, err := d.AllSessionSpecificStores.IsTrustedIdentity(ctx, address, key)
	return trusted, d.check(ctx, err)
}

// PutIdentity stores a person's key. libsignal calls it for every message; the
// database is written only when the key is new.
func (d *device) PutIdentity(ctx context.Context, address string, key [32]byte) error {
	if known, ok := d.cache.identity(d.name, address); ok && *known == key && !changedIdentity(own(ctx), address) {
		return nil
	}
	d.change(ctx, func(c *changes) { c.identities[address] = &key })
	if own(ctx) == nil {
		d.cache.putIdentity(d.name, address, &key)
	}
	return nil
}

func changedIdentity(c *changes, address string) bool {
	if c == nil {
		return false
	}
	_, changed := c.identities[address]
	return changed
}

// DeleteIdentity forgets a key.
func (d *device) DeleteIdentity(ctx context.Context, address string) error {
	d.change(ctx, func(c *changes) { c.identities[address] = nil })
	if own(ctx) == nil {
		d.cache.putIdentity(d.name, address, nil)
	}
	return nil
}

// GetPreKey returns a one-time key, unless it was used.
func (d *device) GetPreKey(ctx context.Context, id uint32) (*keys.PreKey, error) {
	if d.look(ctx, func(c *changes) bool { _, used := c.preKeys[id]; return used }) {
		return nil, nil
	}
	key, err := d.AllSessionSpecificStores.GetPreKey(ctx, id)
	return key, d.check(ctx, err)
}

// RemovePreKey marks a one-time key as used.
func (d *device) RemovePreKey(ctx context.Context, id uint32) error {
	d.change(ctx, func(c *changes) { c.preKeys[id] = struct{}{} })
	return nil
}

// GetSenderKey returns a group member's key.
func (d *device) GetSenderKey(ctx context.Context, group, user string) ([]byte, error) {
	var session []byte
	if d.look(ctx, func(c *changes) (found bool) { session, found = c.senderKeys[senderKey{group, user}]; return found }) {
		return session, nil
	}
	session, err := d.AllSessionSpecificStores.GetSenderKey(ctx, group, user)
	return session, d.check(ctx, err)
}

// PutSenderKey stores a group member's key, or our own, which must be on disk
// before it is used.
func (d *device) PutSenderKey(ctx context.Context, group, user string, session []byte) error {
	d.change(ctx, func(c *changes) { c.senderKeys[senderKey{group, user}] = session })
	if own(ctx) != nil {
		return nil
	}
	return d.journal.flush(ctx)
}
