package pingr

import (
	"context"
	"time"
)

// A Store keeps what the engine must not forget. All processes that serve the
// same accounts share it. Implementations are in store/sqlite, store/postgres
// and store/memory and pass the suite in store/storetest. Every method is safe
// for concurrent use, and what it wrote is durable when it returns nil.
type Store interface {
	Firings
	Limits
	Triggers
	Events
}

// Firings is the ledger of the pipeline.
type Firings interface {
	// Accept stores f in StateAccepted, held by l, and returns it as stored. In the
	// same step it recognizes the sender: it passes what the account knows of
	// f.Sighting() to [Recognize], stores the rows that this returns, and calls
	// f.Recognized.
	//
	// If a firing of the same session already shares one of the keys of f.Message
	// and its person, Accept returns first as false. It then stores no firing, but
	// the keys that were not known yet.
	Accept(ctx context.Context, f Firing, l Lease) (stored Firing, first bool, err error)
	// Claim takes up to max unfinished firings whose lease ended at or before now,
	// oldest first, and gives them the lease l. It passes over the accounts in
	// skip.
	//
	// If the last lease had a holder, that holder may have got further than the
	// row shows. A firing in StateAccepted is then stored and returned with
	// Attempt one higher (the webhook may have been asked), and one in
	// StateDecided is stored and returned in StateUnknown (the reply may have been
	// sent). A lease without a holder only queues.
	Claim(ctx context.Context, l Lease, now time.Time, skip []string, max int) ([]Firing, error)
	// Keep replaces the lease of an unfinished firing by l if holder still holds
	// it, and reports whether it did. If state is not empty, Keep replaces the
	// state too. A lease that has already ended returns the firing to Claim.
	Keep(ctx context.Context, id, holder string, state State, l Lease) (held bool, err error)
	// Decide moves a firing that is accepted or asking, and that d.Holder holds, to
	// StateDecided, or to StateAsking if d.AskUntil is set, and takes all of
	// d.Limits. It deletes the firing's Answer. If d.Refused is set or a limit refuses, it moves the
	// firing to StateDone instead, with the kind of that refusal as outcome, and
	// takes no limit. It queues d.Queued either way.
	//
	// Decide returns the firing as it now stands, and reports whether this
	// decision was the one. A firing in another state, or that another holds, is
	// returned unchanged.
	Decide(ctx context.Context, d Decision) (f Firing, decided bool, err error)
	// Answer stores a.Text as the answer to the latest firing in StateAsking of
	// a.Session and the person of a.Message, if there is one that has no answer yet
	// and whose AskUntil is after a.At. It stores the message's keys too, and does
	// nothing if one of them is known. If nobody holds the firing at a.At, it gives
	// it the lease l, returns it, and reports mine as true. Otherwise whoever holds
	// it learns of the answer from Rest.
	Answer(ctx context.Context, a Answer, l Lease) (f Firing, mine bool, err error)
	// Rest ends holder's lease of a firing in StateAsking, which Claim then returns
	// at until. If the sender has answered, Rest changes nothing, returns the
	// firing, and reports answered as true.
	Rest(ctx context.Context, id, holder string, until time.Time) (f Firing, answered bool, err error)
	// Confirm moves a firing that is accepted or asking, and that c.Holder holds,
	// to StateAccepted, with the person that [Recognize] returns for c.LID and
	// c.Phone, stores the rows of that, and gives back c.Release. It returns the
	// firing as it now stands, and reports whether it did.
	Confirm(ctx context.Context, c Confirmation) (f Firing, confirmed bool, err error)
	// Finish ends an unfinished firing, erases its texts, gives back its limits if
	// o.Release is set, and queues o.Retry. Finishing twice changes nothing. An
	// outcome whose Holder no longer holds the firing changes nothing either.
	Finish(ctx context.Context, o Outcome) error
}

// Limits counts what may be sent.
type Limits interface {
	// Reserve takes one of each limit, all or none. It returns a *LimitError for
	// the first that is used up.
	Reserve(ctx context.Context, at time.Time, limits ...Limit) error
	// Release gives back one of each limit whose period is still the one it was
	// taken in.
	Release(ctx context.Context, limits ...Limit) error
	// Peek returns what Reserve would return, and takes nothing.
	Peek(ctx context.Context, at time.Time, limits ...Limit) error
	// Hold gives key to owner alone from at to until, and reports whether owner
	// has it: it returns false if another owner does. It holds across all
	// processes and need not survive a crash. The keys of holds are separate from
	// those of limits.
	Hold(ctx context.Context, key, owner string, at, until time.Time) (held bool, err error)
	// Drop ends owner's hold of key, if it has one.
	Drop(ctx context.Context, key, owner string) error
}

// Triggers finds the trigger for a text.
type Triggers interface {
	// FindTrigger returns the active trigger of the session whose phrase comes
	// first in phrases. phrases come from [Phrases], longest first. ok is false if
	// no active trigger has one of them.
	FindTrigger(ctx context.Context, session string, phrases []string) (t Trigger, ok bool, err error)
}

// KeepGivenUp is how long an event that no attempt could deliver is kept, with
// its text.
const KeepGivenUp = 7 * 24 * time.Hour

// Events is the queue of events to deliver to the webhook, and the log of the
// attempts.
type Events interface {
	// Enqueue stores an event for delivery at p.Next, or, if p.GivenUp is set, as
	// given up. If the event's id is already queued, Enqueue changes nothing.
	Enqueue(ctx context.Context, p PendingEvent) error
	// Due leases to l up to max events that are due at now and not leased, oldest
	// first, and returns them. It passes over the accounts in skip.
	Due(ctx context.Context, l Lease, now time.Time, skip []string, max int) ([]PendingEvent, error)
	// Delivered deletes an event, and its text, for good.
	Delivered(ctx context.Context, id string) error
	// Retry ends the lease of an event whose attempt failed: the attempt with that
	// number is due at next.
	Retry(ctx context.Context, id string, attempt int, next time.Time) error
	// PutBack ends the lease of an event whose attempt was not made, or was
	// brought forward and failed: the same attempt is due at next. An event that is
	// put back to its Scheduled time or later is not brought forward again before
	// its attempt changes.
	PutBack(ctx context.Context, id string, next time.Time) error
	// MakeAllDue makes up to max events of an account due at now, those due soonest
	// first, and returns how many. It takes events that wait for a later time, are
	// not leased, were not given up, and were not brought forward since their
	// attempt changed.
	MakeAllDue(ctx context.Context, account string, now time.Time, max int) (int, error)
	// GiveUp takes an event out of the queue, with the number that a next attempt
	// would have. The event is kept whole until Purge erases it [KeepGivenUp]
	// after at. Until then a person may ask for it to be delivered after all.
	GiveUp(ctx context.Context, id string, attempt int, at time.Time) error
	// LogDelivery adds a row to the delivery log. It is the one write that a crash
	// may take back.
	LogDelivery(ctx context.Context, d Delivery) error
	// Purge deletes finished firings from before keys, with their message keys,
	// deliveries from before deliveries, limits that ended before now, and events
	// that were given up more than [KeepGivenUp] before now. It returns how many
	// rows it deleted.
	Purge(ctx context.Context, now, keys, deliveries time.Time) (int, error)
}
