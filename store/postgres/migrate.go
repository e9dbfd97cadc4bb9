package postgres

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
	goosedb "github.com/pressly/goose/v3/database"
)

//go:embed migrations
var migrations embed.FS

// versionTable is not goose's default name: the database may belong to an
// application that uses goose itself.
const versionTable = "pingr_versions"

// startLock is the advisory lock that is held while tables are checked and
// created.
const startLock = 7310597160984737

// migrate brings the tables up to date, one process at a time: goose creates
// its own table before it takes any lock. The connections of db have no limits:
// a migration may take long, and others wait for it.
func migrate(ctx context.Context, db *sql.DB) (err error) {
	guard, err := db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connect to database: %w", err)
	}
	defer guard.Close()
	if _, err := guard.ExecContext(ctx, `SELECT pg_advisory_lock($1)`, int64(startLock)); err != nil {
		return fmt.Errorf("wait for other processes that start: %w", err)
	}
	defer func() {
		_, unlockErr := guard.ExecContext(context.WithoutCancel(ctx), `SELECT pg_advisory_unlock($1)`, int64(startLock))
		err = errors.Join(err, unlockErr)
	}()
	return up(ctx, db)
}

func up(ctx context.Context, db *sql.DB) error {
	scripts, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	versions, err := goosedb.NewStore(goose.DialectPostgres, versionTable)
	if err != nil {
		return err
	}
	p, err := goose.NewProvider("", db, scripts, goose.WithStore(versions), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	current, target, err := p.GetVersions(ctx)
	switch {
	case err != nil:
		return fmt.Errorf("check tables: %w", err)
	case current > target:
		return fmt.Errorf("the tables have version %d, but this program only knows %d: use the newer pingr", current, target)
	case current == target:
		return nil
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("create tables: %w", err)
	}
	return nil
}
