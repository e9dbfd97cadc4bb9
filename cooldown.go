package pingr

import (
	"fmt"
	"time"
)

// LimitKind names what a limit guards; it is also the outcome of a firing that
// the limit refused.
type LimitKind = OutcomeKind

// A Limit is a count that may not pass Max before Until: a cooldown is a quota
// of one. A Store keeps one row a Key: the count and the end of its period.
type Limit struct {
	Kind LimitKind
	// Key names the counter, such as "cooldown/ACCOUNT/PHONE".
	Key string
	// Max is how many fit into a period; 0 counts without refusing.
	Max int64
	// Until is the end of the period that begins if none is running. A period
	// that is running keeps its own end.
	Until time.Time
}

// A LimitError says which limit refused, and until when. Nothing was taken.
type LimitError struct {
	Kind  LimitKind
	Until time.Time
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("%s until %s", e.Kind, e.Until.UTC().Format(time.RFC3339))
}

// RetryAfter is the whole seconds from now until the limit ends, rounded up,
// at least 1.
func (e *LimitError) RetryAfter(now time.Time) int {
	s := int((e.Until.Sub(now) + time.Second - 1) / time.Second)
	return max(s, 1)
}

// CooldownLimit lets one message through to a number of an account until
// cooldown has passed.
func CooldownLimit(account, phone string, cooldown time.Duration, at time.Time) Limit {
	return Limit{Kind: Cooldown, Key: "cooldown/" + account + "/" + phone, Max: 1, Until: at.Add(cooldown)}
}

// QuotaLimit lets limit messages of an account through in a calendar month
// (UTC); 0 counts without refusing.
func QuotaLimit(account string, limit int64, at time.Time) Limit {
	year, month, _ := at.UTC().Date()
	return Limit{Kind: Quota, Key: "quota/" + account, Max: limit, Until: time.Date(year, month+1, 1, 0, 0, 0, 0, time.UTC)}
}
