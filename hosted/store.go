package hosted

import (
	"context"
	"time"

	"github.com/heypingr/pingr"
)

// A Store keeps what the server and its API need beside the engine's
// [pingr.Store]. Implementations are in store/sqlite, store/postgres and
// store/memory and pass the suite in store/storetest. Every method is safe for
// concurrent use, and what it wrote is durable when it returns nil.
type Store interface {
	Accounts
	Keys
	Replays
	Deliveries
	Triggers
	// Stats counts an account's firings by how they ended, and how long its
	// webhook took to answer, between each two consecutive borders. Borders rise
	// and are multiples of [StatsGrain]. Simulated attempts are left out. Stats
	// sees what was logged before it was called.
	Stats(ctx context.Context, account string, borders []time.Time) (Stats, error)
	// LimitTaken returns how many of a limit's key are taken in the period that
	// runs at that time; see [pingr.Limits].
	LimitTaken(ctx context.Context, at time.Time, key string) (int64, error)
	// Person returns who has a name (a number's digits, or "1234@lid"), as far as
	// an account knows, or [ErrNotFound].
	Person(ctx context.Context, account, name string) (pingr.Person, error)
	// LastActivity returns the latest time that the store was told of, by the rows
	// that are written as things happen, or the zero time if it is empty. A clock
	// that is behind it was set back.
	LastActivity(ctx context.Context) (time.Time, error)
	// Check makes the reads and writes that a message needs and returns an error
	// if one of them fails. It leaves nothing behind. An error with a method
	// Advice() string says what a person should do, in words that hold no secret.
	Check(ctx context.Context, now time.Time) error
}

// Accounts keeps the accounts, and single values of the server.
type Accounts interface {
	// CreateAccount stores a new account. It returns [pingr.ErrConflict] if the id
	// or the e-mail address is taken.
	CreateAccount(ctx context.Context, a Account) error
	// Account returns the account with that id, or [ErrNotFound].
	Account(ctx context.Context, id string) (Account, error)
	// AccountByEmail returns the account with that e-mail address, in the form of
	// [CleanEmail], or [ErrNotFound].
	AccountByEmail(ctx context.Context, email string) (Account, error)
	// AnyAccount reports whether there is an account. It reads one row at most.
	AnyAccount(ctx context.Context) (bool, error)
	// UpdateAccount changes an account in one step and returns the result. change
	// may run more than once, each time on a fresh copy; if it returns an error,
	// UpdateAccount changes nothing and returns that error. It returns
	// [ErrNotFound] if there is no such account, and [pingr.ErrConflict] if the
	// new e-mail address is another account's.
	UpdateAccount(ctx context.Context, id string, change func(*Account) error) (Account, error)
	// LoadOrStoreValue returns the value of that name. If there is none, it stores
	// what create returns; of concurrent callers, all get the same value.
	LoadOrStoreValue(ctx context.Context, name string, create func() []byte) ([]byte, error)
	// DeleteValue deletes the value of that name. It is no error if there is none.
	DeleteValue(ctx context.Context, name string) error
}

// Keys keeps the API keys: never a key itself, only its hash.
type Keys interface {
	// CreateKey stores a new key. It returns [pingr.ErrConflict] if the id or the
	// hash is taken.
	CreateKey(ctx context.Context, k Key) error
	// KeyByHash returns the key with that hash, revoked or not, or [ErrNotFound].
	KeyByHash(ctx context.Context, hash [32]byte) (Key, error)
	// Keys returns an account's keys, oldest first, including revoked ones.
	Keys(ctx context.Context, account string) ([]Key, error)
	// RevokeKey revokes a key of an account for good, or returns [ErrNotFound].
	// Revoking it again keeps the first time. Of an account's revoked keys, the
	// store keeps the [KeptRevoked] that were revoked last.
	RevokeKey(ctx context.Context, account, id string, at time.Time) error
	// UseKey records when a key was last used, or returns [ErrNotFound].
	UseKey(ctx context.Context, id string, at time.Time) error
}

// Replays keeps the requests that carried an idempotency key.
type Replays interface {
	// BeginReplay stores r as pending and reports first as true, unless a request
	// with r's Scope and Key is stored already and is younger than [ReplayTime].
	// Then it returns that one, and first is false. If [BeginAgain] allows r to
	// take over from it, first is true all the same: found is the request as it
	// was, and its Body stays.
	BeginReplay(ctx context.Context, r Replay) (found Replay, first bool, err error)
	// EndReplay stores how a request ended. If r.State is empty, it deletes the
	// request, so that its key may be used again.
	EndReplay(ctx context.Context, r Replay) error
	// PurgeReplays deletes the requests that began before a time and returns how
	// many it deleted.
	PurgeReplays(ctx context.Context, before time.Time) (int, error)
}

// Deliveries reads the delivery log, and the queue of events behind it.
type Deliveries interface {
	// DeliveryPage returns a page of an account's delivery log. It sees what was
	// logged before it was called.
	DeliveryPage(ctx context.Context, q DeliveryQuery) (DeliveryPage, error)
	// Delivery returns a row of an account's delivery log, or [ErrNotFound].
	Delivery(ctx context.Context, account, id string) (pingr.Delivery, error)
	// QueuedEvents returns which of these events of an account MakeDue would find:
	// those that wait, are being delivered, or were given up within
	// [pingr.KeepGivenUp].
	QueuedEvents(ctx context.Context, account string, events []string) (map[string]bool, error)
	// MakeDue makes an event of an account due at now, whether it waits for a
	// later time or was given up. It leaves an event alone that is being delivered
	// at this moment. It returns [ErrNotFound] if the event is gone: delivered, or
	// given up too long ago.
	MakeDue(ctx context.Context, account, event string, now time.Time) error
	// Undelivered returns how many events of all accounts wait for their endpoint,
	// not counting those that were given up.
	Undelivered(ctx context.Context) (int64, error)
}

// Triggers manages the triggers that [pingr.Triggers] finds.
type Triggers interface {
	// Trigger returns the trigger with that id, or [ErrNotFound].
	Trigger(ctx context.Context, id string) (pingr.Trigger, error)
	// Triggers returns a session's triggers, oldest first.
	Triggers(ctx context.Context, session string) ([]pingr.Trigger, error)
	// CreateTrigger stores a new trigger. It returns [ErrLimit] if the sessions
	// together have limit triggers already (0 means no limit), and
	// [pingr.ErrConflict] if the id is taken or another trigger of the session,
	// active or not, has a phrase that normalises to the same.
	CreateTrigger(ctx context.Context, t pingr.Trigger, sessions []string, limit int) error
	// UpdateTrigger changes a trigger in one step and returns the result. change
	// may run more than once, each time on a fresh copy; if it returns an error,
	// UpdateTrigger changes nothing and returns that error. It returns
	// [ErrNotFound] if there is no such trigger, and [pingr.ErrConflict] as
	// CreateTrigger does.
	UpdateTrigger(ctx context.Context, id string, change func(*pingr.Trigger) error) (pingr.Trigger, error)
	// DeleteTrigger deletes a trigger. It is no error if there is none.
	DeleteTrigger(ctx context.Context, id string) error
}
