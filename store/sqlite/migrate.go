package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/pressly/goose/v3"
)

const (
	mainFile = "pingr.db"
	logFile  = "deliveries.db"
)

//go:embed migrations
var migrations embed.FS

// errNewer is the error for tables that a later version made.
var errNewer = errors.New("use the newer pingr")

// migrate brings the tables of a file up to date. If another process holds the
// engine's lock, it changes nothing, and fails if something has to change.
func migrate(ctx context.Context, file, from string, locked error) error {
	// SQLite gives the files beside it the same mode.
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	scripts, err := fs.Sub(migrations, from)
	if err != nil {
		return err
	}
	db, err := sql.Open("sqlite", dsn(file, "FULL", 2<<10))
	if err != nil {
		return err
	}
	defer db.Close()
	p, err := goose.NewProvider(goose.DialectSQLite3, db, scripts, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	current, target, err := p.GetVersions(ctx)
	switch {
	case err != nil:
		return err
	case current > target:
		return fmt.Errorf("its tables have version %d, but this program only knows %d: %w", current, target, errNewer)
	case current == target:
		return nil
	case locked != nil:
		return fmt.Errorf("its tables must be upgraded first: restart the pingr that uses them: %w", locked)
	}
	if _, err := p.Up(ctx); err != nil {
		return errors.Join(errors.New("create tables"), err)
	}
	return nil
}
