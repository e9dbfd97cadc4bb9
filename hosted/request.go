package hosted

import (
	"crypto/sha256"
	"time"

	"github.com/heypingr/pingr"
)

// ReplayTime is how long an idempotency key is remembered.
const ReplayTime = 24 * time.Hour

// A Replay is a request with an idempotency key, and its answer.
type Replay struct {
	// Scope and Key name it: its owner, and the key that the client chose.
	Scope, Key string
	// Request is a hash of the request.
	Request [sha256.Size]byte
	State   ReplayState
	// Status and Body are the answer in ReplayDone. In earlier states, Body is
	// what the first attempt settled on; whoever takes the request over must keep
	// to it.
	Status int
	Body   []byte
	// At is when the current attempt began.
	At time.Time
}

// A ReplayState is how far a request got.
type ReplayState string

const (
	// ReplayPending is in progress, or its process died. In that case it may have
	// taken its limits, as in ReplayUnknown.
	ReplayPending ReplayState = "pending"
	// ReplayUnknown took its limits and ended without knowing whether it was done.
	// Repeating it does no harm.
	ReplayUnknown ReplayState = "unknown"
	// ReplayDone has been answered.
	ReplayDone ReplayState = "done"
)

// ReplayLease is how long a pending request is left alone.
const ReplayLease = time.Minute

// BeginAgain reports whether request now may take over from found, which has
// the same name.
func BeginAgain(found, now Replay) bool {
	if found.Request != now.Request {
		return false
	}
	return found.State == ReplayUnknown || found.State == ReplayPending && now.At.Sub(found.At) >= ReplayLease
}

// A DeliveryRow is a row of the delivery log as pages show it.
type DeliveryRow struct {
	pingr.Delivery
	// Logged is when the row was added. It is never before that of an earlier row,
	// so that paging by it misses no row.
	Logged time.Time
	// Ordinal numbers the account's rows of one millisecond, from 1, in their
	// order. It is only set if a page had to end within a millisecond.
	Ordinal int
}

// A DeliveryQuery requests a page of the log, newest first.
type DeliveryQuery struct {
	Account string
	// Before is an exclusive bound in milliseconds; zero is no bound. If Ordinal
	// is not zero, the page also includes the rows of that millisecond with a
	// smaller Ordinal.
	Before  time.Time
	Ordinal int
	// Status, if not empty, is the status of all rows.
	Status string
	// Limit is the number of rows in a page, at least 1.
	Limit int
}

// A DeliveryPage is a page of the log. Its rows end with a whole millisecond,
// unless one millisecond alone holds more than Limit; then the last row has an
// Ordinal.
type DeliveryPage struct {
	Rows []DeliveryRow
	More bool
}

// CutPage cuts rows to a page that ends with a whole millisecond, if possible.
// rows are newest first, and one more than a page holds if there are more.
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
