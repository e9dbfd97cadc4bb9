package sqlstore

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/hosted"
)

// countColumns are the counters in a row of counts.
const countColumns = `dynamic, static, cooldown, quota, expired, no_phone, failed`

// Counting is an upsert of a row that is 15 minutes wide: a chart of a month
// reads some thousand rows, however many firings there were.
const countUp = `
	INSERT INTO counts (account, at, ` + countColumns + `) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
	ON CONFLICT (account, at) DO UPDATE SET
		dynamic = counts.dynamic + excluded.dynamic, static = counts.static + excluded.static,
		cooldown = counts.cooldown + excluded.cooldown, quota = counts.quota + excluded.quota,
		expired = counts.expired + excluded.expired, no_phone = counts.no_phone + excluded.no_phone,
		failed = counts.failed + excluded.failed`

// grain returns the start of the count that a time belongs to.
func grain(at time.Time) int64 {
	const width = int64(hosted.StatsGrain / time.Millisecond)
	ms := at.UnixMilli()
	return ms - ((ms%width)+width)%width
}

// countFiring counts a firing that ended.
func countFiring(tx Tx, owner string, at time.Time, o pingr.OutcomeKind, source pingr.Source) error {
	var c hosted.Counts
	n := c.Of(o, source)
	if n == nil {
		return nil
	}
	*n = 1
	_, err := tx.Exec(countUp, owner, grain(at), c.Dynamic, c.Static, c.Cooldown, c.Quota, c.Expired, c.NoPhone, c.Failed)
	return err
}

type latencyKey struct {
	account   string
	at, class int64
}

// countLatencies counts how long attempts took. Everybody takes the rows in the
// same order, so that two processes cannot wait for each other.
func countLatencies(tx Tx, batch []loggedDelivery) error {
	counts := map[latencyKey]int64{}
	for _, d := range batch {
		if hosted.Timed(d.Delivery) {
			counts[latencyKey{d.Account, grain(d.At), hosted.LatencyClass(d.Duration)}]++
		}
	}
	for _, k := range slices.SortedFunc(maps.Keys(counts), func(a, b latencyKey) int {
		return cmp.Or(cmp.Compare(a.account, b.account), cmp.Compare(a.at, b.at), cmp.Compare(a.class, b.class))
	}) {
		_, err := tx.Exec(`
			INSERT INTO latencies (account, at, class, n) VALUES ($1, $2, $3, $4)
			ON CONFLICT (account, at, class) DO UPDATE SET n = latencies.n + excluded.n`, k.account, k.at, k.class, counts[k])
		if err != nil {
			return err
		}
	}
	return nil
}

// Stats implements [hosted.Store].
func (s *Store) Stats(ctx context.Context, owner string, borders []time.Time) (stats hosted.Stats, err error) {
	if err := ctx.Err(); err != nil {
		return stats, err
	}
	if err := s.log.flush(); err != nil {
		return stats, err
	}
	return hosted.SumStats(borders, func(i int) (c hosted.Counts, l hosted.Latencies, err error) {
		from, until := borders[i].UnixMilli(), borders[i+1].UnixMilli()
		err = s.db.Read(ctx, func(tx Tx) error {
			return tx.Query(`
				SELECT coalesce(sum(dynamic), 0), coalesce(sum(static), 0), coalesce(sum(cooldown), 0), coalesce(sum(quota), 0),
					coalesce(sum(expired), 0), coalesce(sum(no_phone), 0), coalesce(sum(failed), 0)
				FROM counts WHERE account = $1 AND at >= $2 AND at < $3`,
				func(row Row) error {
					return row.Scan(&c.Dynamic, &c.Static, &c.Cooldown, &c.Quota, &c.Expired, &c.NoPhone, &c.Failed)
				}, owner, from, until)
		})
		if err != nil {
			return c, nil, err
		}
		l = hosted.Latencies{}
		err = s.log.db.Read(ctx, func(tx Tx) error {
			return tx.Query(`SELECT class, sum(n) FROM latencies WHERE account = $1 AND at >= $2 AND at < $3 GROUP BY class`,
				func(row Row) error {
					var class, n int64
					err := row.Scan(&class, &n)
					l[class] = n
					return err
				}, owner, from, until)
		})
		return c, l, err
	})
}

func (s *Store) purgeStats(ctx context.Context, before time.Time) error {
	err := s.db.Write(ctx, func(tx Tx) error {
		_, err := tx.Exec(`DELETE FROM counts WHERE at < $1`, grain(before))
		return err
	})
	if err != nil {
		return err
	}
	return s.log.db.Write(ctx, func(tx Tx) error {
		_, err := tx.Exec(`DELETE FROM latencies WHERE at < $1`, grain(before))
		return err
	})
}
