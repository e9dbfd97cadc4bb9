package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/hosted"
	"github.com/heypingr/pingr/server"
	"github.com/heypingr/pingr/session/whatsapp"
	"github.com/heypingr/pingr/store/postgres"
	"github.com/heypingr/pingr/store/sqlite"
)

// A database is what commands need of a store, whichever it is.
type database interface {
	server.Store
	whatsapp.Registry
	Accounts(ctx context.Context) ([]hosted.Account, error)
	Close() error
}

// openDatabase opens the database for the one engine of the data directory.
func (a *app) openDatabase(ctx context.Context) (database, error) {
	if a.config.Database == "" {
		return sqlite.Open(ctx, sqlite.Config{Dir: a.config.dataDir(), Log: a.logger()})
	}
	unlock, err := sqlite.LockDir(a.config.dataDir())
	if err != nil {
		return nil, err
	}
	store, err := postgres.Open(ctx, postgres.Config{URL: a.config.Database, Sessions: a.ownSessions().ids})
	if err != nil {
		unlock()
		return nil, err
	}
	return locked{store, unlock}, nil
}

// A locked database also locks its process's data directory, which holds the
// keys of its numbers.
type locked struct {
	*postgres.Store
	unlock func()
}

func (l locked) Close() error {
	defer l.unlock()
	return l.Store.Close()
}

// withStore opens the database while a server may be running on it.
func (a *app) withStore(ctx context.Context, use func(database) error) (err error) {
	store, err := a.openBeside(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	return use(store)
}

func (a *app) openBeside(ctx context.Context) (database, error) {
	if a.config.Database != "" {
		return postgres.Open(ctx, postgres.Config{URL: a.config.Database, MaxConns: 2})
	}
	return sqlite.Open(ctx, sqlite.Config{Dir: a.config.dataDir(), Admin: true})
}

// existingDatabase returns an error that says how to create a database if there
// is none.
func (c config) existingDatabase() error {
	if c.Database != "" {
		return nil
	}
	_, err := c.existingData()
	return err
}

// registry is where the pool stores its sessions. Several processes may share a
// PostgreSQL database; each serves the numbers whose keys are in its data
// directory.
func (a *app) registry(store database) whatsapp.Registry {
	if a.config.Database == "" {
		return store
	}
	own := a.ownSessions()
	own.database = store
	return own
}

func (a *app) ownSessions() ownSessions {
	return ownSessions{dir: filepath.Join(a.config.dataDir(), "sessions")}
}

// ownSessions are the sessions that processes of one data directory added. An
// empty file names each.
type ownSessions struct {
	database
	dir string
}

// Sessions implements [whatsapp.Registry].
func (r ownSessions) Sessions(ctx context.Context) ([]pingr.SessionRecord, error) {
	all, err := r.database.Sessions(ctx)
	if err != nil {
		return nil, err
	}
	var own []pingr.SessionRecord
	for _, record := range all {
		_, err := os.Stat(r.file(record.ID))
		switch {
		case err == nil:
			own = append(own, record)
		case !errors.Is(err, os.ErrNotExist):
			return nil, err
		}
	}
	return own, nil
}

// SaveSession implements [whatsapp.Registry]. It returns [whatsapp.ErrExists]
// for a new session whose id belongs to another process.
func (r ownSessions) SaveSession(ctx context.Context, record pingr.SessionRecord) error {
	if _, err := os.Stat(r.file(record.ID)); errors.Is(err, os.ErrNotExist) {
		if err := r.own(ctx, record.ID); err != nil {
			return err
		}
	}
	return r.database.SaveSession(ctx, record)
}

// own creates the file of a session that nobody has.
func (r ownSessions) own(ctx context.Context, id string) error {
	all, err := r.database.Sessions(ctx)
	if err != nil {
		return err
	}
	for _, record := range all {
		if record.ID == id {
			return fmt.Errorf("%w at another process", whatsapp.ErrExists)
		}
	}
	if err := os.MkdirAll(r.dir, 0o700); err != nil {
		return err
	}
	return os.WriteFile(r.file(id), nil, 0o600)
}

// DeleteSession implements [whatsapp.Registry].
func (r ownSessions) DeleteSession(ctx context.Context, id string) error {
	if err := r.database.DeleteSession(ctx, id); err != nil {
		return err
	}
	if err := os.Remove(r.file(id)); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// ids returns the ids of the sessions that have a file.
func (r ownSessions) ids() []string {
	files, _ := os.ReadDir(r.dir) // none before the first session
	var ids []string
	for _, f := range files {
		if id, err := url.QueryUnescape(f.Name()); err == nil {
			ids = append(ids, id)
		}
	}
	return ids
}

// file returns the name of a session's file, which every system accepts.
func (r ownSessions) file(id string) string { return filepath.Join(r.dir, url.QueryEscape(id)) }
