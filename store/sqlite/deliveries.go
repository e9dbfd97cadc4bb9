package sqlite

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/heypingr/pingr/store/internal/sqlstore"
)

// betweenSetAsides bounds how often a new delivery log is begun in one run, so
// that a dying disk is not filled with damaged ones.
const betweenSetAsides = time.Hour

// A deliveryFile is the [sqlstore.DB] of deliveries.db. No login depends on the
// delivery log. If it turns out to be damaged, at the start or later, it is set
// aside and a new one begins.
type deliveryFile struct {
	dir   string
	log   *slog.Logger
	admin bool // another process owns the file and takes care of it

	mu   sync.RWMutex // held for reading while db is in use
	db   *database    // nil if it could not be opened
	err  error        // why
	last time.Time    // when it was set aside in this run
}

// openDeliveries opens the file, and sets aside one that cannot be opened. An
// administrator's store leaves such a file alone and works without it.
func openDeliveries(ctx context.Context, c Config, locked error) (*deliveryFile, error) {
	f := &deliveryFile{dir: c.Dir, log: c.Log, admin: c.Admin}
	err := f.open(ctx, locked)
	switch {
	case err == nil:
		return f, nil
	case !replaceable(ctx, err):
		return nil, err
	case f.admin:
		f.err = damaged(logFile, err)
		return f, nil
	}
	if aside := f.rename(err); aside != nil {
		return nil, errors.Join(err, aside)
	}
	return f, f.open(ctx, nil)
}

func (f *deliveryFile) open(ctx context.Context, locked error) error {
	file := filepath.Join(f.dir, logFile)
	err := migrate(ctx, file, "migrations/deliveries", locked)
	if err == nil {
		f.db, err = openDatabase(file, "NORMAL", size{cache: 1 << 10, readers: 1})
	}
	if err != nil {
		return fmt.Errorf("%s: %w", logFile, err)
	}
	return nil
}

// replaceable reports whether another file would do better than the one that
// could not be opened.
func replaceable(ctx context.Context, err error) bool {
	if ctx.Err() != nil || errors.Is(err, errNewer) || errors.Is(err, syscall.ENOSPC) {
		return false
	}
	var locked *LockedError
	if errors.As(err, &locked) {
		return false
	}
	var said *sqlite.Error
	if errors.As(err, &said) {
		switch said.Code() & 0xff {
		case sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM:
			return false
		}
	}
	return true
}

// rename sets the file aside, with what SQLite keeps beside it, and logs that.
func (f *deliveryFile) rename(cause error) error {
	file := filepath.Join(f.dir, logFile)
	aside, err := setAside(file)
	if err != nil {
		return fmt.Errorf("set %s aside: %w", logFile, err)
	}
	f.log.Error("delivery log is damaged; it is set aside and a new one is started",
		"file", logFile, "now", filepath.Base(aside), "error", cause,
		"do", "check the disk; delete the old file when nobody needs it")
	return nil
}

// setAside renames a database file and those beside it, and returns its new
// name.
func setAside(file string) (aside string, err error) {
	aside = file + ".damaged-" + time.Now().UTC().Format("20060102T150405.000Z")
	for _, part := range []string{"-wal", "-shm", ""} {
		if err := os.Rename(file+part, aside+part); err != nil && (part == "" || !errors.Is(err, os.ErrNotExist)) {
			return "", err
		}
	}
	return aside, syncDir(filepath.Dir(file))
}

// Write implements [sqlstore.DB].
func (f *deliveryFile) Write(ctx context.Context, op func(sqlstore.Tx) error) error {
	err := f.use(func(d *database) error { return d.Write(ctx, op) })
	if isDamage(err) && f.replaced(ctx, err) {
		return f.use(func(d *database) error { return d.Write(ctx, op) })
	}
	return err
}

// WriteSoon implements [sqlstore.DB].
func (f *deliveryFile) WriteSoon(ctx context.Context, op func(sqlstore.Tx) error) error {
	return f.Write(ctx, op)
}

// Read implements [sqlstore.DB]. A reader that meets damage gets the error,
// because some rows may already have been passed on. The next reader reads the
// new file.
func (f *deliveryFile) Read(ctx context.Context, op func(sqlstore.Tx) error) error {
	err := f.use(func(d *database) error { return d.Read(ctx, op) })
	if isDamage(err) {
		f.replaced(ctx, err)
	}
	return err
}

func (f *deliveryFile) use(run func(*database) error) error {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.db == nil {
		return f.err
	}
	return damaged(logFile, run(f.db))
}

// check reads the file through.
func (f *deliveryFile) check(ctx context.Context) {
	db, err := openToLook(filepath.Join(f.dir, logFile))
	if err != nil {
		return
	}
	err = inspect(ctx, db, logFile, "quick_check")
	_ = db.Close() // before it is renamed
	var damage *DamageError
	if errors.As(err, &damage) {
		f.replaced(ctx, err)
	}
}

// replaced sets the file aside because of cause, unless that was done moments
// ago, and reports whether there is a new file now.
func (f *deliveryFile) replaced(ctx context.Context, cause error) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.admin || f.db == nil || time.Since(f.last) < betweenSetAsides {
		return false
	}
	f.last = time.Now()
	_ = f.db.close() // it is damaged
	f.db, f.err = nil, damaged(logFile, cause)
	if err := f.rename(cause); err != nil {
		f.log.Error("delivery log is damaged and could not be set aside", "file", logFile, "error", errors.Join(cause, err),
			"do", "stop Pingr, move the file away, and check the disk")
	}
	if err := f.open(context.WithoutCancel(ctx), nil); err != nil {
		f.err = err
		f.log.Error("there is no delivery log until Pingr is restarted", "error", err)
	}
	return f.db != nil
}

// close closes the file. Nobody may use it any more.
func (f *deliveryFile) close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.db == nil {
		return nil
	}
	return f.db.close()
}
