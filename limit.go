package pingr

import (
	"fmt"
	"time"
)

// LimitKind is the kind of a limit. It is also the outcome of a firing that the
// limit refused.
type LimitKind = OutcomeKind

// A Limit is a counter that may not pass Max before Until. A cooldown is a
// limit whose Max is 1. A Store keeps one row per Key: the count and the end of
// its period.
type Limit struct {
	Kind LimitKind
	// Key names the counter, such as "cooldown/ACCOUNT/PHONE".
	Key string
	// Max is the number allowed per period; 0 counts without refusing.
	Max int64
	// Until is the end of the period that starts if none is running. A running
	// period keeps its own end.
	Until time.Time
}

// A LimitError reports which limit refused, and until when. Nothing was taken.
type LimitError struct {
	Kind  LimitKind
	Until time.Time
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("%s until %s", e.Kind, e.Until.UTC().Format(time.RFC3339))
}

// RetryAfter returns the number of seconds from now until the limit ends,
// rounded up, at least 1.
func (e *LimitError) RetryAfter(now time.Time) int {
	s := int((e.Until.Sub(now) + time.Second - 1) / time.Second)
	return max(s, 1)
}

// QuotaLimit returns the limit that lets an account send limit messages in a
// calendar month (UTC). A limit of 0 counts without refusing.
func QuotaLimit(account string, limit int64, at time.Time) Limit {
	year, month, _ := at.UTC().Date()
	end := time.Date(year, month+1, 1, 0, 0, 0, 0, time.UTC)
	return Limit{Kind: Quota, Key: "quota/" + account, Max: limit, Until: end}
}

// DayLimit returns the limit that counts a session's messages until ends,
// without refusing any; see [Settings.DayEnds].
func DayLimit(session string, ends time.Time) Limit {
	return Limit{Kind: Quota, Key: "day/" + session, Until: ends}
}
