package whatsapp

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"
)

// persons keeps sends to a person and decryptions of that person's messages
// apart. whatsmeow does not: a send loads the Signal session, encrypts and
// stores it, and a decryption does the same. If both overlap, one step of the
// ratchet is lost, and with it messages in both directions. There is one lock
// per person, not one per device, because a send encrypts to all of a person's
// devices at once.
type persons struct {
	mu    sync.Mutex
	locks map[string]*personLock
}

type personLock struct {
	taken chan struct{} // holds one token while the lock is held
	users int           // holders and waiters, guarded by persons.mu
}

func newPersons() *persons { return &persons{locks: make(map[string]*personLock)} }

// acquire takes the lock of one person or returns ctx's error.
func (p *persons) acquire(ctx context.Context, person string) error {
	p.mu.Lock()
	l := p.locks[person]
	if l == nil {
		l = &personLock{taken: make(chan struct{}, 1)}
		p.locks[person] = l
	}
	l.users++
	p.mu.Unlock()
	select {
	case l.taken <- struct{}{}:
		return nil
	default:
	}
	select {
	case l.taken <- struct{}{}:
		return nil
	case <-ctx.Done():
		p.leave(person, l)
		return context.Cause(ctx)
	}
}

func (p *persons) release(person string) {
	p.mu.Lock()
	l := p.locks[person]
	p.mu.Unlock()
	<-l.taken
	p.leave(person, l)
}

func (p *persons) leave(person string, l *personLock) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if l.users--; l.users == 0 {
		delete(p.locks, person)
	}
}

// A holder is one piece of work, a send or a decryption, with the locks that it
// has taken. It belongs to one goroutine.
type holder struct {
	persons *persons
	held    []string
	// changes collects what a decryption writes until it has succeeded. It is nil
	// for a send.
	changes *changes
	// recipient is the Signal address that a send is for. sealed is set once its
	// ciphertext exists; from then on it may have been sent.
	recipient string
	sealed    bool
	// keyless are the Signal addresses of devices that gave no keys a moment ago.
	keyless []string
	// failure is the first error of the database.
	failure error
}

type holderKey struct{}

func withHolder(ctx context.Context, h *holder) context.Context {
	return context.WithValue(ctx, holderKey{}, h)
}

// holderOf returns the work that ctx belongs to. It returns nil if that is not
// our work, or is a send that has released its locks.
func holderOf(ctx context.Context) *holder {
	h, _ := ctx.Value(holderKey{}).(*holder)
	if h == nil || h.sealed {
		return nil
	}
	return h
}

// take locks all the persons that the holder does not hold yet, always in the
// same order, so that two sends cannot wait for each other.
func (h *holder) take(ctx context.Context, persons ...string) error {
	slices.Sort(persons)
	for _, p := range slices.Compact(persons) {
		if slices.Contains(h.held, p) {
			continue
		}
		if err := h.persons.acquire(ctx, p); err != nil {
			return err
		}
		h.held = append(h.held, p)
	}
	return nil
}

// drop releases all locks.
func (h *holder) drop() {
	for _, p := range h.held {
		h.persons.release(p)
	}
	h.held = nil
}

// leaseTime bounds how long a loaded session that nobody stores keeps its
// person locked.
const leaseTime = 2 * time.Second

// leases are the locks of work without a holder: whatsmeow's own answers to
// retry receipts, and its messages to our own phone. They load and later store
// one session without any sign in between, so the lock is held from the load to
// the store.
type leases struct {
	persons *persons
	mu      sync.Mutex
	open    map[string]*lease // by Signal address
}

type lease struct {
	person string
	timer  *time.Timer
}

func (l *leases) begin(ctx context.Context, address, person string) error {
	if err := l.persons.acquire(ctx, person); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	this := &lease{person: person}
	this.timer = time.AfterFunc(leaseTime, func() {
		l.mu.Lock()
		current := l.open[address] == this
		l.mu.Unlock()
		if current {
			l.end(address)
		}
	})
	l.open[address] = this
	return nil
}

// end ends the lease of an address, if there is one.
func (l *leases) end(address string) {
	l.mu.Lock()
	this := l.open[address]
	delete(l.open, address)
	l.mu.Unlock()
	if this != nil {
		this.timer.Stop()
		l.persons.release(this.person)
	}
}

// personOf returns the name of the person behind a Signal address ("1234_1:7"
// for a LID, "919876543210:7" for a number). It is the LID if lidOf knows it,
// so that both names share one lock.
func personOf(address string, lidOf func(number string) string) string {
	user, _, _ := strings.Cut(address, ":")
	if lid, isLID := strings.CutSuffix(user, "_1"); isLID {
		return lid + "@lid"
	}
	if lid := lidOf(user); lid != "" {
		return lid + "@lid"
	}
	return user
}
