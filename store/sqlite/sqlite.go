// Package sqlite is the default [pingr.Store]: files in a directory, without
// cgo and without a server.
//
//	pingr.db       firings, limits, queued events, triggers and sessions; on
//	               disk when a call returns (WAL, synchronous=FULL)
//	deliveries.db  the delivery log; a crash of the machine may cost its last
//	               rows (synchronous=NORMAL)
//	lock           held by the one engine that uses the directory
//
// The files are read through after Open and now and then afterwards, and every
// error that means damage is believed. [Store.Check] and Config.Log report
// damage. A damaged delivery log is set aside and a new one begins. [Repair]
// saves what can be read of a damaged pingr.db.
//
// Texts that are erased from the tables are overwritten (secure_delete). They
// are gone from the write-ahead log within about a second of the last write, or
// after four megabytes of others.
package sqlite

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/store/internal/sqlstore"
)

// Config says where the store is.
type Config struct {
	// Dir is the directory of the files. It is created if necessary, for this user
	// alone. Required.
	Dir string
	// Admin opens the store while an engine may be using it, for the
	// administration of triggers, sessions and the like. It does not lock the
	// directory. Only the engine may accept and claim firings.
	Admin bool
	// Log receives damage: what is wrong, where, and what to do. If nil, it is
	// discarded.
	Log *slog.Logger
}

// A Store is a [pingr.Store] in files, with the management of triggers,
// sessions and the delivery log. Create one with [Open]. It is safe for
// concurrent use.
type Store struct {
	*sqlstore.Store
	dir   string
	db    *database
	log   *deliveryFile
	watch *watch // nil if Admin
	lock  *lock  // nil if Admin

	once sync.Once
	err  error
}

var _ pingr.Store = (*Store)(nil)

// Open opens the store in c.Dir and brings its tables up to date. The directory
// is locked: while another engine uses it, Open fails with a *[LockedError].
// Leases of earlier processes are therefore void.
func Open(ctx context.Context, c Config) (*Store, error) {
	s, err := open(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	return s, nil
}

func open(ctx context.Context, c Config) (s *Store, err error) {
	if c.Dir == "" {
		return nil, errors.New("sqlite.Config.Dir is required")
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return nil, err
	}
	setup, err := waitLock(ctx, filepath.Join(c.Dir, "lock.setup"))
	if err != nil {
		return nil, err
	}
	defer setup.release()

	s = &Store{dir: c.Dir}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
			s = nil
		}
	}()
	engine, locked := tryLock(filepath.Join(c.Dir, "lock"))
	if locked != nil && !c.Admin {
		return s, locked
	}
	s.lock = engine
	if s.log, err = openDeliveries(ctx, c, locked); err != nil {
		return s, err
	}
	if err := s.openMain(ctx, c, locked); err != nil {
		return s, err
	}
	if c.Admin && engine != nil {
		engine.release()
		s.lock = nil
	}
	return s, nil
}

// openMain opens pingr.db. If damage prevents that, the error names it.
func (s *Store) openMain(ctx context.Context, c Config, locked error) error {
	file := filepath.Join(c.Dir, mainFile)
	err := s.tryMain(ctx, c, file, locked)
	if err == nil || errors.Is(err, errNewer) || ctx.Err() != nil {
		return err
	}
	damage := &DamageError{File: mainFile, Err: err}
	if errors.As(CheckFile(ctx, file), &damage) {
		return &DamageError{File: mainFile, Found: damage.Found, Err: err}
	}
	return damaged(mainFile, err)
}

func (s *Store) tryMain(ctx context.Context, c Config, file string, locked error) (err error) {
	if err := migrate(ctx, file, "migrations", locked); err != nil {
		return fmt.Errorf("%s: %w", mainFile, err)
	}
	if s.db, err = openDatabase(file, "FULL", size{cache: 4 << 10, readers: 4}); err != nil {
		return fmt.Errorf("%s: %w", mainFile, err)
	}
	s.Store = sqlstore.New(watched{s.db, s}, s.log, sqlstore.Dialect{})
	if c.Admin {
		return nil
	}
	if err := sqlstore.VoidLeases(ctx, s.db); err != nil {
		return fmt.Errorf("end leases: %w", err)
	}
	s.watch = newWatch(c.Dir, c.Log, s.log)
	s.watch.start()
	return nil
}

// Check makes the reads and writes that a message needs, and returns an error
// if one of them fails. If pingr.db is damaged anywhere, the error is a
// *[DamageError]. After Open, Check waits until the file has been read through
// once. It costs about what a message costs, and leaves nothing behind.
func (s *Store) Check(ctx context.Context, now time.Time) error {
	if s.watch != nil {
		if err := s.watch.err(ctx); err != nil {
			return err
		}
	}
	return s.Store.Check(ctx, now)
}

// watched is pingr.db's [sqlstore.DB]. It reports damage to the caller in plain
// words, and to the watch.
type watched struct {
	*database
	store *Store
}

// Write implements [sqlstore.DB].
func (w watched) Write(ctx context.Context, op func(sqlstore.Tx) error) error {
	return w.store.see(w.database.Write(ctx, op))
}

// WriteSoon implements [sqlstore.DB].
func (w watched) WriteSoon(ctx context.Context, op func(sqlstore.Tx) error) error {
	return w.store.see(w.database.WriteSoon(ctx, op))
}

// Read implements [sqlstore.DB].
func (w watched) Read(ctx context.Context, op func(sqlstore.Tx) error) error {
	return w.store.see(w.database.Read(ctx, op))
}

func (s *Store) see(err error) error {
	if !isDamage(err) {
		return err
	}
	damage := &DamageError{File: mainFile, Err: err}
	if s.watch != nil {
		s.watch.suspect(damage)
	}
	return damage
}

// Close finishes what was started, writes the rest of the delivery log and
// unlocks the directory. Later calls fail. Closing twice does no harm.
func (s *Store) Close() error {
	s.once.Do(func() { s.err = s.close() })
	return s.err
}

func (s *Store) close() error {
	var errs []error
	if s.watch != nil {
		s.watch.close()
	}
	if s.Store != nil {
		errs = append(errs, s.Store.Close())
	}
	if s.log != nil {
		errs = append(errs, s.log.close())
	}
	if s.db != nil {
		errs = append(errs, s.db.close())
	}
	if s.lock != nil {
		s.lock.release()
	}
	return errors.Join(errs...)
}
