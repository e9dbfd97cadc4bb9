package demo

import (
	"context"
	"encoding/json"
	"sync"
)

// keep is how many earlier events a late page gets.
const keep = 400

// An event is something that the page shows: a message on the phone, a step of
// a login, a webhook as it went over the wire, a state of the session.
type event struct {
	ID   int
	Kind string
	Data json.RawMessage
}

// A feed passes every event to every reader, including late ones. It is safe
// for concurrent use.
type feed struct {
	mu      sync.Mutex
	last    int
	events  []event
	changed chan struct{}
}

func newFeed() *feed { return &feed{changed: make(chan struct{})} }

func (f *feed) publish(kind string, data any) {
	text, err := json.Marshal(data)
	if err != nil {
		return // impossible: all data are plain structs
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last++
	f.events = append(f.events, event{f.last, kind, text})
	if len(f.events) > keep {
		f.events = append([]event(nil), f.events[len(f.events)-keep:]...)
	}
	close(f.changed)
	f.changed = make(chan struct{})
}

// after waits until there are events after the id, and returns them.
func (f *feed) after(ctx context.Context, id int) ([]event, error) {
	for {
		f.mu.Lock()
		if id > f.last {
			id = 0 // a reader from before a restart
		}
		var more []event
		for _, e := range f.events {
			if e.ID > id {
				more = append(more, e)
			}
		}
		changed := f.changed
		f.mu.Unlock()
		if len(more) > 0 {
			return more, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
