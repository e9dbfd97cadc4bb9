package sqlite

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/heypingr/pingr/store/internal/sqlstore"
)

const (
	// maxBatch is how many operations share a transaction, so that none waits long
	// for the others.
	maxBatch = 256
	// quiet is how long nothing must be written before the write-ahead log is
	// emptied, and with it the texts that were erased from the tables.
	quiet = 500 * time.Millisecond
	// patience is how long operations that need not be done at once wait for an
	// urgent one, to share its commit.
	patience = 5 * time.Millisecond
)

var (
	errClosed   = errors.New("store is closed")
	errNotBegun = errors.New("begin")
)

// A size is how much memory and how many files a database may use.
type size struct {
	cache   int // KiB of pages for the writer; each reader has a quarter
	readers int // connections that only read
}

// busyTimeout is how long a connection waits for another process's write, in
// milliseconds.
const busyTimeout = "10000"

// dsn returns a file's name with what every connection to it needs. cache is in
// KiB.
func dsn(file, synchronous string, cache int) string {
	query := url.Values{"_pragma": {
		"busy_timeout(" + busyTimeout + ")", "journal_mode(WAL)", "synchronous(" + synchronous + ")",
		"secure_delete(1)", "cache_size(-" + strconv.Itoa(cache) + ")",
	}}
	return fileURL(file, query)
}

func fileURL(file string, query url.Values) string {
	name := url.URL{Scheme: "file", Opaque: (&url.URL{Path: file}).EscapedPath(), RawQuery: query.Encode()}
	return name.String()
}

// A database is one file, with one connection that writes and a few that read.
// It is a [sqlstore.DB].
//
// Writing is group commit. One goroutine takes whatever operations wait, runs
// them in one transaction, commits once and answers all. A disk that syncs
// 3,000 times a second therefore takes tens of thousands of operations. If an
// operation fails, the transaction is rolled back and its operations run again,
// each in its own.
type database struct {
	queue chan *operation
	idle  chan *conn // connections without a reader
	done  chan struct{}
	// readers is how many connections idle holds when nobody reads.
	readers int

	mu     sync.RWMutex // guards closed, and queue against being closed in use
	closed bool
}

// An operation waits for its turn. It is then taken and answered, unless it was
// abandoned first.
type operation struct {
	run   func(sqlstore.Tx) error
	soon  bool // need not be done at once
	state atomic.Int32
	done  chan error
}

const (
	waiting int32 = iota
	taken
	abandoned
)

// openDatabase opens all connections that it ever will, so that the number of
// open files does not grow.
func openDatabase(file, synchronous string, size size) (*database, error) {
	d := &database{
		queue: make(chan *operation, maxBatch), idle: make(chan *conn, size.readers), done: make(chan struct{}),
	}
	writer, err := openConn(dsn(file, synchronous, size.cache))
	if err != nil {
		return nil, err
	}
	for range size.readers {
		c, err := openReader(dsn(file, synchronous, size.cache/4))
		if err != nil {
			return nil, errors.Join(err, writer.close(), d.closeReaders())
		}
		d.idle <- c
		d.readers++
	}
	go d.write(writer)
	return d, nil
}

// openReader opens a connection and reads the schema.
func openReader(dsn string) (*conn, error) {
	c, err := openConn(dsn)
	if err != nil {
		return nil, err
	}
	if err := c.Query(`SELECT 1 FROM sqlite_schema LIMIT 1`, func(sqlstore.Row) error { return nil }); err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

// Write implements [sqlstore.DB].
func (d *database) Write(ctx context.Context, run func(sqlstore.Tx) error) error {
	return d.do(ctx, &operation{run: run, done: make(chan error, 1)})
}

// WriteSoon implements [sqlstore.DB].
func (d *database) WriteSoon(ctx context.Context, run func(sqlstore.Tx) error) error {
	return d.do(ctx, &operation{run: run, soon: true, done: make(chan error, 1)})
}

func (d *database) do(ctx context.Context, o *operation) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := d.enqueue(ctx, o); err != nil {
		return err
	}
	select {
	case err := <-o.done:
		return err
	case <-ctx.Done():
	}
	if o.state.CompareAndSwap(waiting, abandoned) {
		return ctx.Err()
	}
	return <-o.done // too late: it is in progress
}

func (d *database) enqueue(ctx context.Context, o *operation) error {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if d.closed {
		return errClosed
	}
	select {
	case d.queue <- o:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Read implements [sqlstore.DB].
func (d *database) Read(ctx context.Context, run func(sqlstore.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case c, ok := <-d.idle:
		if !ok {
			return errClosed
		}
		defer d.giveBack(c)
		return run(c)
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (d *database) giveBack(c *conn) { d.idle <- c }

// close finishes what was started, and ends the goroutine.
func (d *database) close() error {
	d.mu.Lock()
	closed := d.closed
	d.closed = true
	if !closed {
		close(d.queue)
	}
	d.mu.Unlock()
	<-d.done
	if closed {
		return nil
	}
	return d.closeReaders()
}

// closeReaders waits for the readers. Later reads are refused.
func (d *database) closeReaders() error {
	var errs []error
	for range d.readers {
		errs = append(errs, (<-d.idle).close())
	}
	close(d.idle)
	return errors.Join(errs...)
}

// write is the goroutine that writes.
func (d *database) write(c *conn) {
	defer close(d.done)
	w := writer{c}
	batch := make([]*operation, 0, maxBatch)
	rest := time.NewTimer(quiet)
	defer rest.Stop()
	for {
		select {
		case o, ok := <-d.queue:
			if !ok {
				_ = c.close()
				return
			}
			// Callers that were just answered come back first: twice the batch, and a
			// third less processor time per operation.
			runtime.Gosched()
			batch = d.await(d.gather(append(batch[:0], o)))
			w.commit(batch)
			clear(batch) // the texts in them
			rest.Reset(quiet)
		case <-rest.C:
			if !w.emptyLog() {
				rest.Reset(quiet)
			}
		}
	}
}

// gather adds whatever else waits to the batch, without waiting for more.
func (d *database) gather(batch []*operation) []*operation {
	for len(batch) < maxBatch {
		select {
		case o, ok := <-d.queue:
			if !ok {
				return batch
			}
			batch = append(batch, o)
		default:
			return batch
		}
	}
	return batch
}

// await lets a batch without urgent operations wait for an urgent one.
func (d *database) await(batch []*operation) []*operation {
	if !leisurely(batch) {
		return batch
	}
	end := time.NewTimer(patience)
	defer end.Stop()
	for len(batch) < maxBatch && leisurely(batch) {
		select {
		case o, ok := <-d.queue:
			if !ok {
				return batch
			}
			batch = d.gather(append(batch, o))
		case <-end.C:
			return batch
		}
	}
	return batch
}

func leisurely(batch []*operation) bool {
	return !slices.ContainsFunc(batch, func(o *operation) bool { return !o.soon })
}

// A writer is the connection that writes.
type writer struct{ *conn }

// commit runs a batch, all in one transaction, or else one by one. If another
// process did not let the transaction begin, it would not let the next one
// begin either, and each would wait as long again.
func (w writer) commit(batch []*operation) {
	batch = takeOver(batch)
	if len(batch) == 0 {
		return
	}
	err := w.transact(batch)
	if err == nil || len(batch) == 1 || errors.Is(err, errNotBegun) {
		answer(batch, err)
		return
	}
	for i := range batch {
		one := batch[i : i+1]
		answer(one, w.transact(one))
	}
}

// takeOver leaves out abandoned operations.
func takeOver(batch []*operation) []*operation {
	kept := batch[:0]
	for _, o := range batch {
		if o.state.CompareAndSwap(waiting, taken) {
			kept = append(kept, o)
		}
	}
	return kept
}

func answer(batch []*operation, err error) {
	for _, o := range batch {
		o.done <- err
	}
}

// transact runs operations in one transaction. If anything fails, nothing of
// them is left.
func (w writer) transact(batch []*operation) (err error) {
	if _, err := w.Exec("BEGIN IMMEDIATE"); err != nil {
		return fmt.Errorf("%w: %w", errNotBegun, err)
	}
	defer func() {
		if err != nil {
			_, _ = w.Exec("ROLLBACK") // SQLite may have done so itself
		}
	}()
	for _, o := range batch {
		if err := run(o, w); err != nil {
			return err
		}
	}
	if _, err := w.Exec("COMMIT"); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// run turns a panic into an error, so that the others of the batch do not
// suffer.
func run(o *operation, tx sqlstore.Tx) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = errors.New("operation panicked")
		}
	}()
	return o.run(tx)
}

// emptyLog moves the write-ahead log into the database and truncates it. It
// returns false if somebody is reading, who still needs the log. It does not
// wait for readers, as others may want to write.
func (w writer) emptyLog() bool {
	_, _ = w.Exec("PRAGMA busy_timeout = 0")
	defer func() { _, _ = w.Exec("PRAGMA busy_timeout = " + busyTimeout) }()
	var busy, frames, moved int64
	err := w.Query("PRAGMA wal_checkpoint(TRUNCATE)", func(r sqlstore.Row) error { return r.Scan(&busy, &frames, &moved) })
	return err == nil && busy == 0
}
