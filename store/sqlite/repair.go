package sqlite

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/heypingr/pingr/store/internal/sqlstore"
)

// A Repaired reports what [Repair] did.
type Repaired struct {
	// Aside is where the damaged file is now. It is empty if nothing was damaged.
	Aside string
	// Damage is what was wrong.
	Damage *DamageError
	// Tables lists what was saved of each table, the most important first.
	Tables []Salvaged
	// Keys is how many lost message keys were made again from their firings.
	Keys int
}

// Salvaged reports what was saved of a table.
type Salvaged struct {
	Table string
	// Rows is how many rows were saved.
	Rows int
	// Unreadable is how many rows were found but could not be interpreted.
	Unreadable int
	// Incomplete reports that parts of the table could not be read. It is not
	// known how many rows were in them.
	Incomplete bool
}

// salvageOrder lists the tables, the most important first: the keys that keep a
// message from being answered twice, limits, unfinished work. Tables that it
// does not name come after.
var salvageOrder = []string{
	"message_keys", "limits", "firings", "events", "persons", "replays",
	"values_kept", "accounts", "api_keys", "sessions", "triggers",
}

// Repair saves what can be read of a damaged pingr.db into a fresh one, and
// keeps the damaged file under another name. It returns a *[LockedError] while
// an engine uses the directory. It changes nothing if nothing is damaged or if
// it fails. A file whose first page or list of tables is gone cannot be
// repaired.
func Repair(ctx context.Context, dir string) (Repaired, error) {
	r, err := repair(ctx, dir)
	if err != nil {
		return Repaired{}, fmt.Errorf("repair %s: %w", mainFile, err)
	}
	return r, nil
}

var errNothing = errors.New("nothing can be read: restore a backup")

func repair(ctx context.Context, dir string) (r Repaired, err error) {
	file := filepath.Join(dir, mainFile)
	if _, err := os.Stat(file); err != nil {
		return r, err
	}
	unlock, err := LockDir(dir)
	if err != nil {
		return r, err
	}
	defer unlock()
	setup, err := waitLock(ctx, filepath.Join(dir, "lock.setup"))
	if err != nil {
		return r, err
	}
	defer setup.release()
	switch err := CheckFile(ctx, file); {
	case err == nil:
		return r, nil
	case !errors.As(err, &r.Damage):
		return r, err
	}
	fresh := file + ".repaired"
	defer func() {
		if err != nil {
			_ = remove(fresh)
		}
	}()
	if err := remove(fresh); err != nil { // left by a repair that was interrupted
		return r, err
	}
	if err := r.save(ctx, file, fresh); isDamage(err) {
		return r, fmt.Errorf("%w (%w)", errNothing, err)
	} else if err != nil {
		return r, err
	}
	if r.Aside, err = setAside(file); err != nil {
		return r, err
	}
	if err := os.Rename(fresh, file); err != nil {
		return r, fmt.Errorf("the damaged file is %s, the saved rows are in %s: %w", r.Aside, fresh, err)
	}
	return r, syncDir(dir)
}

// remove deletes a database file and those beside it.
func remove(file string) error {
	for _, part := range []string{"-wal", "-shm", ""} {
		if err := os.Remove(file + part); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// save makes the fresh file.
func (r *Repaired) save(ctx context.Context, damaged, fresh string) error {
	if err := migrate(ctx, fresh, "migrations", nil); err != nil {
		return err
	}
	grafted := damaged + ".grafted"
	defer func() { _ = remove(grafted) }()
	from, err := openDamaged(damaged)
	if isDamage(err) {
		if err := graft(damaged, fresh, grafted); err != nil {
			return err
		}
		from, err = openDamaged(grafted)
	}
	if err != nil {
		return err
	}
	defer from.close()
	to, err := openConn(dsn(fresh, "FULL", 8<<10))
	if err != nil {
		return err
	}
	if err := r.copy(ctx, from, to); err != nil {
		return errors.Join(err, to.close())
	}
	if err := to.close(); err != nil { // which empties the write-ahead log into the file
		return err
	}
	return CheckFile(ctx, fresh)
}

// openDamaged opens a file to read what can be read. Without a list of tables
// that is nothing.
func openDamaged(file string) (*conn, error) {
	c, err := openConn(dsn(file, "FULL", 8<<10) + "&_pragma=query_only(1)&_pragma=cell_size_check(1)")
	if err != nil {
		return nil, err
	}
	if _, err := tablesOf(c); err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

// graft copies a file whose list of tables cannot be read, and puts that of the
// fresh file in its place: the same migrations put the same tables on the same
// pages. In a file that was upgraded, a later migration's tables are elsewhere,
// and nothing of them is saved.
func graft(damaged, fresh, grafted string) (err error) {
	pages, size, err := schemaPages(fresh)
	if err != nil {
		return err
	}
	from, err := os.Open(damaged)
	if err != nil {
		return err
	}
	defer from.Close()
	whole, err := os.ReadFile(fresh)
	if err != nil {
		return err
	}
	to, err := os.OpenFile(grafted, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	length, err := io.Copy(to, from)
	if err != nil {
		return err
	}
	// This is the header of SQLite's file format, section 1.3: the number of
	// pages, believed because two counters agree, and no free pages.
	binary.BigEndian.PutUint32(whole[28:], uint32(length/size))
	copy(whole[92:96], whole[24:28])
	clear(whole[32:40])
	for _, page := range pages {
		if _, err := to.WriteAt(whole[(page-1)*size:page*size], (page-1)*size); err != nil {
			return err
		}
	}
	return nil
}

// schemaPages returns the pages of the list of tables, and the size of a page.
func schemaPages(file string) (pages []int64, size int64, err error) {
	c, err := openConn(dsn(file, "FULL", 2<<10))
	if err != nil {
		return nil, 0, err
	}
	const list = `SELECT pageno, page_size FROM dbstat, pragma_page_size WHERE name = 'sqlite_schema'`
	err = c.Query(list, func(r sqlstore.Row) error {
		var page int64
		err := r.Scan(&page, &size)
		pages = append(pages, page)
		return err
	})
	return pages, size, errors.Join(err, c.close())
}

func (r *Repaired) copy(ctx context.Context, from, to *conn) error {
	tables, err := tablesOf(to)
	if err != nil {
		return err
	}
	known, err := tablesOf(from)
	if err != nil {
		return err
	}
	rows := 0
	for _, table := range tables {
		if err := ctx.Err(); err != nil {
			return err
		}
		if !slices.Contains(known, table) {
			continue // from a later version than the damaged file
		}
		if _, err := to.Exec("BEGIN"); err != nil {
			return err
		}
		s := salvage{from: from, to: to, done: Salvaged{Table: table}}
		if err := s.run(); err != nil {
			return fmt.Errorf("%s: %w", table, err)
		}
		r.Tables = append(r.Tables, s.done)
		rows += s.done.Rows
		if _, err := to.Exec("COMMIT"); err != nil {
			return err
		}
	}
	if rows == 0 {
		return errNothing
	}
	return r.mend(to)
}

// mend deletes rows that cannot be interpreted, and makes lost keys again.
func (r *Repaired) mend(to *conn) error {
	if _, err := to.Exec("BEGIN"); err != nil {
		return err
	}
	lost, keys, err := sqlstore.Mend(to)
	if err != nil {
		return err
	}
	r.Keys = keys
	for i, t := range r.Tables {
		r.Tables[i].Rows -= lost[t.Table]
		r.Tables[i].Unreadable += lost[t.Table]
	}
	_, err = to.Exec("COMMIT")
	return err
}

// tablesOf returns our tables, in the order of salvageOrder.
func tablesOf(c *conn) ([]string, error) {
	var tables []string
	err := c.Query(`
		SELECT name FROM sqlite_schema
		WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE 'goose_%' ORDER BY name`,
		func(r sqlstore.Row) error {
			var name string
			err := r.Scan(&name)
			tables = append(tables, name)
			return err
		})
	weight := func(table string) int {
		if i := slices.Index(salvageOrder, table); i >= 0 {
			return i
		}
		return len(salvageOrder)
	}
	slices.SortStableFunc(tables, func(a, b string) int { return weight(a) - weight(b) })
	return tables, err
}

// String returns a one-line summary.
func (s Salvaged) String() string {
	text := fmt.Sprintf("%s: %d rows saved", s.Table, s.Rows)
	if s.Unreadable > 0 {
		text += fmt.Sprintf(", %d could not be decoded", s.Unreadable)
	}
	if s.Incomplete {
		text += ", others could not be read"
	}
	return text
}
