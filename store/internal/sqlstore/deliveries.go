package sqlstore

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/heypingr/pingr"
)

const (
	// maxBuffered is how many deliveries may wait to be written. A writer then
	// waits for room, or gets the error that keeps them waiting.
	maxBuffered = 4096
	// logPause is how long deliveries are gathered into one transaction, and how
	// long a failed database is left alone.
	logPause = 20 * time.Millisecond
)

const deliveryColumns = `id, account, session, event_id, event, url, status, http_status, dynamic_reply, attempt,
	duration_ms, error, at, no_reply`

// A deliveryLog writes deliveries in the background.
type deliveryLog struct {
	db   DB
	as   Dialect
	stop chan struct{} // closed by close
	done chan struct{} // closed when the goroutine has ended
	wake chan struct{}

	writing sync.Mutex // held by write
	mu      sync.Mutex
	closed  bool
	waiting []loggedDelivery
	last    int64         // the time of this process's newest row
	err     error         // of the last try to write
	tried   chan struct{} // closed when the next try has ended
}

// A loggedDelivery is a row and when it came, by the engine's clock, in
// milliseconds. That is never before the time of the previous row.
type loggedDelivery struct {
	pingr.Delivery
	logged int64
}

var errClosed = errors.New("store is closed")

func newDeliveryLog(db DB, as Dialect) *deliveryLog {
	l := &deliveryLog{
		db: db, as: as, stop: make(chan struct{}), done: make(chan struct{}),
		wake: make(chan struct{}, 1), tried: make(chan struct{}),
	}
	go l.run()
	return l
}

// LogDelivery implements [pingr.Events]. The row is written within moments.
// LogDelivery fails if too many rows wait that cannot be written.
func (s *Store) LogDelivery(ctx context.Context, d pingr.Delivery) error {
	return s.log.add(ctx, d)
}

func (l *deliveryLog) add(ctx context.Context, d pingr.Delivery) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		l.mu.Lock()
		switch {
		case l.closed:
			l.mu.Unlock()
			return errClosed
		case len(l.waiting) < maxBuffered:
			l.last = max(l.last, d.At.Add(d.Duration).UnixMilli())
			l.waiting = append(l.waiting, loggedDelivery{d, l.last})
			l.mu.Unlock()
			l.poke()
			return nil
		case l.err != nil:
			err := l.err
			l.mu.Unlock()
			return err
		}
		tried := l.tried
		l.mu.Unlock()
		select {
		case <-tried:
		case <-ctx.Done():
		}
	}
}

func (l *deliveryLog) poke() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

func (l *deliveryLog) run() {
	defer close(l.done)
	for {
		select {
		case <-l.stop:
			return
		case <-l.wake:
		}
		pause := time.NewTimer(logPause)
		select {
		case <-l.stop:
			pause.Stop()
			return
		case <-pause.C:
		}
		if l.write() != nil {
			l.poke()
		}
	}
}

// write tries to write all waiting rows. What could not be written keeps
// waiting.
func (l *deliveryLog) write() error {
	l.writing.Lock()
	defer l.writing.Unlock()
	l.mu.Lock()
	batch := l.waiting
	l.mu.Unlock()
	var err error
	if len(batch) > 0 {
		err = l.db.Write(context.Background(), func(tx Tx) error {
			// Rows become visible in the order of their numbers.
			if err := l.as.alone(tx, "deliveries"); err != nil {
				return err
			}
			return insertDeliveries(tx, batch)
		})
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil {
		l.waiting = append([]loggedDelivery(nil), l.waiting[len(batch):]...)
	}
	l.err = err
	close(l.tried)
	l.tried = make(chan struct{})
	return err
}

// flush writes the rows that wait at this moment.
func (l *deliveryLog) flush() error {
	l.mu.Lock()
	closed, waiting := l.closed, len(l.waiting)
	l.mu.Unlock()
	if closed {
		return errClosed
	}
	if waiting == 0 {
		return nil
	}
	return l.write()
}

func (l *deliveryLog) isClosed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.closed
}

func (l *deliveryLog) close() error {
	l.mu.Lock()
	closed := l.closed
	l.closed = true
	l.mu.Unlock()
	if closed {
		<-l.done
		return nil
	}
	close(l.stop)
	<-l.done
	return l.write()
}

func insertDeliveries(tx Tx, batch []loggedDelivery) error {
	// Rows of an earlier or another process may be ahead of our clock.
	var newest int64
	read := func(row Row) error { return row.Scan(&newest) }
	err := tx.Query(`SELECT logged_at FROM deliveries ORDER BY seq DESC LIMIT 1`, read)
	if err != nil {
		return err
	}
	for _, d := range batch {
		_, err := tx.Exec(`INSERT INTO deliveries (`+deliveryColumns+`, logged_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)`,
			d.ID, d.Account, d.Session, d.EventID, string(d.Event), d.URL, d.Status, int64(d.HTTPStatus),
			toInt(d.DynamicReply), int64(d.Attempt), d.Duration.Milliseconds(), d.Error, d.At.UnixMilli(),
			string(d.NoReply), max(d.logged, newest))
		if err != nil {
			return err
		}
	}
	return countLatencies(tx, batch)
}

func scanDelivery(row Row, more ...any) (d pingr.Delivery, err error) {
	var event, noReply string
	var status, dynamic, attempt, ms, at int64
	into := []any{
		&d.ID, &d.Account, &d.Session, &d.EventID, &event, &d.URL, &d.Status, &status, &dynamic, &attempt,
		&ms, &d.Error, &at, &noReply,
	}
	err = row.Scan(append(into, more...)...)
	d.Event, d.HTTPStatus, d.DynamicReply, d.Attempt = pingr.EventType(event), int(status), dynamic == 1, int(attempt)
	d.Duration, d.At = time.Duration(ms)*time.Millisecond, toTime(at)
	d.NoReply = pingr.NoReply(noReply)
	return d, err
}
