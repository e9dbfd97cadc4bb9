package pingr

import (
	"context"
	"time"
)

// A Store is all that the engine must not forget, shared by every process that
// serves the same accounts. Implementations are in store/sqlite and
// store/memory and pass the suite in store/storetest. Every method is safe for
// concurrent use, and what it wrote is durable when it returns nil.
type Store interface {
	Firings
	Limits
	Triggers
	Events
}

// Firings is the ledger of the pipeline.
type Firings interface {
	// Accept stores f in StateAccepted, held by l, unless a firing of the same
	// session shares one of f.Message.Keys(); then first is false and nothing
	// changes, but for the keys that were not known yet.
	Accept(ctx context.Context, f Firing, l Lease) (first bool, err error)
	// Claim takes up to max unfinished firings whose lease ended at or before
	// now, oldest first, passing over the accounts in skip, and gives them the
	// lease l. Where the last lease had a holder, that one may have got further
	// than the row tells: a firing in StateAccepted then comes with Attempt one
	// higher (the webhook may have been asked), one in StateDecided comes in
	// StateUnknown (the reply may have been sent), and both are stored so. A
	// lease without a holder only queues.
	Claim(ctx context.Context, l Lease, now time.Time, skip []string, max int) ([]Firing, error)
	// Keep replaces the lease of an unfinished firing by l and, where state is
	// not empty, its state, if holder still holds it; held says whether it did. A
	// lease that has ended gives the firing back to Claim.
	Keep(ctx context.Context, id, holder string, state State, l Lease) (held bool, err error)
	// Decide moves an accepted firing that d.Holder holds to StateDecided, taking
	// all of d.Limits, or, if d.Refused is set or a limit refuses, to StateDone
	// with the kind of that refusal as outcome; d.Queued is queued either way. It
	// returns the firing as it stands then, and whether this decision was the one.
	// A firing that is not accepted any more, or held by another, is returned
	// unchanged.
	Decide(ctx context.Context, d Decision) (f Firing, decided bool, err error)
	// Finish ends an unfinished firing, erases its texts, gives back its limits
	// if told to and queues o.Retry. Finishing twice changes nothing, and neither
	// does an outcome with a Holder who does not hold the firing any more.
	Finish(ctx context.Context, o Outcome) error
}

// Limits counts what may be sent.
type Limits interface {
	// Reserve takes one of each limit, all or none. It returns a *LimitError for
	// the first that is used up.
	Reserve(ctx context.Context, at time.Time, limits ...Limit) error
	// Release gives back one of each, if the period they were taken in is still
	// the current one.
	Release(ctx context.Context, limits ...Limit) error
	// Peek answers as Reserve would, and takes nothing.
	Peek(ctx context.Context, at time.Time, limits ...Limit) error
	// Hold gives key to owner alone from at to until, unless another owner has it;
	// then held is false. It holds across all processes, and need not survive a
	// crash. Keys of holds are not those of limits.
	Hold(ctx context.Context, key, owner string, at, until time.Time) (held bool, err error)
	// Drop ends the hold of that owner, if it has it.
	Drop(ctx context.Context, key, owner string) error
}

// Triggers finds the trigger for a text.
type Triggers interface {
	// FindTrigger returns the active trigger of the session whose phrase is one
	// of phrases: the first of them that has one. phrases come from [Phrases],
	// longest first. ok is false when none has.
	FindTrigger(ctx context.Context, session string, phrases []string) (t Trigger, ok bool, err error)
}

// KeepGivenUp is how long an event is kept, with its text, that no attempt could
// deliver.
const KeepGivenUp = 7 * 24 * time.Hour

// Events is the queue of events that a webhook has still to be told, and the
// log of the attempts.
type Events interface {
	// Enqueue stores an event for delivery at p.Next, or as one that GiveUp was
	// called for. An event id that is queued
	// already is left as it is.
	Enqueue(ctx context.Context, p PendingEvent) error
	// Due takes up to max events that are due at now and not leased, oldest
	// first, passing over the accounts in skip, and leases them to l.
	Due(ctx context.Context, l Lease, now time.Time, skip []string, max int) ([]PendingEvent, error)
	// Attempted moves an event to attempt and next, or, when next is zero,
	// removes it and its text for good. One that is put back to its Scheduled time
	// with the same attempt is not brought forward again before that.
	Attempted(ctx context.Context, id string, attempt int, next time.Time) error
	// HastenAll makes up to max events of an account due at now, those due soonest
	// first: events that wait for a later time, are not leased, were not given up,
	// and were not brought forward since their attempt changed. It reports how many.
	HastenAll(ctx context.Context, account string, now time.Time, max int) (int, error)
	// GiveUp takes an event out of the queue, with the number that a next attempt
	// would have, and keeps it whole until Purge erases it [KeepGivenUp] after
	// at: till then somebody may ask for it to be delivered all the same.
	GiveUp(ctx context.Context, id string, attempt int, at time.Time) error
	// LogDelivery adds a row to the delivery log. It is the one write that a
	// crash may take back.
	LogDelivery(ctx context.Context, d Delivery) error
	// Purge deletes finished firings and their keys from before keys, and
	// deliveries from before deliveries, limits that ended before now, and events
	// that were given up too long before it. It reports how many rows went.
	Purge(ctx context.Context, now, keys, deliveries time.Time) (int, error)
}
