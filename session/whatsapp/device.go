package whatsapp

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"
)

// errStore marks a database error inside a decryption. It is also a
// context.Canceled, because whatsmeow acknowledges a message after any other
// error of its decryption. The message therefore stays in WhatsApp's queue.
type errStore struct{ err error }

func (e errStore) Error() string   { return "store: " + e.err.Error() }
func (e errStore) Unwrap() []error { return []error{e.err, context.Canceled} }

// errNoDevice means that none of the recipient's devices could be encrypted to.
var errNoDevice = errors.New("no keys of any of the recipient's devices")

// A device is the store of one linked device as whatsmeow sees it. It keeps
// sends and decryptions of one person apart (persons), gathers writes
// (journal), caches what every message needs (cache), and drops what Pingr does
// not need: contact names and message secrets.
type device struct {
	store.AllSessionSpecificStores // the database

	jid     string
	name    string // of its part of the cache
	lids    store.LIDStore
	cache   *cache
	persons *persons
	leases  *leases
	journal *journal
	outbox  *outbox
	tokens  bell // rings when people give tokens
	failed  atomic.Bool
	onError func(error)

	// numbered reports whether the database may hold sessions by number, which
	// whatsmeow moves to the LID once that is known.
	numbered atomic.Bool
	moved    sync.Map // numbers that were moved
	purged   atomic.Int64
	salt     atomic.Pointer[[]byte]
}

var _ store.AllSessionSpecificStores = (*device)(nil)

// newDevice wraps the database's store of the device jid. It calls onError with
// the first error of the database, and with the first one after every
// [device.recovered].
func newDevice(
	inner deviceStore, jid string, lids store.LIDStore, c *cache, onError func(error),
) *device {
	p := newPersons()
	d := &device{
		AllSessionSpecificStores: inner,
		jid:                      jid,
		name:                     c.newName(),
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

// fail records an error of the database.
func (d *device) fail(err error) {
	if !d.failed.Swap(true) {
		d.onError(err)
	}
}

// check records err if it is the database's fault.
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

// recovered writes what an error left behind and reports whether that worked.
func (d *device) recovered(ctx context.Context) bool {
	d.failed.Store(false)
	return d.journal.flush(ctx) == nil
}

// close writes what waits. The device must not be used afterwards.
func (d *device) close() {
	d.outbox.close()
	_ = d.journal.flush(context.Background()) // reported by onError
	d.journal.discard()
	d.cache.drop(d.name)
}

// discard drops what waits and what is remembered, because another process has
// the keys now, or the database was away.
func (d *device) discard() {
	d.outbox.discard()
	d.journal.discard()
	d.cache.drop(d.name)
}

// person returns the name of the person behind an address.
func (d *device) person(address string) string {
	return personOf(address, func(number string) string {
		lid, err := d.lids.GetLIDForPN(context.Background(), types.NewJID(number, types.DefaultUserServer))
		if err != nil {
			return ""
		}
		return lid.User
	})
}

// own returns where the work of ctx collects its changes: its own set, or nil
// if they go to the journal.
func own(ctx context.Context) *changes {
	if h := holderOf(ctx); h != nil {
		return h.changes
	}
	return nil
}

// look looks for a change that is not in the database, in the work's own
// changes first.
func (d *device) look(ctx context.Context, f func(*changes) bool) bool {
	if c := own(ctx); c != nil && f(c) {
		return true
	}
	return d.journal.look(f)
}

// change adds a change to the work's own set, or to the journal.
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
	d.journal.decrypted(h.changes)
	for address, session := range h.changes.sessions {
		d.cache.putSession(d.name, address, session)
	}
	for address, key := range h.changes.identities {
		d.cache.putIdentity(d.name, address, key)
	}
	return nil
}
