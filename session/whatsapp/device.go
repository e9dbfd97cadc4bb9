package whatsapp

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/util/keys"
)

// errStore marks a database error inside a decryption. It is also a
// context.Canceled, because that is the one error of a decryption which
// whatsmeow does not acknowledge: the message stays in WhatsApp's queue.
type errStore struct{ err error }

func (e errStore) Error() string   { return "store: " + e.err.Error() }
func (e errStore) Unwrap() []error { return []error{e.err, context.Canceled} }

// errNoDevice: not one of the recipient's devices could be encrypted to.
var errNoDevice = errors.New("no keys of any of the recipient's devices")

// A device is the store of one linked device as whatsmeow sees it. It keeps
// sends and decryptions of one person apart (persons), gathers writes
// (journal), caches what every message needs (cache), and drops what Pingr has
// no use for: contact names and message secrets.
type device struct {
	store.AllSessionSpecificStores // the database

	jid     string
	lids    store.LIDStore
	cache   *cache
	persons *persons
	leases  *leases
	journal *journal
	outbox  *outbox
	failed  atomic.Bool
	onError func(error)

	// numbered is whether the database may hold sessions by number, which
	// whatsmeow moves to the LID once that is known.
	numbered atomic.Bool
	moved    sync.Map // numbers that were moved
	purged   atomic.Int64
	salt     atomic.Pointer[[]byte]
}

var _ store.AllSessionSpecificStores = (*device)(nil)

// newDevice wraps the database's store of the device jid. onError is called
// with the first error of the database after every [device.recovered].
func newDevice(inner store.AllSessionSpecificStores, jid string, lids store.LIDStore, c *cache, onError func(error)) *device {
	p := newPersons()
	d := &device{
		AllSessionSpecificStores: inner,
		jid:                      jid,
		lids:                     lids,
		cache:                    c,
		persons:                  p,
		leases:                   &leases{persons: p, open: make(map[string]*lease)},
		onError:                  onError,
	}
	d.numbered.Store(true)
	d.journal = newJournal(inner, d.fail)
	d.outbox = newOutbox(func(rest []outgoing) {
		d.journal.change(func(c *changes) { c.outgoing = append(c.outgoing, rest...) })
	})
	return d
}

// fail notes an error of the database.
func (d *device) fail(err error) {
	if !d.failed.Swap(true) {
		d.onError(err)
	}
}

// check notes err if it is the database's fault.
func (d *device) check(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil {
		return err
	}
	d.fail(err)
	if h := holderOf(ctx); h != nil && h.failure == nil {
		h.failure = err
	}
	return err
}

// recovered writes what an error left behind and says whether that worked.
func (d *device) recovered(ctx context.Context) bool {
	d.failed.Store(false)
	return d.journal.flush(ctx) == nil
}

// close writes what waits; the device is of no use afterwards.
func (d *device) close() {
	d.outbox.close()
	_ = d.journal.flush(context.Background()) // told by onError
	d.journal.discard()
}

// person names whose address it is.
func (d *device) person(address string) string {
	return personOf(address, func(number string) string {
		lid, err := d.lids.GetLIDForPN(context.Background(), types.NewJID(number, types.DefaultUserServer))
		if err != nil {
			return ""
		}
		return lid.User
	})
}

// own returns where the work of ctx puts its changes: its own set, or nil when
// they go to the journal.
func own(ctx context.Context) *changes {
	if h := holderOf(ctx); h != nil {
		return h.changes
	}
	return nil
}

// look looks for a change that is not in the database: the work's own first.
func (d *device) look(ctx context.Context, f func(*changes) bool) bool {
	if c := own(ctx); c != nil && f(c) {
		return true
	}
	return d.journal.look(f)
}

// change adds a change: to the work's own, or to the journal.
func (d *device) change(ctx context.Context, f func(*changes)) {
	if c := own(ctx); c != nil {
		f(c)
		return
	}
	d.journal.change(f)
}

// DoDecryptionTxn runs one decryption. Its changes count only if it succeeds.
func (d *device) DoDecryptionTxn(ctx context.Context, decrypt func(context.Context) error) error {
	h := &holder{persons: d.persons, changes: newChanges()}
	defer h.drop()
	if d.failed.Load() {
		return errStore{errors.New("an earlier write failed")}
	}
	err := decrypt(withHolder(ctx, h))
	if h.failure != nil {
		return errStore{h.failure}
	}
	if err != nil {
		return err
	}
	d.journal.change(func(c *changes) { c.add(h.changes) })
	for address, session := range h.changes.sessions {
		d.cache.putSession(d.jid, address, session)
	}
	for address, key := range h.changes.identities {
		d.cache.putIdentity(d.jid, address, key)
	}
	return nil
}

// Sessions.

// GetSession returns a session, keeping its person locked until the work ends
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

// session finds a session. Only who holds the person's lock may fill the
// cache: others might put back what was just replaced.
func (d *device) session(ctx context.Context, address string, locked bool) ([]byte, error) {
	var session []byte
	if d.look(ctx, func(c *changes) (found bool) { session, found = c.sessions[address]; return found }) {
		return session, nil
	}
	if session, ok := d.cache.session(d.jid, address); ok {
		return session, nil
	}
	session, err := d.AllSessionSpecificStores.GetSession(ctx, address)
	if err == nil && locked {
		d.cache.putSession(d.jid, address, session)
	}
	return session, d.check(ctx, err)
}

// HasSession reports whether there is a session. A decryption that asks goes
// on to load it, so it locks as that does.
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

// GetManySessions begins the encryption of a message: it locks everybody who
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
		sessions[a] = session
	}
	return sessions, nil
}

// PutManySessions ends the encryption of a message: what it changed is on disk
// when it returns, and everybody is unlocked before the message goes out, so
// that a slow answer holds up nobody's messages.
func (d *device) PutManySessions(ctx context.Context, sessions map[string][]byte) error {
	h := holderOf(ctx)
	if h != nil && h.recipient != "" && !d.reaches(d.person(h.recipient), sessions) {
		return errNoDevice
	}
	d.journal.change(func(c *changes) {
		for a, s := range sessions {
			c.sessions[a] = s
		}
	})
	for a, s := range sessions {
		d.cache.putSession(d.jid, a, s)
		d.noteNumbered(a)
	}
	if err := d.journal.flush(ctx); err != nil {
		return err
	}
	if h != nil {
		h.sealed = true
		h.drop()
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

// PutSession stores a session; outside a decryption it is on disk when
// PutSession returns, since its ciphertext is about to leave.
func (d *device) PutSession(ctx context.Context, address string, session []byte) error {
	d.noteNumbered(address)
	if c := own(ctx); c != nil {
		c.sessions[address] = session
		return nil
	}
	defer d.endLease(ctx, address)
	d.journal.change(func(c *changes) { c.sessions[address] = session })
	d.cache.putSession(d.jid, address, session)
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
	d.cache.putSession(d.jid, address, nil)
	return nil
}

func (d *device) endLease(ctx context.Context, address string) {
	if holderOf(ctx) == nil {
		d.leases.end(address)
	}
}

// DeleteAllSessions forgets all sessions of a user, who got new keys. whatsmeow
// passes the bare digits also for a LID, whose addresses end in _1.
func (d *device) DeleteAllSessions(ctx context.Context, user string) error {
	return d.forget(ctx, user, d.AllSessionSpecificStores.DeleteAllSessions)
}

// DeleteAllIdentities forgets all identity keys of a user.
func (d *device) DeleteAllIdentities(ctx context.Context, user string) error {
	return d.forget(ctx, user, d.AllSessionSpecificStores.DeleteAllIdentities)
}

func (d *device) forget(ctx context.Context, user string, del func(context.Context, string) error) error {
	user = strings.TrimSuffix(user, "_1")
	for _, u := range []string{user, user + "_1"} {
		if err := d.alone(ctx, u, func() error { return del(ctx, u) }); err != nil {
			return err
		}
		d.cache.forget(d.jid, u)
	}
	return nil
}

// alone runs f, which changes the database behind the journal's back, while
// nobody else works with the person.
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

// MigratePNToLID moves sessions by number to the LID.
func (d *device) MigratePNToLID(ctx context.Context, number, lid types.JID) error {
	if !d.numbered.Load() {
		return nil
	}
	from, to := number.SignalAddressUser(), lid.SignalAddressUser()
	if _, done := d.moved.LoadOrStore(from, true); done {
		return nil
	}
	err := d.alone(ctx, to, func() error { return d.AllSessionSpecificStores.MigratePNToLID(ctx, number, lid) })
	d.cache.forget(d.jid, from)
	d.cache.forget(d.jid, to)
	if err != nil {
		d.moved.Delete(from)
	}
	return err
}

// noteNumbered notes a session by number, that is one without LID.
func (d *device) noteNumbered(address string) {
	if user, _, _ := strings.Cut(address, ":"); !strings.HasSuffix(user, "_1") {
		d.moved.Delete(user)
		d.numbered.Store(true)
	}
}

// Identities.

// IsTrustedIdentity reports whether the key is the known one, or the first.
func (d *device) IsTrustedIdentity(ctx context.Context, address string, key [32]byte) (bool, error) {
	var known *[32]byte
	if d.look(ctx, func(c *changes) (found bool) { known, found = c.identities[address]; return found }) {
		return known == nil || *known == key, nil
	}
	if known, ok := d.cache.identity(d.jid, address); ok {
		return *known == key, nil
	}
	trusted, err := d.AllSessionSpecificStores.IsTrustedIdentity(ctx, address, key)
	return trusted, d.check(ctx, err)
}

// PutIdentity stores a person's key. libsignal does so at every message, the
// database hears of it only when it is new.
func (d *device) PutIdentity(ctx context.Context, address string, key [32]byte) error {
	if known, ok := d.cache.identity(d.jid, address); ok && *known == key && !changedIdentity(own(ctx), address) {
		return nil
	}
	d.change(ctx, func(c *changes) { c.identities[address] = &key })
	if own(ctx) == nil {
		d.cache.putIdentity(d.jid, address, &key)
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
		d.cache.putIdentity(d.jid, address, nil)
	}
	return nil
}

// Other keys.

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

// Events.

// GetBufferedEvent returns a message that was decrypted before and whose
// handler did not succeed. Others are not looked for: the ratchet tells them.
func (d *device) GetBufferedEvent(ctx context.Context, hash [32]byte) (*store.BufferedEvent, error) {
	var e event
	if d.journal.look(func(c *changes) (found bool) { e, found = c.events[hash]; return found }) {
		return &store.BufferedEvent{Plaintext: e.plaintext, InsertTime: time.Now(), ServerTime: e.sent}, nil
	}
	if !d.journal.has(hash) {
		return nil, nil
	}
	buffered, err := d.AllSessionSpecificStores.GetBufferedEvent(ctx, hash)
	if d.check(ctx, err) != nil {
		return nil, errStore{err}
	}
	return buffered, nil
}

// PutBufferedEvent keeps a decrypted message until its handler has succeeded.
func (d *device) PutBufferedEvent(ctx context.Context, hash [32]byte, plaintext []byte, sent time.Time) error {
	d.change(ctx, func(c *changes) { c.events[hash] = event{plaintext, sent} })
	return nil
}

// ClearBufferedEventPlaintext says that the handler has succeeded.
func (d *device) ClearBufferedEventPlaintext(ctx context.Context, hash [32]byte) error {
	d.change(ctx, func(c *changes) {
		delete(c.events, hash)
		c.handled[hash] = struct{}{}
	})
	return nil
}

// AddOutgoingEvent keeps a message that is about to be sent, for the case that
// its recipient cannot read it.
func (d *device) AddOutgoingEvent(_ context.Context, chat types.JID, id types.MessageID, format string, plaintext []byte) error {
	d.outbox.add(outgoing{chat, id, format, plaintext})
	return nil
}

// GetOutgoingEvent finds such a message again.
func (d *device) GetOutgoingEvent(ctx context.Context, chat, alt types.JID, id types.MessageID) (string, []byte, error) {
	if m, ok := d.outbox.find(chat, alt, id); ok {
		return m.format, m.plaintext, nil
	}
	if err := d.journal.flush(ctx); err != nil {
		return "", nil, err
	}
	format, plaintext, err := d.AllSessionSpecificStores.GetOutgoingEvent(ctx, chat, alt, id)
	if err != nil {
		return "", nil, fmt.Errorf("message %s is not kept any more: %w", id, err)
	}
	return format, plaintext, nil
}

// purgeEvery is how often old outgoing messages are deleted; whatsmeow asks at
// every send.
const purgeEvery = time.Hour

// DeleteOldOutgoingEvents deletes them now and then.
func (d *device) DeleteOldOutgoingEvents(ctx context.Context) error {
	last, now := d.purged.Load(), time.Now().UnixNano()
	if now-last < int64(purgeEvery) || !d.purged.CompareAndSwap(last, now) {
		return nil
	}
	return d.check(ctx, d.AllSessionSpecificStores.DeleteOldOutgoingEvents(ctx))
}
