package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// A DamageError reports that a file holds what SQLite cannot have written,
// because of a failing disk, a copy that was cut short, or another program. It
// does not go away by itself.
type DamageError struct {
	// File is the name of the file, without its directory.
	File string
	// Found lists what an integrity check found: tables and pages, and never the
	// content of a row. It is empty if no check has run yet, or nothing can be
	// read.
	Found []string
	// Err is the error of the operation that failed, or nil if only the check
	// found the damage.
	Err error
}

func (e *DamageError) Error() string {
	text := e.File + " is damaged"
	if len(e.Found) > 0 {
		text += ": " + e.Found[0]
	} else if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	if n := len(e.Found) - 1; n > 0 {
		text += fmt.Sprintf(" (and %d more)", n)
	}
	return text + "; " + e.Advice()
}

// Unwrap returns Err.
func (e *DamageError) Unwrap() error { return e.Err }

// Advice returns what to do about it.
func (e *DamageError) Advice() string {
	switch e.File {
	case mainFile:
		return "stop Pingr, run pingr repair to save what can be read, and check the disk"
	case logFile:
		return "Pingr sets it aside at the next start and begins a new one; check the disk"
	}
	return "check the disk"
}

// isDamage reports whether SQLite found the file itself to be wrong.
func isDamage(err error) bool {
	var said *sqlite.Error
	if !errors.As(err, &said) {
		return false
	}
	switch said.Code() & 0xff {
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return true
	}
	return false
}

// damaged turns an error of damage into a *DamageError, and leaves other errors
// alone.
func damaged(file string, err error) error {
	var known *DamageError
	if !isDamage(err) || errors.As(err, &known) {
		return err
	}
	return &DamageError{File: file, Err: err}
}

// maxFound bounds how many findings are reported.
const maxFound = 20

// CheckFile reads a whole SQLite file, ours or another, and returns a
// *[DamageError] if it is damaged or breaks its own foreign keys. It may be
// called while others use the file, and blocks no writer. It takes about a
// second for each 100 MB.
func CheckFile(ctx context.Context, file string) error {
	db, err := openToLook(file)
	if err != nil {
		return err
	}
	defer db.Close()
	if err := inspect(ctx, db, filepath.Base(file), "integrity_check"); err != nil {
		return err
	}
	return foreignKeys(ctx, db, filepath.Base(file))
}

// openToLook opens a file for one reader. It neither creates the file nor
// writes to it.
func openToLook(file string) (*sql.DB, error) {
	query := url.Values{"mode": {"rw"}, "_pragma": {"busy_timeout(" + busyTimeout + ")", "query_only(1)"}}
	db, err := sql.Open("sqlite", fileURL(file, query))
	if err == nil {
		db.SetMaxOpenConns(1)
	}
	return db, err
}

// inspect runs integrity_check, or quick_check, which does not compare indexes
// with their tables.
func inspect(ctx context.Context, db *sql.DB, file, check string) error {
	found, err := texts(ctx, db, fmt.Sprintf("PRAGMA %s(%d)", check, maxFound))
	var lines []string
	for _, text := range found {
		for line := range strings.Lines(text) {
			if line = strings.TrimSpace(line); line != "" && line != "ok" && !strings.HasPrefix(line, "***") {
				lines = append(lines, line)
			}
		}
	}
	if err != nil && !isDamage(err) || len(lines) == 0 {
		return damaged(file, err) // the check itself may fail because of what it finds
	}
	trees := treeNames(ctx, db)
	for i, line := range lines {
		lines[i] = nameTree(line, trees)
	}
	return &DamageError{File: file, Found: lines[:min(len(lines), maxFound)], Err: err}
}

// aTree is how the check names a table or an index: by its root page.
var aTree = regexp.MustCompile(`^Tree (\d+) `)

func nameTree(line string, names map[string]string) string {
	return aTree.ReplaceAllStringFunc(line, func(tree string) string {
		if name := names[aTree.FindStringSubmatch(tree)[1]]; name != "" {
			return name + ", "
		}
		return tree
	})
}

// treeNames returns tables and indexes by their root page, as far as they can
// be read.
func treeNames(ctx context.Context, db *sql.DB) map[string]string {
	names := map[string]string{}
	rows, err := texts(ctx, db, `SELECT rootpage || ' ' || type || ' ' || name FROM sqlite_schema WHERE rootpage > 0`)
	if err != nil {
		return names
	}
	for _, row := range rows {
		page, name, _ := strings.Cut(row, " ")
		names[page] = name
	}
	return names
}

func foreignKeys(ctx context.Context, db *sql.DB, file string) error {
	found, err := texts(ctx, db, `SELECT "table" || ': ' || count(*) || ' rows without their row in ' || parent
		FROM pragma_foreign_key_check GROUP BY "table", parent`)
	if err != nil || len(found) == 0 {
		return damaged(file, err)
	}
	return &DamageError{File: file, Found: found}
}

// texts returns the first column of a query's rows.
func texts(ctx context.Context, db *sql.DB, query string) ([]string, error) {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return all, err
		}
		all = append(all, text)
	}
	return all, rows.Err()
}
