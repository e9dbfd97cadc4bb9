package server

import (
	"context"
	"time"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/account"
)

// A Store is the engine's store and what the API keeps beside it. store/sqlite
// and store/memory are; their methods say what they promise.
type Store interface {
	pingr.Store
	accountStore
	keyStore
	requestStore
	deliveryStore
	triggerStore
	limitStore
	statsStore
	// Check makes the reads and writes that a message needs, leaves nothing
	// behind, and believes their errors. An error with an Advice method may be
	// shown as it is.
	Check(ctx context.Context, now time.Time) error
}

type accountStore interface {
	CreateAccount(ctx context.Context, a account.Account) error
	Account(ctx context.Context, id string) (account.Account, error)
	AccountByEmail(ctx context.Context, email string) (account.Account, error)
	AnyAccount(ctx context.Context) (bool, error)
	UpdateAccount(ctx context.Context, id string, change func(*account.Account) error) (account.Account, error)
	KeepValue(ctx context.Context, name string, make func() []byte) ([]byte, error)
	ForgetValue(ctx context.Context, name string) error
}

type keyStore interface {
	CreateKey(ctx context.Context, k account.Key) error
	KeyByHash(ctx context.Context, hash [32]byte) (account.Key, error)
	Keys(ctx context.Context, owner string) ([]account.Key, error)
	RevokeKey(ctx context.Context, owner, id string, at time.Time) error
	UseKey(ctx context.Context, id string, at time.Time) error
}

type requestStore interface {
	BeginReplay(ctx context.Context, r account.Replay) (found account.Replay, first bool, err error)
	EndReplay(ctx context.Context, r account.Replay) error
	PurgeReplays(ctx context.Context, before time.Time) (int, error)
}

type deliveryStore interface {
	DeliveryPage(ctx context.Context, q account.DeliveryQuery) (account.DeliveryPage, error)
	Delivery(ctx context.Context, owner, id string) (pingr.Delivery, error)
	Queued(ctx context.Context, owner string, events []string) (map[string]bool, error)
	Hasten(ctx context.Context, owner, event string, now time.Time) error
	Undelivered(ctx context.Context) (int64, error)
	Latest(ctx context.Context) (time.Time, error)
}

type triggerStore interface {
	Trigger(ctx context.Context, id string) (pingr.Trigger, error)
	Triggers(ctx context.Context, session string) ([]pingr.Trigger, error)
	CreateTrigger(ctx context.Context, t pingr.Trigger, sessions []string, limit int) error
	UpdateTrigger(ctx context.Context, id string, change func(*pingr.Trigger) error) (pingr.Trigger, error)
	DeleteTrigger(ctx context.Context, id string) error
}

type limitStore interface {
	Taken(ctx context.Context, at time.Time, key string) (int64, error)
}

type statsStore interface {
	Stats(ctx context.Context, owner string, borders []time.Time) (account.Stats, error)
}
