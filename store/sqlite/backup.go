package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/heypingr/pingr/store/internal/sqlstore"
)

// Backup writes a consistent copy of pingr.db to a new file, while the store is
// in use: firings, limits, queued events, triggers and sessions. The delivery
// log is not in it, and neither are the keys of linked numbers, which are in
// whatsapp.db: a copy of those that is put back after the original went on
// would break every conversation, so numbers are linked again instead. The
// copy is a plain SQLite file; put back, it is named pingr.db. A damaged file is
// not copied, which is a *[DamageError]: [Repair] saves what can be read of it.
func (s *Store) Backup(ctx context.Context, file string) error {
	if err := s.backup(ctx, file); err != nil {
		return fmt.Errorf("back up store: %w", err)
	}
	return nil
}

func (s *Store) backup(ctx context.Context, file string) (err error) {
	// The name is taken first, so that nothing is ever overwritten and the
	// mode is ours; VACUUM INTO accepts an empty file.
	f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, f.Close())
		if err != nil {
			_ = os.Remove(file)
		}
	}()
	if err := s.copyTo(ctx, file); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	return syncDir(filepath.Dir(file))
}

// copyTo copies the database as it is at one moment, on a connection of its
// own: it may take a while.
func (s *Store) copyTo(ctx context.Context, file string) error {
	if err := s.db.Read(ctx, func(sqlstore.Tx) error { return nil }); err != nil {
		return err // closed
	}
	db, err := sql.Open("sqlite", dsn(filepath.Join(s.dir, mainFile), "FULL", 2<<10))
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.ExecContext(ctx, `VACUUM INTO $1`, file)
	return damaged(mainFile, err)
}

// syncDir makes a new name in the directory durable, where the system can.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	_ = d.Sync() // not every file system can
	return nil
}
