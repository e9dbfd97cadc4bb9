package pingr

import (
	"fmt"
	"time"
)

// An Observer is told what the engine does: for logs, counters, event streams
// and pages that show it. Any field may be nil. The engine calls the functions
// synchronously, from several goroutines at once, so they must be safe for
// concurrent use and must not block. A panic in one is logged and changes
// nothing. What they are told includes phones, texts and addresses.
type Observer struct {
	// Received is told of every message that a session brings, each time that it
	// brings it, before it is stored, and whether it matches a trigger.
	Received func(account, session string, m Message, matches bool)
	// Firing is told of a firing once the Store holds it in a new state: accepted,
	// decided, unknown or done. It is also told of each firing that this engine
	// takes up again, in the state in which it was left. Of two engines that share
	// a Store, the one that made the change is told; one that lost its lease in the
	// meantime may also tell how it would have ended the firing.
	Firing func(Firing)
	// Delivery is told of each row of the delivery log once it is in the Store.
	Delivery func(Delivery)
	// Dispatched is told of each call of a Dispatcher that has ended: the event as
	// the Dispatcher received it, what it returned, and how long it took. An err
	// that is a [*PanicError] means that the Dispatcher panicked. Calls that ended
	// because the engine stopped are left out.
	Dispatched func(e Event, r Reply, took time.Duration, err error)
	// StoreFailed is told of each failure of the Store that delays a message or an
	// event, with what the engine was doing, such as "storing a reply". The engine
	// tries again. The error is [context.Canceled] if the engine was stopping.
	StoreFailed func(doing string, err error)
}

// Observers returns an Observer that tells all of the others, in their order. If
// one panics, those after it are not told.
func Observers(all ...Observer) Observer {
	return Observer{
		Received: func(account, session string, m Message, matches bool) {
			for _, o := range all {
				if o.Received != nil {
					o.Received(account, session, m, matches)
				}
			}
		},
		Firing: func(f Firing) {
			for _, o := range all {
				if o.Firing != nil {
					o.Firing(f)
				}
			}
		},
		Delivery: func(d Delivery) {
			for _, o := range all {
				if o.Delivery != nil {
					o.Delivery(d)
				}
			}
		},
		Dispatched: func(e Event, r Reply, took time.Duration, err error) {
			for _, o := range all {
				if o.Dispatched != nil {
					o.Dispatched(e, r, took, err)
				}
			}
		},
		StoreFailed: func(doing string, err error) {
			for _, o := range all {
				if o.StoreFailed != nil {
					o.StoreFailed(doing, err)
				}
			}
		},
	}
}

// observe runs a function of the Observer, whose panic must not become the
// pipeline's.
func (e *Engine) observe(tell func()) {
	var panicked error
	defer e.survive(&panicked)
	tell()
}

func (e *Engine) observeReceived(account, session string, m Message, matches bool) {
	if tell := e.cfg.Observer.Received; tell != nil {
		e.observe(func() { tell(account, session, m, matches) })
	}
}

func (e *Engine) observeFiring(f Firing) {
	if tell := e.cfg.Observer.Firing; tell != nil {
		e.observe(func() { tell(f) })
	}
}

func (e *Engine) observeDelivery(d Delivery) {
	if tell := e.cfg.Observer.Delivery; tell != nil {
		e.observe(func() { tell(d) })
	}
}

func (e *Engine) observeDispatched(event Event, r Reply, took time.Duration, err error) {
	if tell := e.cfg.Observer.Dispatched; tell != nil {
		e.observe(func() { tell(event, r, took, err) })
	}
}

// storeFailed returns the error of a step at the Store, if it failed, with what
// the engine was doing.
func (e *Engine) storeFailed(doing string, err error) error {
	if err == nil {
		return nil
	}
	if tell := e.cfg.Observer.StoreFailed; tell != nil {
		e.observe(func() { tell(doing, err) })
	}
	return fmt.Errorf("%s: %w", doing, err)
}
