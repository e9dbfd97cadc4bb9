package hosted

import (
	"math/bits"
	"time"

	"github.com/heypingr/pingr"
)

// StatsGrain is the resolution at which stores count. Every time zone's
// midnight is a multiple of it.
const StatsGrain = 15 * time.Minute

// Counts are the numbers of firings by how they ended.
type Counts struct {
	Dynamic  int64 `json:"dynamic"` // replied with the webhook's text
	Static   int64 `json:"static"`  // replied with the trigger's
	Cooldown int64 `json:"cooldown"`
	Quota    int64 `json:"quota"`
	Expired  int64 `json:"expired"`
	NoPhone  int64 `json:"no_phone"`
	Failed   int64 `json:"failed"`
}

// Of returns the counter for an outcome, or nil if the outcome is not in the
// closed set. source is the source of a reply.
func (c *Counts) Of(o pingr.OutcomeKind, source pingr.Source) *int64 {
	switch o {
	case pingr.Replied:
		if source == pingr.Dynamic {
			return &c.Dynamic
		}
		return &c.Static
	case pingr.Cooldown:
		return &c.Cooldown
	case pingr.Quota:
		return &c.Quota
	case pingr.Expired:
		return &c.Expired
	case pingr.NoPhone:
		return &c.NoPhone
	case pingr.Failed:
		return &c.Failed
	}
	return nil
}

// Add adds the counts of other.
func (c *Counts) Add(other Counts) {
	c.Dynamic += other.Dynamic
	c.Static += other.Static
	c.Cooldown += other.Cooldown
	c.Quota += other.Quota
	c.Expired += other.Expired
	c.NoPhone += other.NoPhone
	c.Failed += other.Failed
}

// Firings returns the sum of the counts.
func (c *Counts) Firings() int64 {
	return c.Dynamic + c.Static + c.Cooldown + c.Quota + c.Expired + c.NoPhone + c.Failed
}

// A StatsStep is what happened from one time up to another: firings that ended
// in it, and attempts at the webhook that were logged in it.
type StatsStep struct {
	From  time.Time `json:"from"`
	Until time.Time `json:"until"`
	Counts
	Webhooks int64 `json:"webhooks"`
	// P50MS and P95MS are the milliseconds that half and 95 % of the attempts took
	// at most, within 6 %. They are nil if there was no attempt.
	P50MS *int64 `json:"p50_ms"`
	P95MS *int64 `json:"p95_ms"`
}

// Stats are an account's steps, oldest first, and their total. Stores keep them
// for as long as the delivery log.
type Stats struct {
	Steps []StatsStep `json:"steps"`
	Total StatsStep   `json:"total"`
}

// StatsHours returns the borders of n hours in a time zone. The last hour
// contains now.
func StatsHours(now time.Time, n int, zone *time.Location) []time.Time {
	// Not time.Date: when clocks are put back, an hour of the day comes twice.
	_, offset := now.In(zone).Zone()
	shift := time.Duration(offset) * time.Second
	last := now.Add(shift).Truncate(time.Hour).Add(-shift)
	borders := make([]time.Time, n+1)
	for i := range borders {
		borders[i] = last.Add(time.Duration(i-n+1) * time.Hour).UTC()
	}
	return borders
}

// StatsDays returns the borders of n days in a time zone, some of 23 or 25
// hours. The last day contains now.
func StatsDays(now time.Time, n int, zone *time.Location) []time.Time {
	year, month, day := now.In(zone).Date()
	borders := make([]time.Time, n+1)
	for i := range borders {
		borders[i] = time.Date(year, month, day+i-n+1, 0, 0, 0, 0, zone).UTC()
	}
	return borders
}

// Latencies counts durations in classes that are at most 12 % wide, so that
// counts of many hours can be added up and still give percentiles.
type Latencies map[int64]int64

// Timed reports whether a row's duration counts: whether an attempt was made, and
// was not simulated.
func Timed(d pingr.Delivery) bool { return d.Attempt > 0 && d.Status != "simulated" }

// LatencyClass returns the class of a duration: whole milliseconds below 8,
// then eight classes for every doubling.
func LatencyClass(d time.Duration) int64 {
	ms := uint64(max(d.Milliseconds(), 0)) // not negative
	if ms < 8 {
		return int64(ms)
	}
	shift := bits.Len64(ms) - 4
	return int64(shift)*8 + int64(ms>>shift) // less than 16
}

// classMiddle returns the middle of a class in milliseconds.
func classMiddle(class int64) int64 {
	if class < 16 {
		return class
	}
	shift := class/8 - 1
	return (class%8+8)<<shift + (1<<shift-1)/2
}

// Fill sets the step's Webhooks and percentiles.
func (l Latencies) Fill(s *StatsStep) {
	for _, n := range l {
		s.Webhooks += n
	}
	if s.Webhooks > 0 {
		s.P50MS, s.P95MS = l.percentile(50, s.Webhooks), l.percentile(95, s.Webhooks)
	}
}

func (l Latencies) percentile(p, total int64) *int64 {
	rank := (total*p + 99) / 100
	for class := int64(0); ; class++ {
		if rank -= l[class]; rank <= 0 {
			middle := classMiddle(class)
			return &middle
		}
	}
}

// SumStats adds up the counts and latencies of the steps between borders. There
// is at least one step.
func SumStats(borders []time.Time, step func(i int) (Counts, Latencies, error)) (Stats, error) {
	stats := Stats{Steps: make([]StatsStep, 0, len(borders))}
	all := Latencies{}
	for i := range len(borders) - 1 {
		counts, latencies, err := step(i)
		if err != nil {
			return Stats{}, err
		}
		s := StatsStep{From: borders[i], Until: borders[i+1], Counts: counts}
		latencies.Fill(&s)
		stats.Steps = append(stats.Steps, s)
		stats.Total.Add(counts)
		for class, n := range latencies {
			all[class] += n
		}
	}
	if len(borders) > 0 {
		stats.Total.From, stats.Total.Until = borders[0], borders[len(borders)-1]
	}
	all.Fill(&stats.Total)
	return stats, nil
}
