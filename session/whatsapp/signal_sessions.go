package whatsapp

import (
	"context"
	"slices"
	"strings"

	"go.mau.fi/whatsmeow/types"
)

// GetSession returns a session. It keeps the person locked until the work ends
// or, without work, until the session is stored.
func (d *device) GetSession(ctx context.Context, address string) ([]byte, error) {
	person := d.person(address)
	if h := holderOf(ctx); h != nil {
		if err := h.take(ctx, person); err != nil {
			return nil, err
		}
	} else if err := d.leases.begin(ctx, address, person); err != nil {
		return nil, err
	}
	return d.session(ctx, address, true)
}

// session finds a session. Only the holder of the person's lock may fill the
// cache: others might put back what was just replaced.
func (d *device) session(ctx context.Context, address string, locked bool) ([]byte, error) {
	var session []byte
	if d.look(ctx, func(c *changes) (found bool) { session, found = c.sessions[address]; return found }) {
		return session, nil
	}
	if session, ok := d.cache.session(d.name, address); ok {
		return session, nil
	}
	session, err := d.AllSessionSpecificStores.GetSession(ctx, address)
	if err == nil && locked {
		d.cache.putSession(d.name, address, session)
	}
	return session, d.check(ctx, err)
}

// HasSession reports whether there is a session. A decryption that asks then
// loads it, so HasSession locks as GetSession does.
func (d *device) HasSession(ctx context.Context, address string) (bool, error) {
	h := holderOf(ctx)
	if h != nil {
		if err := h.take(ctx, d.person(address)); err != nil {
			return false, err
		}
	}
	session, err := d.session(ctx, address, h != nil)
	return session != nil, err
}

// GetManySessions begins the encryption of a message. It locks everybody who
// gets a copy.
func (d *device) GetManySessions(ctx context.Context, addresses []string) (map[string][]byte, error) {
	h := holderOf(ctx)
	if h != nil {
		everybody := make([]string, len(addresses))
		for i, a := range addresses {
			everybody[i] = d.person(a)
		}
		if err := h.take(ctx, everybody...); err != nil {
			return nil, err
		}
	}
	sessions := make(map[string][]byte, len(addresses))
	for _, a := range addresses {
		session, err := d.session(ctx, a, h != nil)
		if err != nil {
			return nil, err
		}
		if session == nil && h != nil && slices.Contains(h.keyless, a) {
			continue // whatsmeow would ask again while everybody is locked
		}
		sessions[a] = session
	}
	return sessions, nil
}

// PutManySessions ends the encryption of a message. When it returns, the
// changes are on disk. Everybody is unlocked before they are, so that one write
// serves all who wait for it: whoever goes on from these sessions writes them
// too before his own message goes out.
func (d *device) PutManySessions(ctx context.Context, sessions map[string][]byte) error {
	h := holderOf(ctx)
	if h != nil && h.recipient != "" && !d.reaches(d.person(h.recipient), sessions) {
		return errNoDevice
	}
	for a, s := range sessions {
		d.cache.putSession(d.name, a, s)
		d.noteNumbered(a)
	}
	err := d.journal.sent(ctx, sessions, func() {
		if h != nil {
			h.drop()
		}
	})
	if err != nil {
		return err
	}
	if h != nil {
		h.sealed = true
	}
	return nil
}

// reaches reports whether the sessions contain one of the person's.
func (d *device) reaches(person string, sessions map[string][]byte) bool {
	for a := range sessions {
		if d.person(a) == person {
			return true
		}
	}
	return false
}

// PutSession stores a session. Outside a decryption the session is on disk when
// PutSession returns, because its ciphertext is about to leave.
func (d *device) PutSession(ctx context.Context, address string, session []byte) error {
	d.noteNumbered(address)
	if c := own(ctx); c != nil {
		c.sessions[address] = session
		return nil
	}
	defer d.endLease(ctx, address)
	d.journal.change(func(c *changes) { c.sessions[address] = session })
	d.cache.putSession(d.name, address, session)
	return d.journal.flush(ctx)
}

// DeleteSession forgets a session.
func (d *device) DeleteSession(ctx context.Context, address string) error {
	if c := own(ctx); c != nil {
		c.sessions[address] = nil
		return nil
	}
	defer d.endLease(ctx, address)
	d.journal.change(func(c *changes) { c.sessions[address] = nil })
	d.cache.putSession(d.name, address, nil)
	return nil
}

func (d *device) endLease(ctx context.Context, address string) {
	if holderOf(ctx) == nil {
		d.leases.end(address)
	}
}

// DeleteAllSessions deletes all sessions of a user, who got new keys. whatsmeow
// passes the bare digits for a LID too, whose addresses end in _1.
func (d *device) DeleteAllSessions(ctx context.Context, user string) error {
	return d.forget(ctx, user, d.AllSessionSpecificStores.DeleteAllSessions)
}

// DeleteAllIdentities deletes all identity keys of a user.
func (d *device) DeleteAllIdentities(ctx context.Context, user string) error {
	return d.forget(ctx, user, d.AllSessionSpecificStores.DeleteAllIdentities)
}

func (d *device) forget(ctx context.Context, user string, del func(context.Context, string) error) error {
	user = strings.TrimSuffix(user, "_1")
	for _, u := range []string{user, user + "_1"} {
		if err := d.alone(ctx, u, func() error { return del(ctx, u) }); err != nil {
			return err
		}
		d.cache.forget(d.name, u)
	}
	return nil
}

// alone runs f, which changes the database without the journal, while nobody
// else works with the person.
func (d *device) alone(ctx context.Context, user string, f func() error) error {
	person := d.person(user + ":0")
	h := holderOf(ctx)
	if h == nil {
		h = &holder{persons: d.persons}
		defer h.drop()
	}
	if err := h.take(ctx, person); err != nil {
		return err
	}
	if err := d.journal.flush(ctx); err != nil {
		return err
	}
	return d.check(ctx, f())
}

// MigratePNToLID moves sessions by number to the LID, as whatsmeow's store
// does, once for each number. What could not be moved is made again by a retry
// receipt.
func (d *device) MigratePNToLID(ctx context.Context, number, lid types.JID) error {
	if !d.numbered.Load() {
		return nil
	}
	from, to := number.SignalAddressUser(), lid.SignalAddressUser()
	if _, done := d.moved.LoadOrStore(from, true); done {
		return nil
	}
	err := d.alone(ctx, to, func() error { return d.AllSessionSpecificStores.MigratePNToLID(ctx, number, lid) })
	d.cache.forget(d.name, from)
	d.cache.forget(d.name, to)
	return err
}

// noteNumbered records a session by number, that is, one without a LID.
func (d *device) noteNumbered(address string) {
	if user, _, _ := strings.Cut(address, ":"); !strings.HasSuffix(user, "_1") {
		d.numbered.Store(true)
	}
}
