package memory

import (
	"context"
	"time"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/hosted"
)

// A countKey is an account and the start of an [hosted.StatsGrain].
type countKey struct {
	account string
	at      time.Time
}

func (s *Store) countFiring(owner string, at time.Time, o pingr.OutcomeKind, source pingr.Source) {
	key := countKey{owner, at.UTC().Truncate(hosted.StatsGrain)}
	if s.counts[key] == nil {
		s.counts[key] = &hosted.Counts{}
	}
	if n := s.counts[key].Of(o, source); n != nil {
		*n++
	}
}

func (s *Store) countLatency(d pingr.Delivery) {
	if !hosted.Timed(d) {
		return
	}
	key := countKey{d.Account, d.At.UTC().Truncate(hosted.StatsGrain)}
	if s.latencies[key] == nil {
		s.latencies[key] = hosted.Latencies{}
	}
	s.latencies[key][hosted.LatencyClass(d.Duration)]++
}

// Stats implements [hosted.Store].
func (s *Store) Stats(ctx context.Context, owner string, borders []time.Time) (hosted.Stats, error) {
	if err := s.lock(ctx); err != nil {
		return hosted.Stats{}, err
	}
	defer s.mu.Unlock()
	return hosted.SumStats(borders, func(i int) (hosted.Counts, hosted.Latencies, error) {
		within := func(k countKey) bool {
			return k.account == owner && !k.at.Before(borders[i]) && k.at.Before(borders[i+1])
		}
		counts, latencies := hosted.Counts{}, hosted.Latencies{}
		for k, c := range s.counts {
			if within(k) {
				counts.Add(*c)
			}
		}
		for k, l := range s.latencies {
			if within(k) {
				for class, n := range l {
					latencies[class] += n
				}
			}
		}
		return counts, latencies, nil
	})
}

func (s *Store) purgeStats(before time.Time) {
	before = before.UTC().Truncate(hosted.StatsGrain)
	for k := range s.counts {
		if k.at.Before(before) {
			delete(s.counts, k)
		}
	}
	for k := range s.latencies {
		if k.at.Before(before) {
			delete(s.latencies, k)
		}
	}
}
