// Package sqlite is the default [pingr.Store]: files in a directory, without
// cgo and without a server.
//
//	pingr.db       firings, limits, queued events, triggers and sessions; on
//	               disk when a call returns (WAL, synchronous=FULL)
//	deliveries.db  the delivery log; a crash of the machine may cost its last
//	               rows (synchronous=NORMAL)
//	lock           held by the one engine that uses the directory
//
// Texts that are erased from the tables are overwritten (secure_delete), and
// gone from the write-ahead log within about a second of the last write, or
// after four megabytes of others.
package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/store/internal/sqlstore"
)

// Config says where the store is.
type Config struct {
	// Dir is the directory of the files; it is made if need be, for this user
	// alone. Required.
	Dir string
	// Admin opens the store beside an engine that may be running on it, for
	// administration of triggers, sessions and the like, and does not lock the
	// directory. Accepting and claiming firings is the engine's.
	Admin bool
}

// A Store is a [pingr.Store] in files, with the management of triggers,
// sessions and the delivery log. Make it with [Open]; it is safe for
// concurrent use.
type Store struct {
	*sqlstore.Store
	dir     string
	db, log *database
	lock    *lock // nil for Admin

	once sync.Once
	err  error
}

var _ pingr.Store = (*Store)(nil)

// Open opens the store in c.Dir and brings its tables up to date. Whatever
// lease another process held is void, for that process is gone: the directory
// is locked, and Open fails with a *[LockedError] while another engine uses it.
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
	if err := migrateAll(ctx, c.Dir, locked); err != nil {
		return s, err
	}
	if c.Admin && engine != nil {
		engine.release()
		s.lock = nil
	}
	return s, s.openFiles(ctx, c)
}

func (s *Store) openFiles(ctx context.Context, c Config) (err error) {
	if s.db, err = openDatabase(filepath.Join(c.Dir, mainFile), "FULL", size{cache: 4 << 10, readers: 4}); err != nil {
		return fmt.Errorf("%s: %w", mainFile, err)
	}
	if s.log, err = openDatabase(filepath.Join(c.Dir, logFile), "NORMAL", size{cache: 1 << 10, readers: 1}); err != nil {
		return fmt.Errorf("%s: %w", logFile, err)
	}
	s.Store = sqlstore.New(s.db, s.log, sqlstore.Dialect{})
	if c.Admin {
		return nil
	}
	if err := sqlstore.VoidLeases(ctx, s.db); err != nil {
		return fmt.Errorf("end leases: %w", err)
	}
	return nil
}

// Close finishes what was begun, writes the rest of the delivery log and
// unlocks the directory. Later calls fail; closing twice does no harm.
func (s *Store) Close() error {
	s.once.Do(func() { s.err = s.close() })
	return s.err
}

func (s *Store) close() error {
	var errs []error
	if s.Store != nil {
		errs = append(errs, s.Store.Close())
	}
	for _, d := range []*database{s.log, s.db} {
		if d != nil {
			errs = append(errs, d.close())
		}
	}
	if s.lock != nil {
		s.lock.release()
	}
	return errors.Join(errs...)
}
