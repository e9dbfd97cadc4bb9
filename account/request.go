package account

import (
	"crypto/sha256"
	"time"

	"github.com/heypingr/pingr"
)

// ReplayTime is how long an idempotency key is remembered.
const ReplayTime = 24 * time.Hour

// A Replay is a request with an idempotency key, and what it was answered.
type Replay struct {
	// Scope and Key name it: whose it is, and the key as the client chose it.
	Scope, Key string
	// Request is a hash of what was asked.
	Request [sha256.Size]byte
	State   ReplayState
	// Status and Body are the answer, in ReplayDone. Before, Body is what the
	// first attempt settled on and whoever takes the request over must keep to.
	Status int
	Body   []byte
	// At is when the present attempt began.
	At time.Time
}

// A ReplayState says how far a request got.
type ReplayState string

const (
	// ReplayPending: it is being worked on, or its process died; then it may
	// have taken its limits, as in ReplayUnknown.
	ReplayPending ReplayState = "pending"
	// ReplayUnknown: it took its limits and ended without knowing whether it
	// was done; the same again does no harm.
	ReplayUnknown ReplayState = "unknown"
	// ReplayDone: it is answered.
	ReplayDone ReplayState = "done"
)

// ReplayLease is how long a pending request is left alone.
const ReplayLease = time.Minute

// BeginAgain says whether request now may take over from found, which has the
// same name.
func BeginAgain(found, now Replay) bool {
	if found.Request != now.Request {
		return false
	}
	return found.State == ReplayUnknown || found.State == ReplayPending && now.At.Sub(found.At) >= ReplayLease
}

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

// CutPage cuts rows, newest first and one more than a page holds if there are
// more, to a page that ends with a whole millisecond if it can.
func CutPage(rows []DeliveryRow, limit int) DeliveryPage {
	if len(rows) <= limit {
		return DeliveryPage{Rows: rows}
	}
	next := rows[limit].Logged
	for end := limit; end > 0; end-- {
		if !rows[end-1].Logged.Equal(next) {
			return DeliveryPage{Rows: rows[:end], More: true}
		}
	}
	return DeliveryPage{Rows: rows[:limit], More: true}
}
