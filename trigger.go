package pingr

import "time"

// A Trigger is a phrase on a session, with its static reply.
type Trigger struct {
	ID      string // "trg_…"
	Session string
	// Phrase is what a text must be or begin with, as it was given, in lower
	// case; 1 to 200 characters.
	Phrase string
	// Reply is the static reply, 1 to 1000 characters; {{phone}} stands for the
	// sender's number.
	Reply     string
	Active    bool
	CreatedAt time.Time
	UpdatedAt time.Time
}
