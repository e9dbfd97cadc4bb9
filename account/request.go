package account

import (
	"crypto/sha256"
	"time"

	"github.com/heypingr/pingr"
)

// ReplayTime is how long an idempotency key is remembered (SPEC section 4).
const ReplayTime = 24 * time.Hour

// A Replay is a request with an idempotency key, and what it was answered.
type Replay struct {
	// Scope and Key name it: whose it is, and the key as the client chose it.
	Scope, Key string
	// Request is a hash of what was asked.
	Request [sha256.Size]byte
	State   ReplayState
	// Status and Body are the answer, in ReplayDone.
	Status int
	Body   []byte
	// At is when the present attempt began.
	At time.Time
}

// A ReplayState says how far a request got.
type ReplayState string

const (
	// ReplayPending: it is being worked on, or its process died.
	ReplayPending ReplayState = "pending"
	// ReplayUnknown: it took its limits and ended without knowing whether it
	// was done; the same again does no harm.
	ReplayUnknown ReplayState = "unknown"
	// ReplayDone: it is answered.
	ReplayDone ReplayState = "done"
)

// ReplayLease is how long a pending request is left alone.
const ReplayLease = time.Minute

// A DeliveryRow is a row of the delivery log as it is paged through.
type DeliveryRow struct {
	pingr.Delivery
	// Logged is when the row was added: never before that of an earlier row,
	// so that whoever pages by it misses none.
	Logged time.Time
	// Ordinal numbers the account's rows of one millisecond, from 1, as they
	// came. It is only set where a page had to end within a millisecond.
	Ordinal int
}

// A DeliveryQuery asks for a page of the log, newest first.
type DeliveryQuery struct {
	Account string
	// Before is an exclusive bound in milliseconds; zero is none. Ordinal, if
	// not zero, lets the rows of that very millisecond through that are numbered
	// less.
	Before  time.Time
	Ordinal int
	// Status, if not empty, is that of all rows.
	Status string
	// Limit is how many rows a page holds; at least 1.
	Limit int
}

// A DeliveryPage is an answer. Its rows end with a whole millisecond, unless
// one alone holds more than Limit: then the last row has an Ordinal.
type DeliveryPage struct {
	Rows []DeliveryRow
	More bool
}
