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

// Backup writes a consistent copy of pingr.db to a new file while the store is
// in use: firings, limits, queued events, triggers and sessions. The copy is a
// plain SQLite file. To use it, name it pingr.db.
//
// The copy does not include the delivery log or the keys of linked numbers,
// which are in whatsapp.db. An old copy of those keys would break every
// conversation once the original had gone on, so link the numbers again
// instead.
//
// If the file is damaged, Backup copies nothing and returns a *[DamageError].
// [Repair] saves what can still be read.
func (s *Store) Backup(ctx context.Context, file string) error {
	if err := s.backup(ctx, file); err != nil {
		return fmt.Errorf("back up store: %w", err)
	}
	return nil
}

func (s *Store) backup(ctx context.Context, file string) (err error) {
	// The name is taken first, so that nothing is ever overwritten and the mode is
	// ours. VACUUM INTO accepts an empty file.
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

// copyTo copies the database as it is at one moment. It uses a connection of
// its own, because it may take a while.
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

// syncDir makes a new name in the directory durable, if the system can.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	_ = d.Sync() // not every file system can
	return nil
}
